"""Limits of requests, three greedy hours of virtual time: `python -m benchmarks.limits [--quick] [--json]`.

Not speed but exactness: how many requests each limiter grants where 180 are allowed, and how full the fullest window of
the last rate gets, in an undisturbed run and in one that is killed and started again 20 times. Beside ours stand one
token bucket per rate (full at the start, refilled evenly, as aiolimiter and others do it), and a limiter that counts as
that of bumc_instascraping does:
one call less than allowed in each window, looked at ten times a second. Those two live in memory, so a restart forgets.
Ours has to grant at the very times of a plain sliding log in memory that never restarts. What a grant costs is that of
its row, durable on the disk. `--quick` measures that with fewer rows.
"""

import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchmarks.measure import Report, options
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.rate_limiter import Limiter
from instagram_assets.settings.rate_limits import Rate, parse_rates

_START, _HOURS_3, _RESTARTS = 1_795_000_000.0, 3 * 3_600, 20
_RATES = ("1,30;60,3600", "5,10;20,60;60,3600")
_ALLOWED = 180


class _Killed(BaseException):
    """The program ends in the middle of a wait."""


@dataclass
class _VirtualClock:
    """Sleeping moves it on at once, but a sleeper dies at each moment of `kills`."""

    time: float = _START
    kills: list[float] = field(default_factory=list[float])

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        if self.kills and self.time + seconds >= self.kills[0]:
            self.time = self.kills.pop(0)
            raise _Killed
        self.time += seconds


class _Side(Protocol):
    def acquire(self) -> None:
        """Wait until a request is granted."""
        ...


class _Ours:
    def __init__(self, rates: Sequence[Rate], clock: _VirtualClock, folder: Path) -> None:
        self._limiter = Limiter(CollectorDatabase(folder), "benchmark", rates, clock, lambda words: None)

    def acquire(self) -> None:
        self._limiter.acquire("benchmark", "sun_diary", "a page")


class _Log:
    """A sliding log in memory: what is exact as long as nothing restarts."""

    def __init__(self, rates: Sequence[Rate], clock: _VirtualClock, folder: Path) -> None:
        self._clock, self._pasts = clock, [(rate, deque[float](maxlen=rate.calls)) for rate in rates]

    def acquire(self) -> None:
        ends = [past[0] + rate.seconds for rate, past in self._pasts if len(past) == rate.calls]
        self._clock.sleep(max(0.0, *(end - self._clock.now() for end in ends), 0.0))
        for _, past in self._pasts:
            past.append(self._clock.now())


class _Buckets:
    """One token bucket per rate, one after the other."""

    def __init__(self, rates: Sequence[Rate], clock: _VirtualClock, folder: Path) -> None:
        self._clock = clock
        self._buckets = [
            [rate.calls / rate.seconds, float(rate.calls), clock.now(), float(rate.calls)] for rate in rates
        ]

    def acquire(self) -> None:
        for bucket in self._buckets:
            drip, size, last, tokens = bucket
            tokens = min(size, tokens + (self._clock.now() - last) * drip)
            if tokens < 1:
                self._clock.sleep((1 - tokens) / drip)
                tokens = 1.0
            bucket[2:] = [self._clock.now(), tokens - 1]


class _Source:
    """One call less than allowed in each window, and at least one; time goes on in tenths of a second."""

    def __init__(self, rates: Sequence[Rate], clock: _VirtualClock, folder: Path) -> None:
        self._clock = clock
        self._pasts = [(rate, deque[float](maxlen=max(1, rate.calls - 1))) for rate in rates]

    def acquire(self) -> None:
        now = self._clock.now
        while any(len(past) == past.maxlen and past[0] + rate.seconds >= now() for rate, past in self._pasts):
            self._clock.sleep(0.1)
        for _, past in self._pasts:
            past.append(now())


_SIDES: dict[str, Callable[[Sequence[Rate], _VirtualClock, Path], _Side]] = {
    "ours": _Ours,
    "buckets": _Buckets,
    "source": _Source,
}


def main() -> None:
    """Grant, count, print."""
    chosen = options(__doc__ or "")
    report = Report("limits", [])
    for text in _RATES:
        rates = parse_rates(text)
        key = text.replace(",", "_").replace(";", "_")
        for restarts in (0, _RESTARTS):
            for name, side in _SIDES.items():
                times = _granted(side, rates, restarts)
                if name == "ours" and times != (exact := _granted(_Log, rates, 0)):
                    raise AssertionError(
                        f"{text}, {restarts} restarts: {len(times)} grants, not the {len(exact)} exact ones"
                    )
                _tell(report, f"{name}_{key}" + ("_restarts" if restarts else ""), times, rates)
    report.figures["ms_per_grant"] = _cost(200 if chosen.quick else 2_000)
    report.show(as_json=chosen.json)


def _granted(
    side: Callable[[Sequence[Rate], _VirtualClock, Path], _Side], rates: Sequence[Rate], restarts: int
) -> list[float]:
    """The times of all grants of three hours, by callers that ask again at once."""
    times: list[float] = []
    clock = _VirtualClock(kills=[_START + _HOURS_3 * (number + 1) / (restarts + 1) for number in range(restarts)])
    with tempfile.TemporaryDirectory(prefix="benchmark-limits-") as folder:
        while True:
            limiter = side(rates, clock, Path(folder))
            with suppress(_Killed):
                while True:
                    limiter.acquire()
                    if clock.now() >= _START + _HOURS_3:
                        return times
                    times.append(clock.now())


def _tell(report: Report, key: str, times: Sequence[float], rates: Sequence[Rate]) -> None:
    fullest = [max(sum(begin <= each < begin + rate.seconds for each in times) for begin in times) for rate in rates]
    report.figures[f"grants_{key}"] = len(times)
    report.figures[f"fullest_hour_{key}"] = fullest[-1]
    kept = all(found <= rate.calls for found, rate in zip(fullest, rates, strict=True))
    windows = ", ".join(f"{found} in {rate.seconds:g} s" for found, rate in zip(fullest, rates, strict=True))
    report.note(f"{key}: {len(times)} of {_ALLOWED} grants, at most {windows}{'' if kept else ': EXCEEDED'}")


def _cost(rows: int) -> float:
    """Milliseconds of a grant, the median of many, with as many rows in the books."""
    clock = _VirtualClock()
    seconds: list[float] = []
    with tempfile.TemporaryDirectory(prefix="benchmark-limits-") as folder:
        limiter = _Ours(parse_rates("1000,1;100000,3600"), clock, Path(folder))
        for _ in range(rows):
            clock.sleep(1)
            start = time.perf_counter()
            limiter.acquire()
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds) * 1_000


if __name__ == "__main__":
    main()
