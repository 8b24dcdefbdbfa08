"""SVG coordinates of charts that are drawn without a script: time series and reliability diagrams."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from instagram_assets.age.statistics import Bin

_WIDTH, _HEIGHT = 640, 160
_MOST_POINTS = 320
_INSET = 4


@dataclass(frozen=True)
class Polyline:
    """A line in an SVG image of `width` by `height`: `points` in SVG syntax, and the range of its values and times."""

    points: str
    lowest: int
    highest: int
    first: datetime
    last: datetime
    width: int = _WIDTH
    height: int = _HEIGHT


def line_of(values: Sequence[tuple[datetime, int]]) -> Polyline | None:
    """Returns the line through values sorted by time; None for fewer than two values.

    Of a long series, only every n-th point and the last one are drawn.
    """
    if len(values) < 2:
        return None
    numbers, times = [number for _, number in values], [at.timestamp() for at, _ in values]
    lowest, highest, span = min(numbers), max(numbers), (times[-1] - times[0]) or 1.0
    step = -(-len(values) // _MOST_POINTS)
    shown = [*range(0, len(values) - 1, step), len(values) - 1]

    def point(index: int) -> str:
        across = (times[index] - times[0]) / span
        up = (numbers[index] - lowest) / (highest - lowest) if highest > lowest else 0.5
        return f"{_INSET + across * (_WIDTH - 2 * _INSET):.1f},{_HEIGHT - _INSET - up * (_HEIGHT - 2 * _INSET):.1f}"

    return Polyline(" ".join(map(point, shown)), lowest, highest, values[0][0], values[-1][0])


_DIAGRAM, _LEFT, _TOP, _INNER = 300, 40, 10, 240
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class BinMark:
    """A bin of a reliability diagram in SVG coordinates: point, confidence interval `low` to `high`, radius."""

    x: float
    y: float
    low: float
    high: float
    radius: float


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram in SVG coordinates: its bins, and the positions of axes and ticks."""

    marks: list[BinMark]
    ticks: list[tuple[str, float, float]]
    left: int = _LEFT
    right: int = _LEFT + _INNER
    top: int = _TOP
    bottom: int = _TOP + _INNER
    size: int = _DIAGRAM


def reliability_of(bins: Sequence[Bin]) -> Reliability:
    """Returns the reliability diagram for bins of users; a point's area grows with the bin's number of users."""
    most = max((found.observed.n for found in bins), default=1)
    marks = [
        BinMark(
            _across(found.predicted),
            _up(found.observed.share or 0.0),
            _up(found.observed.low),
            _up(found.observed.high),
            round(2 + 4 * (found.observed.n / most) ** 0.5, 1),
        )
        for found in bins
    ]
    return Reliability(marks, [(f"{tick:.0%}", _across(tick), _up(tick)) for tick in _TICKS])


def _across(share: float) -> float:
    return round(_LEFT + share * _INNER, 1)


def _up(share: float) -> float:
    return round(_TOP + (1 - share) * _INNER, 1)
