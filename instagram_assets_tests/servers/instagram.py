"""A loopback Instagram: an HTTPS proxy with a CA of its own, behind which `www.instagram.com` is this machine.

Instaloader takes it for the real one where HTTPS_PROXY and REQUESTS_CA_BUNDLE name it (`environment`).
It knows reels by their shortcodes, says what it was told to say, and keeps a list of what it was asked.
"""

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs

import trustme

HOSTS = ("www.instagram.com", "i.instagram.com")
GONE, PICTURE, STRANGE, OTHER = "gone", "picture", "strange", "other"
LOGIN, CHECKPOINT, LIMIT, WAIT, FORBIDDEN = "login", "checkpoint", "limit", "wait", "forbidden"
MISSING, BROKEN, CUT = "missing", "broken", "cut"


@dataclass(frozen=True)
class Asked:
    """One request: its method, host and path, the reel, and the cookies that came with it."""

    method: str
    host: str
    path: str
    shortcode: str = ""
    cookies: str = ""


@dataclass
class LoopbackInstagram:
    """`says` maps a shortcode to the address of its video, or to one of the words above; others are gone."""

    folder: Path
    says: dict[str, str] = field(default_factory=dict[str, str])
    asked: list[Asked] = field(default_factory=list[Asked])
    before: Callable[[Asked], None] = lambda _: None

    def __enter__(self) -> Self:
        authority = trustme.CA()
        self._authority = self.folder / "authority.pem"
        authority.cert_pem.write_to_path(str(self._authority))
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(*HOSTS).configure_cert(self.context)
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """What must stand in the environment of who is to take this for Instagram."""
        proxy = f"http://127.0.0.1:{self._server.server_address[1]}"
        return {"HTTPS_PROXY": proxy, "REQUESTS_CA_BUNDLE": str(self._authority), "NO_PROXY": "", "no_proxy": ""}

    @property
    def shortcodes(self) -> list[str]:
        """The reels that were asked for, in that order."""
        return [one.shortcode for one in self.asked]


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, instagram: LoopbackInstagram) -> None:
        self.instagram = instagram
        super().__init__(("127.0.0.1", 0), _Proxy)


class _Proxy(BaseHTTPRequestHandler):
    """Opens the tunnel that was asked for, and is itself at its other end."""

    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_CONNECT(self) -> None:
        self.close_connection = True
        if self.path.partition(":")[0] not in HOSTS:
            self.send_error(403)
            return
        self.send_response(200)
        self.end_headers()
        with self.server.instagram.context.wrap_socket(self.connection, server_side=True) as tunnel:
            _Instagram(tunnel, self.client_address, self.server)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Instagram(BaseHTTPRequestHandler):
    # One answer for each connection (HTTP/1.0): none is left open by a client that forgets it.
    timeout = 5
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        self._answer("")

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode())
        self._answer(json.loads(form["variables"][0]).get("shortcode", "") if "variables" in form else "")

    def _answer(self, shortcode: str) -> None:
        instagram = self.server.instagram
        host, cookies = self.headers.get("Host", ""), self.headers.get("Cookie", "")
        asked = Asked(self.command, host, self.path, shortcode, cookies)
        instagram.asked.append(asked)
        instagram.before(asked)
        said = instagram.says.get(shortcode, GONE)
        if self.path != "/graphql/query" or said == MISSING:
            return self._send(404, {"status": "fail"})
        if said == LOGIN:
            return self._send(302, {}, Location="https://www.instagram.com/accounts/login/")
        if said == CUT:
            return None
        return self._send(*_spoken(shortcode, said))

    def _send(self, status: int, body: dict[str, Any], **headers: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _spoken(shortcode: str, said: str) -> tuple[int, dict[str, Any]]:
    """Status and body for a word, or for the address of a reel's video."""
    refusals: dict[str, tuple[int, str]] = {
        CHECKPOINT: (400, "checkpoint_required"),
        LIMIT: (429, "Too many requests"),
        WAIT: (401, "Please wait a few minutes before you try again."),
        FORBIDDEN: (403, "forbidden"),
        BROKEN: (500, "boom"),
    }
    if said in refusals:
        status, message = refusals[said]
        return status, {"message": message, "status": "fail"}
    items: list[Any] = [_medium("OTHER" if said == OTHER else shortcode, None if said == PICTURE else said)]
    if said == GONE:
        items = []
    if said == STRANGE:
        items = [17]
    return 200, {"data": {"xdt_api__v1__media__shortcode__web_info": {"items": items}}, "status": "ok"}


def _medium(shortcode: str, video: str | None) -> dict[str, Any]:
    picture = {"url": "https://scontent.cdninstagram.com/i.jpg", "width": 1080, "height": 1920}
    return {
        "pk": "3500000000000000000",
        "id": "3500000000000000000_1",
        "code": shortcode,
        "media_type": 2 if video else 1,
        "taken_at": 1_700_000_000,
        "user": {"pk": "11", "username": "momdiary", "full_name": "Mom"},
        "image_versions2": {"candidates": [picture]},
        "video_duration": 12.3,
        "caption": {"text": "#육아일기"},
        "like_count": 55,
        "comment_count": 4,
        **({"video_versions": [{"url": video, "width": 720, "height": 1280}]} if video else {}),
    }
