"""A loopback HTTP proxy: it passes requests on, or does what broken and dishonest ones do."""

import http.client
import select
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

HONEST, PAGE, LOGIN, GARBAGE, CUT, REFUSING = "honest", "page", "login", "garbage", "cut", "refusing"
_BODIES = {PAGE: b"<html>Buy more bandwidth</html>", GARBAGE: b"\x00\x01\x02", CUT: b""}


class ForwardProxy:
    """A context manager; `kind` may be changed at any time. `asked` are the lines that came, `logins` who came."""

    def __init__(self, kind: str = HONEST) -> None:
        self.kind = kind
        self.asked: list[str] = []
        self.logins: list[str] = []
        self._http = _Server(self)
        self.port = self._http.server_port

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, proxy: ForwardProxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    timeout = 5
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def do_CONNECT(self) -> None:
        if not self._misbehaved():
            host, _, port = self.path.rpartition(":")
            with socket.create_connection((host, int(port)), timeout=5) as site:
                self.send_response_only(200)
                self.end_headers()
                _between(self.connection, site)
        self.close_connection = True

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self._misbehaved():
            return
        parts = urlsplit(self.path)
        site = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "proxy-authorization"}
        site.request(self.command, parts._replace(scheme="", netloc="").geturl(), body or None, headers)
        answer = site.getresponse()
        content = answer.read()
        site.close()
        self._send(answer.status, content, dict(answer.getheaders()))

    def _misbehaved(self) -> bool:
        """Whether it was answered in the place of the site."""
        proxy = self.server.proxy
        proxy.asked.append(self.requestline)
        proxy.logins.append(self.headers.get("Proxy-Authorization", ""))
        if proxy.kind == LOGIN and not proxy.logins[-1]:
            self._send(407, b"", {"Proxy-Authenticate": "Basic"})
        elif proxy.kind == REFUSING:
            self._send(403, _BODIES[PAGE], {})
        elif proxy.kind in _BODIES:
            self._send(200, _BODIES[proxy.kind], {"Content-Length": "9"} if proxy.kind == CUT else {})
        else:
            return False
        return True

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _between(one: socket.socket, other: socket.socket) -> None:
    """Hand on what either says until one ends."""
    ends = {one: other, other: one}
    while True:
        for ready in select.select(ends, [], [], 5)[0]:
            try:
                data = ready.recv(65_536)
            except ConnectionError:
                return
            if not data:
                return
            ends[ready].sendall(data)
