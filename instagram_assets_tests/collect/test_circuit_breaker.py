"""What a site told an identity stays told: pauses double and close, stops wait for a person."""

from pathlib import Path

import pytest

from instagram_assets.collect.circuit_breaker import (
    IdentityState,
    clear_stop,
    identity_state,
    identity_states,
    record_classification,
)
from instagram_assets.collect.clock import correct_clock_skew, correct_clock_skew_of_all
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.rate_limiter import Limiter
from instagram_assets.collect.site_adapter import Classification, ResponseOutcome
from instagram_assets.settings.rate_limits import Rate
from instagram_assets_tests.collect.virtual_clock import START, VirtualClock

US = "instagram:anonymous"
HOUR = 3600.0
YEAR = 365 * 86_400.0
NONE = 0
"""The number of no request."""


@pytest.fixture
def database(tmp_path: Path) -> CollectorDatabase:
    return CollectorDatabase(tmp_path)


def throttled(
    database: CollectorDatabase, identity: str, now: float, least: float = 0.0, reason: str = ""
) -> IdentityState:
    """A site says at a time that it was asked too much, and how long to leave it alone at least."""
    return record_classification(
        database, NONE, identity, Classification(ResponseOutcome.THROTTLED, reason, pause=least), now
    )


def granted(database: CollectorDatabase, clock: VirtualClock) -> int:
    return Limiter(database, US, [Rate(1000, 1)], clock, print).acquire("instagram", "sun_diary", "a page")


def test_who_was_never_refused_is_free(database: CollectorDatabase) -> None:
    assert identity_state(database, US) == IdentityState()
    assert identity_states(database) == {}


def test_the_breaker_stays_open_for_15_minutes_and_twice_as_long_each_time_up_to_six_hours(
    database: CollectorDatabase,
) -> None:
    waits = [throttled(database, US, START + 10 * HOUR * number).open_until for number in range(8)]
    minutes = [(until - START - 10 * HOUR * number) / 60 for number, until in enumerate(waits)]
    assert minutes == [15, 30, 60, 120, 240, 360, 360, 360]
    assert identity_state(CollectorDatabase(database.folder), US).opened == 8


def test_the_breaker_begins_anew_when_the_site_answered_meanwhile(database: CollectorDatabase) -> None:
    for _ in range(3):
        throttled(database, US, START)
    record_classification(database, NONE, US, Classification(ResponseOutcome.OK), START)
    assert identity_state(database, US) == IdentityState()
    assert throttled(database, US, START).open_until == START + 15 * 60


@pytest.mark.parametrize(
    ("asked_for", "waited"), [(5, 900), (900, 900), (7 * HOUR, 7 * HOUR), (-5, 900), (float("nan"), 900)]
)
def test_a_site_that_asks_for_more_time_gets_it(database: CollectorDatabase, asked_for: float, waited: float) -> None:
    assert throttled(database, US, START, asked_for).open_until == START + waited


def test_a_wait_of_years_is_no_wait_but_a_mistake(database: CollectorDatabase) -> None:
    assert throttled(database, US, START, 1e300).open_until == START + 30 * 86_400
    assert throttled(database, "other", START, float("inf")).open_until == START + 30 * 86_400


def test_a_second_refusal_never_shortens_the_first_one_s_wait(database: CollectorDatabase) -> None:
    throttled(database, US, START, 5 * HOUR)
    assert throttled(database, US, START + 60).open_until == START + 5 * HOUR


@pytest.mark.parametrize(
    ("outcome", "advice"),
    [
        (ResponseOutcome.CHECKPOINT, "Open the site with this login in a browser"),
        (ResponseOutcome.AUTH_GONE, "Log in again and give the new cookies, or make a new token"),
        (ResponseOutcome.NO_PERMISSION, "Give the token the permission that it lacks"),
    ],
)
def test_a_stop_says_what_to_do_and_stays_until_a_person_clears_it(
    database: CollectorDatabase, outcome: ResponseOutcome, advice: str
) -> None:
    record_classification(database, NONE, US, Classification(outcome, "challenge_required"), START)
    words = identity_state(CollectorDatabase(database.folder), US).in_words(START + YEAR)
    assert words.startswith(f"stopped since 2026-11-18 11:06 UTC ({outcome}: challenge_required). {advice}")
    assert words.endswith("then say so with `instagram-assets collect --cleared`.")
    record_classification(database, NONE, US, Classification(ResponseOutcome.OK), START)
    assert identity_state(database, US).stopped is outcome
    assert clear_stop(database, US)
    assert identity_state(database, US) == IdentityState()
    assert not clear_stop(database, US)


def test_clearing_a_stop_leaves_an_open_breaker_open(database: CollectorDatabase) -> None:
    throttled(database, US, START, reason="Please wait a few minutes")
    record_classification(database, NONE, US, Classification(ResponseOutcome.CHECKPOINT, "challenge_required"), START)
    throttled(database, US, START)
    assert identity_state(database, US).reason == "challenge_required"
    clear_stop(database, US)
    assert identity_state(database, US).open_until == START + 30 * 60
    assert (
        identity_state(database, US).in_words(START) == "left alone: the next request goes out at 11:36 UTC, in 30 min."
    )


def test_identities_do_not_share_refusals(database: CollectorDatabase) -> None:
    throttled(database, US, START, reason="429")
    record_classification(database, NONE, "graph_api:1", Classification(ResponseOutcome.AUTH_GONE, "expired"), START)
    assert identity_state(database, "instagram:other") == IdentityState()
    assert [(one, found.opened, found.stopped) for one, found in identity_states(database).items()] == [
        ("graph_api:1", 0, ResponseOutcome.AUTH_GONE),
        (US, 1, None),
    ]


@pytest.mark.parametrize(
    ("classification", "expected"),
    [
        (Classification(ResponseOutcome.OK), IdentityState()),
        (Classification(ResponseOutcome.NOT_FOUND), IdentityState()),
        (Classification(ResponseOutcome.PRIVATE), IdentityState()),
        (Classification(ResponseOutcome.OK, "usage 80 %", pause=60), IdentityState(START + 60, 0, None, "usage 80 %")),
        (Classification(ResponseOutcome.TRANSIENT, "reset"), IdentityState(START - 1, 1, None, "429")),
        (Classification(ResponseOutcome.TRANSIENT, "busy", pause=60), IdentityState(START + 60, 1, None, "busy")),
        (Classification(ResponseOutcome.HTML), IdentityState(START - 1, 1, None, "429")),
        (Classification(ResponseOutcome.CONTRACT_CHANGED), IdentityState(START - 1, 1, None, "429")),
        (Classification(ResponseOutcome.THROTTLED, "again"), IdentityState(START + 1800, 2, None, "again")),
        (
            Classification(ResponseOutcome.CHECKPOINT, "look"),
            IdentityState(START - 1, 1, ResponseOutcome.CHECKPOINT, "look", START),
        ),
    ],
)
def test_only_an_answer_closes_the_breaker_and_what_follows_is_written_with_it(
    database: CollectorDatabase, classification: Classification, expected: IdentityState
) -> None:
    clock = VirtualClock()
    throttled(database, US, START - 901, reason="429")
    request = granted(database, clock)
    assert record_classification(database, request, US, classification, START) == expected
    assert identity_state(database, US) == expected
    with database.reading() as connection:
        row = connection.execute("SELECT outcome, reason FROM requests WHERE id = ?", (request,)).fetchone()
    assert tuple(row) == (classification.outcome, classification.reason)


def test_of_a_long_reason_only_the_beginning_is_kept(database: CollectorDatabase) -> None:
    request = granted(database, VirtualClock())
    record_classification(database, request, US, Classification(ResponseOutcome.THROTTLED, "x" * 10_000), START)
    with database.reading() as connection:
        assert len(connection.execute("SELECT reason FROM requests").fetchone()[0]) == 500
    assert len(identity_state(database, US).reason) == 500


def test_a_breaker_that_was_opened_while_the_clock_was_a_year_ahead_closes_in_time(database: CollectorDatabase) -> None:
    clock = VirtualClock(START + YEAR)
    record_classification(
        database, granted(database, clock), US, Classification(ResponseOutcome.THROTTLED), clock.now() + 2
    )
    clock.time = START
    correct_clock_skew_of_all(database, clock)
    assert identity_state(database, US).open_until == START + 2 + 900


def test_a_subject_that_was_to_be_asked_later_while_the_clock_was_ahead_is_asked_in_time(
    database: CollectorDatabase,
) -> None:
    clock = VirtualClock(START + YEAR)
    granted(database, clock)
    with database.writing() as connection:
        later = [("sun_diary", clock.now() + HOUR), ("moon", START + 2 * HOUR), ("star", START - HOUR)]
        connection.executemany("INSERT INTO subjects (site, subject, next_at) VALUES ('instagram', ?, ?)", later)
    clock.time = START
    correct_clock_skew_of_all(database, clock)
    with database.reading() as connection:
        found = {row["subject"]: row["next_at"] for row in connection.execute("SELECT * FROM subjects")}
    assert found == {"sun_diary": START + HOUR, "moon": START + 2 * HOUR, "star": START - HOUR}


def test_a_clock_that_is_right_corrects_nothing(database: CollectorDatabase) -> None:
    clock = VirtualClock()
    record_classification(database, granted(database, clock), US, Classification(ResponseOutcome.THROTTLED), START)
    clock.time += 5
    correct_clock_skew(database, US, clock)
    assert identity_state(database, US).open_until == START + 900
