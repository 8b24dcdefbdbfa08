"""Rate limits as exact sliding windows, and daily request budgets, counted from the requests in the database.

The rows of the requests table are the only counter, so that a restart loses nothing. A request is counted when it is
granted (permitted), before it is sent. Reading the clock, checking all windows and inserting the row are one
transaction, so that several processes together exceed no window. If a window is full, the process sleeps outside of the
transaction, until the oldest granted request leaves that window.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import NamedTuple

from instagram_assets.collect.clock import Clock, correct_clock_skew_within, day_bounds, duration_text, time_until_text
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.settings.rate_limits import Rate


class UsedBudget(NamedTuple):
    """A daily request budget that is used up.

    `reason` is a message about it, `until` the Unix timestamp at which the next day's budget begins.
    """

    reason: str
    until: float


@dataclass(frozen=True)
class Budget:
    """Maximum number of requests per calendar day in time zone `zone`: in total, and per account or hashtag.

    None is no limit.
    """

    per_day: int | None = None
    per_subject: int | None = None
    zone: tzinfo = UTC

    def spent(self, database: CollectorDatabase, site: str, subject: str, now: float) -> UsedBudget | None:
        """The budget that is used up for an account or hashtag; None while requests are left."""
        begins, ends = day_bounds(now, self.zone)
        if self.per_day is not None and (made := _made(database, begins, ends)) >= self.per_day:
            return UsedBudget(f"the day's budget of {self.per_day:,} requests is used ({made:,} were made)", ends)
        if self.per_subject is not None and (made := _made(database, begins, ends, site, subject)) >= self.per_subject:
            return UsedBudget(f"its budget of {self.per_subject:,} requests a day is used ({made:,} were made)", ends)
        return None


def _made(database: CollectorDatabase, begins: float, ends: float, *subject: str) -> int:
    which = " AND site = ? AND subject = ?" if subject else ""
    with database.reading() as connection:
        query = f"SELECT COUNT(*) FROM requests WHERE at >= ? AND at < ?{which}"
        return connection.execute(query, (begins, ends, *subject)).fetchone()[0]


MAX_SLEEP = 300.0
"""Longest sleep in seconds before the database is read again, as a process, a person or the clock can change it."""
_WORTH_TELLING = 60.0


@dataclass(frozen=True)
class Grant:
    """The limiter's answer to a request: permitted now, with the id of its database row, or not before a later time.

    `request_id` is None if the request has to wait. `at` is the Unix timestamp of the permission or, if the request has
    to wait, of the next try. `reason` says why it has to wait; empty if that is not to be logged.
    """

    request_id: int | None
    at: float
    reason: str = ""


class Limiter:
    """Rate limiter that permits the requests of one identity; several processes can share the limits.

    >>> limiter = Limiter(database, "instagram:anonymous", parse_rates("1,30;60,3600"), SystemClock(), print)
    >>> limiter.acquire("instagram", "sun_diary", "the profile of sun_diary")
    1
    """

    def __init__(
        self,
        database: CollectorDatabase,
        identity: str,
        rates: Sequence[Rate],
        clock: Clock,
        log: Callable[[str], object],
    ) -> None:
        self.identity = identity
        self._database, self._rates, self._clock, self._log = database, tuple(rates), clock, log

    def acquire(self, site: str, subject: str, what: str) -> int:
        """Wait until a request is permitted, store it in the database, and return the id of its row.

        `what` describes the request, such as `the profile of sun_diary`.
        """
        logged = 0.0
        while True:
            grant = self.try_acquire(site, subject, what)
            if grant.request_id is not None:
                return grant.request_id
            logged = sleep_until_granted(grant, logged, self._clock, self._log)

    def try_acquire(self, site: str, subject: str, what: str) -> Grant:
        """Permit and store a request if no rate limit is reached; else return the time to try again."""
        with self._database.writing() as connection:
            now = self._clock.now()
            correct_clock_skew_within(connection, self.identity, now)
            at, rate = self._next(connection, now)
            if rate:
                return Grant(None, at, self._why(rate, at, now) if at - now >= _WORTH_TELLING else "")
            row = connection.execute(
                "INSERT INTO requests (at, identity, site, subject, what) VALUES (?, ?, ?, ?, ?) RETURNING id",
                (now, self.identity, site, subject, what),
            ).fetchone()
            return Grant(row["id"], now)

    def seconds_until_next(self) -> float:
        """Seconds until the rate limits permit the next request; 0 if they permit it now."""
        with self._database.reading() as connection:
            now = self._clock.now()
            return self._next(connection, now)[0] - now

    def seconds_for(self, requests: int) -> float:
        """Seconds until the rate limits permit `requests` more requests, if each is made as soon as possible."""
        at = now = self._clock.now()
        windows: list[tuple[Rate, deque[float]]] = []
        with self._database.reading() as connection:
            for rate in self._rates:
                rows = connection.execute(f"{_GRANTS} LIMIT ?", (self.identity, rate.calls)).fetchall()
                windows.append((rate, deque((min(row["at"], now) for row in reversed(rows)), maxlen=rate.calls)))
        for _ in range(requests):
            at = max([at, *(past[0] + rate.seconds for rate, past in windows if len(past) == rate.calls)])
            for _, past in windows:
                past.append(at)
        return at - now

    def _next(self, connection: sqlite3.Connection, now: float) -> tuple[float, Rate | None]:
        """The time (Unix seconds) from which all rate limits permit a request, and the rate that delays it.

        The rate is None if a request is permitted now.
        """
        at, binding = now, None
        for rate in self._rates:
            row = connection.execute(f"{_GRANTS} LIMIT 1 OFFSET ?", (self.identity, rate.calls - 1)).fetchone()
            if row and min(row["at"], now) + rate.seconds > at:
                at, binding = min(row["at"], now) + rate.seconds, rate
        return at, binding

    def _why(self, rate: Rate, at: float, now: float) -> str:
        return (
            f"{self.identity}: the limit of {rate.calls:,} requests in {duration_text(rate.seconds)} is used up. "
            f"The next one goes out {time_until_text(at, now)}."
        )


def sleep_until_granted(grant: Grant, logged: float, clock: Clock, log: Callable[[str], object]) -> float:
    """Sleep until the time of a grant, but at most five minutes; returns the time of the grant.

    The reason for the wait is logged, unless `logged` (the time whose reason was logged last) is the same time.
    """
    if grant.reason and grant.at != logged:
        log(grant.reason)
    clock.sleep(min(grant.at - clock.now(), MAX_SLEEP))
    return grant.at


_GRANTS = "SELECT at FROM requests WHERE identity = ? ORDER BY at DESC"
