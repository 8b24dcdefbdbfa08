"""ASGI middleware of the web app: response headers, body limits, read-only mode during an erasure, and login."""

import asyncio
from urllib.parse import quote, urlsplit

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from instagram_assets.automation.forget_requests import PAUSED_MESSAGE, is_paused
from instagram_assets.errors import PausedError
from instagram_assets.web.authentication import CSRF_HEADER, PAGE_TOKEN, SESSION, Access, TooManyTriesError
from instagram_assets.web.csrf_guard import SAFE_METHODS
from instagram_assets.web.error_responses import error_name, error_response, error_status, is_for_programs

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_POLICY = "Content-Security-Policy"
_ALWAYS = {
    _POLICY: CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# URLs of static files contain a hash, so that a new version has a new URL.
_FOR_GOOD, _NEVER = "public, max-age=31536000, immutable", "no-store"


class Headers:
    """Middleware that adds security and cache headers to responses.

    A route's own cache headers are kept, and so is its content security policy if that sets `default-src`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # A self-contained document may set its own content security policy.
                own = [policy for policy in headers.getlist(_POLICY) if "default-src" in policy]
                for name, value in _ALWAYS.items():
                    headers[name] = value
                if own:
                    headers[_POLICY] = own[0]
                headers.setdefault("Cache-Control", _keeping(scope, message["status"]))
            await send(message)

        await self._app(scope, receive, sending)


def _keeping(scope: Scope, status: int) -> str:
    is_versioned = scope["path"].startswith("/static/") and scope["query_string"]
    if is_versioned and status in (200, 206, 304):
        return _FOR_GOOD
    return "no-cache" if scope["path"].startswith("/static/") else _NEVER


_MOST_BYTES = 1 << 20
_BODY_SECONDS = 30.0


class SmallBodies:
    """Middleware that rejects request bodies above 1 MiB, and bodies that take longer than `seconds`.

    PUT requests are exempt: their files are streamed, with a limit of their own.
    """

    def __init__(self, app: ASGIApp, seconds: float = _BODY_SECONDS) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in (*SAFE_METHODS, "PUT"):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                body = await _read_body(receive)
        except TimeoutError:
            await _refuse_body(408, "too_slow", scope, receive, send)
            return
        if body is None:
            return
        if len(body) > _MOST_BYTES:
            await _refuse_body(413, "body_too_large", scope, receive, send)
            return
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, replay, send)


async def _read_body(receive: Receive) -> bytes | None:
    """Returns the request body, cut off shortly after the size limit; None if the client has disconnected."""
    body = bytearray()
    message: Message = {"type": "http.request", "more_body": True}
    while message.get("more_body") and len(body) <= _MOST_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
    return bytes(body)


async def _refuse_body(status: int, error: str, scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope)
    answer = error_response(request, status, error)
    answer.headers["Connection"] = "close"  # the rest is not read
    await answer(scope, receive, send)


_TOUCH_NO_DATA = ("/api/login", "/api/logout")


class NoChangesWhilePaused:
    """Middleware that rejects all changes with status 409 during an erasure, except login and logout."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        changes = scope["type"] == "http" and scope["method"] not in SAFE_METHODS
        if not changes or scope["path"] in _TOUCH_NO_DATA or not await run_in_threadpool(is_paused):
            await self._app(scope, receive, send)
            return
        error = PausedError(PAUSED_MESSAGE)
        await error_response(Request(scope), error_status(error), error_name(error), str(error))(scope, receive, send)


_OPEN_PATHS = ("/login", "/api/login")
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_BROWSER_HEADERS = ("origin", "sec-fetch-site", "cookie")


class LoginGate:
    """Middleware that requires an access token or session, and for changes by browsers a CSRF token.

    It is part of the application, not around it, so that it can respond with the app's error pages.
    """

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
        """Returns the error response to a request through a proxy if no access token is configured; else None."""
        if self._access.is_demanded or not any(name in request.headers for name in _FORWARDED):
            return None
        return error_response(request, 403, "forwarded")

    def _not_let_in(self, request: Request) -> Response | None:
        path = request.url.path
        if not self._access.is_demanded or path in _OPEN_PATHS or path.startswith("/static/"):
            return None
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return refused_token(request, self._access, token.strip())
        if request.scope[SESSION]:
            return None
        if not is_for_programs(request) and "hx-request" not in request.headers:
            return RedirectResponse(_login(request.url.path, request.url.query), 303)
        # htmx opens this URL as a page, instead of inserting the part that it requested.
        headers = {"WWW-Authenticate": "Bearer", "HX-Redirect": _login(*_page_of(request))}
        return error_response(request, 401, "login_required", headers=headers)

    def _not_of_our_pages(self, request: Request) -> Response | None:
        """Returns the error response if a browser requests a change without a valid CSRF token; else None."""
        if request.method in SAFE_METHODS or not any(name in request.headers for name in _BROWSER_HEADERS):
            return None
        if self._access.is_page_token(request.headers.get(CSRF_HEADER, ""), request.scope[SESSION]):
            return None
        return error_response(request, 403, "stale_page")


def _no_address(request: Request) -> Response | None:
    """Returns a 404 response for a path that ends with a line break, which route patterns would ignore; else None."""
    if not request.scope["path"].endswith("\n"):
        return None
    return error_response(request, 404, "not_found")


def refused_token(request: Request, access: Access, token: str) -> Response | None:
    """Returns the error response to a wrong access token, or after too many wrong ones; None if the token is right."""
    try:
        if access.is_token(token, request.client.host if request.client else ""):
            return None
    except TooManyTriesError as error:
        headers = {"Retry-After": str(int(error.seconds) + 1)}
        return error_response(request, 429, "too_many_tries", headers=headers)
    return error_response(request, 401, "wrong_token", headers={"WWW-Authenticate": "Bearer"})


def _page_of(request: Request) -> tuple[str, str]:
    """Returns path and query of the page from which htmx requested a fragment; the start page if unknown."""
    try:
        page = urlsplit(request.headers.get("hx-current-url", "/"))
    except ValueError:
        return "/", ""
    return page.path or "/", page.query


def _login(path: str, query: str) -> str:
    back = path + (f"?{query}" if query else "")
    return "/login" if back == "/" else f"/login?next={quote(back)}"
