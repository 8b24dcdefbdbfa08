"""Status of each account and hashtag, and of each identity that sends requests, read from the collector's database."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime, tzinfo

from instagram_assets.collect.circuit_breaker import ANSWERED_OUTCOMES
from instagram_assets.collect.clock import day_bounds, utc_datetime
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.privacy.forgotten_identifiers import ERASED_ID as FORGOTTEN_ID


@dataclass(frozen=True)
class AccountStatus:
    """Status of an account or hashtag at a site; datetimes are timezone-aware, in UTC.

    `refusals` counts the failed requests of the last seven days, `requests_today` all requests of today. `open_pages`
    is the number of stored pages of an unfinished crawl. `next_at` is when the next request is allowed; it is None if
    that is now, if the account is no longer requested, or if a person has to act first (`is_stopped`).
    """

    site: str
    subject: str
    state: str
    reason: str
    seen_at: datetime | None
    newest_post_at: datetime | None
    collected_at: datetime | None
    outcome: str
    posts: int
    open_pages: int
    refusals: int
    requests_today: int
    next_at: datetime | None
    is_stopped: bool


@dataclass(frozen=True)
class IdentityStatus:
    """Status of an identity (login, token or anonymous client) and its numbers of requests.

    No request is sent while it is suspended (`stopped` has the cause) or before `open_until`.
    """

    identity: str
    stopped: str
    reason: str
    open_until: datetime | None
    requests_today: int
    requests_hour: int


def account_statuses(database: CollectorDatabase, now: float, zone: tzinfo) -> list[AccountStatus]:
    """Status of all accounts and hashtags ever requested, sorted by site and name; `zone` defines when today begins."""
    with database.reading() as connection:
        identities = {row.identity: row for row in _identities(connection, now, zone)}
        asked_by = _sites(connection)
        who = {site: identities[identity] for site, identity in asked_by.items()}
        rows = connection.execute(_SUBJECTS, {"today": day_bounds(now, zone)[0], "week": now - 7 * 86_400}).fetchall()
    return [_status(row, now, who.get(row["site"])) for row in rows]


def identity_statuses(database: CollectorDatabase, now: float, zone: tzinfo) -> list[IdentityStatus]:
    """Status of all identities (logins, tokens, clients) that ever sent a request; `zone` defines when today begins."""
    with database.reading() as connection:
        return _identities(connection, now, zone)


def _status(row: sqlite3.Row, now: float, who: IdentityStatus | None) -> AccountStatus:
    is_active, is_stopped = row["state"] == "active", who is not None and who.stopped != ""
    left_alone = who.open_until.timestamp() if who and who.open_until else 0.0
    next_at = max(row["next_at"], left_alone)
    return AccountStatus(
        row["site"],
        row["subject"],
        row["state"],
        row["reason"],
        _moment(row["seen_at"]),
        _moment(row["newest_post_at"]),
        _moment(row["ended_at"]),
        row["outcome"] or "",
        row["posts"] or 0,
        row["open_pages"],
        row["refusals"],
        row["requests_today"],
        utc_datetime(next_at) if is_active and not is_stopped and next_at > now else None,
        is_stopped,
    )


def _identities(connection: sqlite3.Connection, now: float, zone: tzinfo) -> list[IdentityStatus]:
    rows = connection.execute(_IDENTITIES, {"today": day_bounds(now, zone)[0], "hour": now - 3_600}).fetchall()
    return [
        IdentityStatus(
            row["identity"],
            row["stopped"] or "",
            row["reason"] or "",
            utc_datetime(row["open_until"]) if (row["open_until"] or 0) > now else None,
            row["requests_today"],
            row["requests_hour"],
        )
        for row in rows
    ]


def _sites(connection: sqlite3.Connection) -> dict[str, str]:
    """For each site, the identity that sent the last request to it."""
    rows = connection.execute("SELECT site, identity, max(at) FROM requests GROUP BY site").fetchall()
    return {row["site"]: row["identity"] for row in rows}


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else utc_datetime(seconds)


# A request without a stored outcome (its process died) is not counted as a failed one.
_ANSWERED = ", ".join(f"'{outcome}'" for outcome in sorted(ANSWERED_OUTCOMES))
_REFUSED = f"outcome IS NOT NULL AND outcome NOT IN ({_ANSWERED})"
_SUBJECTS = f"""
WITH known AS (
    SELECT site, subject FROM subjects UNION SELECT site, subject FROM crawls
    UNION SELECT site, subject FROM requests -- some are about who asks, or about who was forgotten
    WHERE subject NOT IN ('', '{FORGOTTEN_ID}') AND subject NOT LIKE '#{FORGOTTEN_ID}-%'
),
asked AS (
    SELECT site, subject, count(*) FILTER (WHERE at >= :today) AS requests_today,
        count(*) FILTER (WHERE at >= :week AND {_REFUSED}) AS refusals
    FROM requests GROUP BY site, subject
),
ended AS (
    SELECT site, subject, outcome, posts, max(ended_at) AS ended_at FROM crawls WHERE ended_at IS NOT NULL
    GROUP BY site, subject
),
open AS (
    SELECT site, subject, count(position) AS pages FROM crawls JOIN pages ON crawl = id WHERE ended_at IS NULL
    GROUP BY site, subject
)
SELECT site, subject, coalesce(state, 'active') AS state, coalesce(subjects.reason, '') AS reason, seen_at,
    newest_post_at, coalesce(next_at, 0) AS next_at, ended_at, outcome, posts, coalesce(pages, 0) AS open_pages,
    coalesce(refusals, 0) AS refusals, coalesce(requests_today, 0) AS requests_today
FROM known LEFT JOIN subjects USING (site, subject) LEFT JOIN asked USING (site, subject)
    LEFT JOIN ended USING (site, subject) LEFT JOIN open USING (site, subject)
ORDER BY site, subject"""
_IDENTITIES = """
WITH asked AS (
    SELECT identity, count(*) FILTER (WHERE at >= :today) AS requests_today,
        count(*) FILTER (WHERE at >= :hour) AS requests_hour
    FROM requests GROUP BY identity
)
SELECT identity, stopped, reason, open_until, coalesce(requests_today, 0) AS requests_today,
    coalesce(requests_hour, 0) AS requests_hour
FROM (SELECT identity FROM identities UNION SELECT identity FROM requests)
    LEFT JOIN identities USING (identity) LEFT JOIN asked USING (identity)
ORDER BY identity"""
