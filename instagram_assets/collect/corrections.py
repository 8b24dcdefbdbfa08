"""What the books say of times that have not come yet: the clock was ahead then, and has been set right since.

Such a request counts as made now, so that nobody waits for a year; a pause of its identity or subject goes on for as
long as it would have. Else a budget or a breaker would stay shut until the wrong time comes. A clock that was set ahead
cannot be seen: the past only looks older.
"""

import sqlite3

from instagram_assets.collect.books import Books
from instagram_assets.collect.clock import Clock


def correct_all(books: Books, clock: Clock) -> None:
    """Correct what the books say about each identity; to be called before budgets are read from them."""
    with books.reading() as connection:
        ahead = connection.execute("SELECT DISTINCT identity FROM requests WHERE at > ?", (clock.now(),)).fetchall()
    for row in ahead:
        correct(books, row["identity"], clock)


def correct(books: Books, identity: str, clock: Clock) -> None:
    """Correct what the books say about one identity; nothing is written when nothing is wrong."""
    with books.reading() as connection:
        newest = _newest(connection, identity)
    if newest is not None and newest > clock.now():
        with books.writing() as connection:
            correct_within(connection, identity, clock.now())


def correct_within(connection: sqlite3.Connection, identity: str, now: float) -> None:
    """Correct what the books say about one identity, within a transaction that began before `now` was read."""
    newest = _newest(connection, identity)
    if newest is None or newest <= now:
        return
    connection.execute(
        "UPDATE subjects SET next_at = next_at - ? WHERE next_at > ? AND (site, subject) IN "
        "(SELECT site, subject FROM requests WHERE identity = ? AND at > ?)",
        (newest - now, now, identity, now),
    )
    connection.execute("UPDATE requests SET at = ? WHERE identity = ? AND at > ?", (now, identity, now))
    connection.execute(
        "UPDATE identities SET open_until = open_until - ? WHERE identity = ? AND open_until > ?",
        (newest - now, identity, now),
    )


def _newest(connection: sqlite3.Connection, identity: str) -> float | None:
    row = connection.execute("SELECT max(at) AS newest FROM requests WHERE identity = ?", (identity,)).fetchone()
    return row["newest"]
