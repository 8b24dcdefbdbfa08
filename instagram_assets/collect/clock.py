"""Time as collectors see it: given from outside, so that days of waiting can be tried in a second."""

import time
from datetime import UTC, datetime, timedelta, tzinfo
from datetime import time as midnight
from math import ceil
from typing import Protocol


class Clock(Protocol):
    """What time it is, in seconds since 1970 in UTC, and a way to let it pass."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The time of this machine."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))


def moment(seconds: float) -> datetime:
    """A time of the clock as an aware moment in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def span(seconds: float) -> str:
    """A span of time as people say it, in its two largest units: `2 h 5 min`, never shorter than it is."""
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


def day_around(seconds: float, zone: tzinfo) -> tuple[float, float]:
    """When the day of a zone begins and ends that a time is in."""
    day = datetime.fromtimestamp(seconds, zone).date()
    begins, ends = (datetime.combine(each, midnight(), zone) for each in (day, day + timedelta(days=1)))
    return begins.timestamp(), ends.timestamp()


def at_in_words(at: float, now: float) -> str:
    """A time to come and how far it is: `at 14:05 UTC, in 15 min`; with the day where it is another one."""
    then = moment(at)
    form = "%H:%M" if then.date() == moment(now).date() else "%Y-%m-%d %H:%M"
    return f"at {then:{form}} UTC, in {span(at - now)}"
