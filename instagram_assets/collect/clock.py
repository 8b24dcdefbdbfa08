"""The collector's clock interface (so that tests can skip waits of days), time formatting, clock skew correction.

Clock skew: stored timestamps that are in the future because the system clock was set back are moved to now.
"""

import sqlite3
import time
from datetime import UTC, datetime, timedelta, tzinfo
from datetime import time as midnight
from math import ceil
from typing import Protocol

from instagram_assets.collect.collector_database import CollectorDatabase


class Clock(Protocol):
    """Interface of a clock: `now` returns the current Unix timestamp in seconds, `sleep` waits."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The system clock."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))


def utc_datetime(seconds: float) -> datetime:
    """Convert a Unix timestamp to a timezone-aware datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def duration_text(seconds: float) -> str:
    """Format a duration in its two largest units, rounded up, such as `2 h 5 min`."""
    left, words = max(1, ceil(seconds)), list[str]()
    if left > 3_600:
        left = -(-left // 60) * 60
    if left > 86_400:
        left = -(-left // 3_600) * 3_600
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            words.append(f"{count} {unit}")
    return " ".join(words)


def day_bounds(seconds: float, zone: tzinfo) -> tuple[float, float]:
    """Unix timestamps of the start and end of the calendar day, in time zone `zone`, that contains a timestamp."""
    day = datetime.fromtimestamp(seconds, zone).date()
    begins, ends = (datetime.combine(each, midnight(), zone) for each in (day, day + timedelta(days=1)))
    return begins.timestamp(), ends.timestamp()


def time_until_text(at: float, now: float) -> str:
    """Format a future time and the duration until it: `at 14:05 UTC, in 15 min`, with the date if on another day."""
    then = utc_datetime(at)
    form = "%H:%M" if then.date() == utc_datetime(now).date() else "%Y-%m-%d %H:%M"
    return f"at {then:{form}} UTC, in {duration_text(at - now)}"


def correct_clock_skew_of_all(database: CollectorDatabase, clock: Clock) -> None:
    """Set the stored timestamps of all identities that are in the future to now.

    Call it before request budgets are read, since these count the stored requests by their time.
    """
    with database.reading() as connection:
        ahead = connection.execute("SELECT DISTINCT identity FROM requests WHERE at > ?", (clock.now(),)).fetchall()
    for row in ahead:
        correct_clock_skew(database, row["identity"], clock)


def correct_clock_skew(database: CollectorDatabase, identity: str, clock: Clock) -> None:
    """Set stored timestamps of one identity that are in the future to now; writes nothing when there are none."""
    with database.reading() as connection:
        newest = _newest(connection, identity)
    if newest is not None and newest > clock.now():
        with database.writing() as connection:
            correct_clock_skew_within(connection, identity, clock.now())


def correct_clock_skew_within(connection: sqlite3.Connection, identity: str, now: float) -> None:
    """Set an identity's stored timestamps after `now` to `now`, in a transaction that began before `now` was read."""
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
