"""The stored images as pictures: small ones that are made once and kept, and whole ones."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.responses import FileResponse

from instagram_assets.automation.pause import PAUSED, is_paused
from instagram_assets.errors import DecodeError, InstagramAssetsError, MediaRefusedError, NotFoundError, PausedError
from instagram_assets.lake_index.derived import THUMBNAILS
from instagram_assets.lake_index.thumbnails import Thumbnails, stored_image
from instagram_assets.web.error_responses import error_name, error_response, error_status
from instagram_assets.web.picture_bytes import Body, whole
from instagram_assets.web.services import Given, Services

router = APIRouter(prefix="/api", tags=["pictures"])

ImageId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="The SHA-256 of its bytes, as lists call it.")]
Known = Annotated[str | None, Header(alias="If-None-Match", max_length=1_000)]
_FOR_GOOD = "private, max-age=31536000, immutable"
_NO_PICTURE = FilePath(__file__).parents[1] / "static" / "no-picture.svg"
_THUMBNAIL: dict[int | str, dict[str, object]] = {
    200: {"content": {"image/jpeg": {}}, "description": "The picture"},
    304: {"description": "It is as `If-None-Match` says"},
}
_WHOLE: dict[int | str, dict[str, object]] = {
    **_THUMBNAIL,
    200: {"content": {kind: {} for kind in ("image/jpeg", "image/png", "image/webp")}, "description": "The picture"},
}


@router.get("/thumbnails/{image_id}", response_class=Response, responses=_THUMBNAIL)
def thumbnail(request: Request, services: Given, image_id: ImageId, if_none_match: Known = None) -> Response:
    """A stored image as a JPEG of at most 320 pixels a side; browsers may keep it for good.

    While something is being forgotten only those are sent that were made before.
    """
    store = thumbnails_of(services)
    return _answer(request, f'"{image_id}-small"', if_none_match, lambda: Body(_small(store, image_id), "image/jpeg"))


@router.get("/pictures/{image_id}", response_class=Response, responses=_WHOLE)
def picture(request: Request, services: Given, image_id: ImageId, if_none_match: Known = None) -> Response:
    """A stored image as it is where it is just a JPEG, PNG or WebP, else as a JPEG made anew."""
    media, most = services.settings.folder("media"), services.settings.download.max_megapixels
    return _answer(request, f'"{image_id}"', if_none_match, lambda: whole(stored_image(media, image_id), most))


def thumbnails_of(services: Services) -> Thumbnails:
    """The thumbnails of the data folder, as large as the settings allow."""
    settings = services.settings
    return _opened(
        settings.folder(THUMBNAILS),
        settings.folder("media"),
        settings.web.thumbnails_mb << 20,
        settings.download.max_megapixels,
    )


@lru_cache(maxsize=8)
def _opened(folder: FilePath, media: FilePath, most_bytes: int, max_megapixels: float) -> Thumbnails:
    return Thumbnails(folder, media, most_bytes, max_megapixels)


def _small(store: Thumbnails, image_id: str) -> bytes:
    if not is_paused():
        return store.of(image_id)
    if (known := store.kept(image_id)) is None:
        raise PausedError(PAUSED)
    return known


def _answer(request: Request, tag: str, known: str | None, make: Callable[[], Body]) -> Response:
    """A picture under its tag; to an `<img>` whose picture there is not, one that says so, to programs an error."""
    headers = {"ETag": tag, "Cache-Control": _FOR_GOOD, "Vary": "Accept"}
    if known and tag in (each.strip().removeprefix("W/") for each in known.split(",")):
        return Response(status_code=304, headers=headers)
    try:
        body = make()
    except (NotFoundError, DecodeError, MediaRefusedError, PausedError) as error:
        return _no_picture(request, error)
    return Response(body.data, media_type=body.media_type, headers=headers)


def _no_picture(request: Request, error: InstagramAssetsError) -> Response:
    headers = {"Cache-Control": "no-store", "Vary": "Accept"}
    status = error_status(error)
    if request.headers.get("accept", "").startswith("image/"):
        return FileResponse(_NO_PICTURE, status, headers)
    return error_response(request, status, error_name(error), str(error), headers)
