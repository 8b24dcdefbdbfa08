"""The part of the collect page that takes export files and shows what became of them."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from instagram_assets.web.inbox import read_inbox
from instagram_assets.web.rendering import render
from instagram_assets.web.services import Given, Services
from instagram_assets.web.uploads import ENDINGS

router = APIRouter(include_in_schema=False)

_SIZE = 10


@router.get("/collect/files", name="files")
def files(request: Request, services: Given) -> HTMLResponse:
    """Where files are dropped, with the list below."""
    most = services.settings.web.max_upload_mb
    return render(request, "files.html", most_mb=most, endings=",".join(ENDINGS), **_shown(services, 1))


@router.get("/collect/files/list", name="files_list")
def files_list(request: Request, services: Given, page: Annotated[int, Query(ge=1, le=1_000_000)] = 1) -> HTMLResponse:
    """The list alone, which fetches itself again as long as something waits."""
    return render(request, "files_list.html", **_shown(services, page))


def _shown(services: Services, page: int) -> dict[str, Any]:
    found = read_inbox(services.lake, services.settings, page, _SIZE)
    is_moving = bool(found.waiting_total) or any(file.is_pending for file in found.landed)
    return {"found": found, "is_moving": is_moving, "zone": services.settings.zone}
