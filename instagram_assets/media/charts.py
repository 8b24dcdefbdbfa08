"""Charts for people, small enough to log: PNG of at most 100 kB, on white, so that they read on any page.

Drawn without pyplot, which keeps every figure in the process and is not made for threads. The same numbers give the
same bytes on one machine. `font` is the font file that the settings name, which may be none: see `media.fonts`.
What is no finite number is not drawn; where nothing is left, the title says so.
"""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from instagram_assets.media.fonts import drawable, picture_font

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Size = tuple[int, int]
Point = tuple[float, float]
CalibrationPoint = tuple[float, float, float, float, int]
"""Predicted share, observed share, the ends of its interval, and how many it rests on."""

_INK, _PALE = "#374151", "#d1d5db"
# Tell apart by lightness too, for eyes that do not see every hue.
_COLOURS = ("#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2", "#be185d", "#4b5563")
LARGEST_CHART = 100_000
"""Bytes of a chart at most, so that it can be kept in Dagster's event log."""
_DPI = 100
_TITLE, _TEXT = 9, 8
_LONGEST_LABEL = 28


def histogram(values: Sequence[float], title: str, *, bins: int = 24, size: Size = (440, 150), font: str = "") -> bytes:
    """How often values occur, with the smallest, middle and largest value written below; equal ones as one bar."""
    import numpy as np

    letters = picture_font(font)
    values = [float(value) for value in values if math.isfinite(value)]
    if not values:
        return _nothing(title, size, letters)
    low, middle, high = min(values), float(np.median(values)), max(values)
    alike = _number(low) == _number(high)
    # Values that are all alike have no range to divide: they stand in the middle of three bins.
    counts, edges = (np.array([0, len(values), 0]), None) if alike else np.histogram(values, bins)
    bins = len(counts)
    place = bins / 2 if edges is None else float(np.interp(middle, edges, np.arange(bins + 1)))
    figure, axes = _axes(f"{title}, n = {len(values):,}", size, letters)
    axes.bar(range(bins), counts, width=0.9, align="edge", color=_COLOURS[0])
    axes.set_xlim(0, bins)
    axes.plot([place, place], [0, counts.max()], color=_INK, linewidth=1, linestyle=":")
    _ticks(axes, "y", [0, counts.max()], ["0", f"{counts.max():,}"], letters)
    if alike:
        _ticks(axes, "x", [place], [_number(middle)], letters)
        return _png(figure)
    _ticks(axes, "x", [0, bins / 2, bins], [_number(low), f"median {_number(middle)}", _number(high)], letters)
    for label, anchor in zip(axes.get_xticklabels(), ("left", "center", "right"), strict=True):
        label.set_horizontalalignment(anchor)
    return _png(figure)


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
    drawn = [(name, curve) for name, curve in known.items() if curve][: len(_COLOURS)]
    if not drawn:
        return _nothing(title, size, letters)
    figure, axes = _axes(title, size, letters)
    for (name, curve), colour in zip(drawn, _COLOURS, strict=False):
        xs, ys = zip(*curve, strict=True)
        # matplotlib leaves a name that begins with _ out of the legend, so all begin with a space.
        axes.plot(xs, ys, color=colour, linewidth=1.5, marker="o", markersize=3, label=f" {_label(name, letters)}")
    points = [point for _, curve in drawn for point in curve]
    _range(axes, "x", [point[0] for point in points], x_text, letters, most=6)
    _range(axes, "y", [point[1] for point in points], None, letters, most=4)
    legend = axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=4,
        frameon=False,
        prop=_font(letters, _TEXT),
        handlelength=1,
        handletextpad=0.2,
        columnspacing=1,
        borderpad=0,
        borderaxespad=0.3,
    )
    for text, colour in zip(legend.get_texts(), _COLOURS, strict=False):
        text.set_color(colour)
    return _png(figure)


def bar_chart(values: Mapping[str, float], title: str, *, most: int = 30, width: int = 440, font: str = "") -> bytes:
    """One bar for each of the first `most` names, in their order, with its value beside it; – where there is none."""
    shown = list(values.items())[:most]
    letters = picture_font(font)
    size = (width, 40 + 18 * max(1, len(shown)))
    if not shown:
        return _nothing(title, size, letters)
    figure, axes = _axes(title, size, letters)
    texts = [f" {_number(number)} " if math.isfinite(number) else " – " for _, number in shown]
    numbers = [number if math.isfinite(number) else 0 for _, number in shown]
    places = range(len(shown))
    axes.barh(places, numbers, color=_COLOURS[0], height=0.75)
    axes.invert_yaxis()
    low, high = min([0, *numbers]), max([0, *numbers])
    # Room for the values beside the bars.
    axes.set_xlim(low - (low < 0) * 0.15 * (high - low), high + 0.15 * (high - low) or 1)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    for place, number, text in zip(places, numbers, texts, strict=True):
        side = "right" if number < 0 else "left"
        axes.text(number, place, text, ha=side, va="center_baseline", color=_INK, fontproperties=_font(letters, _TEXT))
    _ticks(axes, "y", places, [name for name, _ in shown], letters)
    _ticks(axes, "x", [], [], letters)
    axes.tick_params(axis="y", length=0)
    axes.spines["bottom"].set_visible(False)
    return _png(figure)


def word_cloud(weights: Mapping[str, float], title: str, *, size: Size = (640, 320), font: str = "") -> bytes:
    """Words as large as they are heavy; words without a positive weight are left out."""
    from wordcloud import WordCloud

    letters = picture_font(font)
    words: dict[str, float] = {}
    for word, weight in weights.items():
        if 0 < weight < math.inf and (shown := drawable(_shortened(word), letters)):
            words[shown] = words.get(shown, 0) + weight
    if not words:
        return _nothing(title, size, letters, "no words")
    figure, axes = _axes(title, size, letters)
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
        color_func=lambda word, **_: _COLOURS[order[word] % len(_COLOURS)],
    )
    axes.set_position((0, 0, 1, 1 - 28 / size[1]))
    axes.imshow(cloud.generate_from_frequencies({word: words[word] for word in order}).to_array(), aspect="auto")
    return _png(figure)


def calibration_plot(
    points: Sequence[CalibrationPoint], title: str, *, size: Size = (360, 360), font: str = ""
) -> bytes:
    """Observed against predicted shares with their intervals: on the diagonal where what was predicted happens.

    A point that rests on nothing is not drawn.
    """
    letters = picture_font(font)
    points = [point for point in points if point[-1] > 0 and all(map(math.isfinite, point))]
    figure, axes = _axes(title, size, letters)
    axes.plot([0, 1], [0, 1], color=_PALE, linewidth=1, linestyle="--")
    largest = max((n for *_, n in points), default=1)
    for predicted, observed, low, high, n in points:
        axes.plot([predicted, predicted], [low, high], color=_COLOURS[0], linewidth=1)
        axes.scatter([predicted], [observed], s=15 + 60 * n / largest, color=_COLOURS[0])
        axes.text(predicted + 0.02, observed, f"{n:,}", va="top", color=_INK, fontproperties=_font(letters, _TEXT))
    shares = [0, 0.25, 0.5, 0.75, 1]
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    for axis in ("x", "y"):
        _ticks(axes, axis, shares, [f"{share:.0%}" for share in shares], letters)
    axes.set_xlabel("predicted", fontproperties=_font(letters, _TEXT), color=_INK)
    axes.set_ylabel("observed", fontproperties=_font(letters, _TEXT), color=_INK)
    return _png(figure)


def matrix_chart(
    rows: Sequence[str], columns: Sequence[str], counts: Sequence[Sequence[float]], title: str, *, font: str = ""
) -> bytes:
    """A table of numbers, darker where they are larger: `counts[row][column]`, such as a confusion matrix."""
    import numpy as np

    numbers = np.asarray(counts, dtype=float).reshape(len(rows), len(columns))
    letters = picture_font(font)
    if not numbers.size:
        return _nothing(title, (200, 100), letters)
    width = 30 + _widest(rows, letters) + len(columns) * max(80, _widest(columns, letters) + 16)
    figure, axes = _axes(title, (max(width, 200), 60 + 40 * len(rows)), letters)
    largest = max(1e-12, numbers.max(initial=0, where=np.isfinite(numbers)))
    axes.imshow(numbers, cmap="Blues", vmin=0, vmax=largest, aspect="auto")
    for row, column in np.ndindex(numbers.shape):
        number = float(numbers[row, column])
        ink = "white" if number > 0.6 * largest else _INK
        written = _font(letters, _TITLE)
        text = _number(number) if math.isfinite(number) else "–"
        axes.text(column, row, text, ha="center", va="center", color=ink, fontproperties=written)
    _ticks(axes, "x", range(len(columns)), columns, letters)
    _ticks(axes, "y", range(len(rows)), rows, letters)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return _png(figure)


def _axes(title: str, size: Size, letters: Path) -> tuple["Figure", "Axes"]:
    from matplotlib.figure import Figure

    figure = Figure((size[0] / _DPI, size[1] / _DPI), dpi=_DPI, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    figure.suptitle(_plain(title, letters), x=0.02, ha="left", color=_INK, fontproperties=_font(letters, _TITLE))
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_INK)
    axes.tick_params(color=_INK, length=3)
    return figure, axes


def _nothing(title: str, size: Size, letters: Path, what: str = "no values") -> bytes:
    """A picture that says that there is nothing to draw."""
    figure, axes = _axes(f"{title}: {what}" if title else what, size, letters)
    axes.set_axis_off()
    return _png(figure)


def _png(figure: "Figure") -> bytes:
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    if out.tell() > LARGEST_CHART:
        out = io.BytesIO()
        picture.quantize(32).save(out, "PNG", optimize=True)
    return out.getvalue()


def _font(letters: Path, points: float) -> Any:
    from matplotlib.font_manager import FontProperties

    return FontProperties(fname=str(letters), size=points)


def _ticks(axes: "Axes", axis: str, places: Sequence[float], texts: Sequence[str], letters: Path) -> None:
    """Put texts at places of an axis: matplotlib's own would be in another font."""
    put = axes.set_xticks if axis == "x" else axes.set_yticks
    put(places, [_label(text, letters) for text in texts], fontproperties=_font(letters, _TEXT), color=_INK)


def _range(
    axes: "Axes",
    axis: str,
    values: Sequence[float],
    text: Callable[[float], str] | None,
    letters: Path,
    *,
    most: int,
) -> None:
    """Show the range of the values with some room around it, and about `most` round numbers of it.

    A range too narrow to be divided is one value in the middle: around it there is nothing to tell of.
    """
    from matplotlib.ticker import MaxNLocator

    first, last = min(values), max(values)
    narrow = last - first <= 1e-9 * max(abs(first), abs(last), 1e-6)
    room = (max(abs(first), abs(last)) / 2 or 0.5) if narrow else 0.04 * (last - first)
    low, high = first - room, last + room
    (axes.set_xlim if axis == "x" else axes.set_ylim)(low, high)
    found = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10], integer=text is not None).tick_values(low, high)
    places = [first] if narrow else [float(place) for place in found if low <= place <= high]
    _ticks(axes, axis, places, [text(place) if text else f"{place:,.10g}" for place in places], letters)


def _widest(labels: Sequence[str], letters: Path) -> int:
    """Pixels that the longest label takes."""
    from PIL import ImageFont

    font = ImageFont.truetype(letters, _TEXT * _DPI / 72)
    return int(max((font.getlength(_label(label, letters)) for label in labels), default=0))


def _label(text: str, letters: Path) -> str:
    return _plain(_shortened(text), letters)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"


def _plain(text: str, letters: Path) -> str:
    """Text as the font can show it; two dollars would make it a formula."""
    return drawable(text, letters).replace("$", r"\$")


def _number(value: float) -> str:
    if abs(value) >= 1e7:
        return f"{value:.3g}"
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.3g}"
