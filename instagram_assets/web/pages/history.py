"""Pages of the collection history: the list of jobs, and the page of each job with its images and its log."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from instagram_assets.errors import StorageError
from instagram_assets.web.collection_jobs import Job, State, find_job, folder_of, folder_path, newest_of
from instagram_assets.web.dependencies import Services, ServicesDep
from instagram_assets.web.job_views import details_of, nothing_starts, took, watch
from instagram_assets.web.rendering import format_clock, render, words_of
from instagram_assets.web.run_log import check_cursor, last_lines, lines_of
from instagram_assets.web.search_images import Picture, Show, counts_of, images_of, matching_images

router = APIRouter(include_in_schema=False)
_MOST_PAGES_BACK = 20
_ENDED_BY_IT = ("FAILURE", "IN_PROGRESS")


def job_values(request: Request, services: Services) -> dict[str, Any]:
    """Returns template variables that all pages with jobs need."""
    zone = services.settings.zone
    return {
        "dagster_url": services.dagster_url.rstrip("/"),
        "folder_path": partial(folder_path, services.settings),
        "zone": zone,
        "clock": partial(format_clock, zone=zone),
        "took": partial(took, words=words_of(request)),
    }


@router.get("/jobs", name="history")
async def history(
    request: Request, services: ServicesDep, before: str = "", state: str = "", newer: str = ""
) -> HTMLResponse:
    """Responds with a page of the history; `newer` are the cursors of all newer pages, separated by commas."""
    state = state if state in set(State) else ""
    states = [State(state)] if state else []
    watched = await watch(services, before=before or None, states=states)
    back = [cursor for cursor in newer.split(",") if cursor] if before else []
    return render(
        request,
        "history.html",
        page="history",
        states=list(State),
        state=state,
        watched=watched,
        address=_address(before, state, back),
        newest=_address("", state, []) if before else "",
        newer=_address(back[-1] if back else "", state, back[:-1]) if before else "",
        older=_address(watched.before, state, [*back, before] if before else []) if watched.before else "",
        **job_values(request, services),
    )


@router.get("/jobs/{job_id}", name="job")
async def job(request: Request, services: ServicesDep, job_id: str) -> HTMLResponse:
    """Responds with the page of one job: progress, counts and images."""
    found = await find_job(services, job_id)
    run = await services.dagster.run(job_id)
    newest = await newest_of(services, folder) if (folder := folder_of(found)) else None
    is_newest = newest is not None and newest.job_id == job_id
    return render(
        request,
        "job.html",
        page="history",
        job=found,
        steps=_steps(found, run.steps if run else {}),
        waits=found.state is State.queued and await nothing_starts(services),
        details=await run_in_threadpool(details_of, services, found, is_newest=is_newest),
        **job_values(request, services),
    )


@router.get("/jobs/{job_id}/log", name="log")
async def log(request: Request, services: ServicesDep, job_id: str, level: str = "", end: bool = False) -> HTMLResponse:
    """Responds with a log page, from the beginning or the `end`; new lines are appended while the run is active."""
    found, warns = await find_job(services, job_id), level == "warnings"
    if end:
        lines = await last_lines(services.dagster, job_id, only_warnings=warns)
    else:
        lines = await lines_of(services.dagster, job_id, None, only_warnings=warns)
    values = job_values(request, services)
    return render(request, "log.html", page="history", job=found, lines=lines, warns=warns, end=end, **values)


@router.get("/jobs/{job_id}/log/lines")
async def log_lines(
    request: Request, services: ServicesDep, job_id: str, cursor: str = "", level: str = ""
) -> HTMLResponse:
    """Responds with the page fragment of log lines after a cursor."""
    found, warns = await find_job(services, job_id), level == "warnings"
    if cursor:
        check_cursor(cursor)
    lines = await lines_of(services.dagster, job_id, cursor, only_warnings=warns)
    values = job_values(request, services)
    return render(request, "log_lines.html", job=found, lines=lines, warns=warns, **values)


def _steps(job: Job, steps: Mapping[str, str]) -> dict[str, str]:
    """Returns the step statuses; steps that Dagster reports as failed because the run was cancelled are corrected."""
    if job.state is not State.cancelled:
        return dict(steps)
    return {name: "CANCELED" if status in _ENDED_BY_IT else status for name, status in steps.items()}


def _address(before: str | None, state: str, newer: Sequence[str]) -> str:
    """Returns the URL of a page of the history."""
    fields = {"before": before or "", "state": state, "newer": ",".join(newer[-_MOST_PAGES_BACK:])}
    given = urlencode({name: value for name, value in fields.items() if value})
    return f"/jobs?{given}" if given else "/jobs"


IMAGES_SHOWN = 60
"""Number of images per page."""


@router.get("/jobs/{job_id}/images", name="images")
async def images(
    request: Request,
    services: ServicesDep,
    job_id: str,
    show: str = "all",
    pages: Annotated[int, Query(ge=1, le=100)] = 1,
) -> HTMLResponse:
    """Responds with the page fragment of a job's images that match `show`, up to page number `pages`."""
    job = await find_job(services, job_id)
    search = folder_of(job)
    newest = await newest_of(services, search) if search and not job.is_open else None
    problem, every = "", list[Picture]()
    try:
        every = await run_in_threadpool(images_of, services, search)
    except StorageError as error:
        problem = str(error)
    chosen = Show(show) if show in set(Show) else Show.all
    shown_pictures = matching_images(every, chosen)
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
        pictures=shown_pictures[: pages * IMAGES_SHOWN],
        total=len(shown_pictures),
        pending=sum(picture.is_pending for picture in every),
        address=f"/jobs/{quote(job_id, safe='')}/images",
        source=partial(_image_address, quote(job_id, safe="")),
    )


def _image_address(job_id: str, picture: Picture, *, small: bool) -> str:
    """Returns the URL of an image's bytes, or with `small` of its thumbnail."""
    address = f"/api/jobs/{job_id}/images/{quote(picture.name, safe='')}"
    return f"{address}?{'thumbnail=true&' if small else ''}v={picture.version}"
