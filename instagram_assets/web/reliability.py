"""A reliability diagram as coordinates of an SVG: predicted against observed shares, drawn without a script."""

from collections.abc import Sequence
from dataclasses import dataclass

from instagram_assets.age.statistics import Bin

SIZE, _LEFT, _TOP, _INNER = 300, 40, 10, 240
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Mark:
    """A bin: its point, the ends of the observed share's interval, and how large it is drawn."""

    x: float
    y: float
    low: float
    high: float
    radius: float


@dataclass(frozen=True)
class Reliability:
    """The marks, and where the axes and their ticks are: each tick with its place across and up."""

    marks: list[Mark]
    ticks: list[tuple[str, float, float]]
    left: int = _LEFT
    right: int = _LEFT + _INNER
    top: int = _TOP
    bottom: int = _TOP + _INNER
    size: int = SIZE


def reliability_of(bins: Sequence[Bin]) -> Reliability:
    """The diagram of bins of users; a mark's area grows with the number of users in it."""
    most = max((found.observed.n for found in bins), default=1)
    marks = [
        Mark(
            _across(found.predicted),
            _up(found.observed.share or 0.0),
            _up(found.observed.low),
            _up(found.observed.high),
            round(2 + 4 * (found.observed.n / most) ** 0.5, 1),
        )
        for found in bins
    ]
    return Reliability(marks, [(f"{tick:.0%}", _across(tick), _up(tick)) for tick in TICKS])


def _across(share: float) -> float:
    return round(_LEFT + share * _INNER, 1)


def _up(share: float) -> float:
    return round(_TOP + (1 - share) * _INNER, 1)
