"""REST API of a search's images: list them, get their bytes, and keep or drop them by hand."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from instagram_assets.datasets.manual_overrides import LONGEST_WHY
from instagram_assets.schemas.search import Decision
from instagram_assets.web.api.jobs import JobId
from instagram_assets.web.collection_jobs import find_job, folder_of
from instagram_assets.web.dependencies import ServicesDep
from instagram_assets.web.image_responses import full_image, small_image
from instagram_assets.web.job_actions import apply_decisions
from instagram_assets.web.search_images import (
    Picture,
    Show,
    counts_of,
    decide_on_images,
    find_picture,
    images_of,
    matching_images,
)

router = APIRouter(prefix="/api", tags=["images"])

_FOR_GOOD = "private, max-age=31536000, immutable"
_ASK_AGAIN = "private, no-cache"
_PICTURE: dict[int | str, dict[str, object]] = {
    200: {"content": {kind: {} for kind in ("image/jpeg", "image/png", "image/webp")}, "description": "The picture"},
    304: {"description": "It is as `If-None-Match` says"},
}


class Images(BaseModel):
    """A page of the images, the kept ones first, with the number of images of each selection."""

    images: list[Picture]
    counts: dict[str, int]
    pending: Annotated[int, Field(description="Decisions that are not in the folder yet.")]
    pages: int


class DecisionBody(BaseModel):
    """A decision about images, named by their hashes or by their names in the list; null withdraws it."""

    model_config = ConfigDict(extra="forbid")

    image_ids: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=1_000)] = []
    filenames: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=1_000)] = []
    decision: Decision | None
    why: Annotated[str, Field(max_length=LONGEST_WHY, description="The reason, for whoever looks at it later.")] = ""


class Decided(BaseModel):
    """The images as they are now, and the number of decisions that the folder does not reflect yet."""

    images: list[Picture]
    pending: int


class Applied(BaseModel):
    """The job that rewrites the folder."""

    job_id: str


@router.get("/jobs/{job_id}/images")
async def list_images(
    services: ServicesDep,
    job_id: JobId,
    show: Show = Show.all,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    size: Annotated[int, Query(ge=1, le=1_000)] = 60,
) -> Images:
    """The images of a search, also while it is running; empty for other collections."""
    search = folder_of(await find_job(services, job_id))
    every = await run_in_threadpool(images_of, services, search)
    body = matching_images(every, show)
    return Images(
        images=body[(page - 1) * size : page * size],
        counts=counts_of(every),
        pending=sum(picture.is_pending for picture in every),
        pages=-(-len(body) // size),
    )


@router.get("/jobs/{job_id}/images/{filename:path}", response_class=Response, responses=_PICTURE)
async def image(
    services: ServicesDep,
    job_id: JobId,
    filename: Annotated[str, Path(description="A `name` of the list.", max_length=300)],
    thumbnail: bool = False,
    v: Annotated[str, Query(max_length=100, description="The `version` of the list.")] = "",
    if_none_match: Annotated[str | None, Header(max_length=500)] = None,
) -> Response:
    """An image as JPEG, PNG or WebP, or its thumbnail as JPEG."""
    picture = await find_picture(services, job_id, filename)
    tag = f'"{picture.version}{"-small" if thumbnail else ""}"'
    headers = {
        "ETag": tag,
        "Cache-Control": _FOR_GOOD if v == picture.version else _ASK_AGAIN,
        "X-Content-Type-Options": "nosniff",
    }
    if if_none_match == tag:
        return Response(status_code=304, headers=headers)
    make = small_image if thumbnail else full_image
    body = await run_in_threadpool(make, picture.path, services.settings.download.max_megapixels)
    return Response(body.data, media_type=body.media_type, headers=headers)


@router.post("/jobs/{job_id}/images/decisions")
async def decide(services: ServicesDep, job_id: JobId, body: DecisionBody) -> Decided:
    """Keep or drop images by hand, or withdraw that. Later runs respect it; the folder changes when it is rewritten."""
    search = folder_of(await find_job(services, job_id))
    chosen, every = await run_in_threadpool(
        lambda: decide_on_images(
            services, search, body.image_ids, body.filenames, body.decision, body.why, datetime.now(UTC)
        )
    )
    return Decided(
        images=[picture for picture in every if picture.image_id in chosen],
        pending=sum(picture.is_pending for picture in every),
    )


@router.post("/jobs/{job_id}/apply", status_code=201)
async def apply(services: ServicesDep, job_id: JobId) -> Applied:
    """Rewrite the folder of images so that it follows the decisions made by hand; nothing else is done again."""
    return Applied(job_id=await apply_decisions(services, folder_of(await find_job(services, job_id))))
