"""The images of a collection as a part of its page: tiles with what is known of each, to be kept and dropped."""

from functools import partial
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from instagram_assets.errors import StorageError
from instagram_assets.web.jobs import find_job, folder_of, newest_of
from instagram_assets.web.pictures import Picture, Show, counts_of, images_of, shown
from instagram_assets.web.rendering import render
from instagram_assets.web.services import Given

router = APIRouter(include_in_schema=False)
SIZE = 60
"""Images of a page."""


@router.get("/jobs/{job_id}/images", name="images")
async def images(
    request: Request, services: Given, job_id: str, show: str = "all", pages: Annotated[int, Query(ge=1, le=100)] = 1
) -> HTMLResponse:
    """The images of one kind, up to a page."""
    job = await find_job(services, job_id)
    search = folder_of(job)
    newest = await newest_of(services, search) if search and not job.is_open else None
    problem, every = "", list[Picture]()
    try:
        every = await run_in_threadpool(images_of, services, search)
    except StorageError as error:
        problem = str(error)
    chosen = Show(show) if show in set(Show) else Show.all
    wanted = shown(every, chosen)
    return render(
        request,
        "images.html",
        job=job,
        is_open=job.is_open,
        newest=newest if newest and newest.job_id != job_id else None,
        problem=problem,
        kinds=list(Show),
        show=chosen,
        counts=counts_of(every),
        up_to=pages,
        pictures=wanted[: pages * SIZE],
        total=len(wanted),
        pending=sum(picture.is_pending for picture in every),
        address=f"/jobs/{quote(job_id, safe='')}/images",
        source=partial(_source, quote(job_id, safe="")),
    )


def _source(job_id: str, picture: Picture, *, small: bool) -> str:
    """The address of a picture's bytes."""
    address = f"/api/jobs/{job_id}/images/{quote(picture.name, safe='')}"
    return f"{address}?{'thumbnail=true&' if small else ''}v={picture.version}"
