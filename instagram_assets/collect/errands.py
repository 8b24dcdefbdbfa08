"""Errands: one collection of one subject each, open until its file is in the inbox, whoever dies on the way."""

import json
import sqlite3
from dataclasses import asdict, dataclass, replace

from instagram_assets.collect.books import Books

YOUNGEST_DAYS = 8
"""Requests of so many days stay whatever is asked: the budget of hashtags looks back seven."""
_DAY = 86_400


@dataclass(frozen=True)
class Aim:
    """How far an errand goes: until it has `posts` of them, or comes to one that is not newer than `since`.

    Null is no end of that kind: then it goes as far as the site shows posts.
    """

    posts: int | None
    since: float | None = None

    def and_also(self, other: "Aim") -> "Aim":
        """The aim that satisfies both."""
        posts = None if self.posts is None or other.posts is None else max(self.posts, other.posts)
        since = None if self.since is None or other.since is None else min(self.since, other.since)
        return Aim(posts, since)

    def covers(self, other: "Aim") -> bool:
        """True when who reached this aim has all that the other wants."""
        return self == self.and_also(other)


@dataclass(frozen=True)
class Errand:
    """An errand; with an `outcome` it is decided how it ends, and what is left is its file and its closing.

    `identity` is who asked for its pages, since a cursor leads on for nobody else; empty where that was not kept yet.
    """

    id: int
    site: str
    subject: str
    aim: Aim
    began_at: float
    identity: str = ""
    ended_at: float | None = None
    outcome: str | None = None
    reason: str = ""
    file: str | None = None
    posts: int = 0


def unfinished(books: Books, site: str, subject: str) -> Errand | None:
    """The open errand of a subject; null when there is none."""
    with books.reading() as connection:
        return _open(connection, site, subject)


def last(books: Books, site: str, subject: str) -> Errand | None:
    """The errand of a subject that was closed last; null when there is none."""
    with books.reading() as connection:
        row = connection.execute(
            """SELECT * FROM errands WHERE site = ? AND subject = ? AND ended_at IS NOT NULL
            ORDER BY ended_at DESC, id DESC LIMIT 1""",
            (site, subject),
        ).fetchone()
    return None if row is None else _errand(row)


def begin(books: Books, site: str, subject: str, aim: Aim, now: float, identity: str = "") -> Errand:
    """Open an errand, or go on with the open one, which then goes as far as either wants."""
    with books.writing() as connection:
        if there := _open(connection, site, subject):
            aim = there.aim.and_also(aim)
            connection.execute("UPDATE errands SET wish = ? WHERE id = ?", (_wish(aim), there.id))
            return replace(there, aim=aim)
        number = connection.execute(
            "INSERT INTO errands (site, identity, subject, wish, began_at) VALUES (?, ?, ?, ?, ?)",
            (site, identity, subject, _wish(aim), now),
        ).lastrowid
    return Errand(int(number or 0), site, subject, aim, now, identity)


def drop(books: Books, errand: Errand) -> None:
    """Take an open errand away with its pages, which are asked for anew."""
    with books.writing() as connection:
        connection.execute("DELETE FROM errands WHERE id = ?", (errand.id,))


def decide(connection: sqlite3.Connection, errand: Errand, outcome: str, reason: str, posts: int) -> Errand:
    """Write down how an errand ends, within the caller's transaction: whoever comes next only writes its file."""
    connection.execute(
        "UPDATE errands SET outcome = ?, reason = ?, posts = ? WHERE id = ?", (outcome, reason, posts, errand.id)
    )
    return replace(errand, outcome=outcome, reason=reason, posts=posts)


def close(connection: sqlite3.Connection, errand: Errand, now: float, file: str | None) -> None:
    """End an errand and take its pages away, within the caller's transaction; its file, if any, is in the inbox."""
    connection.execute("DELETE FROM pages WHERE errand = ?", (errand.id,))
    connection.execute("UPDATE errands SET ended_at = ?, file = ? WHERE id = ?", (now, file, errand.id))


def prune(books: Books, now: float, days: int) -> int:
    """Take requests and errands away that are older than so many days, 8 at least; how many requests went.

    An errand that nobody went on with for so long goes with its pages: the posts that it had are older than that, too.
    """
    before = now - max(days, YOUNGEST_DAYS) * _DAY
    with books.writing() as connection:
        connection.execute(
            """DELETE FROM errands WHERE COALESCE(ended_at, began_at) < ?1
            AND NOT EXISTS (SELECT 1 FROM pages WHERE errand = id AND at >= ?1)""",
            (before,),
        )
        return connection.execute("DELETE FROM requests WHERE at < ?", (before,)).rowcount


def _open(connection: sqlite3.Connection, site: str, subject: str) -> Errand | None:
    row = connection.execute(
        "SELECT * FROM errands WHERE site = ? AND subject = ? AND ended_at IS NULL", (site, subject)
    ).fetchone()
    return None if row is None else _errand(row)


def _errand(row: sqlite3.Row) -> Errand:
    fields = dict(row)
    return Errand(aim=Aim(**json.loads(fields.pop("wish"))), **fields)


def _wish(aim: Aim) -> str:
    return json.dumps(asdict(aim))
