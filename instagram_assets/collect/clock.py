"""Time as collectors see it: given from outside, so that days of waiting can be tried in a second."""

import time
from datetime import UTC, datetime
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
