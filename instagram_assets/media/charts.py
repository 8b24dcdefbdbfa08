"""Charts for people, small enough to log: PNG of at most 100 kB, on white, so that they read on any page.

Drawn without pyplot, which keeps every figure in the process and is not made for threads. The same numbers give the
same bytes on one machine. `font` is the font file that the settings name, which may be none: see `media.fonts`.
What is no finite number is not drawn; where nothing is left, the title says so.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

from instagram_assets.media.chart_parts import (
    COLOURS,
    GREY,
    INK,
    LARGEST_CHART,
    PALE,
    TEXT,
    TITLE,
    Size,
    font_of,
    label_of,
    new_axes,
    nothing,
    number_text,
    png,
    put_legend,
    put_logarithms,
    put_range,
    put_ticks,
    shortened,
    title_of,
    widest,
)
from instagram_assets.media.fonts import drawable, picture_font

__all__ = [
    "LARGEST_CHART",
    "bar_chart",
    "calibration_plot",
    "histogram",
    "line_chart",
    "matrix_chart",
    "timeline",
    "word_cloud",
]

Point = tuple[float, float]
CalibrationPoint = tuple[float, float, float, float, int]
"""Predicted share, observed share, the ends of its interval, and how many it rests on."""

# Of ordinary, marked and other points of a timeline: colour, area, and which lie above which.
_MARKS = ((COLOURS[0], 9, 2), (COLOURS[1], 26, 3), (GREY, 9, 1))


def histogram(values: Sequence[float], title: str, *, bins: int = 24, size: Size = (440, 150), font: str = "") -> bytes:
    """How often values occur, with the smallest, middle and largest value written below; equal ones as one bar."""
    import numpy as np

    letters = picture_font(font)
    values = [float(value) for value in values if math.isfinite(value)]
    if not values:
        return nothing(title, size, letters)
    low, middle, high = min(values), float(np.median(values)), max(values)
    alike = number_text(low) == number_text(high)
    # Values that are all alike have no range to divide: they stand in the middle of three bins.
    counts, edges = (np.array([0, len(values), 0]), None) if alike else np.histogram(values, bins)
    bins = len(counts)
    place = bins / 2 if edges is None else float(np.interp(middle, edges, np.arange(bins + 1)))
    figure, axes = new_axes(f"{title}, n = {len(values):,}", size, letters)
    axes.bar(range(bins), counts, width=0.9, align="edge", color=COLOURS[0])
    axes.set_xlim(0, bins)
    axes.plot([place, place], [0, counts.max()], color=INK, linewidth=1, linestyle=":")
    put_ticks(axes, "y", [0, counts.max()], ["0", f"{counts.max():,}"], letters)
    if alike:
        put_ticks(axes, "x", [place], [number_text(middle)], letters)
        return png(figure)
    put_ticks(
        axes, "x", [0, bins / 2, bins], [number_text(low), f"median {number_text(middle)}", number_text(high)], letters
    )
    for label, anchor in zip(axes.get_xticklabels(), ("left", "center", "right"), strict=True):
        label.set_horizontalalignment(anchor)
    return png(figure)


def line_chart(
    curves: Mapping[str, Sequence[Point]],
    title: str,
    *,
    x_text: Callable[[float], str] | None = None,
    size: Size = (440, 180),
    font: str = "",
) -> bytes:
    """The first eight curves of (x, y) that have a point. `x_text` writes whole values of x; without it, numbers."""
    letters = picture_font(font)
    known = {name: [point for point in curve if all(map(math.isfinite, point))] for name, curve in curves.items()}
    drawn = [(name, curve) for name, curve in known.items() if curve][: len(COLOURS)]
    if not drawn:
        return nothing(title, size, letters)
    figure, axes = new_axes(title, size, letters)
    for (name, curve), colour in zip(drawn, COLOURS, strict=False):
        xs, ys = zip(*curve, strict=True)
        # matplotlib leaves a name that begins with _ out of the legend, so all begin with a space.
        axes.plot(xs, ys, color=colour, linewidth=1.5, marker="o", markersize=3, label=f" {label_of(name, letters)}")
    points = [point for _, curve in drawn for point in curve]
    put_range(axes, "x", [point[0] for point in points], x_text, letters, most=6)
    put_range(axes, "y", [point[1] for point in points], None, letters, most=4)
    legend = put_legend(axes, letters)
    for text, colour in zip(legend.get_texts(), COLOURS, strict=False):
        text.set_color(colour)
    return png(figure)


def timeline(
    days: Mapping[str, Sequence[Point]], title: str, *, subject: str = "", size: Size = (640, 200), font: str = ""
) -> bytes:
    """Points of (day since 1970, number from 0 on) in up to three groups: ordinary ones, marked ones, and others.

    The numbers are drawn on a logarithmic scale around them; names of groups without a point are left out. The title
    is seen whole; the `subject` before it is shortened where need be.
    """
    import numpy as np

    letters = picture_font(font)
    title = title_of(subject, title, size[0], letters) if subject else title
    known = {
        name: [(day, number) for day, number in points if math.isfinite(day) and 0 <= number < math.inf]
        for name, points in days.items()
    }
    if not any(known.values()):
        return nothing(title, size, letters)
    figure, axes = new_axes(title, size, letters)
    for (name, points), (colour, area, order) in zip(known.items(), _MARKS, strict=False):
        if points:
            xs, ys = zip(*points, strict=True)
            label = f" {label_of(name, letters)}"
            axes.scatter(xs, np.log10(np.add(ys, 1)), s=area, color=colour, label=label, zorder=order, linewidths=0)
    points = [point for group in known.values() for point in group]
    put_range(axes, "x", [day for day, _ in points], _day_text, letters, most=6)
    put_logarithms(axes, [number for _, number in points], letters)
    put_legend(axes, letters)
    return png(figure)


def bar_chart(values: Mapping[str, float], title: str, *, most: int = 30, width: int = 440, font: str = "") -> bytes:
    """One bar for each of the first `most` names, in their order, with its value beside it; – where there is none."""
    shown = list(values.items())[:most]
    letters = picture_font(font)
    size = (width, 40 + 18 * max(1, len(shown)))
    if not shown:
        return nothing(title, size, letters)
    figure, axes = new_axes(title, size, letters)
    texts = [f" {number_text(number)} " if math.isfinite(number) else " – " for _, number in shown]
    numbers = [number if math.isfinite(number) else 0 for _, number in shown]
    places = range(len(shown))
    axes.barh(places, numbers, color=COLOURS[0], height=0.75)
    axes.invert_yaxis()
    low, high = min([0, *numbers]), max([0, *numbers])
    # Room for the values beside the bars.
    axes.set_xlim(low - (low < 0) * 0.15 * (high - low), high + 0.15 * (high - low) or 1)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    for place, number, text in zip(places, numbers, texts, strict=True):
        side = "right" if number < 0 else "left"
        axes.text(number, place, text, ha=side, va="center_baseline", color=INK, fontproperties=font_of(letters, TEXT))
    put_ticks(axes, "y", places, [name for name, _ in shown], letters)
    put_ticks(axes, "x", [], [], letters)
    axes.tick_params(axis="y", length=0)
    axes.spines["bottom"].set_visible(False)
    return png(figure)


def word_cloud(weights: Mapping[str, float], title: str, *, size: Size = (640, 320), font: str = "") -> bytes:
    """Words as large as they are heavy; words without a positive weight are left out."""
    from wordcloud import WordCloud

    letters = picture_font(font)
    words: dict[str, float] = {}
    for word, weight in weights.items():
        if 0 < weight < math.inf and (shown := drawable(shortened(word), letters)):
            words[shown] = words.get(shown, 0) + weight
    if not words:
        return nothing(title, size, letters, "no words")
    figure, axes = new_axes(title, size, letters)
    axes.set_axis_off()
    order = {word: place for place, word in enumerate(sorted(words, key=lambda word: (-words[word], word)))}
    cloud = WordCloud(
        font_path=str(letters),
        width=size[0],
        height=size[1] - 28,
        background_color="white",
        max_words=120,
        prefer_horizontal=1,
        max_font_size=(size[1] - 28) // 3,
        random_state=0,
        color_func=lambda word, **_: COLOURS[order[word] % len(COLOURS)],
    )
    axes.set_position((0, 0, 1, 1 - 28 / size[1]))
    axes.imshow(cloud.generate_from_frequencies({word: words[word] for word in order}).to_array(), aspect="auto")
    return png(figure)


def calibration_plot(
    points: Sequence[CalibrationPoint], title: str, *, size: Size = (360, 360), font: str = ""
) -> bytes:
    """Observed against predicted shares with their intervals: on the diagonal where what was predicted happens.

    A point that rests on nothing is not drawn.
    """
    letters = picture_font(font)
    points = [point for point in points if point[-1] > 0 and all(map(math.isfinite, point))]
    figure, axes = new_axes(title, size, letters)
    axes.plot([0, 1], [0, 1], color=PALE, linewidth=1, linestyle="--")
    largest = max((n for *_, n in points), default=1)
    for predicted, observed, low, high, n in points:
        axes.plot([predicted, predicted], [low, high], color=COLOURS[0], linewidth=1)
        axes.scatter([predicted], [observed], s=15 + 60 * n / largest, color=COLOURS[0])
        axes.text(predicted + 0.02, observed, f"{n:,}", va="top", color=INK, fontproperties=font_of(letters, TEXT))
    shares = [0, 0.25, 0.5, 0.75, 1]
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    for axis in ("x", "y"):
        put_ticks(axes, axis, shares, [f"{share:.0%}" for share in shares], letters)
    axes.set_xlabel("predicted", fontproperties=font_of(letters, TEXT), color=INK)
    axes.set_ylabel("observed", fontproperties=font_of(letters, TEXT), color=INK)
    return png(figure)


def matrix_chart(
    rows: Sequence[str], columns: Sequence[str], counts: Sequence[Sequence[float]], title: str, *, font: str = ""
) -> bytes:
    """A table of numbers, darker where they are larger: `counts[row][column]`, such as a confusion matrix."""
    import numpy as np

    numbers = np.asarray(counts, dtype=float).reshape(len(rows), len(columns))
    letters = picture_font(font)
    if not numbers.size:
        return nothing(title, (200, 100), letters)
    width = 30 + widest(rows, letters) + len(columns) * max(80, widest(columns, letters) + 16)
    figure, axes = new_axes(title, (max(width, 200), 60 + 40 * len(rows)), letters)
    largest = max(1e-12, numbers.max(initial=0, where=np.isfinite(numbers)))
    axes.imshow(numbers, cmap="Blues", vmin=0, vmax=largest, aspect="auto")
    for row, column in np.ndindex(numbers.shape):
        number = float(numbers[row, column])
        ink = "white" if number > 0.6 * largest else INK
        written = font_of(letters, TITLE)
        text = number_text(number) if math.isfinite(number) else "–"
        axes.text(column, row, text, ha="center", va="center", color=ink, fontproperties=written)
    put_ticks(axes, "x", range(len(columns)), columns, letters)
    put_ticks(axes, "y", range(len(rows)), rows, letters)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return png(figure)


def _day_text(number: float) -> str:
    try:
        return (date(1970, 1, 1) + timedelta(days=math.floor(number))).isoformat()
    except OverflowError:
        return ""
