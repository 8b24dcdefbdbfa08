"""How large a body may be that is read whole, and how long it may take to come."""

import asyncio

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from instagram_assets.web.guard import SAFE_METHODS
from instagram_assets.web.problems import problem

MOST_BYTES = 1 << 20
_SECONDS = 30.0


class SmallBodies:
    """A middleware that refuses bodies above 1 MiB, and those that do not end in `seconds`.

    But for PUT, whose files are streamed, measured and timed elsewhere.
    """

    def __init__(self, app: ASGIApp, seconds: float = _SECONDS) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in (*SAFE_METHODS, "PUT"):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                body = await _read(receive)
        except TimeoutError:
            await _refuse(408, "too_slow", scope, receive, send)
            return
        if body is None:
            return
        if len(body) > MOST_BYTES:
            await _refuse(413, "body_too_large", scope, receive, send)
            return
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, replay, send)


async def _read(receive: Receive) -> bytes | None:
    """The body, or as much of it as shows that it is too large; null where who asked is gone."""
    body = bytearray()
    message: Message = {"type": "http.request", "more_body": True}
    while message.get("more_body") and len(body) <= MOST_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
    return bytes(body)


async def _refuse(status: int, error: str, scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope)
    answer = problem(request, status, error)
    answer.headers["Connection"] = "close"  # the rest is not read
    await answer(scope, receive, send)
