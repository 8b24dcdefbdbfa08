"""Files sent to a served app: answered with a fitting status, and nothing is left of what was broken off."""

import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from instagram_assets.settings import load_settings
from instagram_assets.web.app import protected_app
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dependencies import Services
from instagram_assets.web.http_server import http_server, listen
from instagram_assets_tests.web.clients import NOBODY


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sending")


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    listener = listen("127.0.0.1", 0)
    services = Services(load_settings(data_dir=folder, web={"max_upload_mb": 64}), DagsterApi(NOBODY), NOBODY)
    server = http_server(protected_app(listener, services))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()


def put(port: int, name: str, body: bytes | Iterator[bytes], **headers: str) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("PUT", f"/api/inbox/{name}", body, headers, encode_chunked="Transfer-Encoding" in headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def in_inbox(folder: Path) -> set[str]:
    return set(os.listdir(folder / "inbox")) if (folder / "inbox").is_dir() else set()


def wait_for(folder: Path, is_temporary_there: bool) -> None:
    until = time.monotonic() + 30
    while any(name.endswith(".tmp") for name in in_inbox(folder)) != is_temporary_there:
        assert time.monotonic() < until, in_inbox(folder)
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("name", "body", "status", "error"),
    [
        ("..%2F..%2Fetc%2Fposts.json", b"[]", 422, "file"),
        ("%2e%2e%2fposts.json", b"[]", 422, "file"),
        ("a%00.json", b"[]", 422, "file"),
        (".posts.json", b"[]", 422, "file"),
        ("posts.json", b"", 422, "file"),
        ("run.exe", b"MZ\x90\x00" + bytes(5_000_000), 415, "not_taken"),
        ("posts.json", b"\x7fELF" + bytes(5_000_000), 415, "not_taken"),
        ("posts.json?modified_at=yesterday", b"[]", 422, "invalid"),
    ],
)
def test_what_is_refused_is_said_in_json_also_to_who_is_still_sending(
    name: str, body: bytes, status: int, error: str, port: int, folder: Path
) -> None:
    answered, said = put(port, name, body)
    assert answered == status, said
    assert said["detail"]
    assert said.keys() == {"detail", "error"}
    assert error in said["error"]
    assert in_inbox(folder) == set()


def test_three_gigabytes_are_refused_by_their_length_before_anything_is_sent(port: int, folder: Path) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as asked:
        head = f"PUT /api/inbox/posts.json HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 3221225472\r\n\r\n"
        asked.sendall(head.encode())
        assert asked.recv(64).startswith(b"HTTP/1.1 413 ")
    assert in_inbox(folder) == set()


def test_a_length_that_nobody_told_is_measured(port: int, folder: Path) -> None:
    sent = iter([b"[" + b" " * ((1 << 20) - 1)] * 3)
    status, said = put(port, "chunked.json", sent, **{"Transfer-Encoding": "chunked"})
    assert (status, said["bytes"]) == (201, 3 << 20)
    (folder / "inbox" / "chunked.json").unlink()


def test_what_is_broken_off_in_the_middle_leaves_nothing(port: int, folder: Path) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as asked:
        head = f"PUT /api/inbox/half.json HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 9000000\r\n\r\n"
        asked.sendall(head.encode() + b"[" * 4_000_000)
        wait_for(folder, is_temporary_there=True)
        assert "half.json" not in in_inbox(folder)
    wait_for(folder, is_temporary_there=False)
    assert in_inbox(folder) == set()


def test_many_at_once_with_one_name_all_arrive(port: int, folder: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda number: put(port, "same.json", b"[%d]" % number), range(6)))
    assert [status for status, _ in answers] == [201] * 6
    names = {said["name"] for _, said in answers}
    assert names == in_inbox(folder)
    assert len(names) == 6


def test_a_page_of_another_site_cannot_put_anything_in(port: int, folder: Path) -> None:
    before = in_inbox(folder)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("PUT", "/api/inbox/foreign.json", b"[]", {"Origin": "https://evil.example"})
    assert connection.getresponse().status == 403
    connection.close()
    assert put(port, "own.json", b"[]", Origin=f"http://127.0.0.1:{port}")[0] == 403, "without its page's token"
    assert in_inbox(folder) == before


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Range": "bytes 0-1/9"}, 400),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Content-Encoding": "identity"}, 201),
        ({}, 201),
    ],
)
def test_only_the_bytes_of_whole_files_are_taken(port: int, folder: Path, headers: dict[str, str], status: int) -> None:
    name = f"part-{len(headers)}-{status}.json"
    answer, _ = put(port, name, b"[]" + b" " * status, **headers)
    assert (answer, name in in_inbox(folder)) == (status, status == 201)
