"""Database rows of crawls; a crawl is one collection of one account or hashtag, open until its file is in the inbox."""

import json
import sqlite3
from dataclasses import asdict, dataclass, replace

from instagram_assets.collect.collection_scope import Bounds
from instagram_assets.collect.collector_database import CollectorDatabase

MIN_KEPT_DAYS = 8
"""Minimum number of days for which requests are kept, since the hashtag budget looks back seven."""
_DAY = 86_400


@dataclass(frozen=True)
class Crawl:
    """A crawl of one `subject` (account or hashtag); once it has an `outcome`, no more pages are fetched.

    After that only its file has to be written and the crawl marked as closed (`ended_at`). `identity` is the login,
    token or anonymous client that fetched the pages, since cursors are valid for that identity only; it is empty in
    rows of old versions. Times are Unix seconds.
    """

    id: int
    site: str
    subject: str
    bounds: Bounds
    began_at: float
    identity: str = ""
    ended_at: float | None = None
    outcome: str | None = None
    reason: str = ""
    file: str | None = None
    posts: int = 0


def find_open_crawl(database: CollectorDatabase, site: str, subject: str) -> Crawl | None:
    """The open crawl of an account or hashtag; None when there is none."""
    with database.reading() as connection:
        return _open(connection, site, subject)


def last_closed_crawl(database: CollectorDatabase, site: str, subject: str) -> Crawl | None:
    """The most recently closed crawl of an account or hashtag; None when there is none."""
    with database.reading() as connection:
        row = connection.execute(
            """SELECT * FROM crawls WHERE site = ? AND subject = ? AND ended_at IS NOT NULL
            ORDER BY ended_at DESC, id DESC LIMIT 1""",
            (site, subject),
        ).fetchone()
    return None if row is None else _crawl(row)


def open_crawl(
    database: CollectorDatabase, site: str, subject: str, bounds: Bounds, now: float, identity: str = ""
) -> Crawl:
    """Start a crawl of an account or hashtag, or return its open crawl with the bounds widened to cover `bounds`."""
    with database.writing() as connection:
        if there := _open(connection, site, subject):
            bounds = there.bounds.and_also(bounds)
            connection.execute("UPDATE crawls SET bounds = ? WHERE id = ?", (_scope(bounds), there.id))
            return replace(there, bounds=bounds)
        number = connection.execute(
            "INSERT INTO crawls (site, identity, subject, bounds, began_at) VALUES (?, ?, ?, ?, ?)",
            (site, identity, subject, _scope(bounds), now),
        ).lastrowid
    return Crawl(int(number or 0), site, subject, bounds, now, identity)


def delete_crawl(database: CollectorDatabase, crawl: Crawl) -> None:
    """Delete an open crawl and its pages, so that they will be fetched again."""
    with database.writing() as connection:
        connection.execute("DELETE FROM crawls WHERE id = ?", (crawl.id,))


def set_outcome(connection: sqlite3.Connection, crawl: Crawl, outcome: str, reason: str, posts: int) -> Crawl:
    """Store the outcome of a crawl, within the caller's transaction; returns the updated crawl.

    From then on no more pages are fetched: after a crash, only the crawl's file has to be written.
    """
    connection.execute(
        "UPDATE crawls SET outcome = ?, reason = ?, posts = ? WHERE id = ?", (outcome, reason, posts, crawl.id)
    )
    return replace(crawl, outcome=outcome, reason=reason, posts=posts)


def close_crawl(connection: sqlite3.Connection, crawl: Crawl, now: float, file: str | None) -> None:
    """Mark a crawl as closed and delete its pages, within the caller's transaction.

    `file` is the name of its file in the inbox; None if no file was written.
    """
    connection.execute("DELETE FROM pages WHERE crawl = ?", (crawl.id,))
    connection.execute("UPDATE crawls SET ended_at = ?, file = ? WHERE id = ?", (now, file, crawl.id))


def delete_old_requests(database: CollectorDatabase, now: float, days: int) -> int:
    """Delete requests and crawls older than `days` days (at least 8); returns the number of deleted requests.

    An unfinished crawl that was not continued within that time is deleted together with its pages.
    """
    before = now - max(days, MIN_KEPT_DAYS) * _DAY
    with database.writing() as connection:
        connection.execute(
            """DELETE FROM crawls WHERE COALESCE(ended_at, began_at) < ?1
            AND NOT EXISTS (SELECT 1 FROM pages WHERE crawl = id AND at >= ?1)""",
            (before,),
        )
        return connection.execute("DELETE FROM requests WHERE at < ?", (before,)).rowcount


def _open(connection: sqlite3.Connection, site: str, subject: str) -> Crawl | None:
    row = connection.execute(
        "SELECT * FROM crawls WHERE site = ? AND subject = ? AND ended_at IS NULL", (site, subject)
    ).fetchone()
    return None if row is None else _crawl(row)


def _crawl(row: sqlite3.Row) -> Crawl:
    fields = dict(row)
    return Crawl(bounds=Bounds(**json.loads(fields.pop("bounds"))), **fields)


def _scope(bounds: Bounds) -> str:
    return json.dumps(asdict(bounds))
