"""What all charts are drawn with: axes, texts in one font, and PNG of at most 100 kB."""

import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from instagram_assets.media.fonts import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

Size = tuple[int, int]

INK, GREY, PALE = "#374151", "#6b7280", "#d1d5db"
# Tell apart by lightness too, for eyes that do not see every hue.
COLOURS = ("#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2", "#be185d", "#4b5563")
LARGEST_CHART = 100_000
"""Bytes of a chart at most, so that it can be kept in Dagster's event log."""
_DPI = 100
TITLE, TEXT = 9, 8
_LONGEST_LABEL = 28


def new_axes(title: str, size: Size, letters: Path) -> tuple["Figure", "Axes"]:
    """A figure of a size in pixels with a title, and the axes to draw in."""
    from matplotlib.figure import Figure

    figure = Figure((size[0] / _DPI, size[1] / _DPI), dpi=_DPI, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    figure.suptitle(plain(title, letters), x=0.02, ha="left", color=INK, fontproperties=font_of(letters, TITLE))
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)
    axes.tick_params(color=INK, length=3)
    return figure, axes


def nothing(title: str, size: Size, letters: Path, what: str = "no values") -> bytes:
    """A picture that says that there is nothing to draw."""
    figure, axes = new_axes(f"{title}: {what}" if title else what, size, letters)
    axes.set_axis_off()
    return png(figure)


def png(figure: "Figure") -> bytes:
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


def font_of(letters: Path, points: float) -> Any:
    from matplotlib.font_manager import FontProperties

    return FontProperties(fname=str(letters), size=points)


def put_ticks(axes: "Axes", axis: str, places: Sequence[float], texts: Sequence[str], letters: Path) -> None:
    """Put texts at places of an axis: matplotlib's own would be in another font."""
    put = axes.set_xticks if axis == "x" else axes.set_yticks
    put(places, [label_of(text, letters) for text in texts], fontproperties=font_of(letters, TEXT), color=INK)


def put_legend(axes: "Axes", letters: Path) -> "Legend":
    """Name the curves or groups above the chart."""
    return axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=4,
        frameon=False,
        prop=font_of(letters, TEXT),
        handlelength=1,
        handletextpad=0.2,
        columnspacing=1,
        borderpad=0,
        borderaxespad=0.3,
    )


def put_range(
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
    put_ticks(axes, axis, places, [text(place) if text else f"{place:,.10g}" for place in places], letters)


def put_logarithms(axes: "Axes", numbers: Sequence[float], letters: Path) -> None:
    """Show the range of numbers that are drawn as log10(1 + number), with 0, 1, 10, 100 … on it, and 2 and 5 if few."""
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
    put_ticks(axes, "y", [math.log10(step + 1) for step in shown], [f"{step:,.10g}" for step in shown], letters)


def widest(labels: Sequence[str], letters: Path) -> int:
    """Pixels that the longest label takes."""
    return int(max((_width_of(label_of(label, letters), TEXT, letters) for label in labels), default=0))


def title_of(subject: str, what: str, width: int, letters: Path) -> str:
    """A title such as "sun_diary: likes", the subject shortened, and without its emoji, so that the rest is seen."""
    name = drawable(subject, letters, with_emoji=False).strip() or subject
    kept = name
    while len(kept) > 1 and _width_of(f"{kept}: {what}", TITLE, letters) > 0.92 * width:
        kept = f"{kept.removesuffix('…')[:-1].rstrip()}…"
    return f"{kept}: {what}"


def _width_of(text: str, points: float, letters: Path) -> float:
    """Pixels that a text takes."""
    from PIL import ImageFont

    return ImageFont.truetype(letters, points * _DPI / 72).getlength(text)


def label_of(text: str, letters: Path) -> str:
    return plain(shortened(text), letters)


def shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"


def plain(text: str, letters: Path) -> str:
    """Text as the font can show it; two dollars would make it a formula."""
    return drawable(text, letters).replace("$", r"\$")


def number_text(value: float) -> str:
    if abs(value) >= 1e7:
        return f"{value:.3g}"
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.3g}"
