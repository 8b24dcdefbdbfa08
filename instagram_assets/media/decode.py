"""Decodes image files to upright 8-bit RGB or grey pixels, and re-encodes them as JPEG without metadata.

Orientation, transparency, palettes, CMYK and 16-bit channels are handled only here, so that callers need not handle
them.
"""

import io
import re
import struct
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from instagram_assets.errors import DecodeError, MediaRefusedError
from instagram_assets.media.verify import MAX_MEGAPIXELS, check_size

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
"""The formats that Pillow may open: with all formats allowed it would run Ghostscript for an EPS."""
_PILLOW = ("ignore", None, Warning, re.compile(r"PIL\."), 0)
_ORIENTATION = 0x0112


def open_image(path: Path, max_megapixels: float = MAX_MEGAPIXELS, draft: int = 0, fit: int = 0) -> "Image":
    """Returns the image as 8-bit RGB, upright, composited on white if transparent; the first frame of an animation.

    A JPEG can be decoded at a reduced size, which is much faster: with `draft` both sides have at least that many
    pixels, with `fit` the longer side has, as for a thumbnail that fits into a square. 0: full size. Raises DecodeError
    for a damaged, unknown or missing file and MediaRefusedError for one with too many pixels.
    """
    with _opened(path, max_megapixels) as picture:
        if draft:
            picture.draft("RGB", (draft, draft))
        elif fit:
            picture.draft("RGB", _fitted(picture.size, fit))
        picture.load()
        return _upright(_in_mode("RGB", _on_white(picture)), picture)


def open_grey(path: Path, max_megapixels: float = MAX_MEGAPIXELS) -> "Image":
    """Returns the image's luminance as 8-bit grey, otherwise like `open_image`, in about two thirds of the time.

    For a JPEG it is the luminance channel stored in the file, as read by OpenCV with IMREAD_GRAYSCALE: colours are not
    decoded, so there is no second rounding. Raises the same errors as `open_image`.
    """
    with _opened(path, max_megapixels) as picture:
        picture.draft("L", None)
        picture.load()
        return _upright(_in_mode("L", _on_white(picture)), picture)


def reencode(image: "Image", quality: int = 90) -> bytes:
    """Returns the image as a JPEG with its pixels only: no EXIF, location, comment or colour profile."""
    from PIL import Image

    bare = Image.frombytes("RGB", image.size, image.convert("RGB").tobytes())
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


@contextmanager
def _opened(path: Path, max_megapixels: float) -> Generator["Image"]:
    """Context manager that yields an image with its size checked; converts Pillow's errors to ours."""
    from PIL import Image, UnidentifiedImageError

    _silence_pillow()
    try:
        with Image.open(path, formats=_known_formats()) as picture:
            check_size(picture.width, picture.height, max_megapixels)
            yield picture
    except Image.DecompressionBombError:
        raise MediaRefusedError("far too many pixels") from None
    except UnidentifiedImageError:
        raise DecodeError(str(path), "not a picture of a known format") from None
    except FileNotFoundError:
        raise DecodeError(str(path), "the file is missing") from None
    except (OSError, SyntaxError, ValueError, LookupError, TypeError, EOFError, struct.error) as error:
        # The reason of a system error, without the path: reasons are stored in tables.
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise DecodeError(str(path), f"cannot be decoded ({reason})") from error


def _fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Returns width and height scaled so that the longer one is `side`, rounded up."""
    longer = max(size)
    return -(-size[0] * side // longer), -(-size[1] * side // longer)


def _silence_pillow() -> None:
    """Suppress Pillow's warnings about large images, for which we have our own limit, and about invalid metadata.

    The filter is never removed: restoring filters, as `warnings.catch_warnings` does, is not thread-safe.
    """
    if warnings.filters[:1] != [_PILLOW]:
        warnings.filterwarnings("ignore", module=_PILLOW[3].pattern)


def _known_formats() -> tuple[str, ...]:
    from PIL import features

    return IMAGE_FORMATS if features.check("avif") else IMAGE_FORMATS[:-1]


def _on_white(picture: "Image") -> "Image":
    from PIL import Image

    if picture.mode.startswith("I"):
        # 16 bits per channel: Pillow's own conversion clips all values above 255.
        return picture.convert("F").point(lambda value: value * (255 / 65535)).convert("L")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        page = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(page, layer).convert("RGB")
    return picture


def _in_mode(mode: str, picture: "Image") -> "Image":
    # Pillow's own conversion copies the image even if there is nothing to convert.
    return picture if picture.mode == mode else picture.convert(mode)


def _upright(pixels: "Image", picture: "Image") -> "Image":
    """Returns the pixels rotated and flipped by the EXIF orientation of the loaded image; damaged EXIF is ignored."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    try:
        turn = turns.get(picture.getexif().get(_ORIENTATION, 1))
    except (OSError, SyntaxError, ValueError, LookupError, TypeError, EOFError, struct.error):
        return pixels
    return pixels if turn is None else pixels.transpose(turn)
