"""Lists by the REST API: keeping and dropping, undo, all that a filter finds, and exports of exactly what is kept."""

import csv
import hashlib
import io
import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from starlette.testclient import TestClient

from instagram_assets.automation.forget_requests import PAUSE_FOLDER, ForgetPhase, ForgetRequest
from instagram_assets.lake_index.index_files import INDEX_FOLDER
from instagram_assets.lake_index.update import update_index
from instagram_assets.settings import load_settings
from instagram_assets_tests.datasets.listed import Listed
from instagram_assets_tests.web.clients import app_of, client_of

MINE = "/api/lists/여행 2026"


@pytest.fixture
def listed(data_dir: Path) -> Listed:
    made = Listed(load_settings(data_dir=data_dir))
    update_index(made.lake, made.settings.folder(INDEX_FOLDER), made.settings.time_zone)
    return made


@pytest.fixture
def client(listed: Listed) -> TestClient:
    return client_of(app_of(listed.settings.data_dir))


def decide(client: TestClient, address: str = MINE, **body: Any) -> dict[str, Any]:
    answer = client.post(f"{address}/decisions", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_an_answer_says_of_before_undoes_it(client: TestClient, listed: Listed) -> None:
    one, two = listed.ids["1-0"], listed.ids["2-0"]
    decide(client, image_ids=[one], decision="keep")
    said = decide(client, image_ids=[one, two], decision="drop", why="a dog")
    undo = said.pop("undo")
    assert said == {"name": "여행 2026", "kept": 0, "dropped": 2, "before": {one: "keep", two: None}}
    assert (undo[one]["decision"], undo[one]["why"], undo[two]) == ("keep", "", None)
    assert client.get("/api/lists").json() == {"lists": [{"name": "여행 2026", "kept": 0, "dropped": 2, "problem": ""}]}
    assert {image["why"] for image in client.get(MINE).json()["images"]} == {"a dog"}
    decide(client, decisions=said["before"])
    assert [(image["image_id"], image["decision"]) for image in client.get(MINE).json()["images"]] == [(one, "keep")]
    assert client.delete(MINE).json() == {"name": "여행 2026", "kept": 1, "dropped": 0}
    assert client.get(MINE).status_code == client.delete(MINE).status_code == 404


def test_undo_gives_back_the_reason_and_the_time_of_before(client: TestClient, listed: Listed) -> None:
    one, two = listed.ids["1-0"], listed.ids["2-0"]
    decide(client, image_ids=[one, two], decision="drop", why="a dog")
    before = client.get(MINE).json()
    again = decide(client, image_ids=[one], decision="keep", why="after all no dog")
    found = client.post(f"{MINE}/found", json={"account": ["mina.draws"], "decision": None}).json()
    decide(client, decisions=found["undo"])
    assert {image["why"] for image in client.get(MINE).json()["images"]} == {"a dog", "after all no dog"}
    decide(client, decisions=again["undo"])
    assert client.get(MINE).json() == before
    strange = {one: {"decision": "keep", "why": "", "decided_at": "2026-11-27T09:30:00"}}
    assert client.post(f"{MINE}/decisions", json={"decisions": strange}).status_code == 422
    assert client.get(MINE).json() == before


def test_all_that_a_filter_finds_is_kept_but_for_what_is_dropped(client: TestClient, listed: Listed) -> None:
    one, two = listed.ids["1-0"], listed.ids["2-0"]
    decide(client, image_ids=[one], decision="drop")
    said = client.post(f"{MINE}/found", json={"account": ["mina.draws"], "decision": "keep"}).json()
    assert said.pop("undo") == said["before"]
    assert said | {"before": None} == {
        "name": "여행 2026",
        "kept": 2,
        "dropped": 1,
        "found": 3,
        "changed": 2,
        "left": 1,
        "before": None,
    }
    assert said["before"] == {listed.ids["1-1"]: None, two: None}
    every = client.post("/api/lists/all/found", json={}).json()
    assert every["kept"] == len(listed.ids) + len(listed.search.ids)
    wanted = {"list_name": "여행 2026", "decided": "kept", "first": "2026-06-01"}
    client.post("/api/lists/june/found", json=wanted)
    assert [image["image_id"] for image in client.get("/api/lists/june").json()["images"]] == [two]
    undecided = {"list_name": "여행 2026", "decided": "undecided", "source": "posts"}
    client.post("/api/lists/rest/found", json=undecided)
    assert [image["image_id"] for image in client.get("/api/lists/rest").json()["images"]] == [listed.ids["4-0"]]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/lists/a:b/decisions", {"image_ids": ["0" * 64], "decision": "keep"}, 422),
        ("/api/lists/a/decisions", {}, 422),
        ("/api/lists/a/decisions", {"image_ids": ["0" * 64]}, 422),
        ("/api/lists/a/decisions", {"image_ids": ["../x"], "decision": "keep"}, 422),
        ("/api/lists/a/decisions", {"image_ids": ["0" * 64], "decision": "keep"}, 404),
        ("/api/lists/a/decisions", {"image_ids": ["0" * 64], "decision": "maybe"}, 422),
        ("/api/lists/a/decisions", {"decisions": {"0" * 64: "keep"}, "decision": "keep"}, 422),
        ("/api/lists/a/found", {"acount": "jane"}, 422),
        ("/api/lists/a/found", {"first": "yesterday"}, 422),
        ("/api/lists/a/found", {"account": [["jane"]]}, 422),
    ],
)
def test_what_cannot_be_decided_is_refused_and_makes_no_list(
    client: TestClient, path: str, body: dict[str, Any], status: int
) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert client.get("/api/lists").json() == {"lists": []}


def test_a_zip_holds_exactly_the_kept_images_and_where_each_came_from(client: TestClient, listed: Listed) -> None:
    of_search = listed.search.ids[1]
    kept = [listed.ids["1-1"], listed.ids["4-0"], of_search]
    decide(client, image_ids=kept, decision="keep")
    decide(client, image_ids=[listed.ids["1-0"]], decision="drop")
    answer = client.get(f"{MINE}/export")
    assert answer.headers["content-disposition"].endswith("filename*=UTF-8''%EC%97%AC%ED%96%89%202026.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = [name for name in archive.namelist() if name != "manifest.jsonl"]
        lines = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
        data = {line["sha256"]: archive.read(line["file"]) for line in lines}
    assert sorted(names) == ["img_0001.jpg", "img_0002.jpg", "img_0003.jpg"]
    assert data == {image_id: listed.bytes_of(image_id) for image_id in kept}
    first, _, last = lines
    assert (first["account"], first["post_id"], first["position"], first["day"]) == ("mina.draws", "1", 1, "2026-05-01")
    assert first["url"] == "https://cdn.example/1-1.jpg"
    assert (last["search"], last["query"], last["cluster"]) == (listed.search.name, "cat", 3)
    assert last["scope"] == f"search:{listed.search.name}"


def test_csv_and_lines_of_json_say_the_same_of_each_kept_image(client: TestClient, listed: Listed) -> None:
    kept = [listed.ids["1-0"], listed.ids["2-0"], listed.search.ids[2]]
    decide(client, image_ids=kept, decision="keep")
    body = client.get(f"{MINE}/export?form=csv").content
    table = pd.read_csv(io.BytesIO(body), encoding="utf-8-sig")
    lines = [json.loads(line) for line in client.get(f"{MINE}/export?form=jsonl").text.splitlines()]
    assert [line["image_id"] for line in lines] == table["image_id"].tolist() == kept
    assert table["likes"].tolist()[:2] == [line["likes"] for line in lines][:2] == [30, 30]
    [one, *_] = csv.DictReader(io.StringIO(body.decode("utf-8-sig")))
    assert one["post_caption"] == "그림 1|||오늘도"
    assert lines[0]["post_caption"] == "그림 1\n\n오늘도"


def test_an_image_whose_file_is_gone_or_damaged_is_named(client: TestClient, listed: Listed) -> None:
    gone, damaged, there = listed.ids["1-0"], listed.ids["1-1"], listed.ids["2-0"]
    decide(client, image_ids=[gone, damaged, there], decision="keep")
    listed.path_of(gone).unlink()
    listed.path_of(damaged).write_bytes(b"something else")
    with zipfile.ZipFile(io.BytesIO(client.get(f"{MINE}/export").content)) as archive:
        lines = {line["sha256"]: line for line in map(json.loads, archive.read("manifest.jsonl").splitlines())}
        assert archive.namelist() == ["img_0001.jpg", "manifest.jsonl"]
        assert hashlib.sha256(archive.read("img_0001.jpg")).hexdigest() == there
    assert lines[there]["file"] == "img_0001.jpg"
    assert (lines[gone]["file"], lines[damaged]["file"]) == (None, None)
    assert "not in the media store" in lines[gone]["reason"]
    assert "damaged" in lines[damaged]["reason"]


def test_what_cannot_be_exported_says_why(client: TestClient, listed: Listed) -> None:
    assert client.get("/api/lists/none/export").status_code == 404
    decide(client, image_ids=[listed.ids["1-0"]], decision="drop")
    answer = client.get(f"{MINE}/export")
    assert (answer.status_code, answer.json()["error"]) == (422, "nothing_done")
    assert client.get(f"{MINE}/export?form=exe").status_code == 422
    declared = client_of(app_of(listed.settings.data_dir, privacy={"pseudonymous_exports": True}))
    assert declared.get(f"{MINE}/export").status_code == 409


def test_nothing_is_decided_or_exported_while_something_is_forgotten(
    client: TestClient, listed: Listed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(client, image_ids=[listed.ids["1-0"]], decision="keep")
    monkeypatch.setenv(PAUSE_FOLDER, str(tmp_path / "dev"))
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "state.json").write_text(
        json.dumps(asdict(ForgetRequest("sun_diary", phase=ForgetPhase.forgetting)))
    )
    body = {"image_ids": [listed.ids["1-0"]], "decision": None}
    for answer in (client.get(f"{MINE}/export"), client.post(f"{MINE}/decisions", json=body), client.delete(MINE)):
        assert (answer.status_code, answer.json()["error"]) == (409, "paused")
    assert client.get(MINE).json()["kept"] == 1


def test_the_page_of_lists_links_to_the_gallery_and_the_files(client: TestClient, listed: Listed) -> None:
    assert "/api/lists/" not in client.get("/lists").text
    decide(client, image_ids=[listed.ids["1-0"]], decision="keep")
    page = client.get("/lists").text
    assert 'href="/gallery?list_name=%EC%97%AC%ED%96%89%202026&amp;decided=kept"' in page
    assert "/api/lists/%EC%97%AC%ED%96%89%202026/export?form=zip" in page


def test_a_damaged_list_is_told_and_no_fault_of_the_app(client: TestClient, listed: Listed) -> None:
    decide(client, image_ids=[listed.ids["1-0"]], decision="keep")
    [file] = (Path(str(listed.lake)) / "overrides").glob("list%3A*/part.parquet")
    file.write_bytes(b"no table")
    assert client.get("/lists").status_code == 200
    assert str(file) in client.get("/lists").text
    assert client.get(MINE).status_code == client.get(f"{MINE}/export").status_code == 409


@pytest.mark.parametrize(
    "decision",
    [
        *({"sharp": True}, True, ["keep"], "KEEP", {"decision": "keep"}, {"decision": {"sharp": True}}),
        *({"decision": "keep", "decided_at": time} for time in (0, True, 1e18, "1700000000", "2026-11-02T09:30:00")),
        {"decision": "keep", "decided_at": "9999-12-31T23:59:59-14:00"},
        {"decision": "keep", "decided_at": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_what_is_no_decision_is_refused_and_changes_nothing(client: TestClient, listed: Listed, decision: Any) -> None:
    one = listed.ids["1-0"]
    decide(client, image_ids=[one], decision="drop")
    before = client.get(MINE).json()
    bodies = [{"decisions": {one: decision}}, {"image_ids": [one], "decision": decision}]
    for body in bodies:
        answer = client.post(f"{MINE}/decisions", json=body)
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid")
    assert client.get(MINE).json() == before


@pytest.mark.parametrize(
    "fields", [{"sharp": True}, {"hour": True}, {"account": [True]}, {"quality": ["passed", "failed"]}, {"q": None}]
)
def test_a_filter_of_other_types_finds_nothing_by_chance(client: TestClient, fields: dict[str, Any]) -> None:
    answer = client.post(f"{MINE}/found", json=fields)
    assert answer.status_code == 422
    assert next(iter(fields)) in answer.json()["detail"]
    assert client.get("/api/lists").json() == {"lists": []}
