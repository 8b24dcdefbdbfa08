"""The page for starting a collection: its forms, the upload of export files, and the running jobs."""

from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from instagram_assets.web.collect_methods import CollectForm, MethodName, apify_inputs, method_problem
from instagram_assets.web.collection_jobs import Kind
from instagram_assets.web.dependencies import Services, ServicesDep
from instagram_assets.web.inbox_state import read_inbox
from instagram_assets.web.job_views import watch
from instagram_assets.web.pages.history import job_values
from instagram_assets.web.rendering import render
from instagram_assets.web.uploads import ENDINGS

router = APIRouter(include_in_schema=False)
_LATELY = 8


@router.get("/collect", name="collect")
async def collect(request: Request, services: ServicesDep, way: str = CollectForm.search) -> HTMLResponse:
    """Responds with the form for one collection method, `way` (a CollectForm), and the running jobs."""
    settings = services.settings
    # In threads: a slow disk must not block other requests.
    inputs = await run_in_threadpool(apify_inputs, settings.apify) if way == CollectForm.apify else []
    names: tuple[MethodName, ...] = get_args(MethodName)
    problems = {name: await run_in_threadpool(method_problem, settings, name) for name in names}
    return render(
        request,
        "collect.html",
        page="collect",
        forms=list(CollectForm),
        form=way if way in set(CollectForm) else CollectForm.search,
        settings=settings,
        inputs=[each for each in inputs if not each.problem],
        broken=[each.problem for each in inputs if each.problem],
        apify_problem=problems["apify"],
        site_problems={name: problem for name, problem in problems.items() if name != "apify"},
        watched=await watch(services, size=_LATELY),
        **job_values(request, services),
    )


@router.get("/collect/jobs")
async def jobs(request: Request, services: ServicesDep) -> HTMLResponse:
    """Responds with the page fragment of running jobs."""
    watched = await watch(services, size=_LATELY)
    return render(request, "collect_jobs.html", watched=watched, **job_values(request, services))


@router.get("/collect/newest")
async def newest(request: Request, services: ServicesDep) -> HTMLResponse:
    """Responds with the page fragment that shows the images of the newest search."""
    watched = await watch(services, size=_LATELY)
    found = next((job for job in watched.jobs if job.kind is Kind.search), None)
    return render(request, "collect_newest.html", job=found, again=watched.is_down)


_FILES = 10


@router.get("/collect/files", name="files")
def files(request: Request, services: ServicesDep) -> HTMLResponse:
    """Responds with the page for uploading export files, with the list of earlier uploads."""
    most = services.settings.web.max_upload_mb
    return render(request, "files.html", most_mb=most, endings=",".join(ENDINGS), **_files_shown(services, 1))


@router.get("/collect/files/list", name="files_list")
def files_list(
    request: Request, services: ServicesDep, page: Annotated[int, Query(ge=1, le=1_000_000)] = 1
) -> HTMLResponse:
    """Responds with the page fragment of uploaded files, which refreshes itself while any of them is waiting."""
    return render(request, "files_list.html", **_files_shown(services, page))


def _files_shown(services: Services, page: int) -> dict[str, Any]:
    found = read_inbox(services.lake, services.settings, page, _FILES)
    is_moving = bool(found.waiting_total) or any(file.is_pending for file in found.landed)
    return {"found": found, "is_moving": is_moving, "zone": services.settings.zone}
