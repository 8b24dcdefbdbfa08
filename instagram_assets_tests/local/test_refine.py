"""What refine and to-csv promise: an export in, one merged JSON with its images and CSV out, without Dagster."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from instagram_assets.datasets.csv import read_csv
from instagram_assets.datasets.json import write_json
from instagram_assets.errors import FileError
from instagram_assets.local.image_files import read_merged_json
from instagram_assets.local.refine import CsvFile, refine, to_csv
from instagram_assets.media.download_types import DownloadProgress
from instagram_assets.settings import DownloadSettings, Settings, load_settings
from instagram_assets_tests.media.pictures import picture

_PROFILE = {"id": "900", "username": "mina.draws", "followersCount": 160, "followsCount": 3, "postsCount": 9}


class _Images:
    """A server on this machine that gives a picture for every address but /missing.jpg, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        images = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                images.asked.append(self.path)
                body = b"" if "missing" in self.path else picture(seed=sum(self.path.encode()))
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", "image/jpeg")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def images() -> Iterator[_Images]:
    served = _Images()
    thread = Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    served.server.shutdown()
    thread.join()
    served.server.server_close()


def _settings(**download: Any) -> Settings:
    return load_settings(
        download=DownloadSettings(allow_http=True, allow_loopback=True, **download)  # pyright: ignore[reportCallIssue]
    )


def _item(images: _Images, post_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "inputUrl": "https://www.instagram.com/mina.draws/",
        "id": post_id,
        "type": "Image",
        "shortCode": f"C{post_id}",
        "url": f"https://www.instagram.com/p/C{post_id}/",
        "caption": f"그림 {post_id}\n\n#draw",
        "commentsCount": 10,
        "likesCount": 30,
        "displayUrl": f"{images.address}/{post_id}.jpg",
        "images": [],
        "childPosts": [],
        "timestamp": "2024-05-01T03:00:15.000Z",
        "ownerUsername": "mina.draws",
        "ownerId": "900",
        **fields,
    }


def _reel(images: _Images, post_id: str) -> dict[str, Any]:
    return _item(images, post_id, type="Video", productType="clips", videoPlayCount=500)


def _export(folder: Path, **files: list[Any]) -> Path:
    folder.mkdir()
    for name, records in files.items():
        (folder / f"{name}.json").write_text(json.dumps(records), encoding="utf-8")
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.j*") if path.is_file()}


def test_an_export_becomes_one_merged_file_with_its_images(tmp_path: Path, images: _Images):
    folder = _export(tmp_path / "in", posts=[_item(images, "1")], reels=[_reel(images, "2")], profiles=[_PROFILE])
    seen: list[int] = []
    result = refine(folder, tmp_path / "out", settings=_settings(), on_progress=lambda p: seen.append(p.done))
    assert result.json == tmp_path / "out" / "merged_dataset_all_with_images.json"
    assert (result.records, result.posts, result.reels, result.images_ok, result.quarantined) == (2, 1, 1, 2, 0)
    assert seen[-1] == 2
    records = list(read_merged_json(result.json))
    assert [(r["id"], r["kind"], r["followersCount"], r["likesCount"]) for r in records] == [
        ("1", "post", 160, 30),
        ("2", "reel", 160, 30),
    ]
    assert all((tmp_path / "out" / file).read_bytes()[:2] == b"\xff\xd8" for r in records for file in r["images"])
    assert [len(r["images"]) for r in records] == [1, 1]


def test_a_second_run_fetches_nothing_and_changes_nothing(tmp_path: Path, images: _Images):
    folder = _export(tmp_path / "in", posts=[_item(images, "1"), _item(images, "2")], profiles=[_PROFILE])
    refine(folder, tmp_path / "out", settings=_settings())
    before, asked = _files(tmp_path / "out"), len(images.asked)
    result = refine(folder, tmp_path / "out", settings=_settings())
    assert _files(tmp_path / "out") == before
    assert (len(images.asked), result.images_ok) == (asked, 2)


def test_the_short_names_of_the_files_do_too_and_profiles_may_be_missing(tmp_path: Path, images: _Images):
    folder = _export(tmp_path / "in", post=[_item(images, "1")])
    result = refine(folder, tmp_path / "out", settings=_settings())
    (record,) = read_merged_json(result.json)
    assert (record["id"], record["followersCount"]) == ("1", None)


def test_posts_of_any_day_are_kept(tmp_path: Path, images: _Images):
    folder = _export(tmp_path / "in", posts=[_item(images, "1", timestamp="2012-05-01T03:00:15.000Z")])
    assert refine(folder, tmp_path / "out", settings=_settings()).posts == 1


def test_bad_records_are_put_aside_with_their_reason(tmp_path: Path, images: _Images):
    bad = [{"error": "not_found", "errorDescription": "Post does not exist"}, 7]
    folder = _export(tmp_path / "in", posts=[*bad, _item(images, "1")])
    result = refine(folder, tmp_path / "out", settings=_settings())
    assert (result.posts, result.quarantined) == (1, 2)
    assert result.quarantine is not None
    rows = [json.loads(line) for line in result.quarantine.read_text(encoding="utf-8").splitlines()]
    assert [(row["file"], row["index"]) for row in rows] == [("posts.json", 0), ("posts.json", 1)]
    assert "source_error" in rows[0]["reason"]


def test_no_bad_records_leave_no_quarantine_of_an_earlier_run(tmp_path: Path, images: _Images):
    folder = _export(tmp_path / "in", posts=[7, _item(images, "1")])
    refine(folder, tmp_path / "out", settings=_settings())
    (folder / "posts.json").write_text(json.dumps([_item(images, "1")]))
    assert refine(folder, tmp_path / "out", settings=_settings()).quarantine is None
    assert not (tmp_path / "out" / "quarantine.jsonl").exists()


def test_a_missing_image_costs_nothing_but_itself(tmp_path: Path, images: _Images):
    posts = [_item(images, "1", displayUrl=f"{images.address}/missing.jpg"), _item(images, "2")]
    result = refine(_export(tmp_path / "in", posts=posts), tmp_path / "out", settings=_settings(retry_count=0))
    assert (result.images_ok, result.images_failed) == (1, 1)
    assert [len(record["images"]) for record in read_merged_json(result.json)] == [0, 1]


def test_a_collaboration_is_fetched_and_written_once(tmp_path: Path, images: _Images):
    shared = _item(images, "1", inputUrl="https://www.instagram.com/aaa/")
    result = refine(
        _export(tmp_path / "in", posts=[shared, _item(images, "1")]), tmp_path / "out", settings=_settings()
    )
    (record,) = read_merged_json(result.json)
    assert (record["account"], result.images_ok, len(images.asked)) == ("mina.draws", 1, 1)


def test_the_mode_names_the_file_and_chooses_the_records(tmp_path: Path, images: _Images):
    folder = _export(tmp_path / "in", posts=[_item(images, "1")], reels=[_reel(images, "2")])
    result = refine(folder, tmp_path / "out", settings=_settings().model_copy(update={"mode": "reel"}))
    assert result.json.name == "merged_dataset_reel_with_images.json"
    assert ([r["id"] for r in read_merged_json(result.json)], images.asked) == (["2"], ["/2.jpg"])


def test_without_images_the_addresses_remain(tmp_path: Path, images: _Images):
    folder = _export(tmp_path / "in", posts=[_item(images, "1")])
    result = refine(folder, tmp_path / "out", settings=_settings(download_images=False))
    (record,) = read_merged_json(result.json)
    assert (record["images"], record["imageUrls"], images.asked) == ([], [f"{images.address}/1.jpg"], [])


def test_a_stated_observation_time_counts_for_records_without_one(tmp_path: Path, images: _Images):
    folder = _export(tmp_path / "in", posts=[_item(images, "1")])
    when = datetime(2024, 5, 3, 9, tzinfo=UTC)
    result = refine(folder, tmp_path / "out", settings=_settings(download_images=False), observed_at=when)
    (record,) = read_merged_json(result.json)
    assert record["scrapedAt"] == "2024-05-03T09:00:00.000Z"


def test_a_folder_without_posts_or_reels_is_refused_by_name(tmp_path: Path, images: _Images):
    folder = _export(tmp_path / "in", profiles=[_PROFILE])
    with pytest.raises(FileError, match=r"in: holds neither posts\.json nor reels\.json"):
        refine(folder, tmp_path / "out", settings=_settings())
    assert not (tmp_path / "out").exists()


def test_progress_is_told_while_images_arrive(tmp_path: Path, images: _Images):
    folder = _export(tmp_path / "in", posts=[_item(images, str(number)) for number in range(5)])
    told: list[tuple[int, int]] = []

    def note(progress: DownloadProgress) -> None:
        told.append((progress.done, progress.total))

    refine(folder, tmp_path / "out", settings=_settings(), on_progress=note)
    assert told[-1] == (5, 5)


def _json(path: Path, *records: dict[str, Any]) -> Path:
    write_json(records, path)
    return path


def test_a_dataset_of_both_kinds_becomes_two_csv_files(tmp_path: Path):
    path = _json(tmp_path / "m.json", {"id": "1", "kind": "post"}, {"id": "2", "kind": "reel"}, {"id": "3"})
    assert to_csv(path) == [
        CsvFile(tmp_path / "m_post.csv", "post", 2, 1),
        CsvFile(tmp_path / "m_reel.csv", "reel", 1, 2),
    ]
    assert [record["id"] for record in read_csv(tmp_path / "m_post.csv")] == ["1", "3"]
    assert [record["id"] for record in read_csv(tmp_path / "m_reel.csv")] == ["2"]


def test_a_chosen_kind_is_one_csv_beside_the_json(tmp_path: Path):
    path = _json(tmp_path / "m.json", {"id": "1", "kind": "post"}, {"id": "2", "kind": "reel"}, {"id": "3"})
    assert to_csv(path, kind="reel") == [CsvFile(tmp_path / "m.csv", "reel", 2, 1)]


def test_a_captioned_file_of_the_source_system_keeps_every_column(tmp_path: Path):
    record = {
        "shortCode": "C1",
        "caption": "문장1\n\n\n문장2",
        "hashtags": ["a", "b"],
        "images": ["static/1.jpg", "static/2.jpg"],
        "likesCount": 30,
        "commentsCount": 10,
        "followersCount": 160,
        "image_captions": ["a dog", "two dogs, one cat"],
        "profile": {"fullName": "Mina"},
    }
    (file,) = to_csv(_json(tmp_path / "merged_dataset_post_with_images_with_captions.json", record))
    assert file.path.read_bytes().decode("utf-8") == (
        "\ufeffshortCode,caption,hashtags,likesCount,commentsCount,followersCount,images,impression,image_captions,profile\r\n"
        'C1,문장1|||문장2,"a,b",30,10,160,"static/1.jpg,static/2.jpg",0.25,"a dog,two dogs\\, one cat",'
        '"{""fullName"": ""Mina""}"\r\n'
    )


def test_an_empty_dataset_is_a_csv_with_column_names_only(tmp_path: Path):
    (file,) = to_csv(_json(tmp_path / "m.json"))
    assert (file.rows, list(read_csv(file.path))) == (0, [])


def test_options_reach_the_csv(tmp_path: Path):
    path = _json(tmp_path / "m.json", {"caption": "=1\n\n2"})
    (file,) = to_csv(path, impression=False, caption_raw=True, spreadsheet_safe=True)
    assert file.path.read_bytes().decode("utf-8-sig") == "caption,caption_raw\r\n'=1|||2,\"'=1\n\n2\"\r\n"


def test_a_csv_beside_the_json_that_is_somebody_elses_or_was_changed_stays(tmp_path: Path):
    path = _json(tmp_path / "posts.json", {"id": "1"})
    mine = tmp_path / "posts.csv"
    mine.write_text("the export as CSV")
    with pytest.raises(FileError, match=r"posts\.csv: is there already"):
        to_csv(path)
    assert mine.read_text() == "the export as CSV"
    mine.unlink()
    to_csv(path)
    (table,) = to_csv(_json(path, {"id": "1"}, {"id": "2"}))
    assert table.rows == 2
    mine.write_text("labelled")
    with pytest.raises(FileError, match="was changed since it was written"):
        to_csv(path)
    assert mine.read_text() == "labelled"


def test_what_was_made_of_another_export_or_changed_is_never_overwritten(tmp_path: Path, images: _Images):
    first, second = (_export(tmp_path / name, posts=[_item(images, name)]) for name in ("1", "2"))
    made = refine(first, tmp_path / "out", settings=_settings()).json
    before = made.read_bytes()
    with pytest.raises(FileError, match=rf"{made}: was made of {first}"):
        refine(second, tmp_path / "out", settings=_settings())
    assert made.read_bytes() == before
    assert refine(first, tmp_path / "out", settings=_settings()).json == made
    made.write_text("[]")
    with pytest.raises(FileError, match="was changed since it was written"):
        refine(first, tmp_path / "out", settings=_settings())


def test_a_quarantine_of_somebody_else_is_not_taken_away(tmp_path: Path, images: _Images):
    folder = _export(tmp_path / "in", posts=[_item(images, "1")])
    (tmp_path / "quarantine.jsonl").write_text("mine")
    with pytest.raises(FileError, match=r"quarantine\.jsonl: is there already"):
        refine(folder, tmp_path, settings=_settings())
    assert (tmp_path / "quarantine.jsonl").read_text() == "mine"
