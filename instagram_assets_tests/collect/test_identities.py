"""What a site told an identity stays told: pauses double and close, stops wait for a person."""

from pathlib import Path

import pytest

from instagram_assets.collect.asking import Outcome, Verdict
from instagram_assets.collect.books import Books
from instagram_assets.collect.clock import correct, correct_all
from instagram_assets.collect.identities import (
    IdentityState,
    clear,
    judged,
    state,
    states,
)
from instagram_assets.collect.limiter import Limiter
from instagram_assets.settings.rates import Rate
from instagram_assets_tests.collect.virtual_clock import START, VirtualClock

US = "instagram:anonymous"
HOUR = 3600.0
YEAR = 365 * 86_400.0
NONE = 0
"""The number of no request."""


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(tmp_path)


def throttled(books: Books, identity: str, now: float, least: float = 0.0, reason: str = "") -> IdentityState:
    """A site says at a time that it was asked too much, and how long to leave it alone at least."""
    return judged(books, NONE, identity, Verdict(Outcome.THROTTLED, reason, pause=least), now)


def granted(books: Books, clock: VirtualClock) -> int:
    return Limiter(books, US, [Rate(1000, 1)], clock, print).acquire("instagram", "sun_diary", "a page")


def test_who_was_never_refused_is_free(books: Books) -> None:
    assert state(books, US) == IdentityState()
    assert states(books) == {}


def test_the_breaker_stays_open_for_15_minutes_and_twice_as_long_each_time_up_to_six_hours(books: Books) -> None:
    waits = [throttled(books, US, START + 10 * HOUR * number).open_until for number in range(8)]
    minutes = [(until - START - 10 * HOUR * number) / 60 for number, until in enumerate(waits)]
    assert minutes == [15, 30, 60, 120, 240, 360, 360, 360]
    assert state(Books(books.folder), US).opened == 8


def test_the_breaker_begins_anew_when_the_site_answered_meanwhile(books: Books) -> None:
    for _ in range(3):
        throttled(books, US, START)
    judged(books, NONE, US, Verdict(Outcome.OK), START)
    assert state(books, US) == IdentityState()
    assert throttled(books, US, START).open_until == START + 15 * 60


@pytest.mark.parametrize(
    ("asked_for", "waited"), [(5, 900), (900, 900), (7 * HOUR, 7 * HOUR), (-5, 900), (float("nan"), 900)]
)
def test_a_site_that_asks_for_more_time_gets_it(books: Books, asked_for: float, waited: float) -> None:
    assert throttled(books, US, START, asked_for).open_until == START + waited


def test_a_wait_of_years_is_no_wait_but_a_mistake(books: Books) -> None:
    assert throttled(books, US, START, 1e300).open_until == START + 30 * 86_400
    assert throttled(books, "other", START, float("inf")).open_until == START + 30 * 86_400


def test_a_second_refusal_never_shortens_the_first_one_s_wait(books: Books) -> None:
    throttled(books, US, START, 5 * HOUR)
    assert throttled(books, US, START + 60).open_until == START + 5 * HOUR


@pytest.mark.parametrize(
    ("outcome", "advice"),
    [
        (Outcome.CHECKPOINT, "Open the site with this login in a browser"),
        (Outcome.AUTH_GONE, "Log in again and give the new cookies, or make a new token"),
        (Outcome.NO_PERMISSION, "Give the token the permission that it lacks"),
    ],
)
def test_a_stop_says_what_to_do_and_stays_until_a_person_clears_it(books: Books, outcome: Outcome, advice: str) -> None:
    judged(books, NONE, US, Verdict(outcome, "challenge_required"), START)
    words = state(Books(books.folder), US).in_words(START + YEAR)
    assert words.startswith(f"stopped since 2026-11-18 11:06 UTC ({outcome}: challenge_required). {advice}")
    assert words.endswith("then say so with `instagram-assets collect --cleared`.")
    judged(books, NONE, US, Verdict(Outcome.OK), START)
    assert state(books, US).stopped is outcome
    assert clear(books, US)
    assert state(books, US) == IdentityState()
    assert not clear(books, US)


def test_clearing_a_stop_leaves_an_open_breaker_open(books: Books) -> None:
    throttled(books, US, START, reason="Please wait a few minutes")
    judged(books, NONE, US, Verdict(Outcome.CHECKPOINT, "challenge_required"), START)
    throttled(books, US, START)
    assert state(books, US).reason == "challenge_required"
    clear(books, US)
    assert state(books, US).open_until == START + 30 * 60
    assert state(books, US).in_words(START) == "left alone: the next request goes out at 11:36 UTC, in 30 min."


def test_identities_do_not_share_refusals(books: Books) -> None:
    throttled(books, US, START, reason="429")
    judged(books, NONE, "graph_api:1", Verdict(Outcome.AUTH_GONE, "expired"), START)
    assert state(books, "instagram:other") == IdentityState()
    assert [(one, found.opened, found.stopped) for one, found in states(books).items()] == [
        ("graph_api:1", 0, Outcome.AUTH_GONE),
        (US, 1, None),
    ]


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict(Outcome.OK), IdentityState()),
        (Verdict(Outcome.NOT_FOUND), IdentityState()),
        (Verdict(Outcome.PRIVATE), IdentityState()),
        (Verdict(Outcome.OK, "usage 80 %", pause=60), IdentityState(START + 60, 0, None, "usage 80 %")),
        (Verdict(Outcome.TRANSIENT, "reset"), IdentityState(START - 1, 1, None, "429")),
        (Verdict(Outcome.TRANSIENT, "busy", pause=60), IdentityState(START + 60, 1, None, "busy")),
        (Verdict(Outcome.HTML), IdentityState(START - 1, 1, None, "429")),
        (Verdict(Outcome.CONTRACT_CHANGED), IdentityState(START - 1, 1, None, "429")),
        (Verdict(Outcome.THROTTLED, "again"), IdentityState(START + 1800, 2, None, "again")),
        (Verdict(Outcome.CHECKPOINT, "look"), IdentityState(START - 1, 1, Outcome.CHECKPOINT, "look", START)),
    ],
)
def test_only_an_answer_closes_the_breaker_and_what_follows_is_written_with_it(
    books: Books, verdict: Verdict, expected: IdentityState
) -> None:
    clock = VirtualClock()
    throttled(books, US, START - 901, reason="429")
    request = granted(books, clock)
    assert judged(books, request, US, verdict, START) == expected
    assert state(books, US) == expected
    with books.reading() as connection:
        row = connection.execute("SELECT outcome, reason FROM requests WHERE id = ?", (request,)).fetchone()
    assert tuple(row) == (verdict.outcome, verdict.reason)


def test_of_a_long_reason_only_the_beginning_is_kept(books: Books) -> None:
    request = granted(books, VirtualClock())
    judged(books, request, US, Verdict(Outcome.THROTTLED, "x" * 10_000), START)
    with books.reading() as connection:
        assert len(connection.execute("SELECT reason FROM requests").fetchone()[0]) == 500
    assert len(state(books, US).reason) == 500


def test_a_breaker_that_was_opened_while_the_clock_was_a_year_ahead_closes_in_time(books: Books) -> None:
    clock = VirtualClock(START + YEAR)
    judged(books, granted(books, clock), US, Verdict(Outcome.THROTTLED), clock.now() + 2)
    clock.time = START
    correct_all(books, clock)
    assert state(books, US).open_until == START + 2 + 900


def test_a_subject_that_was_to_be_asked_later_while_the_clock_was_ahead_is_asked_in_time(books: Books) -> None:
    clock = VirtualClock(START + YEAR)
    granted(books, clock)
    with books.writing() as connection:
        later = [("sun_diary", clock.now() + HOUR), ("moon", START + 2 * HOUR), ("star", START - HOUR)]
        connection.executemany("INSERT INTO subjects (site, subject, next_at) VALUES ('instagram', ?, ?)", later)
    clock.time = START
    correct_all(books, clock)
    with books.reading() as connection:
        found = {row["subject"]: row["next_at"] for row in connection.execute("SELECT * FROM subjects")}
    assert found == {"sun_diary": START + HOUR, "moon": START + 2 * HOUR, "star": START - HOUR}


def test_a_clock_that_is_right_corrects_nothing(books: Books) -> None:
    clock = VirtualClock()
    judged(books, granted(books, clock), US, Verdict(Outcome.THROTTLED), START)
    clock.time += 5
    correct(books, US, clock)
    assert state(books, US).open_until == START + 900
