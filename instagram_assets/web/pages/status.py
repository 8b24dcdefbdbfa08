"""The status: what waits, failed or is missing, and what helps."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from instagram_assets.web.moments import moment
from instagram_assets.web.rendering import render, words_of
from instagram_assets.web.services import Given, Services
from instagram_assets.web.status import counted, in_words, of_dagster
from instagram_assets.web.status_facts import AS_IT_SHOULD_BE

router = APIRouter(include_in_schema=False)


@router.get("/status", name="status")
async def status(request: Request, services: Given) -> HTMLResponse:
    """All that waits, failed or is missing."""
    return render(request, "status.html", page="status", **await _shown(request, services))


@router.get("/status/facts", name="status_facts")
async def facts(request: Request, services: Given) -> HTMLResponse:
    """What changes on the page; while it is being counted, it says so and fetches itself again."""
    return render(request, "status_facts.html", **await _shown(request, services))


async def _shown(request: Request, services: Services) -> dict[str, Any]:
    remembered = counted(services)
    found = remembered.newest()
    if found is not None:
        found = in_words(found, await of_dagster(services), words_of(request))
    return {
        "platform": found,
        "is_counting": remembered.is_finding,
        "as_it_should_be": AS_IT_SHOULD_BE,
        "dagster_url": services.dagster_url,
        "counted_at": moment(found.counted_at, services.settings.zone) if found else "",
    }
