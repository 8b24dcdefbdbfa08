"""From a file to pixels that mean what a viewer would see, and back to bytes without what a viewer would not.

Orientation, transparency, palettes, CMYK and 16-bit are settled here once, so that no later stage thinks of them.
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
from instagram_assets.media.verify import check_size

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
"""Named one by one: with its full list Pillow starts Ghostscript for an EPS."""
_PILLOW = ("ignore", None, Warning, re.compile(r"PIL\."), 0)
_ORIENTATION = 0x0112


def open_image(path: Path, max_megapixels: float = 40, draft: int = 0, fit: int = 0) -> "Image":
    """The picture as 8-bit RGB, upright, on white where it was transparent; the first frame of an animation.

    A JPEG may be decoded smaller, which is much faster: with `draft` no side is below that many pixels, with `fit` the
    longer side is not, as a thumbnail that fits into a square needs it.
    Raises DecodeError for a damaged, unknown or missing file and MediaRefusedError for one with too many pixels.
    """
    with _opened(path, max_megapixels) as picture:
        if draft:
            picture.draft("RGB", (draft, draft))
        elif fit:
            picture.draft("RGB", _fitted(picture.size, fit))
        picture.load()
        return _upright(_in_mode("RGB", _on_white(picture)), picture)


def open_grey(path: Path, max_megapixels: float = 40) -> "Image":
    """The picture's brightness as 8-bit grey, otherwise as `open_image` gives it, and in about two thirds of the time.

    Of a JPEG it is the brightness that the file itself stores, as OpenCV reads it with IMREAD_GRAYSCALE: the
    colours are not decoded, and not rounded once more. Raises what `open_image` raises.
    """
    with _opened(path, max_megapixels) as picture:
        picture.draft("L", None)
        picture.load()
        return _upright(_in_mode("L", _on_white(picture)), picture)


def reencode(image: "Image", quality: int = 90) -> bytes:
    """The picture as a JPEG that carries its pixels and nothing else: no EXIF, place, comment or profile."""
    from PIL import Image

    bare = Image.frombytes("RGB", image.size, image.convert("RGB").tobytes())
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


@contextmanager
def _opened(path: Path, max_megapixels: float) -> Generator["Image"]:
    """A file whose header was read and whose size is allowed; what goes wrong with it is one of our errors."""
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
        # The reason of an OSError of the system, without the path: reasons end up in tables.
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise DecodeError(str(path), f"cannot be decoded ({reason})") from error


def _fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height with the longer one made `side`, rounded up."""
    longer = max(size)
    return -(-size[0] * side // longer), -(-size[1] * side // longer)


def _silence_pillow() -> None:
    """Keep Pillow from warning about large pictures, for which we have a limit of our own, and odd metadata.

    The filter stays: to put filters back, as `warnings.catch_warnings` does, is not safe in threads.
    """
    if warnings.filters[:1] != [_PILLOW]:
        warnings.filterwarnings("ignore", module=_PILLOW[3].pattern)


def _known_formats() -> tuple[str, ...]:
    from PIL import features

    return FORMATS if features.check("avif") else FORMATS[:-1]


def _on_white(picture: "Image") -> "Image":
    from PIL import Image

    if picture.mode.startswith("I"):
        # Sixteen bits: Pillow's own conversion cuts off all above 255.
        return picture.convert("F").point(lambda value: value * (255 / 65535)).convert("L")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        page = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(page, layer).convert("RGB")
    return picture


def _in_mode(mode: str, picture: "Image") -> "Image":
    # Pillow's own conversion copies the picture even when there is nothing to convert.
    return picture if picture.mode == mode else picture.convert(mode)


def _upright(pixels: "Image", picture: "Image") -> "Image":
    """The pixels of a loaded picture, turned as its EXIF says; damaged EXIF says nothing."""
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
