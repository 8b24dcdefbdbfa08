"""A line of numbers over time as the points of an SVG polyline; drawn by the page itself, without a script."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT = 640, 160
_MOST_POINTS = 320
_INSET = 4


@dataclass(frozen=True)
class Line:
    """`points` as SVG has them, in a picture of `width` by `height`, and the bounds of what they show."""

    points: str
    lowest: int
    highest: int
    first: datetime
    last: datetime
    width: int = WIDTH
    height: int = HEIGHT


def line_of(values: Sequence[tuple[datetime, int]]) -> Line | None:
    """The line through numbers in the order of their times; null where there are fewer than two.

    Of more than can be seen, every n-th and the last one.
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
        return f"{_INSET + across * (WIDTH - 2 * _INSET):.1f},{HEIGHT - _INSET - up * (HEIGHT - 2 * _INSET):.1f}"

    return Line(" ".join(map(point, shown)), lowest, highest, values[0][0], values[-1][0])
