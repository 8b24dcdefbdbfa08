"""Clocks that are where they were left: sleeping moves them on at once, and tests may set them."""

from collections.abc import Callable
from multiprocessing.sharedctypes import Synchronized

START = 1_795_000_000.0
"""A morning of November 2026."""


class VirtualClock:
    """The time of a test. `slept` are all naps; `before_sleep` is called before each, for what others do meanwhile."""

    def __init__(self, now: float = START) -> None:
        self.time = now
        self.slept: list[float] = []
        self.before_sleep: Callable[[float], object] = lambda seconds: None

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.before_sleep(seconds)
        self.slept.append(seconds)
        self.time += max(0.0, seconds)


class SharedClock:
    """One virtual time of several processes: who sleeps moves it on for all."""

    def __init__(self, time: "Synchronized[float]") -> None:
        self._time = time

    def now(self) -> float:
        return self._time.value

    def sleep(self, seconds: float) -> None:
        until = self._time.value + seconds
        with self._time.get_lock():
            self._time.value = max(self._time.value, until)
