"""Images that are safe to send to a browser: thumbnails and re-encoded JPEGs, never a file of any other kind.

A file in a folder or from a site may be an HTML page or a program with the name of an image.
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
    """The bytes of an image response, with their media type."""

    data: bytes
    media_type: str


def thumbnail(path: Path, max_megapixels: float) -> Body:
    """A thumbnail of an image as upright JPEG. Raises DecodeError, MediaRefusedError or NotFoundError."""
    return Body(small_jpeg(path, max_megapixels), "image/jpeg")


def whole(path: Path, max_megapixels: float) -> Body:
    """The original bytes of a clean JPEG, PNG or WebP, else the image re-encoded as JPEG; raises as `thumbnail`."""
    try:
        if path.stat().st_size <= _LARGEST:
            data = path.read_bytes()
            facts = check_media(data, "image", max_megapixels)
            if facts.ext in _TYPES and facts.note is None:
                return Body(data, _TYPES[facts.ext])
    except FileNotFoundError:
        raise NotFoundError(f"The file of {path.name} is not there any more.") from None
    except InstagramAssetsError:
        pass  # re-encoding removes anything unusual, and undecodable images raise below
    return Body(reencode(open_image(path, max_megapixels)), "image/jpeg")
