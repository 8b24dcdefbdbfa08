"""Image responses that are safe for a browser: thumbnails, verified images, and re-encoded JPEGs.

A file with the name of an image can be an HTML page or a program, so files are never sent unchecked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request, Response
from fastapi.responses import FileResponse

from instagram_assets.errors import DecodeError, InstagramAssetsError, MediaRefusedError, NotFoundError, PausedError
from instagram_assets.lake_index.thumbnails import small_jpeg
from instagram_assets.media.decode import open_image, reencode
from instagram_assets.media.verify import check_media
from instagram_assets.web.error_responses import error_name, error_response, error_status

_LARGEST = 64 << 20
_IMMUTABLE = "private, max-age=31536000, immutable"
_PLACEHOLDER = Path(__file__).parent / "static" / "no-picture.svg"
_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


@dataclass(frozen=True)
class ImageBody:
    """The bytes of an image response and their media type."""

    data: bytes
    media_type: str


def small_image(path: Path, max_megapixels: float) -> ImageBody:
    """Returns a thumbnail of an image as JPEG. Raises DecodeError, MediaRefusedError (too large) or NotFoundError."""
    return ImageBody(small_jpeg(path, max_megapixels), "image/jpeg")


def full_image(path: Path, max_megapixels: float) -> ImageBody:
    """Returns the bytes of an image file if it is a valid JPEG, PNG or WebP, else the image re-encoded as JPEG.

    Raises DecodeError, MediaRefusedError (too large) or NotFoundError.
    """
    try:
        if path.stat().st_size <= _LARGEST:
            data = path.read_bytes()
            facts = check_media(data, "image", max_megapixels)
            if facts.ext in _TYPES and facts.note is None:
                return ImageBody(data, _TYPES[facts.ext])
    except FileNotFoundError:
        raise NotFoundError(f"The file of {path.name} is not there any more.") from None
    except InstagramAssetsError:
        pass  # re-encoding removes anything unusual, and undecodable images raise below
    return ImageBody(reencode(open_image(path, max_megapixels)), "image/jpeg")


def image_response(request: Request, tag: str, known_tags: str | None, make: Callable[[], ImageBody]) -> Response:
    """Returns a response with the image that `make` returns; 304 if the ETag `tag` is among `known_tags`.

    `known_tags` is the header If-None-Match. If the image is missing or cannot be decoded, `<img>` elements get a
    placeholder image, and programs a JSON error.
    """
    headers = {"ETag": tag, "Cache-Control": _IMMUTABLE, "Vary": "Accept"}
    if known_tags and tag in (each.strip().removeprefix("W/") for each in known_tags.split(",")):
        return Response(status_code=304, headers=headers)
    try:
        body = make()
    except (NotFoundError, DecodeError, MediaRefusedError, PausedError) as error:
        return _missing_image(request, error)
    return Response(body.data, media_type=body.media_type, headers=headers)


def _missing_image(request: Request, error: InstagramAssetsError) -> Response:
    headers = {"Cache-Control": "no-store", "Vary": "Accept"}
    status = error_status(error)
    if request.headers.get("accept", "").startswith("image/"):
        return FileResponse(_PLACEHOLDER, status, headers)
    return error_response(request, status, error_name(error), str(error), headers)
