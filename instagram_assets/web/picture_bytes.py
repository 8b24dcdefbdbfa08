"""The bytes of images as a browser may have them: thumbnails and JPEGs made anew, never a file that is anything else.

What somebody put into a folder, or a site delivered, may be a page or a program that calls itself a picture.
"""

from dataclasses import dataclass
from pathlib import Path

from instagram_assets.errors import InstagramAssetsError, NotFoundError
from instagram_assets.lake_index.thumbnails import small_jpeg
from instagram_assets.media.decode import open_image, reencode
from instagram_assets.media.verify import check_media

_LARGEST = 64 << 20
_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


@dataclass(frozen=True)
class Body:
    """An image as it is sent."""

    data: bytes
    media_type: str


def thumbnail(path: Path, max_megapixels: float) -> Body:
    """A small JPEG of an image, upright. Raises DecodeError, MediaRefusedError or NotFoundError."""
    return Body(small_jpeg(path, max_megapixels), "image/jpeg")


def whole(path: Path, max_megapixels: float) -> Body:
    """An image as it is where it is just a JPEG, PNG or WebP, else as a JPEG made anew; raises as `thumbnail`."""
    try:
        if path.stat().st_size <= _LARGEST:
            data = path.read_bytes()
            facts = check_media(data, "image", max_megapixels)
            if facts.ext in _TYPES and facts.note is None:
                return Body(data, _TYPES[facts.ext])
    except FileNotFoundError:
        raise NotFoundError(f"The file of {path.name} is not there any more.") from None
    except InstagramAssetsError:
        pass  # what is odd in it is not in a JPEG made anew, and what cannot be decoded is told below
    return Body(reencode(open_image(path, max_megapixels)), "image/jpeg")
