"""REST API of stored images: cached thumbnails and full images."""

import asyncio
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from instagram_assets.automation.forget_requests import PAUSED_MESSAGE, is_paused
from instagram_assets.errors import PausedError
from instagram_assets.lake_index.remove_derived_files import THUMBNAILS
from instagram_assets.lake_index.thumbnails import Thumbnails, stored_image
from instagram_assets.web.dependencies import Services, ServicesDep
from instagram_assets.web.image_responses import ImageBody, full_image, image_response

router = APIRouter(prefix="/api", tags=["pictures"])

ImageId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="The SHA-256 of its bytes, as lists call it.")]
_IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", max_length=1_000)]
_GONE = 499
"""Non-standard status code, common in logs, for a client that closed the connection."""
_THUMBNAIL: dict[int | str, dict[str, object]] = {
    200: {"content": {"image/jpeg": {}}, "description": "The picture"},
    304: {"description": "It is as `If-None-Match` says"},
}
_WHOLE: dict[int | str, dict[str, object]] = {
    **_THUMBNAIL,
    200: {"content": {kind: {} for kind in ("image/jpeg", "image/png", "image/webp")}, "description": "The picture"},
}


@router.get("/thumbnails/{image_id}", response_class=Response, responses=_THUMBNAIL)
async def thumbnail(
    request: Request, services: ServicesDep, image_id: ImageId, if_none_match: _IfNoneMatch = None
) -> Response:
    """A stored image as a JPEG of at most 320 pixels a side; browsers can cache it for good.

    While an account is being forgotten, only cached thumbnails are sent.
    """
    store, tag = thumbnails_of(services), f'"{image_id}-small"'

    def answer(make: Callable[[str], bytes]) -> Response:
        return image_response(request, tag, if_none_match, lambda: ImageBody(make(image_id), "image/jpeg"))

    try:
        return await run_in_threadpool(answer, lambda _: _made_before(store, image_id))
    except _NotMadeError:
        pass
    async with _turn(request):
        # A client that scrolled on has closed the connection; others are still waiting.
        if await request.is_disconnected():
            return Response(status_code=_GONE)
        return await run_in_threadpool(answer, store.of)


@router.get("/pictures/{image_id}", response_class=Response, responses=_WHOLE)
def picture(request: Request, services: ServicesDep, image_id: ImageId, if_none_match: _IfNoneMatch = None) -> Response:
    """A stored image: the file itself if it is a plain JPEG, PNG or WebP, else re-encoded as JPEG."""
    media, most = services.settings.folder("media"), services.settings.download.max_megapixels
    return image_response(
        request, f'"{image_id}"', if_none_match, lambda: full_image(stored_image(media, image_id), most)
    )


def thumbnails_of(services: Services) -> Thumbnails:
    """Returns the thumbnail cache of the data folder, with the size limit of the settings."""
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


class _NotMadeError(Exception):
    """The thumbnail is not cached and has to be generated."""


def _made_before(store: Thumbnails, image_id: str) -> bytes:
    if (known := store.cached(image_id)) is not None:
        return known
    if is_paused():
        raise PausedError(PAUSED_MESSAGE)
    raise _NotMadeError


def _turn(request: Request) -> asyncio.Semaphore:
    """Returns the semaphore that limits how many thumbnails are generated at once to the number of CPU cores."""
    state = request.app.state
    if not hasattr(state, "thumbnail_turns"):
        state.thumbnail_turns = asyncio.Semaphore(os.cpu_count() or 2)
    return state.thumbnail_turns
