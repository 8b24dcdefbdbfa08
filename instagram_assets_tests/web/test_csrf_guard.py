"""A server behind the guard answers its own pages, programs and people who follow a link; no other page."""

import http.client
import socket
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from instagram_assets.web.csrf_guard import Receive, Scope, Send, guarded, local_names, refusal_of
from instagram_assets.web.http_server import listen

JSON = {"Content-Type": "application/json"}
LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Says that it was reached."""
    await receive()
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "reached"})
        await send({"type": "websocket.close"})
        return
    headers = [(b"content-security-policy", b"object-src 'none'")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"reached"})


@contextmanager
def serving(*names: str) -> Generator[int]:
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    config = uvicorn.Config(guarded(application, local_names(port, names)), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving("ui.example.org", "UI.example.org:8443") as number:
        yield number


def ask(port: int, method: str = "GET", path: str = "/", host: str = "", **headers: Any) -> tuple[int, str]:
    """Status and text of the answer; `{}` in hosts and headers is the port, underscores in names are hyphens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest(method, path, skip_host=True)
    sent = {"Host": host or "127.0.0.1:{}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    for name, value in sent.items():
        connection.putheader(name, value.format(port))
    connection.putheader("Content-Length", "2")
    connection.endheaders(b"{}")
    answer = connection.getresponse()
    assert answer.getheader("X-Frame-Options") == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in str(answer.getheader("Content-Security-Policy"))
    text = answer.read().decode()
    connection.close()
    return answer.status, text


REACHED = (200, "reached")


@pytest.mark.parametrize("host", ["127.0.0.1:{}", "localhost:{}", "LocalHost:{}", "[::1]:{}", "ui.example.org:8443"])
def test_it_answers_under_its_own_names(port: int, host: str) -> None:
    assert ask(port, host=host) == REACHED
    assert ask(port, "POST", host=host, Origin="http://" + host, **JSON) == REACHED


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:{}", "127.0.0.1", "127.0.0.1:1", "127.0.0.2:{}", "localhost.evil.example:{}"),
        *("127.0.0.1:{}.evil.example", "127.0.0.1:{}@evil.example", "127.0.0.1:{},evil.example", "0.0.0.0:{}", " "),
    ],
)
def test_a_name_that_was_made_to_lead_here_is_refused(port: int, host: str) -> None:
    status, text = ask(port, host=host)
    assert status in (400, 421), text
    assert "reached" not in text


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "http://evil.example",
            "https://127.0.0.1.evil.example",
            "http://127.0.0.1",
            "http://127.0.0.1:1",
            "null",
            "",
        ),
        *("http://localhost:1", "file://", "chrome-extension://127.0.0.1:{}", "http://127.0.0.1:{}@evil.example"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_origins_are_refused_another_port_too(port: int, origin: str, method: str) -> None:
    status, text = ask(port, method, Origin=origin, **JSON)
    assert (status, text) == (403, f"Requests from '{origin.format(port)}' are refused: it is another site.\n")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_what_a_browser_calls_another_sites_request_is_refused(port: int, site: str) -> None:
    refused = (403, "Requests that another site's page makes are refused.\n")
    image = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    frame = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    for headers in (image, frame, {}):
        assert ask(port, Sec_Fetch_Site=site, **headers) == refused
    assert ask(port, "POST", Sec_Fetch_Site=site, **LINK, **JSON) == refused
    assert ask(port, Sec_Fetch_Site=site, **LINK) == REACHED
    assert ask(port, Sec_Fetch_Site="same-origin", **image) == REACHED
    assert ask(port, Sec_Fetch_Site="none", **LINK) == REACHED


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/%67raphql", "//graphql", "/prefix/GraphQL"])
def test_graphql_is_not_taken_by_get(port: int, method: str, path: str) -> None:
    query = "?query=mutation%7BlaunchRun%7D"
    assert ask(port, method, path + query)[0] == 405
    assert ask(port, method, path)[0] == 200
    assert ask(port, method, "/runs" + query)[0] == 200


@pytest.mark.parametrize(
    "kind",
    [
        *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "application/graphql"),
        *("text/plain; application/json", "text/plain;a=application/json", "application/jsonx", "application", ""),
        *("application/json, text/plain", "text/plain, application/json"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_only_json_bodies_are_taken(port: int, kind: str, method: str) -> None:
    refused = (415, "Only bodies with Content-Type: application/json are taken.\n")
    assert ask(port, method, "/graphql", Content_Type=kind) == refused
    assert ask(port, method, "/graphql") == refused
    assert ask(port, method, "/graphql", Content_Type="Application/JSON; charset=utf-8") == REACHED


def test_websockets_are_held_to_the_same_rules(port: int) -> None:
    address = f"ws://127.0.0.1:{port}/graphql"
    for origin in (None, f"http://127.0.0.1:{port}", "https://ui.example.org"):
        with connect(address, origin=Origin(origin) if origin else None) as connection:
            assert connection.recv() == "reached"
    for name, value in [
        ("Origin", "http://evil.example"),
        ("Origin", "http://127.0.0.1:1"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
    ]:
        with pytest.raises(InvalidStatus) as refusal:
            connect(address, additional_headers={name: value}).close()
        assert refusal.value.response.status_code == 403
    with socket.create_connection(("127.0.0.1", port)) as client, pytest.raises(InvalidStatus):
        connect(address.replace("127.0.0.1", "evil.example"), sock=client).close()


def test_doubled_headers_do_not_slip_through() -> None:
    def refused(*headers: tuple[bytes, bytes]) -> int:
        scope = {"type": "http", "method": "POST", "path": "/", "headers": list(headers)}
        refusal = refusal_of(scope, local_names(80))
        return refusal.status if refusal else 200

    host, kind = (b"host", b"localhost"), (b"content-type", b"application/json")
    assert refused(host, kind) == 200
    assert refused((b"host", b"evil.example"), host, kind) == 421
    assert refused(kind) == 421
    assert refused(host, kind, (b"content-type", b"text/plain")) == 415
    assert refused(host, kind, (b"origin", b"http://localhost"), (b"origin", b"http://evil.example")) == 403
