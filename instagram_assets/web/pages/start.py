"""The start page with an overview, current problems and links; and the weekly reports on reels."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse

from instagram_assets.errors import NotFoundError, StorageError
from instagram_assets.web.dependencies import Services, ServicesDep
from instagram_assets.web.lake_counts import lake_counts
from instagram_assets.web.rendering import render, words_of
from instagram_assets.web.status import cached_status, in_words, of_dagster
from instagram_assets.web.status_facts import Fact

_WEEK_FILE = re.compile(r"reels-(\d{4}-W\d{2})\.html")
# The reports are self-contained: images, fonts and styles are embedded, and scripts are forbidden.
POLICY = (
    "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


@dataclass(frozen=True)
class WeekPage:
    """A weekly report on reels; its name contains the ISO week, such as 2026-W44."""

    name: str
    week: str
    path: Path


def week_pages(folder: Path) -> list[WeekPage]:
    """Returns all weekly reports in a folder, newest week first."""
    if not folder.is_dir():
        return []
    found = ((_WEEK_FILE.fullmatch(path.name), path) for path in folder.iterdir() if _is_file(path))
    pages = [WeekPage(path.name, match[1], path) for match, path in found if match]
    return sorted(pages, key=lambda page: page.week, reverse=True)


def _is_file(path: Path) -> bool:
    """Whether a path is a regular file, not a symbolic link (it can lead anywhere) or a pipe (reading it blocks)."""
    return path.is_file() and not path.is_symlink()


def week_page(folder: Path, name: str) -> WeekPage:
    """Returns the weekly report with this name. Raises NotFoundError."""
    for page in week_pages(folder):
        if page.name == name:
            return page
    raise NotFoundError(f"There is no report {name!r}. Reports are written by the asset reel_analyses.")


router = APIRouter(include_in_schema=False)
_LATEST_WEEKS = 4
_MOST_NEEDS = 4


@router.get("/", name="start")
def start(request: Request, services: ServicesDep) -> HTMLResponse:
    """Responds with the start page: overview, problems that need the user's action, and links."""
    weeks = week_pages(services.settings.folder("reports"))[:_LATEST_WEEKS]
    values = _overview(services)
    return render(request, "start.html", page="start", weeks=weeks, dagster_url=services.dagster_url, **values)


@router.get("/start/overview")
def overview(request: Request, services: ServicesDep) -> HTMLResponse:
    """Responds with the page fragment of the lake's counts, or with ways to begin if there is no data."""
    return render(request, "start_overview.html", **_overview(services))


@router.get("/start/attention")
async def attention(request: Request, services: ServicesDep) -> HTMLResponse:
    """Responds with the page fragment of the most important problems; the status page shows all."""
    remembered = cached_status(services)
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
def report(services: ServicesDep, name: str) -> FileResponse:
    """Responds with a weekly report on reels, an HTML file."""
    found = week_page(services.settings.folder("reports"), name)
    return FileResponse(found.path, media_type="text/html", headers={"Content-Security-Policy": POLICY})


def _overview(services: Services) -> dict[str, Any]:
    found: dict[str, Any] = {"counted": None, "problem": "", "inbox": services.settings.folder("inbox")}
    try:
        return found | {"counted": lake_counts(services.lake)}
    except StorageError as error:
        return found | {"problem": str(error)}
