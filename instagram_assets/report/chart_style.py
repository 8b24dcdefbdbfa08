"""The common style of charts: axes, ticks, legends and labels in one font, and PNG export of at most 100 kB."""

import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from instagram_assets.report.fonts import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

PixelSize = tuple[int, int]

INK, GREY, PALE = "#374151", "#6b7280", "#d1d5db"
# They differ in lightness too, for colour-blind readers.
PALETTE = ("#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2", "#be185d", "#4b5563")
LARGEST_CHART = 100_000
"""Most bytes of a chart, so that it can be stored in Dagster's event log."""
_DPI = 100
TITLE, TEXT = 9, 8
_LONGEST_LABEL = 28


def new_axes(title: str, size: PixelSize, letters: Path) -> tuple["Figure", "Axes"]:
    """A new figure of `size` pixels with a title, and its axes; `letters` is the font file."""
    from matplotlib.figure import Figure

    figure = Figure((size[0] / _DPI, size[1] / _DPI), dpi=_DPI, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    figure.suptitle(
        escaped_text(title, letters), x=0.02, ha="left", color=INK, fontproperties=font_properties(letters, TITLE)
    )
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)
    axes.tick_params(color=INK, length=3)
    return figure, axes


def empty_chart(title: str, size: PixelSize, letters: Path, what: str = "no values") -> bytes:
    """A chart without data as PNG, whose title contains the reason `what`."""
    figure, axes = new_axes(f"{title}: {what}" if title else what, size, letters)
    axes.set_axis_off()
    return png_bytes(figure)


def png_bytes(figure: "Figure") -> bytes:
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


def font_properties(letters: Path, points: float) -> Any:
    from matplotlib.font_manager import FontProperties

    return FontProperties(fname=str(letters), size=points)


def set_ticks(axes: "Axes", axis: str, places: Sequence[float], texts: Sequence[str], letters: Path) -> None:
    """Set ticks at `places` with labels `texts` on the axis `x` or `y`, in the font file `letters`."""
    put = axes.set_xticks if axis == "x" else axes.set_yticks
    put(places, [label_text(text, letters) for text in texts], fontproperties=font_properties(letters, TEXT), color=INK)


def add_legend(axes: "Axes", letters: Path) -> "Legend":
    """Add a legend above the chart, in the font file `letters`."""
    return axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=4,
        frameon=False,
        prop=font_properties(letters, TEXT),
        handlelength=1,
        handletextpad=0.2,
        columnspacing=1,
        borderpad=0,
        borderaxespad=0.3,
    )


def set_range(
    axes: "Axes",
    axis: str,
    values: Sequence[float],
    text: Callable[[float], str] | None,
    letters: Path,
    *,
    most: int,
) -> None:
    """Set an axis' limits to the range of the values with a margin, and about `most` round tick labels.

    A range too narrow for floating point steps gets one tick in the middle. `text` formats tick values.
    """
    from matplotlib.ticker import MaxNLocator

    first, last = min(values), max(values)
    narrow = last - first <= 1e-9 * max(abs(first), abs(last), 1e-6)
    room = (max(abs(first), abs(last)) / 2 or 0.5) if narrow else 0.04 * (last - first)
    low, high = first - room, last + room
    (axes.set_xlim if axis == "x" else axes.set_ylim)(low, high)
    found = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10], integer=text is not None).tick_values(low, high)
    places = [first] if narrow else [float(place) for place in found if low <= place <= high]
    set_ticks(axes, axis, places, [text(place) if text else f"{place:,.10g}" for place in places], letters)


def set_log_ticks(axes: "Axes", numbers: Sequence[float], letters: Path) -> None:
    """Set the y axis for values plotted as log10(1 + value): ticks at 0, 1, 10, 100 …, also at 2, 5 … if few."""
    low, high = math.log10(min(numbers) + 1), math.log10(max(numbers) + 1)
    span = max(high - low, 0.3)
    bottom, top = low - 0.08 * span, high + 0.1 * span
    for digits in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        steps = [0.0, *(digit * 10.0**power for power in range(math.ceil(top) + 1) for digit in digits)]
        shown = [step for step in steps if bottom <= math.log10(step + 1) <= top]
        if len(shown) > 2:
            break
    # Where the scale is long, 1 stands too near to 0 for both to be written.
    shown = [step for step in shown if step != 1 or span < 3]
    axes.set_ylim(bottom, top)
    set_ticks(axes, "y", [math.log10(step + 1) for step in shown], [f"{step:,.10g}" for step in shown], letters)


def label_width(labels: Sequence[str], letters: Path) -> int:
    """The width of the widest label, in pixels."""
    return int(max((_width_of(label_text(label, letters), TEXT, letters) for label in labels), default=0))


def chart_title(subject: str, what: str, width: int, letters: Path) -> str:
    """A title such as "sun_diary: likes" that fits the width: `subject` is shortened, emojis without glyph removed."""
    name = drawable(subject, letters, with_emoji=False).strip() or subject
    kept = name
    while len(kept) > 1 and _width_of(f"{kept}: {what}", TITLE, letters) > 0.92 * width:
        kept = f"{kept.removesuffix('…')[:-1].rstrip()}…"
    return f"{kept}: {what}"


def _width_of(text: str, points: float, letters: Path) -> float:
    """The width in pixels of a text of font size `points` in the font file `letters`."""
    from PIL import ImageFont

    return ImageFont.truetype(letters, points * _DPI / 72).getlength(text)


def label_text(text: str, letters: Path) -> str:
    return escaped_text(shorten_label(text), letters)


def shorten_label(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"


def escaped_text(text: str, letters: Path) -> str:
    """The text in characters of the font, with $ escaped, since matplotlib parses text between two $ as a formula."""
    return drawable(text, letters).replace("$", r"\$")


def number_text(value: float) -> str:
    if abs(value) >= 1e7:
        return f"{value:.3g}"
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.3g}"
