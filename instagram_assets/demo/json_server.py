"""Base class of the local fake APIs: an HTTP server with JSON responses."""

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self
from urllib.parse import parse_qs, unquote


class JsonRequest(NamedTuple):
    """An HTTP request as received: header names in lower case, and the last value of each query parameter."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class JsonReply(NamedTuple):
    """A JSON response; without a status, the connection is closed without a response."""

    status: int
    body: object = None
    headers: Mapping[str, str] = {}


class JsonServer:
    """Context manager: an HTTP server on a free port of 127.0.0.1; subclasses implement `respond`."""

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
        """Return the response to a request; called concurrently from several threads."""
        raise NotImplementedError


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # limit of simultaneous new connections


class _Handler(BaseHTTPRequestHandler):
    json_server: JsonServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: the second would wait 40 ms for the acknowledgement of the first

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
        """Suppress the log of `http.server`: the servers record requests themselves."""
