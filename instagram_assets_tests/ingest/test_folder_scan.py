"""A folder is read through: every export in it lands, all else is counted, and nothing is lost on the way."""

import gzip
import hashlib
import json
import lzma
import multiprocessing
import os
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from instagram_assets.errors import FileError
from instagram_assets.ingest import folder_scan, inbox
from instagram_assets.ingest.folder_scan import ERROR_SUFFIX
from instagram_assets.ingest.inbox import land_files
from instagram_assets.ingest.landing_run import LandingReport
from instagram_assets.ingest.manifests import table_path
from instagram_assets.ingest.observations import read_posts
from instagram_assets.ingest.post_ids import shortcode_of
from instagram_assets.media.archive_images import store_images_in
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.post_images import fetch_images
from instagram_assets.media.store import MediaStore
from instagram_assets.settings import Settings, load_settings
from instagram_assets_tests.ingest.records import post, write
from instagram_assets_tests.media.pictures import picture

FIRST, LAST = date(2010, 1, 1), date(2100, 1, 1)
POSTS = 683
"""As many posts has a real archive of Instaloader that people asked about."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "data" / "inbox").mkdir(parents=True)
    return load_settings(data_dir=tmp_path / "data", start_day=date(2012, 1, 1))


@pytest.fixture
def lake(settings: Settings) -> UPath:
    return UPath(settings.folder("lake"))


def numbered(number: int, **changes: Any) -> dict[str, Any]:
    return post(id=str(number), shortCode=f"C{number}", **changes)


def archive(folder: Path) -> Path:
    """A folder of three exports at different depths, with what lies beside them in real ones."""
    write(folder, [numbered(1)], "a.json")
    write(folder / "deeper", "\n".join(json.dumps(numbered(n)) for n in (2, 3)), "b.NDJSON")
    write(folder / "deeper", lzma.compress(json.dumps([numbered(4)]).encode()), "c.json.xz")
    write(folder, b"\xff\xd8\xff", "a.jpg")
    write(folder, b"\xff\xd8\xff", "b.JPG")
    write(folder, "a caption [", "a.txt")
    return folder


def land(settings: Settings, *names: str) -> LandingReport:
    return land_files(names, UPath(settings.folder("lake")), settings)


def ids(lake: UPath) -> list[str]:
    return read_posts(lake, "posts", ["sun_diary"], FIRST, LAST)["post_id"].to_pylist()


def lying(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_every_export_of_a_folder_lands_and_the_rest_is_counted(
    tmp_path: Path, settings: Settings, lake: UPath
) -> None:
    before = lying(archive(tmp_path / "mine"))
    result = land(settings, str(tmp_path / "mine"))
    assert [file.file for file in result.landed] == ["mine/a.json", "mine/deeper/b.NDJSON", "mine/deeper/c.json.xz"]
    assert (ids(lake), result.failures) == (["1", "2", "3", "4"], [])
    assert result.folders == ["mine: 3 files read, 3 passed over (2 .jpg, 1 .txt)"]
    assert lying(tmp_path / "mine") == before
    again = land(settings, str(tmp_path / "mine"))
    assert (again.landed, len(again.known)) == ([], 3)
    assert again.folders == ["mine: 3 files read, 3 of them before, 3 passed over (2 .jpg, 1 .txt)"]


@pytest.mark.parametrize(
    "name", ["p.json", "p.JSON", "p.jsonl", "p.ndjson", "p.json.gz", "p.jsonl.xz", "posts", "한글 posts.json", "p"]
)
def test_exports_are_known_by_their_ending_and_without_one_by_how_they_begin(name: str, tmp_path: Path) -> None:
    path = write(tmp_path, b'\xef\xbb\xbf \n[{"id": 1}]', name)
    assert folder_scan.scan_folder(tmp_path).exports == [path]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.jpg", b"\xff\xd8\xff", ".jpg"),
        ("a.txt", b"[a caption]", ".txt"),
        ("a.html", b"<html>", ".html"),
        ("id", b"123456", "without ending"),
        ("notes.csv", b"what,when\nwalk,today\n", ".csv"),
        ("empty", b"", "without ending"),
    ],
)
def test_other_files_are_passed_over_by_kind(name: str, content: bytes, kind: str, tmp_path: Path) -> None:
    write(tmp_path, content, name)
    found = folder_scan.scan_folder(tmp_path)
    assert (found.exports, dict(found.passed)) == ([], {kind: 1})
    with pytest.raises(FileError, match=rf"holds no file that can be read; 1 passed over \(1 {kind}\)"):
        folder_scan.refuse_empty_folder(tmp_path, found)


@pytest.mark.parametrize(
    "name", [".hidden.json", "._posts.json", "posts.json.part", "posts.json.crdownload", "posts.json.observed_at"]
)
def test_hidden_and_half_copied_files_are_left_without_a_word(name: str, tmp_path: Path) -> None:
    write(tmp_path, [post()], name)
    write(tmp_path / ".trash", [post()], "posts.json")
    assert folder_scan.scan_folder(tmp_path) == folder_scan.FolderContents()


def test_no_link_is_followed_and_no_pipe_opened(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", [post()])
    folder = tmp_path / "mine"
    path = write(folder, [post()], "a.json")
    (folder / "link.json").symlink_to(outside)
    (folder / "links").symlink_to(outside.parent)
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.json")
    found = folder_scan.scan_folder(folder)
    assert (found.exports, dict(found.passed)) == ([path], {"link": 3, "pipe or device": 1})


def test_what_this_program_has_written_is_not_read_from_above(tmp_path: Path, settings: Settings) -> None:
    write(tmp_path, [numbered(1)], "posts.json")
    write(settings.folder("datasets"), [numbered(2)], "merged.json")
    assert [file.file for file in land(settings, str(tmp_path)).landed] == [f"{tmp_path.name}/posts.json"]


def test_a_file_of_a_folder_whose_name_begins_with_reel_is_a_reel_whatever_the_folder_is_called(
    tmp_path: Path, settings: Settings
) -> None:
    video = numbered(1, type="Video", videoUrl="https://cdn.example/1.mp4")
    write(tmp_path / "reels of mine", [video], "posts.json")
    write(tmp_path / "mine", [video | {"id": "2", "shortCode": "C2"}], "reels.json")
    result = land(settings, str(tmp_path / "reels of mine"), str(tmp_path / "mine"))
    assert [(file.posts, file.reels) for file in result.landed] == [(1, 0), (0, 1)]


def test_a_folder_of_the_inbox_moves_to_done_as_a_whole(settings: Settings, lake: UPath) -> None:
    before = lying(archive(settings.folder("inbox") / "mine"))
    result = land(settings)
    assert (ids(lake), result.failures, len(result.folders)) == (["1", "2", "3", "4"], [], 1)
    assert lying(settings.folder("inbox") / "done" / "mine") == before
    assert os.listdir(settings.folder("inbox")) == ["done"]


def test_a_second_folder_of_a_name_is_numbered(settings: Settings, lake: UPath) -> None:
    for number in (1, 2):
        write(settings.folder("inbox") / "user.name", [numbered(number)], "posts.json")
        land(settings)
    done = settings.folder("inbox") / "done"
    assert lying(done) == ["user.name-2/posts.json", "user.name/posts.json"]
    assert ids(lake) == ["1", "2"]


def test_bad_files_of_a_folder_are_put_aside_each_with_its_error_and_the_good_ones_land(
    settings: Settings, lake: UPath
) -> None:
    folder = archive(settings.folder("inbox") / "mine")
    write(folder, "[1,", "0.json")
    write(folder / "deeper", "{", "b.json")
    result = land(settings)
    assert (ids(lake), len(result.rejected), result.left) == (["1", "2", "3", "4"], 2, [])
    assert result.folders == ["mine: 3 files read, 2 rejected, 3 passed over (2 .jpg, 1 .txt)"]
    rejected = settings.folder("inbox") / "rejected"
    assert lying(rejected) == ["0.json", f"0.json{ERROR_SUFFIX}", "b.json", f"b.json{ERROR_SUFFIX}"]
    assert str(folder / "deeper" / "b.json") in (rejected / f"b.json{ERROR_SUFFIX}").read_text()
    assert (settings.folder("inbox") / "done" / "mine" / "deeper" / "c.json.xz").exists()
    assert not folder.exists()
    assert land(settings).failures == []


def test_bad_files_of_a_folder_elsewhere_are_named_and_stay(tmp_path: Path, settings: Settings) -> None:
    write(archive(tmp_path / "mine"), "[1,", "0.json")
    before = lying(tmp_path / "mine")
    result = land(settings, str(tmp_path / "mine"))
    assert ([Path(error.file).name for error in result.rejected], len(result.landed)) == (["0.json"], 3)
    assert lying(tmp_path / "mine") == before


def test_a_folder_of_nothing_that_can_be_read_is_refused_with_what_is_in_it(settings: Settings, tmp_path: Path) -> None:
    write(settings.folder("inbox") / "photos", b"\xff\xd8\xff", "a.jpg")
    write(settings.folder("inbox"), [post()], "good.json")
    result = land(settings)
    (error,) = result.rejected
    assert "photos: it holds no file that can be read; 1 passed over (1 .jpg). Name a folder with .json" in str(error)
    assert len(result.landed) == 1
    assert (settings.folder("inbox") / "rejected" / "photos" / "a.jpg").exists()
    assert (settings.folder("inbox") / "rejected" / f"photos{ERROR_SUFFIX}").read_text() == f"{error}\n"
    (tmp_path / "none").mkdir()
    (error,) = land(settings, str(tmp_path / "none")).rejected
    assert "this folder is empty" in str(error)


def test_an_empty_folder_waits_for_what_will_be_put_into_it(settings: Settings) -> None:
    (settings.folder("inbox") / "later" / "deeper").mkdir(parents=True)
    assert inbox.waiting_entries(settings.folder("inbox")) == []
    write(settings.folder("inbox") / "later" / "deeper", [post()])
    assert [path.name for path in inbox.waiting_entries(settings.folder("inbox"))] == ["later"]


def test_a_link_to_a_folder_elsewhere_is_refused_in_the_inbox(tmp_path: Path, settings: Settings) -> None:
    archive(tmp_path / "mine")
    (settings.folder("inbox") / "link").symlink_to(tmp_path / "mine")
    (error,) = land(settings).rejected
    assert "Copy the folder itself here" in str(error)
    assert len(lying(tmp_path / "mine")) == 6


def test_a_note_beside_a_folder_says_when_all_in_it_was_observed(settings: Settings, lake: UPath) -> None:
    archive(settings.folder("inbox") / "mine")
    write(settings.folder("inbox"), "2025-08-30T12:00:00+09:00", "mine.observed_at")
    write(settings.folder("inbox") / "mine", "2025-08-31T12:00:00+09:00", "a.json.observed_at")
    land(settings)
    rows = read_posts(lake, "posts", ["sun_diary"], FIRST, LAST)
    days = [when.day for when in rows["observed_at"].to_pylist()]
    assert days == [31, 30, 30, 30]
    done = settings.folder("inbox") / "done"
    assert (done / "mine.observed_at").exists()
    assert os.listdir(settings.folder("inbox")) == ["done"]


def test_a_folder_that_somebody_still_fills_stays_and_the_rest_lands_the_next_time(
    settings: Settings, lake: UPath
) -> None:
    folder = archive(settings.folder("inbox") / "mine")

    def fill(done: int, _: int) -> None:
        if done == 1:
            write(folder, [numbered(9)], "late.json")

    result = land_files([], lake, settings, on_progress=fill)
    assert (len(result.landed), len(result.left), folder.exists()) == (3, 1, True)
    assert "changed while it was read" in str(result.left[0])
    result = land(settings)
    assert (len(result.landed), len(result.known), result.failures) == (1, 3, [])
    assert (ids(lake), folder.exists()) == (["1", "2", "3", "4", "9"], False)


@pytest.mark.parametrize("after", [1, 2, 3])
def test_what_is_killed_in_the_middle_of_a_folder_is_finished_by_running_again(
    after: int, settings: Settings, lake: UPath
) -> None:
    folder = archive(settings.folder("inbox") / "mine")
    write(folder, "[1,", "0.json")

    def land_some() -> None:
        land_files([], lake, settings, on_progress=lambda done, _: os._exit(9) if done == after else None)

    process = multiprocessing.get_context("fork").Process(target=land_some)
    process.start()
    process.join()
    assert (process.exitcode, folder.exists()) == (9, True)
    result = land(settings)
    assert (len(result.landed), len(result.known), result.left) == (4 - after, after - 1, [])
    assert (ids(lake), folder.exists()) == (["1", "2", "3", "4"], False)


def test_damage_is_healed_from_a_folder_in_done(settings: Settings, lake: UPath) -> None:
    archive(settings.folder("inbox") / "mine")
    file = land(settings).landed[1]
    archive(settings.folder("inbox") / "mine")
    land(settings)
    table = Path(table_path(lake, "posts", file.name).path)
    table.write_bytes(table.read_bytes()[:-40])
    shutil.rmtree(settings.folder("inbox") / "done" / "mine")  # the numbered one is left
    healed = land(settings)
    assert ([again.file for again in healed.mended.again], healed.failures) == (["mine/deeper/b.NDJSON"], [])
    assert ids(lake) == ["1", "2", "3", "4"]


def instaloader_node(number: int, taken_at: datetime) -> dict[str, Any]:
    return {
        "__typename": "GraphImage",
        "id": str(3 * 10**18 + number),
        "shortcode": shortcode_of(3 * 10**18 + number),
        "dimensions": {"height": 1080, "width": 1080},
        "display_url": f"https://cdn.example/{number}_n.jpg",
        "edge_media_to_caption": {"edges": [{"node": {"text": f"산책 {number} #산책"}}]},
        "edge_media_to_comment": {"count": 2},
        "edge_media_preview_like": {"count": number},
        "is_video": False,
        "taken_at_timestamp": int(taken_at.timestamp()),
        "owner": {"id": "1001", "username": "sun_diary"},
    }


def instaloader(folder: Path, number: int, taken_at: datetime) -> None:
    """The three files that Instaloader writes for a post."""
    node = instaloader_node(number, taken_at)
    record = {"node": node, "instaloader": {"version": "4.14", "node_type": "Post"}}
    stem = f"{taken_at:%Y-%m-%d_%H-%M-%S}_UTC"
    write(folder, lzma.compress(json.dumps(record).encode()), f"{stem}.json.xz")
    write(folder, b"\xff\xd8\xff", f"{stem}.jpg")
    write(folder, f"산책 {number} #산책", f"{stem}.txt")


def kept_of(settings: Settings, folder: Path) -> tuple[str, dict[int, str]]:
    """What is said of a folder, and by position the pictures of its posts that need no request."""
    lake, media = UPath(settings.folder("lake")), settings.folder("media")
    result = land_files([str(folder)], lake, settings, keep=partial(store_images_in, media, DownloadOptions()))
    rows = read_posts(lake, "posts", ["sun_diary"], FIRST, LAST)
    with MediaStore(media) as store:
        table, _ = fetch_images(rows, store, DownloadOptions(retry_count=0))
    images = table.to_pylist()
    return result.folders[0], {row["position"]: row["image_id"] for row in images if row["status"] == "ok"}


@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_pictures_that_instaloader_wrote_beside_a_post_are_its_images(
    ending: str, tmp_path: Path, settings: Settings
) -> None:
    taken_at = datetime(2022, 1, 1, 10, tzinfo=UTC)
    instaloader(tmp_path / "sun_diary", 1, taken_at)
    (tmp_path / "sun_diary" / "2022-01-01_10-00-00_UTC.jpg").unlink()
    write(tmp_path / "sun_diary", picture(), f"2022-01-01_10-00-00_UTC{ending}")
    told, kept = kept_of(settings, tmp_path / "sun_diary")
    assert told == f"sun_diary: 1 file read, 2 passed over (1 {ending}, 1 .txt), 1 picture kept"
    assert kept == {0: hashlib.sha256(picture()).hexdigest()}


def test_pictures_of_an_album_are_those_of_their_places(tmp_path: Path, settings: Settings) -> None:
    node = instaloader_node(1, datetime(2022, 1, 1, 10, tzinfo=UTC)) | {"__typename": "GraphSidecar"}
    children = [
        {"node": {"__typename": "GraphImage", "is_video": False, "display_url": f"https://127.0.0.1/{n}_n.jpg"}}
        for n in range(3)
    ]
    record = {"node": node | {"edge_sidecar_to_children": {"edges": children}}, "instaloader": {"node_type": "Post"}}
    write(tmp_path / "sun_diary", [record], "post.json")
    for number in (1, 3):  # the second was not downloaded
        write(tmp_path / "sun_diary", picture(seed=number), f"post_{number}.jpg")
    write(tmp_path / "sun_diary", picture(seed=9), "post.jpg")
    (tmp_path / "sun_diary" / "post_2.jpg").symlink_to(tmp_path / "sun_diary" / "post.jpg")
    told, kept = kept_of(settings, tmp_path / "sun_diary")
    assert told.endswith("2 pictures kept")
    assert kept == {n - 1: hashlib.sha256(picture(seed=n)).hexdigest() for n in (1, 3)}


def test_an_archive_of_hundreds_of_posts_is_read_by_one_command(
    tmp_path: Path, settings: Settings, lake: UPath
) -> None:
    begin = datetime(2022, 1, 1, 10, tzinfo=UTC)
    times = {str(3 * 10**18 + number): begin + timedelta(days=number) for number in range(POSTS)}
    for number, moment in enumerate(times.values()):
        instaloader(tmp_path / "sun_diary", number, moment)
    result = land(settings, str(tmp_path / "sun_diary"))
    assert (len(result.landed), result.failures) == (POSTS, [])
    assert result.folders == ["sun_diary: 683 files read, 1,366 passed over (683 .jpg, 683 .txt)"]
    rows = read_posts(lake, "posts", ["sun_diary"], FIRST, LAST)
    taken_at: dict[str, datetime] = dict(zip(rows["post_id"].to_pylist(), rows["taken_at"].to_pylist(), strict=True))
    assert (rows.num_rows, taken_at) == (POSTS, times)
    assert sorted(rows["likes"].to_pylist()) == list(range(POSTS))


def test_tables_of_records_are_exports_whichever_way_they_are_written(tmp_path: Path) -> None:
    names, row = "id,shortCode,url,caption,ownerUsername,timestamp,likesCount", "1,C1,,hello,sun_diary,2025-07-29,1"
    table = f"{names}\n{row}\n"
    for name, content in {
        "a.csv": table.encode("utf-8-sig"),
        "b.TSV": table.replace(",", "\t").encode(),
        "c.csv": table.replace("hello", "안녕하세요").encode("cp949"),  # refused with its encoding, not passed over
        "d.xlsx": b"PK",
    }.items():
        write(tmp_path, content, name)
    assert [path.name for path in folder_scan.scan_folder(tmp_path).exports] == ["a.csv", "b.TSV", "c.csv", "d.xlsx"]


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("xz", lzma.compress), ("XZ", lzma.compress)])
def test_a_packed_table_of_records_is_an_export_and_any_other_table_is_passed_over(
    ending: str, pack: Callable[[bytes], bytes], tmp_path: Path, settings: Settings, lake: UPath
) -> None:
    head = b"id,type,shortCode,url,caption,ownerUsername,timestamp,likesCount,displayUrl\n"
    table = (
        head
        + b"1,Image,C1,https://www.instagram.com/p/C1/,hello,sun_diary,2025-07-29T10:00:00.000Z,1,https://cdn.example/a.jpg\n"
    )
    write(tmp_path / "mine", pack(table), f"a.csv.{ending}")
    write(
        tmp_path / "mine",
        pack(table.replace(b",", b"\t").replace(b"C1", b"C2").replace(b"\n1", b"\n2")),
        f"b.tsv.{ending}",
    )
    write(tmp_path / "mine", pack(b"what,when\nwalk,today\n"), f"notes.csv.{ending}")
    write(tmp_path / "mine", pack(table)[:20], f"z.csv.{ending}")  # cut: whoever reads it says so
    result = land(settings, str(tmp_path / "mine"))
    assert [file.file for file in result.landed] == [f"mine/a.csv.{ending}", f"mine/b.tsv.{ending}"]
    assert [Path(error.file).name for error in result.rejected] == [f"z.csv.{ending}"]
    assert result.folders == [f"mine: 2 files read, 1 rejected, 1 passed over (1 .{ending.lower()})"]
    assert ids(lake) == ["1", "2"]


def test_a_packed_file_without_an_ending_is_read(tmp_path: Path, settings: Settings) -> None:
    write(tmp_path / "mine", gzip.compress(json.dumps([post()]).encode()), "posts")
    assert len(land(settings, str(tmp_path / "mine")).landed) == 1
