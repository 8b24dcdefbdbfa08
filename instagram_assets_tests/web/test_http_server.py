"""The server takes no header, no body and no word from outside that could stall it or get around what guards it."""

import http.client
import json
import socket
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from instagram_assets.settings import load_settings
from instagram_assets.web.app import create_app
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dependencies import Services
from instagram_assets.web.http_server import http_server, is_behind_proxy, listen
from instagram_assets.web.middleware import SmallBodies
from instagram_assets_tests.web.clients import NOBODY

HEAD = b"GET / HTTP/1.1\r\nHost: here\r\n"


async def whose(scope: Scope, receive: Receive, send: Send) -> None:
    """Says whose address a request comes from."""
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
    await send({"type": "http.response.body", "body": scope["client"][0].encode()})


@contextmanager
def serving(*, is_behind_proxy: bool = False) -> Generator[int]:
    with listen("127.0.0.1", 0) as listener:
        server = http_server(whose, is_behind_proxy=is_behind_proxy)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as number:
        yield number


def asked(port: int, **headers: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/", headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    assert answer.status == 200
    return answer.read().decode()


@pytest.mark.parametrize(
    "begin", [b"GET / HTTP/1.1\r\nX: ", b"GET /", HEAD + b"X: a\r\n" * 10_000, b""], ids=["one", "path", "many", "word"]
)
def test_a_head_without_an_end_is_cut_off_at_once_and_others_are_answered(port: int, begin: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        began, sent = monotonic(), 0
        with suppress(ConnectionError):
            client.sendall(begin)
            while sent < 64:
                client.sendall(b"a" * (1 << 20))
                sent += 1
        assert sent <= 12, "what the kernel keeps, and no more"
        assert asked(port) == "127.0.0.1"
        assert monotonic() - began < 10


def test_a_head_of_a_usual_size_is_taken(port: int) -> None:
    assert asked(port, X_Long="a" * 30_000) == "127.0.0.1"


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_nobody_chooses_the_address_by_which_their_tries_are_counted(port: int, name: str) -> None:
    assert asked(port, **{name: "192.0.2.7"}) == "127.0.0.1"


def test_a_proxy_that_was_told_says_whose_address_it_is() -> None:
    with serving(is_behind_proxy=True) as number:
        assert asked(number, X_Forwarded_For="192.0.2.7") == "192.0.2.7"


@pytest.mark.parametrize(
    ("host", "names", "trusted", "outcome"),
    [
        ("127.0.0.1", (), "", False),
        ("127.0.0.1", (), "10.0.0.1", False),
        ("127.0.0.1", ("app.example.org",), "", True),
        ("0.0.0.0", ("lab-server:3001",), "", False),
        ("0.0.0.0", ("app.example.org",), "10.0.0.1", True),
    ],
)
def test_a_proxy_is_believed_where_there_can_be_one(
    host: str, names: tuple[str, ...], trusted: str, outcome: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    assert is_behind_proxy(host, names) is outcome


def test_a_body_that_does_not_come_to_its_end_is_answered_in_time(tmp_path: Path) -> None:
    app: FastAPI = create_app(Services(load_settings(data_dir=tmp_path), DagsterApi(NOBODY), NOBODY))
    with listen("127.0.0.1", 0) as listener:
        server = http_server(SmallBodies(app, seconds=0.2))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            connection = http.client.HTTPConnection(*listener.getsockname()[:2], timeout=30)
            connection.putrequest("POST", "/api/login")
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", "20")
            connection.endheaders(b'{"token":')
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())["error"]) == (408, "too_slow")
        finally:
            server.should_exit = True
            thread.join()
    assert TestClient(app).post("/api/login", json={"token": "a"}).status_code == 409
