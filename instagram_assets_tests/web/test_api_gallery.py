"""The REST API of the gallery and of posts, over a small lake."""

from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient
from upath import UPath

from instagram_assets.datasets.lists import decide, read_decisions
from instagram_assets.web import gallery_lists
from instagram_assets_tests.lake_index.query_lake import indexed
from instagram_assets_tests.web.clients import app_of, client_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    indexed(folder).close()
    return folder


@pytest.fixture
def client(folder: Path) -> TestClient:
    return client_of(app_of(folder))


def test_pages_of_the_gallery_are_the_whole(client: TestClient) -> None:
    whole = client.get("/api/gallery", params={"limit": 500, "sort": "likes"}).json()
    parts = [
        client.get("/api/gallery", params={"limit": 50, "offset": offset, "sort": "likes"}).json()
        for offset in (0, 50, 100)
    ]
    assert whole["total"] == len(whole["images"]) == 125
    assert [image for part in parts for image in part["images"]] == whole["images"]
    assert client.get("/api/gallery", params={"offset": 1_000}).json()["images"] == []


def test_facets_count_what_the_gallery_finds(client: TestClient) -> None:
    for query in ("", "quality=passed", "q=dogs&account=007"):
        facets = client.get(f"/api/gallery/facets?{query}").json()
        assert facets["total"] == client.get(f"/api/gallery?{query}").json()["total"]
        for name in ("account", "cluster", "status", "search"):
            for each in facets[name]:
                field = f"{name}={quote(str(each['value']))}"
                others = "&".join(part for part in query.split("&") if part and not part.startswith(f"{name}="))
                assert client.get(f"/api/gallery?{others}&{field}").json()["total"] == each["images"], (query, field)


def test_hashtags_of_facets_are_those_of_posts(client: TestClient) -> None:
    counts = {each["value"]: each["images"] for each in client.get("/api/gallery/facets").json()["hashtag"]}
    for tag, posts in counts.items():
        images = client.get("/api/gallery", params={"hashtag": tag, "limit": 500}).json()["images"]
        assert len({(image["account"], image["post_id"]) for image in images}) == posts
    assert set(counts) >= {"home", "산책", "only.here"}


def test_one_post_whose_account_is_a_hashtag(client: TestClient) -> None:
    found = client.get("/api/posts/%23육아일기/002").json()
    assert found["account"] == "#육아일기"
    assert found["tokens"] == [{"word": "걷다", "pos": "verb"}]
    assert [image["position"] for image in found["stored"]] == [0, 1]
    assert (found["source_file"], found["source_index"], found["problems"]) == ("a.json", 2, [])
    assert found["numbers"][0]["likes"] == found["likes"]
    assert found["url"].startswith("https://www.instagram.com/")


@pytest.mark.parametrize(
    ("address", "status"),
    [
        *[("/api/posts/jane.doe/nothing", 404), ("/api/posts/nobody/002", 404), ("/api/gallery?limit=501", 422)],
        *[("/api/gallery?offset=-1", 422), ("/api/gallery?sort=best", 422), ("/api/gallery?hour=24", 422)],
        *[("/api/gallery?sort=similar", 422), ("/api/posts?sort=sharpest", 422), ("/api/gallery?to=x", 422)],
    ],
)
def test_what_cannot_be_answered_says_why(client: TestClient, address: str, status: int) -> None:
    answer = client.get(address)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_nonsense_is_a_question_like_any_other(client: TestClient) -> None:
    for text in ("!" * 300, "%_'\";--", "\0", "🏳️‍🌈", "".join(map(chr, range(33, 333)))):
        assert client.get("/api/gallery", params={"q": text}).status_code == 200, text


def test_a_damaged_table_is_named_beside_what_is_known(folder: Path, tmp_path: Path) -> None:
    data = copytree(folder, tmp_path / "data")
    next((data / "lake" / "tokens" / "007").iterdir()).write_bytes(b"no table")
    found = client_of(app_of(data)).get("/api/posts/007/002").json()
    assert found["tokens"] == []
    assert found["caption"]
    assert len(found["problems"]) == 1
    assert "tokens" in found["problems"][0]


def test_what_a_list_says_is_read_once_until_it_says_something_else(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copytree(folder, tmp_path, dirs_exist_ok=True)
    client = client_of(app_of(tmp_path))
    first, second, *_ = (each["image_id"] for each in client.get("/api/gallery?source=posts").json()["images"])
    lake, read = UPath(tmp_path / "lake"), list[str]()
    monkeypatch.setattr(
        gallery_lists, "read_decisions", lambda root, name: read.append(name) or read_decisions(root, name)
    )
    kept = {"list_name": "mine", "decided": "kept"}
    assert client.get("/api/gallery", params=kept).json()["total"] == 0
    decide(lake, "mine", [first], "keep", "", datetime(2026, 11, 1, tzinfo=UTC))
    for _ in range(3):
        assert [each["image_id"] for each in client.get("/api/gallery", params=kept).json()["images"]] == [first]
    assert read == ["mine"]
    decide(lake, "mine", [second], "keep", "", datetime(2026, 11, 1, tzinfo=UTC))
    assert client.get("/api/gallery", params=kept).json()["total"] == 2
    assert read == ["mine", "mine"]
