"""How large a body may be that is read whole."""

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from instagram_assets.web.problems import problem

MOST_BYTES = 1 << 20


class SmallBodies:
    """A middleware that refuses bodies above 1 MiB, but for PUT, whose files are streamed and measured elsewhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS", "PUT"):
            await self._app(scope, receive, send)
            return
        body = bytearray()
        message: Message = {"type": "http.request", "more_body": True}
        while message.get("more_body"):
            message = await receive()
            if message["type"] != "http.request":
                return  # who asked is gone
            body += message.get("body", b"")
            if len(body) > MOST_BYTES:
                request = Request(scope)
                answer = problem(request, 413, "body_too_large")
                answer.headers["Connection"] = "close"  # the rest is not read
                await answer(scope, receive, send)
                return
        whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, replay, send)
