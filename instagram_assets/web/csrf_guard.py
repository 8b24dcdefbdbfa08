"""ASGI middleware that protects a local server from requests by pages of other sites (CSRF, DNS rebinding).

A browser allows every page to send requests to 127.0.0.1. A server without a login can recognise the page's origin only
by the headers that browsers set (OWASP, Cross-Site Request Forgery Prevention; W3C, Fetch Metadata).
"""

import json
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import lru_cache
from typing import Any, NamedTuple

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_log = logging.getLogger(__name__)
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
"""HTTP methods that change nothing and have no body."""
# Another site may only navigate to our pages by a link, never embed them as an image or a frame.
_FOLLOWED_LINK = ((b"sec-fetch-mode", "navigate"), (b"sec-fetch-dest", "document"))
# Browsers that support the second header ignore the first; both are set, since not every application's responses do.
_NO_FOREIGN_FRAMES = (
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"content-security-policy", b"frame-ancestors 'self'"),
)


class Refusal(NamedTuple):
    """Why a request is rejected: HTTP status, message, and `error`, an identifier for programs."""

    status: int
    reason: str
    error: str


Rule = Callable[[Scope], Refusal | None]


def only_json(scope: Scope) -> Refusal | None:
    """Rule for request bodies: only JSON is accepted, since an HTML form cannot send JSON without a CORS preflight.

    Returns the refusal, or None if the request is accepted.
    """
    if scope.get("method", "GET") in SAFE_METHODS or _media_types(scope) == ["application/json"]:
        return None
    return Refusal(415, "Only bodies with Content-Type: application/json are taken.", "not_json")


def rest(scope: Scope) -> Refusal | None:
    """Rule for request bodies of a REST API: JSON; but PUT can have any body, and DELETE none.

    Pages of other sites need a CORS preflight for PUT and DELETE, which is never granted. A POST without a body needs
    no content type: browsers send the origin with every POST, and it is checked.
    """
    if scope["type"] != "http" or scope["method"] == "PUT":
        return None
    if scope["method"] == "DELETE":
        return (
            Refusal(400, "DELETE takes no body; its fields stand in the address.", "body") if _has_body(scope) else None
        )
    if scope["method"] == "POST" and not _values(scope, b"content-type") and not _has_body(scope):
        return None
    return only_json(scope)


def local_names(port: int, others: Iterable[str] = ()) -> frozenset[str]:
    """Returns the accepted `Host` headers of a server at this port: the loopback names of this machine, and `others`.

    `others` are host names as in a browser's address bar, with the port unless it is the scheme's default.
    """
    names = [name for host in ("127.0.0.1", "localhost", "[::1]") for name in _at_port(host, port)]
    return frozenset((*names, *(name.lower() for name in others)))


def guarded(
    application: Application, names: frozenset[str], bodies: Rule = only_json, *, json_below: str | None = None
) -> Application:
    """Wraps an application in a guard that rejects requests caused by other sites' pages, with a message that says why.

    It rejects requests whose `Host` header is not in `names` (DNS rebinding), requests and WebSockets from other
    origins, requests that the browser marks as cross-site (except followed links), GraphQL requests by GET (since
    Dagster would run mutations), and requests that the rule `bodies` rejects. Error responses to paths below
    `json_below` are JSON.
    """

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await application(scope, receive, send)
        elif refusal := refusal_of(scope, names, bodies):
            is_json = json_below is not None and str(scope["path"]).startswith(json_below)
            await _answer(scope, receive, send, refusal, is_json=is_json)
        else:
            await application(scope, receive, _unframed(send))

    return guard


def refusal_of(scope: Scope, names: frozenset[str], bodies: Rule = only_json) -> Refusal | None:
    """Returns why a request is rejected; None if it is accepted."""
    method = scope.get("method", "GET")
    hosts, origins = _values(scope, b"host"), _values(scope, b"origin")
    if len(hosts) != 1 or hosts[0].lower() not in names:
        return Refusal(
            421, f"This server does not answer under the name {_quoted(hosts)}, only under its own.", "wrong_host"
        )
    if any(_host_of(origin) not in names for origin in origins):
        return Refusal(403, f"Requests from {_quoted(origins)} are refused: it is another site.", "foreign_page")
    if not origins and _is_cross_site(scope, method):
        return Refusal(403, "Requests that another site's page makes are refused.", "foreign_page")
    if refusal := bodies(scope):
        return refusal
    if scope["type"] == "http" and method in SAFE_METHODS and _is_graphql(scope) and scope.get("query_string"):
        return Refusal(405, "GraphQL is taken by POST only.", "method_not_allowed")
    return None


def _at_port(host: str, port: int) -> list[str]:
    """Returns the host with its port; for ports 80 and 443 also without it, since browsers omit the default port."""
    return [f"{host}:{port}"] if port not in (80, 443) else [host, f"{host}:{port}"]


def _is_cross_site(scope: Scope, method: str) -> bool:
    """Whether the browser marks a request as cross-site or same-site (another port), except followed links."""
    sites = _values(scope, b"sec-fetch-site")
    if all(site in ("same-origin", "none") for site in sites):
        return False
    followed = all(_values(scope, name) == [value] for name, value in _FOLLOWED_LINK)
    return not (followed and scope["type"] == "http" and method in SAFE_METHODS)


def _is_graphql(scope: Scope) -> bool:
    return str(scope["path"]).rstrip("/").rpartition("/")[2].lower() == "graphql"


def _has_body(scope: Scope) -> bool:
    return bool(_values(scope, b"transfer-encoding")) or _values(scope, b"content-length") not in ([], ["0"])


def _media_types(scope: Scope) -> list[str]:
    """Returns the media types of the request without parameters (a form can send `text/plain; application/json`)."""
    return [value.partition(";")[0].strip().lower() for value in _values(scope, b"content-type")]


def _host_of(origin: str) -> str:
    """Returns host and port of an origin; empty for `null`, the origin of sandboxed pages and local files."""
    scheme, separator, host = origin.lower().partition("://")
    return host if separator and scheme in ("http", "https") else ""


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _quoted(values: list[str]) -> str:
    return ", ".join(f"'{value[:200]}'" for value in values) or "''"


def _unframed(send: Send) -> Send:
    """Wraps `send` so that every response forbids other sites to show it in a frame (clickjacking)."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *_NO_FOREIGN_FRAMES]}
        await send(message)

    return sending


async def _answer(scope: Scope, receive: Receive, send: Send, refusal: Refusal, *, is_json: bool) -> None:
    _tell(refusal)
    if scope["type"] == "websocket":
        await receive()  # a WebSocket must be received before it is rejected, with a 403 without a text
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.reason[:120]})
        return
    text = json.dumps({"detail": refusal.reason, "error": refusal.error}) if is_json else f"{refusal.reason}\n"
    body = text.encode()
    headers = [
        (b"content-type", b"application/json" if is_json else b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        *_NO_FOREIGN_FRAMES,
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@lru_cache(100)
def _tell(refusal: Refusal) -> None:
    """Logs a refusal, each distinct one only once, since a page can repeat its request many times."""
    _log.warning("Refused with %s: %r", refusal.status, refusal.reason)
