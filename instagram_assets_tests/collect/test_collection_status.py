"""How it stands with each account is what the books say, and nothing is counted that nobody refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from instagram_assets.collect.collection_status import account_statuses, identity_statuses
from instagram_assets.collect.collector_database import CollectorDatabase

SEOUL = ZoneInfo("Asia/Seoul")
NOW = datetime(2026, 11, 27, 10, 0, tzinfo=SEOUL)  # ten hours of today have passed
SITE, IDENTITY = "instagram", "instagram:anonymous"


@pytest.fixture
def database(tmp_path: Path) -> CollectorDatabase:
    return CollectorDatabase(tmp_path)


def asked(database: CollectorDatabase, subject: str, outcome: str | None, hours_ago: float, site: str = SITE) -> None:
    at = (NOW - timedelta(hours=hours_ago)).timestamp()
    with database.writing() as connection:
        connection.execute(
            "INSERT INTO requests (at, identity, site, subject, what, outcome) VALUES (?, ?, ?, ?, 'its posts', ?)",
            (at, IDENTITY, site, subject, outcome),
        )


def known(database: CollectorDatabase, subject: str, **values: object) -> None:
    columns = {"site": SITE, "subject": subject, **values}
    with database.writing() as connection:
        connection.execute(
            f"INSERT INTO subjects ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            tuple(columns.values()),
        )


def crawl(
    database: CollectorDatabase, subject: str, began_hours_ago: float, outcome: str | None, posts: int = 0
) -> int:
    began = (NOW - timedelta(hours=began_hours_ago)).timestamp()
    with database.writing() as connection:
        made = connection.execute(
            "INSERT INTO crawls (site, subject, bounds, began_at, ended_at, outcome, posts) "
            "VALUES (?, ?, '{}', ?, ?, ?, ?)",
            (SITE, subject, began, None if outcome is None else began + 600, outcome, posts),
        )
    return int(made.lastrowid or 0)


def test_nothing_was_asked_yet(database: CollectorDatabase) -> None:
    assert account_statuses(database, NOW.timestamp(), SEOUL) == []
    assert identity_statuses(database, NOW.timestamp(), SEOUL) == []


def test_requests_of_today_are_counted_by_the_day_of_the_time_zone(database: CollectorDatabase) -> None:
    for hours in (0.5, 9.9, 10.1, 30):
        asked(database, "sun_diary", "ok", hours)
    (found,) = account_statuses(database, NOW.timestamp(), SEOUL)
    assert (found.subject, found.state, found.requests_today, found.refusals) == ("sun_diary", "active", 2, 0)
    (utc,) = account_statuses(database, NOW.timestamp(), UTC)
    assert utc.requests_today == 1
    (who,) = identity_statuses(database, NOW.timestamp(), SEOUL)
    assert (who.identity, who.requests_today, who.requests_hour, who.stopped) == (IDENTITY, 2, 1, "")


def test_a_refusal_is_what_the_site_would_not_answer_in_the_last_seven_days(database: CollectorDatabase) -> None:
    for outcome in ("throttled", "checkpoint", "html_instead_of_json", "transient", "ok", "private", "not_found", None):
        asked(database, "sun_diary", outcome, 1)
    asked(database, "sun_diary", "throttled", 24 * 8)
    (found,) = account_statuses(database, NOW.timestamp(), SEOUL)
    assert found.refusals == 4


def test_the_newest_collection_counts_and_stored_pages_are_told(database: CollectorDatabase) -> None:
    newest = NOW - timedelta(days=2)
    known(database, "sun_diary", seen_at=NOW.timestamp() - 60, newest_post_at=newest.timestamp())
    crawl(database, "sun_diary", 72, "complete", 100)
    crawl(database, "sun_diary", 24, "partial", 7)
    number = crawl(database, "sun_diary", 1, None)
    with database.writing() as connection:
        connection.executemany("INSERT INTO pages VALUES (?, ?, 0, '')", [(number, 0), (number, 1)])
    (found,) = account_statuses(database, NOW.timestamp(), SEOUL)
    assert (found.outcome, found.posts, found.open_pages) == ("partial", 7, 2)
    assert found.collected_at == NOW - timedelta(hours=24) + timedelta(minutes=10)
    assert found.newest_post_at == newest
    assert found.seen_at == NOW - timedelta(minutes=1)


def test_it_may_go_on_when_its_own_wait_and_that_of_who_asks_are_over(database: CollectorDatabase) -> None:
    for name, state, hours in (
        ("waits", "active", 2.0),
        ("may", "active", -2.0),
        ("long", "active", 9.0),
        ("gone", "not_found", 2.0),
    ):
        known(database, name, state=state, next_at=(NOW + timedelta(hours=hours)).timestamp())
    asked(database, "waits", "throttled", 0.1)

    def next_at() -> dict[str, datetime | None]:
        return {found.subject: found.next_at for found in account_statuses(database, NOW.timestamp(), SEOUL)}

    two, six, nine = (NOW + timedelta(hours=hours) for hours in (2, 6, 9))
    assert next_at() == {"gone": None, "long": nine, "may": None, "waits": two}
    with database.writing() as connection:
        connection.execute("INSERT INTO identities (identity, open_until) VALUES (?, ?)", (IDENTITY, six.timestamp()))
    assert next_at() == {"gone": None, "long": nine, "may": six, "waits": six}
    (who,) = identity_statuses(database, NOW.timestamp(), SEOUL)
    assert who.open_until == six
    assert not any(found.is_stopped for found in account_statuses(database, NOW.timestamp(), SEOUL))
    with database.writing() as connection:
        connection.execute("UPDATE identities SET stopped = 'checkpoint', reason = 'a challenge'")
    assert set(next_at().values()) == {None}
    assert all(found.is_stopped for found in account_statuses(database, NOW.timestamp(), SEOUL))


def test_a_request_about_no_account_counts_for_who_asks_alone(database: CollectorDatabase) -> None:
    asked(database, "", "ok", 0.5)
    assert account_statuses(database, NOW.timestamp(), SEOUL) == []
    assert [who.requests_today for who in identity_statuses(database, NOW.timestamp(), SEOUL)] == [1]


def test_each_site_has_its_own(database: CollectorDatabase) -> None:
    asked(database, "sun_diary", "ok", 1)
    asked(database, "sun_diary", "throttled", 1, "graph_api")
    found = account_statuses(database, NOW.timestamp(), SEOUL)
    assert [(one.site, one.refusals) for one in found] == [("graph_api", 1), ("instagram", 0)]


def test_requests_about_who_was_forgotten_are_counted_and_nobody_is_shown_for_them(database: CollectorDatabase) -> None:
    for subject in ("forgotten", "#forgotten-3", "#forgotten"):
        asked(database, subject, "ok", 1)
    assert [found.subject for found in account_statuses(database, NOW.timestamp(), SEOUL)] == ["#forgotten"]
    (who,) = identity_statuses(database, NOW.timestamp(), SEOUL)
    assert who.requests_today == 3
