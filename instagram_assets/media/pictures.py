"""Small pictures for people: contact sheets and histograms, small enough to log."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from instagram_assets.media.decode import DecodeError, open_image
from instagram_assets.media.outcomes import Refused

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST_SHEET = 100_000
_BLUE = (37, 99, 235)
_INK = (55, 65, 81)


def contact_sheet(files: Sequence[Path], *, columns: int = 8, rows: int = 5, tile: int = 112) -> bytes:
    """Thumbnails of up to `columns` × `rows` image files, spread evenly over them, as a JPEG of at most 100 kB.

    A file that cannot be drawn leaves a grey tile.
    """
    from PIL import Image

    shown = _spread(list(files), columns * rows)
    used = -(-len(shown) // columns)
    sheet = Image.new("RGB", (min(columns, len(shown)) * (tile + 4) - 4, used * (tile + 4) - 4), "white")
    for place, file in enumerate(shown):
        corner = (place % columns * (tile + 4), place // columns * (tile + 4))
        sheet.paste(_thumbnail(file, tile), corner)
    for quality in (80, 65, 50, 35, 20):
        out = io.BytesIO()
        sheet.save(out, "JPEG", quality=quality, optimize=True)
        if out.tell() <= LARGEST_SHEET:
            break
    return out.getvalue()


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


def _spread(files: list[Path], most: int) -> list[Path]:
    if len(files) <= most:
        return files
    return [files[place * len(files) // most] for place in range(most)]


def _thumbnail(file: Path, tile: int) -> "Image":
    from PIL import Image as images
    from PIL import ImageOps

    try:
        return ImageOps.fit(open_image(file, draft=tile * 2), (tile, tile))
    except (DecodeError, Refused, FileNotFoundError):
        return images.new("RGB", (tile, tile), "lightgrey")
