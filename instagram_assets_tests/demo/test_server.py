"""The picture server answers as Instagram's would, counts what it is asked, and stops."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from instagram_assets.demo.sample_catalogue import MissingImage, image_catalogue, sample_posts
from instagram_assets.demo.server import COUNT_PATH, DemoServer
from instagram_assets.demo.synthetic_images import CONTENT_TYPES, Scene, encode_image
from instagram_assets.errors import SettingsError

FOLDER = "/v/t51.2885-15/"
FILES = image_catalogue()


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer(port=0) as server:
        yield server


@pytest.fixture
def client(server: DemoServer) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    yield connection
    connection.close()


def ask(
    client: http.client.HTTPConnection, path: str, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    client.request(method, path, headers=headers)
    response = client.getresponse()
    return response, response.read()


def first(wanted: object) -> str:
    """The path of the first file with this content."""
    return FOLDER + next(name for name, content in FILES.items() if content is wanted)


@pytest.mark.parametrize("image_format", CONTENT_TYPES)
def test_a_picture_comes_whole_with_its_type_and_length(client: http.client.HTTPConnection, image_format: str) -> None:
    name, scene = next((n, c) for n, c in FILES.items() if isinstance(c, Scene) and c.format == image_format)
    response, body = ask(client, f"{FOLDER}{name}?stp=dst-jpg_e35&oe=7C2771AB")
    assert response.status == 200
    assert response.getheader("Content-Type") == CONTENT_TYPES[scene.format]
    assert response.getheader("Content-Length") == str(len(body))
    assert body == encode_image(scene)


def test_one_connection_serves_many_requests(client: http.client.HTTPConnection) -> None:
    ask(client, first(MissingImage.PAGE))
    connection = client.sock
    for name in list(FILES)[:3]:
        ask(client, FOLDER + name)
    ask(client, first(MissingImage.PAGE), method="HEAD")
    ask(client, FOLDER + "nothing.jpg")
    assert client.sock is connection


def test_a_missing_file_is_a_404_and_a_login_page_a_200_with_html(client: http.client.HTTPConnection) -> None:
    assert ask(client, first(MissingImage.MISSING))[0].status == 404
    assert ask(client, FOLDER + "no_such_file_n.jpg")[0].status == 404
    page, body = ask(client, first(MissingImage.PAGE))
    assert (page.status, page.getheader("Content-Type")) == (200, "text/html; charset=utf-8")
    assert body.startswith(b"<!doctype html>")


def test_an_expired_address_is_refused_as_instagram_does(client: http.client.HTTPConnection) -> None:
    expired = next(medium for post in sample_posts() for medium in post.media if medium.expired)
    response, body = ask(client, f"{FOLDER}{expired.file_name}?oe=6576D61D")
    assert (response.status, body) == (403, b"URL signature expired")


def test_what_did_not_change_is_not_sent_again(client: http.client.HTTPConnection) -> None:
    path = FOLDER + next(iter(FILES))
    tag = ask(client, path)[0].getheader("ETag")
    assert tag
    response, body = ask(client, path, **{"If-None-Match": tag})
    assert (response.status, body) == (304, b"")


def test_a_head_request_has_the_length_but_no_body(client: http.client.HTTPConnection) -> None:
    path = FOLDER + next(iter(FILES))
    length = str(len(ask(client, path)[1]))
    response, body = ask(client, path, method="HEAD")
    assert (response.getheader("Content-Length"), body) == (length, b"")


def test_every_request_is_counted_by_its_path_without_the_query(
    server: DemoServer, client: http.client.HTTPConnection
) -> None:
    path = first(MissingImage.PAGE)
    for query in ("", "?oe=7C2771AB", "?oe=7C2771AC"):
        ask(client, path + query)
    ask(client, "/else")
    assert server.requests == {path: 3, "/else": 1}
    response, body = ask(client, COUNT_PATH)
    assert response.getheader("Content-Type") == "application/json"
    assert json.loads(body) == {path: 3, "/else": 1}


def test_leaving_it_ends_open_connections_and_frees_the_port() -> None:
    with DemoServer(port=0) as server:
        address = server.url.removeprefix("http://")
        client = http.client.HTTPConnection(address, timeout=10)
        ask(client, COUNT_PATH)
    client.auto_open = 0
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(client, COUNT_PATH)
    client.close()
    with DemoServer(port=int(address.rpartition(":")[2])) as again:
        assert again.url == f"http://{address}"


def test_a_taken_port_is_named_with_the_remedy(server: DemoServer) -> None:
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(SettingsError, match=f"--port {port}: .* choose another port with --port"):
        DemoServer(port)


def start(*options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "instagram_assets.demo.server", *options]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_as_a_program_it_serves_until_its_input_closes() -> None:
    with start("--port", "0") as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        client = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
        assert ask(client, COUNT_PATH)[1] == b"{}"
        client.close()
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


def test_as_a_program_it_stops_after_its_seconds() -> None:
    with start("--port", "0", "--seconds", "0.1") as process:
        assert process.wait(timeout=30) == 0


def test_as_a_program_it_says_which_port_is_taken(server: DemoServer) -> None:
    port = server.url.rpartition(":")[2]
    with start("--port", port) as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert errors.startswith(f"--port {port}: 127.0.0.1:{port} cannot be used")
