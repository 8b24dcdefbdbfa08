"""What stand-ins of other people's APIs have in common: requests in, JSON out, on this machine until they are left."""

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self
from urllib.parse import parse_qs, unquote


class JsonRequest(NamedTuple):
    """One request as it came; header names in lower case, of each word of the query the last value."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class JsonReply(NamedTuple):
    """What goes back; without a status the connection is cut."""

    status: int
    body: object = None
    headers: Mapping[str, str] = {}


class JsonServer:
    """A context manager that listens on a free port of 127.0.0.1; `respond` says what each request is answered with."""

    def __init__(self) -> None:
        server = self

        class Handler(_Handler):
            json_server = server

        self._http = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def respond(self, request: JsonRequest) -> JsonReply:
        """The reply to one request; requests may come side by side."""
        raise NotImplementedError


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # so many may come at once


class _Handler(BaseHTTPRequestHandler):
    json_server: JsonServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: the second would wait 40 ms for the first to be acknowledged

    def do_GET(self) -> None:
        self._reply()

    def do_POST(self) -> None:
        self._reply()

    def do_DELETE(self) -> None:
        self._reply()

    def _reply(self) -> None:
        path, _, query = self.path.partition("?")
        words = {name: values[-1] for name, values in parse_qs(query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length") or 0))
        reply = self.json_server.respond(JsonRequest(self.command, unquote(path), words, headers, body))
        if not reply.status:
            self.close_connection = True
            return
        content = json.dumps(reply.body).encode()
        self.send_response(reply.status)
        sent = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(content))}
        for name, value in {**sent, **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the books tell what was asked."""
