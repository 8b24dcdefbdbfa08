"""Pictures in a notebook: a folder, files and tables are all taken, and every picture is a row, whatever is wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from instagram_assets import (
    ContractError,
    FileError,
    SettingsError,
    caption_images,
    cluster_embeddings,
    download_images,
    embed_images,
    measure_images,
    merge_posts,
    read_export,
)
from instagram_assets.demo import MODELS
from instagram_assets.demo.search_site import Results, SearchPage
from instagram_assets.demo.synthetic_images import Scene, encode_image
from instagram_assets.search.search_requests import SearchRequest, results_table
from instagram_assets.settings import DownloadSettings, Settings
from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.test_surface import pictures

CLIP = MODELS / "clip"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight good pictures of two kinds, one of them twice, a small one, a broken one, and a note."""
    made = pictures(tmp_path / "pictures")
    (made / "twice.jpg").write_bytes((made / "red_circle_0.jpg").read_bytes())
    (made / "small.jpg").write_bytes(encode_image(Scene("ring", "green", "black", 160, 120, 1)))
    (made / "broken.jpg").write_bytes(b"no picture")
    (made / "notes.txt").write_text("none either")
    return made


def test_a_folder_its_files_and_the_table_of_a_step_before_are_the_same_pictures(folder: Path) -> None:
    files = sorted(folder.glob("*.jpg"))
    measured = measure_images(folder)
    assert measured["file"].to_pylist() == list(map(str, files))
    for source in (str(folder), files, map(str, files), measured, measured.to_pandas()):
        assert measure_images(source)["image_id"].to_pylist()[1:] == measured["image_id"].to_pylist()[1:]


def test_what_is_wrong_with_a_picture_is_told_in_its_row_and_the_next_step_skips_it(folder: Path) -> None:
    measured = measure_images(folder)
    embedded = embed_images(measured, model=CLIP)
    clusters = cluster_embeddings(embedded)
    rows = {Path(row["file"]).name: row for row in clusters.to_pylist()}
    assert rows["broken.jpg"]["reason"] == "not a picture of a known format"
    assert rows["small.jpg"]["reason"].startswith("smaller than 300 px (160 x 120)")
    assert {rows[name]["status"] for name in ("broken.jpg", "small.jpg")} == {"skipped"}
    assert rows["twice.jpg"]["cluster"] == rows["red_circle_0.jpg"]["cluster"]
    assert {row["cluster"] for row in rows.values()} == {None, 0, 1}
    found = {Path(row["file"]).name: row for row in embed_images(folder, model=CLIP).to_pylist()}
    assert (found["small.jpg"]["status"], found["broken.jpg"]["status"]) == ("ok", "failed")


def test_what_is_kept_is_not_computed_again(folder: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    for _ in range(2):
        measure_images(
            folder / "small.jpg", keep=tmp_path / "kept", on_progress=lambda done, of: told.append((done, of))
        )
    assert told == [(1, 1)]


def test_settings_are_those_given_and_never_those_of_the_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_QUALITY__MIN_SIDE", "9000")
    assert sum(measure_images(folder)["passed"].to_pylist()) == 9
    assert sum(measure_images(folder, min_side=10)["passed"].to_pylist()) == 10
    assert sum(measure_images(folder, settings=Settings())["passed"].to_pylist()) == 0
    with pytest.raises(SettingsError, match="min_side=0: input should be greater"):
        measure_images(folder, min_side=0)


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda: measure_images("nowhere"), FileError, "nowhere: no such file or folder"),
        (lambda: measure_images([]), FileError, "none was named"),
        (lambda: measure_images("https://example.org/a.jpg"), FileError, "Fetch it with download_images first"),
        (lambda: measure_images(pa.table({"path": ["a.jpg"]})), ContractError, "also name the media folder"),
        (lambda: cluster_embeddings(pa.table({"file": ["a"]})), ContractError, "Give what embed_images gave"),
        (lambda: download_images(pa.table({"file": ["a"]}), "x"), ContractError, "neither posts nor search results"),
    ],
)
def test_a_mistake_is_told_with_what_to_give_instead(
    ask: Callable[[], Any], error: type[Exception], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        ask()
    assert not list(tmp_path.iterdir())


def test_pictures_of_posts_and_of_search_results_are_fetched_and_go_on_from_there(tmp_path: Path) -> None:
    here = Settings(download=DownloadSettings(allow_http=True, allow_loopback=True, retry_count=0))
    scenes = [Scene("circle", "red", "white", 400, 400, number) for number in range(2)]
    with SearchPage({"ball": Results(scenes)}) as page:
        files = [post(1, displayUrl=page.original("ball", 0)), post(2, displayUrl=page.original("ball", 7))]
        posts = merge_posts(read_export(export(tmp_path / "posts.json", files)))
        images = download_images(posts, tmp_path / "media", settings=here)
        request = SearchRequest.of(here, "ball")
        hits = [{"rank": 1, "url": page.original("ball", 7), "fallback_url": page.thumbnail("ball", 1)}]
        results = results_table(request, "naver", []).from_pylist(hits, results_table(request, "naver", []).schema)
        found = download_images(results, tmp_path / "media", settings=here)
        again = download_images([page.original("ball", 0), None], tmp_path / "media", settings=here)
        assert page.requests["/original/ball/0.jpg"] == 1
    assert images["status"].to_pylist() == ["ok", "failed"]
    assert found.select(["position", "status"]).to_pylist() == [{"position": 0, "status": "ok"}]
    assert again["status"].to_pylist() == ["ok", "refused"]
    captions = caption_images(measure_images(images), model=MODELS / "blip")
    assert captions.select(["post_id", "caption", "status", "reason"]).to_pylist() == [
        {"post_id": "10001", "caption": "a red circle on a white background", "status": "ok", "reason": None},
        {"post_id": "10002", "caption": None, "status": "failed", "reason": "HTTP 404"},
    ]
    assert measure_images(images.drop_columns(["file"]), folder=tmp_path / "media")["passed"].to_pylist() == [
        True,
        False,
    ]
