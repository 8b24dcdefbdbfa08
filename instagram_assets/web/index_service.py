"""Access to the search index for pages: its newest version, its state, and the response while it is being built."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from instagram_assets.errors import DamagedError, InstagramAssetsError, NotReadyError
from instagram_assets.lake_index.index_files import INDEX_FOLDER, indexed_fingerprint
from instagram_assets.lake_index.index_reader import LakeIndex, index_handle
from instagram_assets.lake_index.lake_changes import fingerprint
from instagram_assets.web.dependencies import Services, services_of
from instagram_assets.web.error_responses import error_name, error_response, error_status, is_for_programs
from instagram_assets.web.index_updater import updater_of
from instagram_assets.web.rendering import render

_DAMAGED = "The index of the lake is damaged, and is made anew. Ask again."


@dataclass(frozen=True)
class IndexState:
    """The state of the index: `problem` is why it cannot be built or read, `made_at` is None if it was never built.

    `behind` is true if the lake was written since (only detected for local lakes); `is_kept` is true if this process
    keeps the index up to date.
    """

    is_there: bool
    is_updating: bool
    problem: str
    made_at: datetime | None
    behind: bool
    is_kept: bool


def index_of(services: Services) -> LakeIndex:
    """Returns the newest version of the index; never builds it.

    Raises NotReadyError while the index is built for the first time or rebuilt after damage, and DamagedError for a
    damaged index if this process does not update it.
    """
    folder = services.settings.folder(INDEX_FOLDER)
    handle = index_handle(folder)
    updater = updater_of(folder)
    try:
        index = handle.newest()
    except DamagedError as error:
        if updater is None:
            raise
        raise NotReadyError(_DAMAGED) from error
    if index.is_damaged and updater:
        raise NotReadyError(_DAMAGED)
    return index


def index_state(services: Services) -> IndexState:
    """Returns the state of the index for pages and the status; fast, since it reads no files of the lake."""
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
    """Register an error handler for NotReadyError, which shows that the index is being built."""
    app.add_exception_handler(NotReadyError, _waiting)


async def _waiting(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotReadyError)
    state = await run_in_threadpool(index_state, services_of(request))
    if is_for_programs(request) or state.is_there:
        return error_response(request, error_status(error), error_name(error), str(error))
    if request.headers.get("HX-Request"):  # a page fragment, which htmx inserts only from a successful response
        return render(request, "index_state.html", state=state, is_waiting=True)
    return render(request, "index_waits.html", 409, page=_page(request), state=state)


def _page(request: Request) -> str:
    return request.url.path.strip("/").partition("/")[0]


def notice(request: Request, *, is_waiting: bool) -> HTMLResponse:
    """Returns the page fragment about the state of the index.

    `is_waiting` says that the page could not be shown without an index; it is then reloaded once the index is ready.
    """
    state = index_state(services_of(request))
    answer = render(request, "index_state.html", state=state, is_waiting=is_waiting)
    if is_waiting and state.is_there:
        answer.headers["HX-Refresh"] = "true"
    return answer
