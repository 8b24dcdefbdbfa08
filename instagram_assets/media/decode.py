"""From a file to pixels that mean what a viewer would see, and back to bytes without what a viewer would not.

Orientation, transparency, palettes, CMYK and 16-bit are settled here once, so that no later stage thinks of them.
"""

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from instagram_assets.errors import RecordError
from instagram_assets.media.outcomes import Refused
from instagram_assets.media.verify import check_size

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
"""Named one by one: with its full list Pillow starts Ghostscript for an EPS."""


class DecodeError(RecordError):
    """The bytes are no whole picture of the formats that are read."""


def open_image(path: Path, max_megapixels: float = 40, draft: int = 0) -> "Image":
    """The picture as 8-bit RGB, upright, on white where it was transparent; the first frame of an animation.

    `draft` lets a JPEG be decoded smaller, with no side below that many pixels: much faster for thumbnails.
    Raises DecodeError for a damaged or unknown file and Refused for one with too many pixels.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Our own limit says what is too large, for every format and before anything is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_known_formats()) as picture:
                check_size(picture.width, picture.height, max_megapixels)
                if draft:
                    picture.draft("RGB", (draft, draft))
                picture.load()
                return _on_white(ImageOps.exif_transpose(picture))
    except Image.DecompressionBombError:
        raise Refused("far too many pixels") from None
    except UnidentifiedImageError:
        raise DecodeError(str(path), "not a picture of a known format") from None
    except (OSError, SyntaxError, ValueError, IndexError, TypeError) as error:
        raise DecodeError(str(path), f"cannot be decoded ({error})") from error


def reencode(image: "Image", quality: int = 90) -> bytes:
    """The picture as a JPEG that carries its pixels and nothing else: no EXIF, place, comment or profile."""
    from PIL import Image

    bare = Image.frombytes("RGB", image.size, image.convert("RGB").tobytes())
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


def _known_formats() -> tuple[str, ...]:
    from PIL import features

    return FORMATS if features.check("avif") else FORMATS[:-1]


def _on_white(picture: "Image") -> "Image":
    from PIL import Image

    if picture.mode.startswith("I"):
        # Sixteen bits: Pillow's own conversion cuts off all above 255.
        return picture.convert("F").point(lambda value: value * (255 / 65535)).convert("L").convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        page = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(page, layer).convert("RGB")
    return picture.convert("RGB")
