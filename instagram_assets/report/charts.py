"""Charts as PNG of at most 100 kB: histogram, lines, timeline, bars, word cloud, calibration plot, matrix.

pyplot is not used, since it keeps every figure in memory and is not thread-safe. Output is deterministic on one
machine. `font` is the font file of the settings, empty for the packaged font (see `report.fonts`). NaN and infinite
values are omitted; the title of a chart without values says so.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

from instagram_assets.report.chart_style import (
    GREY,
    INK,
    LARGEST_CHART,
    PALE,
    PALETTE,
    TEXT,
    TITLE,
    PixelSize,
    add_legend,
    chart_title,
    empty_chart,
    font_properties,
    label_text,
    label_width,
    new_axes,
    number_text,
    png_bytes,
    set_log_ticks,
    set_range,
    set_ticks,
    shorten_label,
)
from instagram_assets.report.fonts import drawable, picture_font

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

_Point = tuple[float, float]
_CalibrationPoint = tuple[float, float, float, float, int]
"""Predicted share, observed share, both ends of its confidence interval, and the sample size."""

# Of ordinary, highlighted and other points of a timeline: colour, area, and drawing order.
_POINT_STYLES = ((PALETTE[0], 9, 2), (PALETTE[1], 26, 3), (GREY, 9, 1))


def histogram(
    values: Sequence[float], title: str, *, bins: int = 24, size: PixelSize = (440, 150), font: str = ""
) -> bytes:
    """A histogram of the values with minimum, median and maximum as ticks; one bar if all values are equal."""
    import numpy as np

    letters = picture_font(font)
    values = [float(value) for value in values if math.isfinite(value)]
    if not values:
        return empty_chart(title, size, letters)
    low, middle, high = min(values), float(np.median(values)), max(values)
    alike = number_text(low) == number_text(high)
    # Values that are all alike have no range to divide: they stand in the middle of three bins.
    counts, edges = (np.array([0, len(values), 0]), None) if alike else np.histogram(values, bins)
    bins = len(counts)
    position = bins / 2 if edges is None else float(np.interp(middle, edges, np.arange(bins + 1)))
    figure, axes = new_axes(f"{title}, n = {len(values):,}", size, letters)
    axes.bar(range(bins), counts, width=0.9, align="edge", color=PALETTE[0])
    axes.set_xlim(0, bins)
    axes.plot([position, position], [0, counts.max()], color=INK, linewidth=1, linestyle=":")
    set_ticks(axes, "y", [0, counts.max()], ["0", f"{counts.max():,}"], letters)
    if alike:
        set_ticks(axes, "x", [position], [number_text(middle)], letters)
        return png_bytes(figure)
    set_ticks(
        axes, "x", [0, bins / 2, bins], [number_text(low), f"median {number_text(middle)}", number_text(high)], letters
    )
    for label, anchor in zip(axes.get_xticklabels(), ("left", "center", "right"), strict=True):
        label.set_horizontalalignment(anchor)
    return png_bytes(figure)


def line_chart(
    curves: Mapping[str, Sequence[_Point]],
    title: str,
    *,
    x_text: Callable[[float], str] | None = None,
    size: PixelSize = (440, 180),
    font: str = "",
) -> bytes:
    """A line chart of the first eight non-empty curves (lists of (x, y)); `x_text` formats integer values of x."""
    letters = picture_font(font)
    known = {name: [point for point in curve if all(map(math.isfinite, point))] for name, curve in curves.items()}
    drawn = [(name, curve) for name, curve in known.items() if curve][: len(PALETTE)]
    if not drawn:
        return empty_chart(title, size, letters)
    figure, axes = new_axes(title, size, letters)
    for (name, curve), colour in zip(drawn, PALETTE, strict=False):
        xs, ys = zip(*curve, strict=True)
        # matplotlib leaves a name that begins with _ out of the legend, so all begin with a space.
        axes.plot(xs, ys, color=colour, linewidth=1.5, marker="o", markersize=3, label=f" {label_text(name, letters)}")
    points = [point for _, curve in drawn for point in curve]
    set_range(axes, "x", [point[0] for point in points], x_text, letters, most=6)
    set_range(axes, "y", [point[1] for point in points], None, letters, most=4)
    legend = add_legend(axes, letters)
    for text, colour in zip(legend.get_texts(), PALETTE, strict=False):
        text.set_color(colour)
    return png_bytes(figure)


def timeline(
    days: Mapping[str, Sequence[_Point]], title: str, *, subject: str = "", size: PixelSize = (640, 200), font: str = ""
) -> bytes:
    """A scatter chart over time of (days since 1970, number ≥ 0) in up to three groups: ordinary, highlighted, others.

    `days` maps the name of each group, in this order, to its points. Values are on a logarithmic scale. Empty groups
    are omitted from the legend. `subject`, such as the account, is a prefix of the title and is shortened if both do
    not fit.
    """
    import numpy as np

    letters = picture_font(font)
    title = chart_title(subject, title, size[0], letters) if subject else title
    known = {
        name: [(day, number) for day, number in points if math.isfinite(day) and 0 <= number < math.inf]
        for name, points in days.items()
    }
    if not any(known.values()):
        return empty_chart(title, size, letters)
    figure, axes = new_axes(title, size, letters)
    for (name, points), (colour, area, order) in zip(known.items(), _POINT_STYLES, strict=False):
        if points:
            xs, ys = zip(*points, strict=True)
            label = f" {label_text(name, letters)}"
            axes.scatter(xs, np.log10(np.add(ys, 1)), s=area, color=colour, label=label, zorder=order, linewidths=0)
    points = [point for group in known.values() for point in group]
    set_range(axes, "x", [day for day, _ in points], _day_text, letters, most=6)
    set_log_ticks(axes, [number for _, number in points], letters)
    add_legend(axes, letters)
    return png_bytes(figure)


def bar_chart(values: Mapping[str, float], title: str, *, most: int = 30, width: int = 440, font: str = "") -> bytes:
    """A horizontal bar chart of the first `most` values in their order, labelled with the value (– if not finite)."""
    shown = list(values.items())[:most]
    letters = picture_font(font)
    size = (width, 40 + 18 * max(1, len(shown)))
    if not shown:
        return empty_chart(title, size, letters)
    figure, axes = new_axes(title, size, letters)
    texts = [f" {number_text(number)} " if math.isfinite(number) else " – " for _, number in shown]
    numbers = [number if math.isfinite(number) else 0 for _, number in shown]
    positions = range(len(shown))
    axes.barh(positions, numbers, color=PALETTE[0], height=0.75)
    axes.invert_yaxis()
    low, high = min([0, *numbers]), max([0, *numbers])
    # Room for the values beside the bars.
    axes.set_xlim(low - (low < 0) * 0.15 * (high - low), high + 0.15 * (high - low) or 1)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    for position, number, text in zip(positions, numbers, texts, strict=True):
        side = "right" if number < 0 else "left"
        axes.text(
            number,
            position,
            text,
            ha=side,
            va="center_baseline",
            color=INK,
            fontproperties=font_properties(letters, TEXT),
        )
    set_ticks(axes, "y", positions, [name for name, _ in shown], letters)
    set_ticks(axes, "x", [], [], letters)
    axes.tick_params(axis="y", length=0)
    axes.spines["bottom"].set_visible(False)
    return png_bytes(figure)


def word_cloud(weights: Mapping[str, float], title: str, *, size: PixelSize = (640, 320), font: str = "") -> bytes:
    """A word cloud with font sizes by weight; words without a positive weight are omitted."""
    from wordcloud import WordCloud

    letters = picture_font(font)
    words: dict[str, float] = {}
    for word, weight in weights.items():
        if 0 < weight < math.inf and (shown := drawable(shorten_label(word), letters)):
            words[shown] = words.get(shown, 0) + weight
    if not words:
        return empty_chart(title, size, letters, "no words")
    figure, axes = new_axes(title, size, letters)
    axes.set_axis_off()
    order = {word: rank for rank, word in enumerate(sorted(words, key=lambda word: (-words[word], word)))}
    cloud = WordCloud(
        font_path=str(letters),
        width=size[0],
        height=size[1] - 28,
        background_color="white",
        max_words=120,
        prefer_horizontal=1,
        max_font_size=(size[1] - 28) // 3,
        random_state=0,
        color_func=lambda word, **_: PALETTE[order[word] % len(PALETTE)],
    )
    axes.set_position((0, 0, 1, 1 - 28 / size[1]))
    axes.imshow(cloud.generate_from_frequencies({word: words[word] for word in order}).to_array(), aspect="auto")
    return png_bytes(figure)


def calibration_plot(
    points: Sequence[_CalibrationPoint], title: str, *, size: PixelSize = (360, 360), font: str = ""
) -> bytes:
    """A reliability diagram: observed against predicted fractions (0–1) with confidence intervals and the diagonal.

    Points with a sample size of 0 are not drawn.
    """
    letters = picture_font(font)
    points = [point for point in points if point[-1] > 0 and all(map(math.isfinite, point))]
    figure, axes = new_axes(title, size, letters)
    axes.plot([0, 1], [0, 1], color=PALE, linewidth=1, linestyle="--")
    largest = max((n for *_, n in points), default=1)
    for predicted, observed, low, high, n in points:
        axes.plot([predicted, predicted], [low, high], color=PALETTE[0], linewidth=1)
        axes.scatter([predicted], [observed], s=15 + 60 * n / largest, color=PALETTE[0])
        axes.text(
            predicted + 0.02, observed, f"{n:,}", va="top", color=INK, fontproperties=font_properties(letters, TEXT)
        )
    shares = [0, 0.25, 0.5, 0.75, 1]
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    for axis in ("x", "y"):
        set_ticks(axes, axis, shares, [f"{share:.0%}" for share in shares], letters)
    axes.set_xlabel("predicted", fontproperties=font_properties(letters, TEXT), color=INK)
    axes.set_ylabel("observed", fontproperties=font_properties(letters, TEXT), color=INK)
    return png_bytes(figure)


def matrix_chart(
    rows: Sequence[str], columns: Sequence[str], counts: Sequence[Sequence[float]], title: str, *, font: str = ""
) -> bytes:
    """A heat map of `counts[row][column]` with the number in each cell, such as a confusion matrix."""
    import numpy as np

    numbers = np.asarray(counts, dtype=float).reshape(len(rows), len(columns))
    letters = picture_font(font)
    if not numbers.size:
        return empty_chart(title, (200, 100), letters)
    width = 30 + label_width(rows, letters) + len(columns) * max(80, label_width(columns, letters) + 16)
    figure, axes = new_axes(title, (max(width, 200), 60 + 40 * len(rows)), letters)
    largest = max(1e-12, numbers.max(initial=0, where=np.isfinite(numbers)))
    axes.imshow(numbers, cmap="Blues", vmin=0, vmax=largest, aspect="auto")
    for row, column in np.ndindex(numbers.shape):
        number = float(numbers[row, column])
        ink = "white" if number > 0.6 * largest else INK
        written = font_properties(letters, TITLE)
        text = number_text(number) if math.isfinite(number) else "–"
        axes.text(column, row, text, ha="center", va="center", color=ink, fontproperties=written)
    set_ticks(axes, "x", range(len(columns)), columns, letters)
    set_ticks(axes, "y", range(len(rows)), rows, letters)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return png_bytes(figure)


def _day_text(number: float) -> str:
    try:
        return (date(1970, 1, 1) + timedelta(days=math.floor(number))).isoformat()
    except OverflowError:
        return ""
