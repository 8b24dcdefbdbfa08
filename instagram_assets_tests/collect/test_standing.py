"""How it stands with each account is what the books say, and nothing is counted that nobody refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from instagram_assets.collect.books import Books
from instagram_assets.collect.standing import identity_standings, standings

SEOUL = ZoneInfo("Asia/Seoul")
NOW = datetime(2026, 11, 27, 10, 0, tzinfo=SEOUL)  # ten hours of today have passed
SITE, IDENTITY = "instagram", "instagram:anonymous"


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(tmp_path)


def asked(books: Books, subject: str, outcome: str | None, hours_ago: float, site: str = SITE) -> None:
    at = (NOW - timedelta(hours=hours_ago)).timestamp()
    with books.writing() as connection:
        connection.execute(
            "INSERT INTO requests (at, identity, site, subject, what, outcome) VALUES (?, ?, ?, ?, 'its posts', ?)",
            (at, IDENTITY, site, subject, outcome),
        )


def known(books: Books, subject: str, **values: object) -> None:
    columns = {"site": SITE, "subject": subject, **values}
    with books.writing() as connection:
        connection.execute(
            f"INSERT INTO subjects ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            tuple(columns.values()),
        )


def errand(books: Books, subject: str, began_hours_ago: float, outcome: str | None, posts: int = 0) -> int:
    began = (NOW - timedelta(hours=began_hours_ago)).timestamp()
    with books.writing() as connection:
        made = connection.execute(
            "INSERT INTO errands (site, subject, wish, began_at, ended_at, outcome, posts) "
            "VALUES (?, ?, '{}', ?, ?, ?, ?)",
            (SITE, subject, began, None if outcome is None else began + 600, outcome, posts),
        )
    return int(made.lastrowid or 0)


def test_nothing_was_asked_yet(books: Books) -> None:
    assert standings(books, NOW.timestamp(), SEOUL) == []
    assert identity_standings(books, NOW.timestamp(), SEOUL) == []


def test_requests_of_today_are_counted_by_the_day_of_the_time_zone(books: Books) -> None:
    for hours in (0.5, 9.9, 10.1, 30):
        asked(books, "sun_diary", "ok", hours)
    (found,) = standings(books, NOW.timestamp(), SEOUL)
    assert (found.subject, found.state, found.requests_today, found.refusals) == ("sun_diary", "active", 2, 0)
    (utc,) = standings(books, NOW.timestamp(), UTC)
    assert utc.requests_today == 1
    (who,) = identity_standings(books, NOW.timestamp(), SEOUL)
    assert (who.identity, who.requests_today, who.requests_hour, who.stopped) == (IDENTITY, 2, 1, "")


def test_a_refusal_is_what_the_site_would_not_answer_in_the_last_seven_days(books: Books) -> None:
    for outcome in ("throttled", "checkpoint", "html_instead_of_json", "transient", "ok", "private", "not_found", None):
        asked(books, "sun_diary", outcome, 1)
    asked(books, "sun_diary", "throttled", 24 * 8)
    (found,) = standings(books, NOW.timestamp(), SEOUL)
    assert found.refusals == 4


def test_the_newest_collection_counts_and_stored_pages_are_told(books: Books) -> None:
    newest = NOW - timedelta(days=2)
    known(books, "sun_diary", seen_at=NOW.timestamp() - 60, newest_post_at=newest.timestamp())
    errand(books, "sun_diary", 72, "complete", 100)
    errand(books, "sun_diary", 24, "partial", 7)
    number = errand(books, "sun_diary", 1, None)
    with books.writing() as connection:
        connection.executemany("INSERT INTO pages VALUES (?, ?, 0, '')", [(number, 0), (number, 1)])
    (found,) = standings(books, NOW.timestamp(), SEOUL)
    assert (found.outcome, found.posts, found.open_pages) == ("partial", 7, 2)
    assert found.collected_at == NOW - timedelta(hours=24) + timedelta(minutes=10)
    assert found.newest_post_at == newest
    assert found.seen_at == NOW - timedelta(minutes=1)


def test_it_may_go_on_when_its_own_wait_and_that_of_who_asks_are_over(books: Books) -> None:
    for name, state, hours in (
        ("waits", "active", 2.0),
        ("may", "active", -2.0),
        ("long", "active", 9.0),
        ("gone", "not_found", 2.0),
    ):
        known(books, name, state=state, next_at=(NOW + timedelta(hours=hours)).timestamp())
    asked(books, "waits", "throttled", 0.1)

    def next_at() -> dict[str, datetime | None]:
        return {found.subject: found.next_at for found in standings(books, NOW.timestamp(), SEOUL)}

    two, six, nine = (NOW + timedelta(hours=hours) for hours in (2, 6, 9))
    assert next_at() == {"gone": None, "long": nine, "may": None, "waits": two}
    with books.writing() as connection:
        connection.execute("INSERT INTO identities (identity, open_until) VALUES (?, ?)", (IDENTITY, six.timestamp()))
    assert next_at() == {"gone": None, "long": nine, "may": six, "waits": six}
    (who,) = identity_standings(books, NOW.timestamp(), SEOUL)
    assert who.open_until == six
    assert not any(found.is_stopped for found in standings(books, NOW.timestamp(), SEOUL))
    with books.writing() as connection:
        connection.execute("UPDATE identities SET stopped = 'checkpoint', reason = 'a challenge'")
    assert set(next_at().values()) == {None}
    assert all(found.is_stopped for found in standings(books, NOW.timestamp(), SEOUL))


def test_a_request_about_no_account_counts_for_who_asks_alone(books: Books) -> None:
    asked(books, "", "ok", 0.5)
    assert standings(books, NOW.timestamp(), SEOUL) == []
    assert [who.requests_today for who in identity_standings(books, NOW.timestamp(), SEOUL)] == [1]


def test_each_site_has_its_own(books: Books) -> None:
    asked(books, "sun_diary", "ok", 1)
    asked(books, "sun_diary", "throttled", 1, "graph_api")
    found = standings(books, NOW.timestamp(), SEOUL)
    assert [(one.site, one.refusals) for one in found] == [("graph_api", 1), ("instagram", 0)]


def test_requests_about_who_was_forgotten_are_counted_and_nobody_is_shown_for_them(books: Books) -> None:
    for subject in ("forgotten", "#forgotten-3", "#forgotten"):
        asked(books, subject, "ok", 1)
    assert [found.subject for found in standings(books, NOW.timestamp(), SEOUL)] == ["#forgotten"]
    (who,) = identity_standings(books, NOW.timestamp(), SEOUL)
    assert who.requests_today == 3
