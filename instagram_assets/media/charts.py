"""Histograms and line charts for people, small enough to log."""

import io
from collections.abc import Mapping, Sequence

_BLUE = (37, 99, 235)
_INK = (55, 65, 81)
_LINES = (_BLUE, (220, 38, 38), (5, 150, 105), (217, 119, 6))


def histogram(values: Sequence[float], title: str, *, bins: int = 24, size: tuple[int, int] = (440, 150)) -> bytes:
    """How often values occur, as a small PNG with the smallest, middle and largest value written below."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    counts, _ = np.histogram(np.asarray(values, dtype=float), bins=bins)
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(12)
    width, height = size
    step = (width - 20) / bins
    draw.text((10, 4), f"{title}   n = {len(values)}", fill=_INK, font=font)
    for place, count in enumerate(counts):
        top = height - 24 - (height - 50) * count / max(1, counts.max())
        draw.rectangle([10 + place * step, top, 10 + (place + 1) * step - 2, height - 24], fill=_BLUE)
    draw.line([10, height - 24, width - 10, height - 24], fill=_INK)
    low, middle, high = (f"{value:.3g}" for value in (min(values), float(np.median(values)), max(values)))
    draw.text((10, height - 20), low, fill=_INK, font=font)
    draw.text((width / 2, height - 20), f"median {middle}", fill=_INK, font=font, anchor="ma")
    draw.text((width - 10, height - 20), high, fill=_INK, font=font, anchor="ra")
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def line_chart(
    curves: Mapping[str, Sequence[tuple[float, float]]], title: str, *, size: tuple[int, int] = (440, 180)
) -> bytes:
    """Up to four curves of (x, y), each at least one point, as a small PNG with the ranges written beside the axes."""
    from PIL import Image, ImageDraw, ImageFont

    xs, ys = ([point[axis] for curve in curves.values() for point in curve] for axis in (0, 1))
    (left, right), (low, high) = (min(xs), max(xs)), (min(ys), max(ys))
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(12)
    width, height = size

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x, y = (point[0] - left) / ((right - left) or 1), (point[1] - low) / ((high - low) or 1)
        return 45 + x * (width - 65), height - 26 - y * (height - 74)

    draw.text((10, 4), title, fill=_INK, font=font)
    at = 45.0
    for (name, curve), colour in zip(curves.items(), _LINES, strict=False):
        points = [place(point) for point in curve]
        draw.line(points, fill=colour, width=2)
        for x, y in points:
            draw.ellipse([x - 2, y - 2, x + 2, y + 2], fill=colour)
        draw.text((at, 20), name, fill=colour, font=font)
        at += draw.textlength(name, font=font) + 14
    draw.line([40, 44, 40, height - 22, width - 10, height - 22], fill=_INK)
    for text, corner, anchor in (
        (f"{high:.3g}", (36, 48), "rm"),
        (f"{low:.3g}", (36, height - 26), "rm"),
        (f"{left:.3g}", (45, height - 18), "la"),
        (f"{right:.3g}", (width - 20, height - 18), "ra"),
    ):
        draw.text(corner, text, fill=_INK, font=font, anchor=anchor)
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()
