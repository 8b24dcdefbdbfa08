"""The demo's local media server: serves images and videos in place of Instagram's CDN, and counts requests."""

import argparse
import hashlib
import json
import socket
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from posixpath import basename
from time import time
from typing import Any, NamedTuple, Self, cast
from urllib.parse import parse_qs

from instagram_assets.demo.collected_samples import site_media
from instagram_assets.demo.sample_catalogue import SEED, MissingImage, image_catalogue
from instagram_assets.demo.sample_videos import SampleVideo, render_video, sample_videos
from instagram_assets.demo.synthetic_images import CONTENT_TYPES, Scene, encode_image
from instagram_assets.errors import SettingsError

LOOPBACK_HOST = "127.0.0.1"
DEMO_PORT = 48123  # fixed, because URLs are stored in the lake and a second demo must produce the same lake
COUNT_PATH = "/-/count"
_KEPT_PICTURES, _KEPT_FILMS = 32, 4
_DRAWN_AT_ONCE = 2  # in the order of the requests, so that none exceeds a client's timeout
_IDLE_SECONDS = 60
_LOGIN_PAGE = b"<!doctype html><html><head><title>Log in</title></head><body>Log in to continue.</body></html>"


class ImageReply(NamedTuple):
    """The HTTP response to a media request."""

    status: HTTPStatus
    content_type: str
    body: bytes


class DemoServer:
    """Context manager: serves the images of `image_catalogue(seed)`, the reels' videos and the collectors' media.

    `requests` counts the requests by path. Port 0 selects a free port. Raises SettingsError if the port is in use.
    """

    def __init__(self, port: int = DEMO_PORT, seed: int = SEED) -> None:
        self.requests: Counter[str] = Counter()
        self._files: dict[str, Scene | SampleVideo | MissingImage] = {
            **image_catalogue(seed),
            **sample_videos(seed),
            **site_media(),
        }
        self._picture = lru_cache(_KEPT_PICTURES)(encode_image)
        self._film = lru_cache(_KEPT_FILMS)(render_video)
        self._pens = ThreadPoolExecutor(_DRAWN_AT_ONCE)
        self._lock = threading.Lock()
        try:
            self._server = _Server((LOOPBACK_HOST, port), self)
        except (OSError, OverflowError) as error:
            raise SettingsError(
                f"--port {port}: {LOOPBACK_HOST}:{port} cannot be used ({error}). "
                "End the program that has it, or choose another port with --port."
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Return the server's base URL, without a slash at the end."""
        return f"http://{LOOPBACK_HOST}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.hang_up()
        self._pens.shutdown()

    def reply(self, target: str) -> ImageReply:
        """Count a request for `target` (path and query), and return its response."""
        path, _, query = target.partition("?")
        if path == COUNT_PATH:
            with self._lock:
                return ImageReply(HTTPStatus.OK, "application/json", json.dumps(self.requests).encode())
        with self._lock:
            self.requests[path] += 1
        content = self._files.get(basename(path), MissingImage.MISSING)
        if content is MissingImage.MISSING:
            return ImageReply(HTTPStatus.NOT_FOUND, "text/plain", b"Not Found")
        if _expired(query):
            return ImageReply(HTTPStatus.FORBIDDEN, "text/plain", b"URL signature expired")
        if isinstance(content, Scene):
            picture = self._pens.submit(self._picture, content).result()
            return ImageReply(HTTPStatus.OK, CONTENT_TYPES[content.format], picture)
        if isinstance(content, SampleVideo):
            return ImageReply(HTTPStatus.OK, "video/mp4", self._pens.submit(self._film, content).result())
        return ImageReply(HTTPStatus.OK, "text/html; charset=utf-8", _LOGIN_PAGE)


def _expired(query: str) -> bool:
    """True when the URL's `oe`, a hexadecimal Unix timestamp, is in the past; a URL without `oe` never expires."""
    try:
        return int(parse_qs(query)["oe"][0], 16) < time()
    except (KeyError, ValueError):
        return False


class _Server(ThreadingHTTPServer):
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], demo: DemoServer) -> None:
        self.demo = demo
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Close keep-alive connections, so that no further requests are answered."""
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that disconnected is not an error of the server
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        reply = cast(_Server, self.server).demo.reply(self.path)
        tag = f'"{hashlib.sha256(reply.body).hexdigest()[:32]}"'
        unchanged = reply.status is HTTPStatus.OK and self.headers.get("If-None-Match") == tag
        self.send_response(HTTPStatus.NOT_MODIFIED if unchanged else reply.status)
        self.send_header("ETag", tag)
        if not unchanged:
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if with_body and not unchanged:
            self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        """Suppress the log of `http.server`: requests are counted instead."""


def main() -> None:
    """Command line: serve the demo's images until stdin closes, or for a number of seconds."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument(
        "--port", type=int, default=DEMO_PORT, help="where to listen; 0 takes a free one (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=float, help="stop after this time, whatever the input does")
    parser.add_argument("--seed", type=int, default=SEED, help="the export's seed (default: %(default)s)")
    options = parser.parse_args()
    try:
        with DemoServer(options.port, options.seed) as server:
            print(server.url, flush=True)
            _wait(options.seconds)
    except SettingsError as error:
        parser.exit(1, f"{error}\n")
    except KeyboardInterrupt:
        parser.exit(130)


def _wait(seconds: float | None) -> None:
    """Wait for the given time or, without one, until the parent process closes stdin or ends."""
    if seconds is not None:
        threading.Event().wait(seconds)
        return
    while sys.stdin.buffer.read(1024):
        continue


if __name__ == "__main__":
    main()
