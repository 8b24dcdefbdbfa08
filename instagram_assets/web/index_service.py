"""The index of the lake as pages have it: the newest version, its state, and the answer while there is none."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from instagram_assets.errors import DamagedError, InstagramAssetsError, NotReadyError
from instagram_assets.lake_index.changes import fingerprint
from instagram_assets.lake_index.place import INDEX_FOLDER, indexed_fingerprint
from instagram_assets.lake_index.reading import LakeIndex, index_handle
from instagram_assets.web.error_responses import error_name, error_response, error_status, is_for_programs
from instagram_assets.web.index_updater import updater_of
from instagram_assets.web.rendering import render
from instagram_assets.web.services import Services, services_of

_DAMAGED = "The index of the lake is damaged, and is made anew. Ask again."


@dataclass(frozen=True)
class IndexState:
    """How the index is. `problem` says why it cannot be made or read; `made_at` is null where there is none.

    `behind` is true when the lake on a disk was written since; `is_kept` when somebody brings it up to date by itself.
    """

    is_there: bool
    is_updating: bool
    problem: str
    made_at: datetime | None
    behind: bool
    is_kept: bool


def index_of(services: Services) -> LakeIndex:
    """The index as it is now, which is never made here.

    Raises NotReadyError while the first one is made, and while one that is damaged is made anew; DamagedError where
    nobody does so by itself.
    """
    folder = services.settings.folder(INDEX_FOLDER)
    place = index_handle(folder)
    updater = updater_of(folder)
    try:
        index = place.newest()
    except DamagedError as error:
        if updater is None:
            raise
        raise NotReadyError(_DAMAGED) from error
    if index.is_damaged and updater:
        raise NotReadyError(_DAMAGED)
    return index


def index_state(services: Services) -> IndexState:
    """How the index is, found out quickly; for pages and for the status."""
    folder = services.settings.folder(INDEX_FOLDER)
    updater = updater_of(folder)
    made_at, trouble = None, ""
    try:
        made_at = datetime.fromisoformat(index_of(services).fact("made_at"))
    except InstagramAssetsError as error:
        trouble = str(error)
    problem = updater.problem if updater else trouble
    try:
        now = fingerprint(services.lake)
    except InstagramAssetsError as error:
        now, problem = "", problem or str(error)
    return IndexState(
        made_at is not None,
        updater is not None and updater.is_updating,
        problem,
        made_at,
        made_at is not None and now != indexed_fingerprint(folder),
        updater is not None,
    )


def answer_waiting(app: FastAPI) -> None:
    """Answer NotReadyError in `app`, wherever it is raised."""
    app.add_exception_handler(NotReadyError, _waiting)


async def _waiting(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotReadyError)
    state = await run_in_threadpool(index_state, services_of(request))
    if is_for_programs(request) or state.is_there:
        return error_response(request, error_status(error), error_name(error), str(error))
    if request.headers.get("HX-Request"):  # a part of a page, which htmx puts in only where all is well
        return render(request, "index_state.html", state=state, is_waiting=True)
    return render(request, "index_waits.html", 409, page=_page(request), state=state)


def _page(request: Request) -> str:
    return request.url.path.strip("/").partition("/")[0]


def notice(request: Request, *, is_waiting: bool) -> HTMLResponse:
    """The notice as it is now; a page that waits is told to load itself once the index is there."""
    state = index_state(services_of(request))
    answer = render(request, "index_state.html", state=state, is_waiting=is_waiting)
    if is_waiting and state.is_there:
        answer.headers["HX-Refresh"] = "true"
    return answer
