"""The demo's stand-in of Instagram's site, with what goes wrong there: every way in which it refuses.

with InstagramSiteServer({"sun_diary": Person.made("sun_diary", 30)}) as site:
    site.script = lambda asked: WAIT if asked.number == 3 else None

Not to be confused with `servers/instagram.py`, which Instaloader asks for reels.
"""

import gzip
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs

from instagram_assets.demo.instagram_data import SitePerson
from instagram_assets.demo.instagram_server import GRAPHQL_PATH, PROFILE_PATH, page_response, parse_page_request

SESSION = "77%3Acanary-session%3A28"
"""The cookie by which somebody is logged in here."""

# The identity has asked too much.
WAIT, WAIT_FORBIDDEN, LIMIT, LIMIT_DATE = "wait", "wait_forbidden", "limit", "limit_date"
# A login is wanted, or a person.
LOGIN, LOGIN_WANTED, CHALLENGE, CHECKPOINT = "login", "login_wanted", "challenge", "checkpoint"
FEEDBACK, SUSPENDED = "feedback", "suspended"
# There is no such account, it is private, or is shown to who is logged in alone.
MISSING, NOBODY, PRIVATE, WALL = "missing", "nobody", "private", "wall"
# Answers that are none.
HTML, BROKEN, BUSY, CUT, DROP, GARBAGE, SLOW, BOMB = "html", "broken", "busy", "cut", "drop", "garbage", "slow", "bomb"
# A form that nobody knows.
CHANGED, DOCUMENT_GONE = "changed", "document_gone"

PASSING = (HTML, BROKEN, BUSY, CUT, DROP, GARBAGE)
THROTTLING = (WAIT, WAIT_FORBIDDEN, LIMIT, LIMIT_DATE)
LOGGING_IN = (LOGIN, LOGIN_WANTED)
STOPPING = (CHALLENGE, CHECKPOINT, FEEDBACK, SUSPENDED)
RETRY_SECONDS = 1_200


@dataclass(frozen=True)
class Asked:
    """One request, the first being number 1: who it is about, behind which cursor, and what it was answered with."""

    number: int
    at: float
    method: str
    path: str
    subject: str
    cursor: str | None
    logged_in: bool
    headers: Mapping[str, str] = field(repr=False)
    refused: str | None = None
    """Null for what was answered as asked."""

    @property
    def page(self) -> str:
        """What of its subject was asked for: `profile`, `posts`, or `posts` with the cursor that they are behind."""
        return "profile" if self.path == PROFILE_PATH else " ".join(("posts", self.cursor or "")).strip()


class Reply(NamedTuple):
    """What goes back; without a status the connection ends. `cut` leaves out the last bytes that were promised."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}
    cut: int = 0


class InstagramSiteServer:
    """A context manager that listens on a free port of 127.0.0.1; `url` is what `collection.instagram_url` is set to.

    `people` may be changed at any time. `script` says of each request, by one of the words above, how it is refused;
    `before` is called with each before it is answered. `now` is the time that requests are written down with.
    """

    def __init__(
        self,
        people: Mapping[str, SitePerson] | None = None,
        *,
        now: Callable[[], float] = time.time,
        slow: float = 5,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.people = dict(people or {})
        self.now = now
        self.script: Callable[[Asked], str | None] = lambda _: None
        self.before: Callable[[Asked], object] = lambda _: None
        self.asked: list[Asked] = []
        self._slow = slow
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._http = _Server(self)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._http.server_port}"
        if tls:
            # The handshake is the business of the connection's own thread.
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def answered(self) -> list[tuple[str, str]]:
        """Whose pages, and which of them, were given out, in that order."""
        return [(one.subject, one.page) for one in self.asked if one.refused is None]

    def respond(self, method: str, path: str, words: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        """The reply to one request, with the words of its query and its form."""
        page = parse_page_request(self.people, path, words, f"sessionid={SESSION}" in headers.get("cookie", ""))
        with self._lock:
            asked = Asked(
                len(self.asked) + 1, self.now(), method, path, page.subject, page.cursor, page.logged_in, headers
            )
            refused = self.script(asked) or self._refusal(asked)
            asked = replace(asked, refused=refused)
            self.asked.append(asked)
        self.before(asked)
        if refused == SLOW:
            self._closing.wait(self._slow)
            return Reply(0)
        return self._refused(refused) if refused else _json(*page_response(self.people, page))

    def _refusal(self, asked: Asked) -> str | None:
        """What is refused without being told to."""
        if asked.path not in (PROFILE_PATH, GRAPHQL_PATH) or not asked.headers.get("x-ig-app-id"):
            return MISSING
        return None if asked.subject in self.people else NOBODY

    def _refused(self, word: str) -> Reply:
        if word in _SAID:
            status, message, more = _SAID[word]
            return _json(status, {"message": message, "status": "fail", **more})
        if word in _REDIRECTS:
            return Reply(302, b"", {"Location": f"{self.url}{_REDIRECTS[word]}"})
        if word == LIMIT_DATE:
            until = datetime.fromtimestamp(self.now(), UTC) + timedelta(seconds=RETRY_SECONDS)
            date = format_datetime(datetime.fromtimestamp(self.now(), UTC), usegmt=True)
            return Reply(429, _PAGE, {"Retry-After": format_datetime(until, usegmt=True), "Date": date})
        return _bomb() if word == BOMB else _ODD[word]


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, site: InstagramSiteServer) -> None:
        self.site = site
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    # One answer for each connection (HTTP/1.0): none is left open by a client that dies.
    timeout = 5
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        self._reply("")

    def do_POST(self) -> None:
        self._reply(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())

    def _reply(self, form: str) -> None:
        path, _, query = self.path.partition("?")
        words = {name: values[-1] for text in (query, form) for name, values in parse_qs(text).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            self._send(self.server.site.respond(self.command, path, words, headers))
        except (BrokenPipeError, ConnectionResetError):  # who asked was killed, or gave up
            self.close_connection = True

    def _send(self, reply: Reply) -> None:
        if not reply.status:
            return
        self.send_response_only(reply.status)
        sent = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(reply.body))}
        for name, value in {**sent, **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body[: len(reply.body) - reply.cut])

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: `asked` tells."""


_JSON = {"Content-Type": "application/json; charset=utf-8"}
_PAGE = b"<!DOCTYPE html><html><head><title>Instagram</title></head><body></body></html>"
_WAIT = "Please wait a few minutes before you try again."
_MORE: dict[str, Any] = {}
_SAID: dict[str, tuple[int, str, dict[str, Any]]] = {
    WAIT: (401, _WAIT, {"require_login": True, "igweb_rollout": True}),
    WAIT_FORBIDDEN: (403, _WAIT, _MORE),
    LOGIN_WANTED: (403, "login_required", {"error_title": "You've Been Logged Out", "logout_reason": 8}),
    CHECKPOINT: (400, "checkpoint_required", {"checkpoint_url": "/challenge/77/abc/", "lock": True}),
    FEEDBACK: (400, "feedback_required", {"spam": True, "feedback_title": "Try Again Later"}),
    WALL: (400, "Please log in to see this profile.", {"require_login": True}),
    MISSING: (404, "", _MORE),
}
_REDIRECTS = {
    LOGIN: "/accounts/login/?next=/api/v1/",
    CHALLENGE: "/challenge/?next=/api/v1/",
    SUSPENDED: "/accounts/suspended/",
}


def _json(status: int, body: object) -> Reply:
    """JSON, packed as the site packs it."""
    return Reply(status, gzip.compress(json.dumps(body).encode(), 1, mtime=0), {**_JSON, "Content-Encoding": "gzip"})


def _bomb() -> Reply:
    """80 MB of nothing in 80 kB."""
    return Reply(200, gzip.compress(bytes(80_000_000), 9, mtime=0), {**_JSON, "Content-Encoding": "gzip"})


def _bare(status: int, body: object, **headers: str) -> Reply:
    return Reply(status, json.dumps(body).encode(), {**_JSON, **headers})


_PRIVATE_USER = {
    "id": "7000000001",
    "username": "somebody",
    "is_private": True,
    "followed_by_viewer": False,
    "edge_followed_by": {"count": 10},
    "edge_follow": {"count": 10},
    "biography": "",
    "edge_owner_to_timeline_media": {"count": 3, "page_info": {"has_next_page": False, "end_cursor": ""}, "edges": []},
}
_NEW_FORM = {"data": {"xig_user_by_username": {"pk": "7", "timeline": []}}, "status": "ok"}
_ODD: dict[str, Reply] = {
    LIMIT: Reply(429, b"", {"Retry-After": str(RETRY_SECONDS)}),
    NOBODY: _bare(200, {"data": {"user": None}, "status": "ok"}),
    PRIVATE: _bare(200, {"data": {"user": _PRIVATE_USER}, "status": "ok"}),
    CHANGED: _bare(200, _NEW_FORM),
    DOCUMENT_GONE: _bare(200, {"data": None, "errors": [{"message": "execution error", "severity": "CRITICAL"}]}),
    HTML: Reply(200, _PAGE),
    BROKEN: Reply(500, _PAGE),
    BUSY: Reply(503, b"", {"Retry-After": "3"}),
    CUT: _bare(200, {"data": {"user": {"id": "7000000001", "username": "somebody"}}, "status": "ok"})._replace(cut=20),
    DROP: Reply(0),
    GARBAGE: Reply(200, b'{"data": {"user": {"id": "70', _JSON),
}
