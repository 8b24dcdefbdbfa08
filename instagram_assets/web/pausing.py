"""Lets nothing change while something is being forgotten: the data folder belongs to that alone."""

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from instagram_assets.automation.pause import PAUSED, is_paused
from instagram_assets.errors import PausedError
from instagram_assets.web.guard import SAFE_METHODS
from instagram_assets.web.problems import name_of, problem, status_of

_TOUCH_NO_DATA = ("/api/login", "/api/logout")


class NoChangesWhilePaused:
    """A middleware that answers 409 to whatever would change something meanwhile, but for logging in and out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        changes = scope["type"] == "http" and scope["method"] not in SAFE_METHODS
        if not changes or scope["path"] in _TOUCH_NO_DATA or not await run_in_threadpool(is_paused):
            await self._app(scope, receive, send)
            return
        error = PausedError(PAUSED)
        await problem(Request(scope), status_of(error), name_of(error), str(error))(scope, receive, send)
