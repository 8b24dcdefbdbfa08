"""What the web app says of export files that wait, have landed or were rejected, by the API and on its page."""

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from upath import UPath

from instagram_assets.ingest.folder_scan import ERROR_SUFFIX
from instagram_assets.ingest.inbox import land_files
from instagram_assets.ingest.manifests import clear_pending, manifest_path
from instagram_assets.settings import Settings, load_settings
from instagram_assets.web.app import create_app
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dependencies import Services

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path)


@pytest.fixture
def client(settings: Settings) -> TestClient:
    return TestClient(create_app(Services(settings, DagsterApi(NOWHERE), NOWHERE)))


def post(number: int) -> dict[str, Any]:
    return {
        "id": str(2_000_000_000_000_000_000 + number),
        "type": "Image",
        "shortCode": f"C{number}",
        "url": f"https://www.instagram.com/p/C{number}/",
        "ownerUsername": "sun_diary",
        "timestamp": "2026-01-05T09:00:00.000Z",
        "likesCount": number,
        "commentsCount": 1,
        "caption": "바다",
        "displayUrl": "https://example.org/a.jpg",
    }


def put(client: TestClient, name: str, records: object) -> None:
    assert client.put(f"/api/inbox/{name}", content=json.dumps(records).encode()).status_code == 201


def test_an_uploaded_file_waits_then_has_landed_with_its_counts(client: TestClient, settings: Settings) -> None:
    put(client, "posts.json", [post(1), post(2), None])
    before = client.get("/api/inbox").json()
    assert [file["name"] for file in before["waiting"]] == ["posts.json"]
    lake = UPath(settings.lake_uri)
    landed = land_files([], lake, settings).landed
    after = client.get("/api/inbox").json()
    assert after["waiting"] == []
    (file,) = after["landed"]
    assert {
        key: file[key] for key in ("name", "records", "posts", "reels", "profiles", "quarantined", "is_pending")
    } == {
        "name": "posts.json",
        "records": 3,
        "posts": 2,
        "reels": 0,
        "profiles": 0,
        "quarantined": 1,
        "is_pending": True,
    }
    assert "every 3s" in client.get("/collect/files").text, "the page follows until tables are made"
    clear_pending(lake, landed)
    assert not client.get("/api/inbox").json()["landed"][0]["is_pending"]
    assert "every 3s" not in client.get("/collect/files").text


def test_a_rejected_file_is_there_with_its_reason_and_without_the_machines_paths(
    client: TestClient, settings: Settings
) -> None:
    put(client, "posts.json", "no records")
    land_files([], UPath(settings.lake_uri), settings)
    (file,) = client.get("/api/inbox").json()["rejected"]
    assert file["name"] == "posts.json"
    assert file["reason"] == (
        "posts.json, line 1, column 13: the file holds one text instead of records. Give an array of records."
    )
    assert file["reason"] in client.get("/collect/files/list").text


def test_the_newest_stand_first_and_each_list_is_paged(client: TestClient, settings: Settings) -> None:
    lake = UPath(settings.lake_uri)
    for number in range(5):
        put(client, f"{number}.json", [post(number)])
        (file,) = land_files([], lake, settings).landed
        written = time.time() - 100 + number
        os.utime(str(manifest_path(lake, file.name)), (written, written))
    pages = [client.get("/api/inbox", params={"page": page, "size": 2}).json() for page in (1, 2, 3, 4)]
    assert [[file["name"] for file in page["landed"]] for page in pages] == [
        *(["4.json", "3.json"], ["2.json", "1.json"], ["0.json"], [])
    ]
    assert [page["landed_total"] for page in pages] == [5] * 4
    assert [page["has_more"] for page in pages] == [True, True, False, False]


def test_a_damaged_manifest_is_said_in_its_place(client: TestClient, settings: Settings) -> None:
    lake = UPath(settings.lake_uri)
    put(client, "posts.json", [post(1)])
    (file,) = land_files([], lake, settings).landed
    manifest_path(lake, file.name).write_bytes(b"{")
    (entry,) = client.get("/api/inbox").json()["landed"]
    assert "the manifest is damaged. Delete it" in entry["problem"]
    assert "the manifest is damaged" in client.get("/collect/files/list").text


def test_folders_wait_and_hidden_files_are_left_alone(client: TestClient, settings: Settings) -> None:
    inbox = settings.folder("inbox")
    (inbox / "이월").mkdir(parents=True)
    (inbox / "이월" / "a.json").write_text("[]")
    (inbox / ".hidden.json").write_text("[]")
    (inbox / os.fsdecode(b"\xff.json")).write_text("[]")
    waiting = client.get("/api/inbox").json()["waiting"]
    assert [(file["name"], file["bytes"]) for file in waiting] == [("이월", None), ("?.json", 2)]
    assert client.get("/collect/files").status_code == 200


def test_names_are_shown_as_text(client: TestClient) -> None:
    put(client, "%3Cimg src=x onerror=alert(1)%3E.json", [post(1)])
    page = client.get("/collect/files").text
    assert "&lt;img src=x onerror" in page
    assert "<img" not in page


@pytest.mark.parametrize("language", ["en", "ko"])
def test_an_empty_inbox_says_what_to_do(client: TestClient, language: str) -> None:
    page = client.get("/collect/files", headers={"Accept-Language": language}).text
    assert "posts.json" in page
    assert client.get("/api/inbox").json()["has_more"] is False


def test_the_same_bytes_are_there_already(client: TestClient) -> None:
    put(client, "posts.json", [post(1)])
    again = client.put("/api/inbox/posts.json", content=json.dumps([post(1)]).encode())
    assert (again.status_code, again.json()["is_new"]) == (200, False)


def test_what_sends_files_is_there_before_the_part_that_takes_them(client: TestClient) -> None:
    page = client.get("/collect?way=files").text
    script = re.search(r'<script defer src="(/static/upload\.js\?\w+)"></script>', page)
    assert script
    assert client.get(script[1]).status_code == 200
    assert "<script" not in client.get("/collect/files").text


def test_a_note_that_is_a_link_or_a_pipe_is_not_opened(client: TestClient, settings: Settings, tmp_path: Path) -> None:
    rejected = settings.folder("inbox") / "rejected"
    rejected.mkdir(parents=True)
    (tmp_path / "secret").write_text("root:x:0:0")
    (rejected / f"a.json{ERROR_SUFFIX}").symlink_to(tmp_path / "secret")
    (rejected / f"b.json{ERROR_SUFFIX}").symlink_to(tmp_path / "nowhere")
    os.mkfifo(rejected / f"c.json{ERROR_SUFFIX}")
    answer = client.get("/api/inbox")
    assert {file["reason"] for file in answer.json()["rejected"]} == {"the note is no file"}
    assert answer.json()["rejected_total"] == 3


@pytest.mark.parametrize("path", ["/api/inbox/x.json%0a", "/api/inbox/x.json%0d%0a", "/api/inbox/x.json%0a%0a"])
def test_a_line_break_behind_a_name_is_no_part_of_it(client: TestClient, settings: Settings, path: str) -> None:
    assert client.put(path, content=b"[]").status_code in (404, 422)
    assert client.get("/api/inbox%0a").status_code == 404
    assert not list(settings.folder("inbox").glob("*"))
