"""The first page: what there is to see and what to do next."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse

from instagram_assets.errors import StorageError
from instagram_assets.web.overview import overview_of
from instagram_assets.web.rendering import render, words_of
from instagram_assets.web.reports import POLICY, week_page, week_pages
from instagram_assets.web.services import Given, Services
from instagram_assets.web.status import counted, in_words, of_dagster
from instagram_assets.web.status_facts import Fact

router = APIRouter(include_in_schema=False)
_LATEST_WEEKS = 4
_MOST_NEEDS = 4


@router.get("/", name="start")
def start(request: Request, services: Given) -> HTMLResponse:
    """What there is, what needs somebody, and where to go on."""
    weeks = week_pages(services.settings.folder("reports"))[:_LATEST_WEEKS]
    values = _overview(services)
    return render(request, "start.html", page="start", weeks=weeks, dagster_url=services.dagster_url, **values)


@router.get("/start/overview")
def overview(request: Request, services: Given) -> HTMLResponse:
    """The part of the page with the numbers, or with the ways to begin."""
    return render(request, "start_overview.html", **_overview(services))


@router.get("/start/attention")
async def attention(request: Request, services: Given) -> HTMLResponse:
    """The part of the page that names what needs a person; all of it stands on the page of the state."""
    remembered = counted(services)
    needs: list[Fact] = []
    found = remembered.newest()
    if found is not None:
        needs = list(in_words(found, await of_dagster(services), words_of(request)).needs)
    return render(
        request,
        "start_attention.html",
        needs=needs[:_MOST_NEEDS],
        more=max(0, len(needs) - _MOST_NEEDS),
        is_counting=found is None,
    )


@router.get("/reports/{name}")
def report(services: Given, name: str) -> FileResponse:
    """A page on the reels of one week, as the platform wrote it."""
    found = week_page(services.settings.folder("reports"), name)
    return FileResponse(found.path, media_type="text/html", headers={"Content-Security-Policy": POLICY})


def _overview(services: Services) -> dict[str, Any]:
    found: dict[str, Any] = {"counted": None, "problem": "", "inbox": services.settings.folder("inbox")}
    try:
        return found | {"counted": overview_of(services.lake)}
    except StorageError as error:
        return found | {"problem": str(error)}
