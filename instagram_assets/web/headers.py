"""What every answer of the web app says to browsers: what its pages may load, and who may keep what for how long."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
# The addresses of pages' files carry what they hold, so that a new version is another address.
_FOR_GOOD, _NEVER = "public, max-age=31536000, immutable", "no-store"


class Headers:
    """A middleware; what an answer says of its own keeping, as images do, stays, and so does a policy of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # A document that is whole in itself may bring a policy of its own, in the place of that for pages.
                own = [said for said in headers.getlist(_POLICY) if "default-src" in said]
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
