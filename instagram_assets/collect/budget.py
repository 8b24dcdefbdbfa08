"""How many requests a day may be made, in all and of one account; counted in the books, where each request stands."""

from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import NamedTuple

from instagram_assets.collect.books import Books
from instagram_assets.collect.clock import day_around


class Spent(NamedTuple):
    """A budget that is used up: why, in words, and when the next begins."""

    reason: str
    until: float


@dataclass(frozen=True)
class Budget:
    """Most requests of a day in `zone`, of all subjects and of one; null is no limit."""

    per_day: int | None = None
    per_subject: int | None = None
    zone: tzinfo = UTC

    def spent(self, books: Books, site: str, subject: str, now: float) -> Spent | None:
        """What is used up for a subject; null while it may be asked about."""
        begins, ends = day_around(now, self.zone)
        if self.per_day is not None and (made := _made(books, begins, ends)) >= self.per_day:
            return Spent(f"the day's budget of {self.per_day:,} requests is used ({made:,} were made)", ends)
        if self.per_subject is not None and (made := _made(books, begins, ends, site, subject)) >= self.per_subject:
            return Spent(f"its budget of {self.per_subject:,} requests a day is used ({made:,} were made)", ends)
        return None


def _made(books: Books, begins: float, ends: float, *subject: str) -> int:
    which = " AND site = ? AND subject = ?" if subject else ""
    with books.reading() as connection:
        query = f"SELECT COUNT(*) FROM requests WHERE at >= ? AND at < ?{which}"
        return connection.execute(query, (begins, ends, *subject)).fetchone()[0]
