"""What is answered while the index of the lake is still to be made: 409 to programs, a page that waits to people."""

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from instagram_assets.errors import NotReadyError
from instagram_assets.web.index_service import index_state
from instagram_assets.web.problems import is_for_programs, name_of, problem, status_of
from instagram_assets.web.rendering import render
from instagram_assets.web.services import services_of


def answer_waiting(app: FastAPI) -> None:
    """Answer NotReadyError in `app`, wherever it is raised."""
    app.add_exception_handler(NotReadyError, _waiting)


async def _waiting(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotReadyError)
    state = await run_in_threadpool(index_state, services_of(request))
    if is_for_programs(request) or state.is_there:
        return problem(request, status_of(error), name_of(error), str(error))
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
