"""Crawls: one collection of one subject each, open until its file is in the inbox, whoever dies on the way."""

import json
import sqlite3
from dataclasses import asdict, dataclass, replace

from instagram_assets.collect.collection_scope import Bounds
from instagram_assets.collect.database import CollectorDatabase

MIN_KEPT_DAYS = 8
"""Requests of so many days stay whatever is asked: the budget of hashtags looks back seven."""
_DAY = 86_400


@dataclass(frozen=True)
class Crawl:
    """A crawl; with an `outcome` it is decided how it ends, and what is left is its file and its closing.

    `identity` is who asked for its pages, since a cursor leads on for nobody else; empty where that was not kept yet.
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
    """The open crawl of a subject; null when there is none."""
    with database.reading() as connection:
        return _open(connection, site, subject)


def last_closed_crawl(database: CollectorDatabase, site: str, subject: str) -> Crawl | None:
    """The crawl of a subject that was closed last; null when there is none."""
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
    """Open a crawl, or go on with the open one, which then goes as far as either wants."""
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
    """Take an open crawl away with its pages, which are asked for anew."""
    with database.writing() as connection:
        connection.execute("DELETE FROM crawls WHERE id = ?", (crawl.id,))


def set_outcome(connection: sqlite3.Connection, crawl: Crawl, outcome: str, reason: str, posts: int) -> Crawl:
    """Write down how a crawl ends, within the caller's transaction: whoever comes next only writes its file."""
    connection.execute(
        "UPDATE crawls SET outcome = ?, reason = ?, posts = ? WHERE id = ?", (outcome, reason, posts, crawl.id)
    )
    return replace(crawl, outcome=outcome, reason=reason, posts=posts)


def close_crawl(connection: sqlite3.Connection, crawl: Crawl, now: float, file: str | None) -> None:
    """End a crawl and take its pages away, within the caller's transaction; its file, if any, is in the inbox."""
    connection.execute("DELETE FROM pages WHERE crawl = ?", (crawl.id,))
    connection.execute("UPDATE crawls SET ended_at = ?, file = ? WHERE id = ?", (now, file, crawl.id))


def delete_old_requests(database: CollectorDatabase, now: float, days: int) -> int:
    """Take requests and crawls away that are older than so many days, 8 at least; how many requests went.

    A crawl that nobody went on with for so long goes with its pages: the posts that it had are older than that, too.
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
