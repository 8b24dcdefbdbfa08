"""Contact sheets: thumbnails of images with captions or group labels, as JPEG of at most 100 kB."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from instagram_assets.errors import DecodeError, MediaRefusedError
from instagram_assets.media.decode import open_image
from instagram_assets.report.fonts import drawable, picture_font

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

_T = TypeVar("_T")

LARGEST_SHEET = 100_000
"""Most bytes of a sheet, so that it can be stored in Dagster's event log."""
TILES_PER_ROW = 8
"""Thumbnails in a row of `labelled_sheet`."""
_GAP = 4
_INK = (31, 41, 55)


def contact_sheet(files: Sequence[Path], *, columns: int = 8, rows: int = 5, tile: int = 112) -> bytes:
    """A JPEG of at most 100 kB with thumbnails of `columns` × `rows` image files, sampled evenly from `files`.

    A file that cannot be decoded is drawn as a grey tile.
    """
    shown = evenly_spaced(files, columns * rows)
    return _sheet([[_thumbnail(file, tile) for file in line] for line in _lines(shown, columns)])


def captioned_sheet(
    tiles: Sequence[tuple[Path, str]],
    *,
    columns: int = 5,
    rows: int = 4,
    tile: int = 172,
    text_lines: int = 3,
    font: str = "",
) -> bytes:
    """A JPEG of at most 100 kB with thumbnails and a caption below each; `tiles` are (image file, caption)."""
    letters = picture_font(font)
    shown = evenly_spaced(tiles, columns * rows)
    return _sheet(
        [[_with_text(file, text, tile, text_lines, letters) for file, text in line] for line in _lines(shown, columns)]
    )


def labelled_sheet(
    groups: Sequence[tuple[str, Sequence[Path]]], *, columns: int = TILES_PER_ROW, tile: int = 108, font: str = ""
) -> bytes:
    """A JPEG with one row of thumbnails per group, sampled evenly from its files, below the group's label."""
    letters = picture_font(font)
    lines: list[list[Image]] = []
    for label, files in groups:
        lines += [
            [_label(label, columns * (tile + _GAP), letters)],
            [_thumbnail(file, tile) for file in evenly_spaced(files, columns)],
        ]
    return _sheet(lines)


def evenly_spaced(items: Sequence[_T], most: int = TILES_PER_ROW) -> Sequence[_T]:
    """At most `most` items at evenly spaced positions; all items if there are no more than `most`."""
    if len(items) <= most:
        return items
    return [items[index * len(items) // most] for index in range(most)]


def _sheet(lines: Sequence[Sequence["Image"]]) -> bytes:
    """Combines rows of equally high images into one JPEG of at most 100 kB."""
    from PIL import Image

    lines = [line for line in lines if line]
    width = max(sum(picture.width + _GAP for picture in line) for line in lines) - _GAP
    height = sum(max(picture.height for picture in line) + _GAP for line in lines) - _GAP
    sheet = Image.new("RGB", (width, height), "white")
    top = 0
    for line in lines:
        left = 0
        for picture in line:
            sheet.paste(picture, (left, top))
            left += picture.width + _GAP
        top += max(picture.height for picture in line) + _GAP
    for quality in (80, 65, 50, 35, 20):
        out = io.BytesIO()
        sheet.save(out, "JPEG", quality=quality, optimize=True)
        if out.tell() <= LARGEST_SHEET:
            break
    return out.getvalue()


def _with_text(file: Path, text: str, tile: int, text_lines: int, letters: Path) -> "Image":
    from PIL import Image, ImageDraw

    font = _font(letters, 13)
    card = Image.new("RGB", (tile, tile + 4 + 16 * text_lines), "white")
    card.paste(_thumbnail(file, tile), (0, 0))
    draw = ImageDraw.Draw(card)
    for number, line in enumerate(_wrapped(drawable(text, letters), font, tile, text_lines)):
        # From the line that letters stand on: fonts differ in how much room they leave above.
        draw.text((2, tile + 14 + 16 * number), line, fill=_INK, font=font, anchor="ls")
    return card


def _wrapped(text: str, font: "FreeTypeFont", width: int, most: int) -> list[str]:
    """The text wrapped into lines of at most `width` pixels, truncated with an ellipsis after `most` lines."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > most:
        lines = [*lines[: most - 1], f"{lines[most - 1]} …"]
    return lines


def _label(text: str, width: int, letters: Path) -> "Image":
    from PIL import Image, ImageDraw

    label = Image.new("RGB", (width, 20), "white")
    text = drawable(text, letters)
    ImageDraw.Draw(label).text((0, 15), text, fill=_INK, font=_font(letters, 14), anchor="ls")
    return label


def _font(letters: Path, size: int) -> "FreeTypeFont":
    from PIL import ImageFont

    return ImageFont.truetype(letters, size)


def _thumbnail(file: Path, tile: int) -> "Image":
    from PIL import Image as images
    from PIL import ImageOps

    try:
        return ImageOps.fit(open_image(file, draft=tile * 2), (tile, tile))
    except (DecodeError, MediaRefusedError, FileNotFoundError):
        return images.new("RGB", (tile, tile), "lightgrey")


def _lines(items: Sequence[_T], columns: int) -> list[Sequence[_T]]:
    return [items[start : start + columns] for start in range(0, len(items), columns)]
