"""Lets in who may use the web app, and takes changes from its own pages and from scripts only."""

from urllib.parse import quote, urlsplit

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from instagram_assets.web.access import CSRF_HEADER, PAGE_TOKEN, SESSION, Access, TooManyTriesError
from instagram_assets.web.guard import SAFE_METHODS
from instagram_assets.web.problems import is_for_programs, problem

_OPEN_PATHS = ("/login", "/api/login")
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_MARKS_OF_BROWSERS = ("origin", "sec-fetch-site", "cookie")


class Entrance:
    """A middleware; it is inside the application, whose pages its refusals are."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        session = self._access.session(request.cookies.get(self._access.cookie, ""))
        scope[SESSION], scope[PAGE_TOKEN] = session, self._access.page_token(session)
        refusal = (
            _no_address(request)
            or self._not_from_here(request)
            or self._not_let_in(request)
            or self._not_of_our_pages(request)
        )
        await (refusal or self._app)(scope, receive, send)

    def _not_from_here(self, request: Request) -> Response | None:
        """Without a token this server is for this machine alone, also when a proxy asks in the place of others."""
        if self._access.is_demanded or not any(name in request.headers for name in _FORWARDED):
            return None
        return problem(request, 403, "forwarded")

    def _not_let_in(self, request: Request) -> Response | None:
        path = request.url.path
        if not self._access.is_demanded or path in _OPEN_PATHS or path.startswith("/static/"):
            return None
        kind, _, said = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return refused_token(request, self._access, said.strip())
        if request.scope[SESSION]:
            return None
        if not is_for_programs(request) and "hx-request" not in request.headers:
            return RedirectResponse(_login(request.url.path, request.url.query), 303)
        # htmx opens the address, in the place of the part that it asked for.
        headers = {"WWW-Authenticate": "Bearer", "HX-Redirect": _login(*_page_of(request))}
        return problem(request, 401, "login_required", headers=headers)

    def _not_of_our_pages(self, request: Request) -> Response | None:
        """Browsers say by some mark that they are one; of these only pages of this server know the token."""
        if request.method in SAFE_METHODS or not any(name in request.headers for name in _MARKS_OF_BROWSERS):
            return None
        if self._access.is_page_token(request.headers.get(CSRF_HEADER, ""), request.scope[SESSION]):
            return None
        return problem(request, 403, "stale_page")


def _no_address(request: Request) -> Response | None:
    """Routes are found by patterns whose end overlooks a line break, so that another address would be answered."""
    if not request.scope["path"].endswith("\n"):
        return None
    return problem(request, 404, "not_found")


def refused_token(request: Request, access: Access, said: str) -> Response | None:
    """The answer to a wrong token, or to one that comes too soon after many wrong ones; nothing to the right one."""
    try:
        if access.is_token(said, request.client.host if request.client else ""):
            return None
    except TooManyTriesError as error:
        headers = {"Retry-After": str(int(error.seconds) + 1)}
        return problem(request, 429, "too_many_tries", headers=headers)
    return problem(request, 401, "wrong_token", headers={"WWW-Authenticate": "Bearer"})


def _page_of(request: Request) -> tuple[str, str]:
    """Path and query of the page that shows the part which is asked for; the start where it names none."""
    try:
        page = urlsplit(request.headers.get("hx-current-url", "/"))
    except ValueError:
        return "/", ""
    return page.path or "/", page.query


def _login(path: str, query: str) -> str:
    back = path + (f"?{query}" if query else "")
    return "/login" if back == "/" else f"/login?next={quote(back)}"
