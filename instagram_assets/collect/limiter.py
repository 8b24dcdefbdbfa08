"""Exact sliding windows over every request of an identity, kept in the books.

The requests of the books are the grants: there is no second copy that could differ, and a restart forgets nothing. A
request is counted when it is granted, before it is sent. The check of all windows and the row that uses them are one
transaction, in which the clock is read too, so that several processes together exceed no window. Waiting happens
outside of it, to the moment at which the oldest grant of the fullest window leaves it.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from instagram_assets.collect.books import Books
from instagram_assets.collect.clock import Clock, at_in_words, correct_within, span
from instagram_assets.settings.rates import Rate

LONGEST_SLEEP = 300.0
"""Books are looked at again at least so often: another process, a person or the clock may have changed things."""
_WORTH_TELLING = 60.0


@dataclass(frozen=True)
class Turn:
    """A request that was granted `at` a time, with the id of its row; or none, and the time `at` which to try again.

    `reason` says why it has to wait; empty where that is not worth telling.
    """

    request: int | None
    at: float
    reason: str = ""


class Limiter:
    """Grants requests of one identity so that all rates hold; several processes may each have one.

    >>> limiter = Limiter(books, "instagram:anonymous", parse_rates("1,30;60,3600"), SystemClock(), print)
    >>> limiter.acquire("instagram", "sun_diary", "the profile of sun_diary")
    1
    """

    def __init__(
        self, books: Books, identity: str, rates: Sequence[Rate], clock: Clock, tell: Callable[[str], object]
    ) -> None:
        self.identity = identity
        self._books, self._rates, self._clock, self._tell = books, tuple(rates), clock, tell

    def acquire(self, site: str, subject: str, what: str) -> int:
        """Wait for the next request, write it down as granted, and return the id of its row."""
        told = 0.0
        while True:
            turn = self.attempt(site, subject, what)
            if turn.request is not None:
                return turn.request
            told = rest(turn, told, self._clock, self._tell)

    def attempt(self, site: str, subject: str, what: str) -> Turn:
        """Grant a request and write it down if all windows have room; else say when to try again."""
        with self._books.writing() as connection:
            now = self._clock.now()
            correct_within(connection, self.identity, now)
            at, rate = self._next(connection, now)
            if rate:
                return Turn(None, at, self._why(rate, at, now) if at - now >= _WORTH_TELLING else "")
            row = connection.execute(
                "INSERT INTO requests (at, identity, site, subject, what) VALUES (?, ?, ?, ?, ?) RETURNING id",
                (now, self.identity, site, subject, what),
            ).fetchone()
            return Turn(row["id"], now)

    def wait(self) -> float:
        """Seconds until the next request can be granted; 0 when it can be now."""
        with self._books.reading() as connection:
            now = self._clock.now()
            return self._next(connection, now)[0] - now

    def seconds_for(self, requests: int) -> float:
        """Seconds until so many more requests are granted, if each is asked for as soon as it can be."""
        at = now = self._clock.now()
        windows: list[tuple[Rate, deque[float]]] = []
        with self._books.reading() as connection:
            for rate in self._rates:
                rows = connection.execute(f"{_GRANTS} LIMIT ?", (self.identity, rate.calls)).fetchall()
                windows.append((rate, deque((min(row["at"], now) for row in reversed(rows)), maxlen=rate.calls)))
        for _ in range(requests):
            at = max([at, *(past[0] + rate.seconds for rate, past in windows if len(past) == rate.calls)])
            for _, past in windows:
                past.append(at)
        return at - now

    def _next(self, connection: sqlite3.Connection, now: float) -> tuple[float, Rate | None]:
        """When all windows have room, and the rate that is waited for; null when they have it now."""
        at, binding = now, None
        for rate in self._rates:
            row = connection.execute(f"{_GRANTS} LIMIT 1 OFFSET ?", (self.identity, rate.calls - 1)).fetchone()
            if row and min(row["at"], now) + rate.seconds > at:
                at, binding = min(row["at"], now) + rate.seconds, rate
        return at, binding

    def _why(self, rate: Rate, at: float, now: float) -> str:
        return (
            f"{self.identity}: the limit of {rate.calls:,} requests in {span(rate.seconds)} is used up. "
            f"The next one goes out {at_in_words(at, now)}."
        )


def rest(turn: Turn, told: float, clock: Clock, tell: Callable[[str], object]) -> float:
    """Sleep towards a turn, at most for a nap, and say why unless that was `told`: the time of the turn told last."""
    if turn.reason and turn.at != told:
        tell(turn.reason)
    clock.sleep(min(turn.at - clock.now(), LONGEST_SLEEP))
    return turn.at


_GRANTS = "SELECT at FROM requests WHERE identity = ? ORDER BY at DESC"
