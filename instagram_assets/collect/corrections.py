"""What the books say of times that have not come yet: the clock was ahead then, and has been set right since.

Such a request counts as made now, so that nobody waits for a year; a pause goes on for as long as it would have. Else
a budget or a breaker would stay shut until the wrong time comes. A clock that was set ahead cannot be seen: the past
only looks older.
"""

import sqlite3

from instagram_assets.collect.books import Books
from instagram_assets.collect.clock import Clock


def correct_all(books: Books, clock: Clock) -> None:
    """Correct what the books say about each identity; to be called before budgets are read from them."""
    with books.reading() as connection:
        now = clock.now()
        ahead = connection.execute("SELECT DISTINCT identity FROM requests WHERE at > ?", (now,)).fetchall()
    if not ahead:
        return
    with books.writing() as connection:
        for row in ahead:
            correct(connection, row["identity"], clock.now())


def correct(connection: sqlite3.Connection, identity: str, now: float) -> None:
    """Correct what the books say about one identity, within a transaction that began before `now` was read."""
    newest = connection.execute("SELECT max(at) FROM requests WHERE identity = ?", (identity,)).fetchone()[0]
    if newest is None or newest <= now:
        return
    connection.execute("UPDATE requests SET at = ? WHERE identity = ? AND at > ?", (now, identity, now))
    connection.execute(
        "UPDATE identities SET open_until = open_until - ? WHERE identity = ? AND open_until > ?",
        (newest - now, identity, now),
    )
