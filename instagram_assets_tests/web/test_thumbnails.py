"""Small pictures are made once, kept below a size, sent to be kept for good, and never are anything but pictures."""

import asyncio
import io
import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient
from typer.testing import CliRunner

from instagram_assets.automation.forget_requests import PAUSE_FOLDER, ForgetPhase, ForgetRequest
from instagram_assets.cli import app
from instagram_assets.errors import NotFoundError
from instagram_assets.lake_index import thumbnails as making
from instagram_assets.lake_index.thumbnails import Thumbnails
from instagram_assets.settings import settings
from instagram_assets_tests.web.clients import app_of, client_of
from instagram_assets_tests.web.journeys.gallery_lake import write_gallery_lake

AS_BROWSER = {"Accept": "image/avif,image/webp,*/*"}


def store(data: Path, body: bytes, ending: str = "jpg") -> str:
    """Put bytes where the media store has them; their image_id."""
    image_id = sha256(body).hexdigest()
    path = data / "media" / image_id[:2] / f"{image_id}.{ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return image_id


def jpeg(number: int, side: int = 700) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((side, side // 2), 40 + number).convert("RGB").save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with client_of(app_of(tmp_path)) as client:
        yield client


def test_a_thumbnail_is_small_kept_and_sent_for_good(client: TestClient, tmp_path: Path) -> None:
    image_id = store(tmp_path, jpeg(1))
    answer = client.get(f"/api/thumbnails/{image_id}")
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert Image.open(io.BytesIO(answer.content)).size == (320, 160)
    kept = tmp_path / "thumbnails" / image_id[:2] / f"{image_id}.jpg"
    assert kept.read_bytes() == answer.content
    assert (
        client.get(f"/api/thumbnails/{image_id}", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    )
    before = kept.stat().st_ino
    assert client.get(f"/api/thumbnails/{image_id}").content == answer.content
    assert kept.stat().st_ino == before


def test_a_whole_picture_is_as_it_was_stored(client: TestClient, tmp_path: Path) -> None:
    body = jpeg(2)
    answer = client.get(f"/api/pictures/{store(tmp_path, body)}")
    assert answer.content == body
    assert answer.headers["Content-Type"] == "image/jpeg"


def test_a_broken_picture_is_an_error_to_programs_and_a_placeholder_to_browsers(
    client: TestClient, tmp_path: Path
) -> None:
    image_id = store(tmp_path, jpeg(3)[:200])
    for kind in ("thumbnails", "pictures"):
        told = client.get(f"/api/{kind}/{image_id}")
        assert (told.status_code, told.json()["error"]) == (422, "decode")
        shown = client.get(f"/api/{kind}/{image_id}", headers=AS_BROWSER)
        assert (shown.status_code, shown.headers["Content-Type"]) == (422, "image/svg+xml")
        assert shown.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["0" * 64, "A" * 64, "x", "..%2f..%2fetc%2fpasswd"])
def test_what_is_not_stored_is_not_there(client: TestClient, name: str) -> None:
    assert client.get(f"/api/thumbnails/{name}").status_code in (404, 422)
    assert client.get(f"/api/pictures/{name}").status_code in (404, 422)


def test_links_lead_nowhere(client: TestClient, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    body = jpeg(4)
    image_id = sha256(body).hexdigest()
    (outside / f"{image_id}.jpg").write_bytes(body)
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / image_id[:2]).symlink_to(outside)
    assert client.get(f"/api/thumbnails/{image_id}").status_code == 404
    (tmp_path / "media" / image_id[:2]).unlink()
    (tmp_path / "media" / image_id[:2]).mkdir()
    (tmp_path / "media" / image_id[:2] / f"{image_id}.jpg").symlink_to(outside / f"{image_id}.jpg")
    assert client.get(f"/api/pictures/{image_id}").status_code == 404


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    ids = [store(tmp_path, jpeg(number)) for number in range(6)]
    one = len(Thumbnails(tmp_path / "a", tmp_path / "media", 1 << 30).of(ids[0]))
    thumbnails = Thumbnails(tmp_path / "b", tmp_path / "media", one * 5 + one // 2)
    for age, image_id in enumerate(ids[:3]):
        thumbnails.of(image_id)
        place = tmp_path / "b" / image_id[:2] / f"{image_id}.jpg"
        os.utime(place, (1_000_000 + age, 1_000_000 + age))
    thumbnails.of(ids[0])
    for image_id in ids[3:]:
        thumbnails.of(image_id)
    left = {path.stem for path in (tmp_path / "b").rglob("*.jpg")}
    assert ids[0] in left
    assert ids[1] not in left
    assert thumbnails.size() <= one * 5 + one // 2


def test_one_that_was_not_written_to_its_end_is_made_again(tmp_path: Path) -> None:
    image_id = store(tmp_path, jpeg(5))
    thumbnails = Thumbnails(tmp_path / "t", tmp_path / "media", 1 << 30)
    whole = thumbnails.of(image_id)
    place = tmp_path / "t" / image_id[:2] / f"{image_id}.jpg"
    place.write_bytes(whole[:100])
    assert thumbnails.of(image_id) == whole
    assert place.read_bytes() == whole


def test_no_thumbnail_outlives_its_picture(tmp_path: Path) -> None:
    image_id = store(tmp_path, jpeg(6))
    thumbnails = Thumbnails(tmp_path / "t", tmp_path / "media", 1 << 30)
    thumbnails.of(image_id)
    (tmp_path / "media" / image_id[:2] / f"{image_id}.jpg").unlink()
    with pytest.raises(NotFoundError):
        thumbnails.of(image_id)
    assert not list((tmp_path / "t").rglob("*.jpg"))


def test_a_picture_that_goes_while_its_thumbnail_is_made_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_id = store(tmp_path, jpeg(7))
    make = making.small_jpeg

    def made_late(path: Path, most: float) -> bytes:
        body = make(path, most)
        path.unlink()
        return body

    monkeypatch.setattr(making, "small_jpeg", made_late)
    with pytest.raises(NotFoundError):
        Thumbnails(tmp_path / "t", tmp_path / "media", 1 << 30).of(image_id)
    assert not [path for path in (tmp_path / "t").rglob("*") if path.is_file()]


def test_none_is_made_while_something_is_forgotten(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = store(tmp_path, jpeg(8)), store(tmp_path, jpeg(9))
    body = client.get(f"/api/thumbnails/{old}").content
    monkeypatch.setenv(PAUSE_FOLDER, str(tmp_path / "dev"))
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "state.json").write_text(
        json.dumps(asdict(ForgetRequest("sun_diary", phase=ForgetPhase.forgetting)))
    )
    assert client.get(f"/api/thumbnails/{old}").content == body
    answer = client.get(f"/api/thumbnails/{new}")
    assert (answer.status_code, answer.json()["error"]) == (409, "paused")
    shown = client.get(f"/api/thumbnails/{new}", headers=AS_BROWSER)
    assert (shown.status_code, shown.headers["Cache-Control"]) == (409, "no-store")
    assert [path.stem for path in (tmp_path / "thumbnails").rglob("*.jpg")] == [old]
    (tmp_path / "dev" / "state.json").unlink()
    assert client.get(f"/api/thumbnails/{new}").status_code == 200


def test_the_command_index_takes_thumbnails_away_whose_picture_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    thumbnails = Thumbnails(tmp_path / "thumbnails", tmp_path / "media", 1 << 30)
    gone, stays = store(tmp_path, jpeg(10)), store(tmp_path, jpeg(11))
    for image_id in (gone, stays):
        thumbnails.of(image_id)
    (tmp_path / "media" / gone[:2] / f"{gone}.jpg").unlink()
    try:
        said = CliRunner().invoke(app, ["index", "--rebuild"])
    finally:
        settings.cache_clear()
    assert said.exit_code == 0, said.output
    assert [path.stem for path in (tmp_path / "thumbnails").rglob("*.jpg")] == [stays]


def test_many_at_once_get_the_same(tmp_path: Path) -> None:
    ids = [store(tmp_path, jpeg(number)) for number in range(4)]
    thumbnails = Thumbnails(tmp_path / "t", tmp_path / "media", 1 << 30)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(thumbnails.of, ids * 8))
    assert found == found[:4] * 8
    assert len([path for path in (tmp_path / "t").rglob("*") if path.is_file()]) == 4


def test_none_is_made_for_who_has_hung_up(tmp_path: Path) -> None:
    """A browser hangs up on pictures that were scrolled past."""
    image_id = store(tmp_path, jpeg(12))
    path = f"/api/thumbnails/{image_id}"
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"headers": [(b"host", b"127.0.0.1:3001")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 3001)}
    scope |= {"scheme": "http", "http_version": "1.1", "root_path": "", "asgi": {"version": "3.0"}}
    sent: list[int] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        sent.extend([int(str(message["status"]))] if "status" in message else [])

    asyncio.run(app_of(tmp_path)(scope, receive, send))  # pyright: ignore[reportArgumentType]
    assert sent == [499]
    assert not (tmp_path / "thumbnails").exists()


def test_the_page_of_the_gallery_names_the_first_pictures_to_fetch(tmp_path: Path) -> None:
    write_gallery_lake(tmp_path)
    with client_of(app_of(tmp_path)) as client:
        for query in ("", "sort=oldest", "account=sun_diary"):
            rows = client.get(f"/api/gallery?{query}").json()["images"]
            page = client.get(f"/gallery?{query}").text
            named = re.findall(r'rel="preload" as="image" href="/api/thumbnails/([0-9a-f]{64})"', page)
            assert named == [row["image_id"] for row in rows]
            assert len(named) == min(len(rows), 60)
        assert "preload" not in client.get("/gallery?list_name=x&decided=kept").text
