"""A ZIP is one file that lands: of an archive its posts and pictures are taken, and nothing private is opened."""

import gzip
import hashlib
import json
import lzma
import zipfile
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import pytest
from upath import UPath

from instagram_assets import read_export
from instagram_assets.errors import FileError
from instagram_assets.ingest import inbox, zips
from instagram_assets.ingest.inbox import land_files
from instagram_assets.ingest.landing_run import LandingReport
from instagram_assets.ingest.manifests import table_path
from instagram_assets.ingest.observations import landed_files, quarantine_table, read_posts
from instagram_assets.media.archive_images import store_images_in
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.post_images import fetch_images
from instagram_assets.media.store import MediaStore
from instagram_assets.settings import Settings, load_settings
from instagram_assets_tests.ingest.archive_helper import (
    NAME,
    PRIVATE,
    Kept,
    archived,
    files,
    jpeg,
    unpacked,
    written,
    zipped,
)
from instagram_assets_tests.ingest.records import post, write
from instagram_assets_tests.media.pictures import picture

FIRST, LAST = date(2010, 1, 1), date(2100, 1, 1)
OPTIONS = DownloadOptions()
POSTS = 1057
"""As many posts has a real archive that people asked about."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "data" / "inbox").mkdir(parents=True)
    return load_settings(data_dir=tmp_path / "data", start_day=date(2012, 1, 1))


@pytest.fixture
def lake(settings: Settings) -> UPath:
    return UPath(settings.folder("lake"))


def land(settings: Settings, *names: Path, account: str = "") -> LandingReport:
    keep = partial(store_images_in, settings.folder("media"), OPTIONS)
    lake = UPath(settings.folder("lake"))
    return land_files([str(name) for name in names], lake, settings, account=account, keep=keep)


def pictures(posts: list[Kept]) -> dict[str, bytes]:
    """A picture for each file of these posts that is none of a video, by its place."""
    places = [medium.uri for kept in posts for medium in kept.media if medium.uri.endswith("jpg")]
    return {place: jpeg(number, picture()) for number, place in enumerate(places)}


def archive(path: Path, posts: list[Kept], *, top: str = "", more: Mapping[str, bytes] | None = None) -> Path:
    """The archive of these posts as a ZIP, all that is private in it closed."""
    members = {**dict(files(posts)), **pictures(posts), **(more or {})}
    packed = {top + place: content for place, content in members.items()}
    return zipped(path, packed, closed=[top + place for place in PRIVATE])


def posts_of(lake: UPath, account: str = "sun_diary") -> dict[str, tuple[datetime, str]]:
    rows = [row for kind in ("posts", "reels") for row in read_posts(lake, kind, [account], FIRST, LAST).to_pylist()]
    return {row["post_id"]: (row["taken_at"], row["caption"]) for row in rows}


def expected(posts: list[Kept]) -> dict[str, tuple[datetime, str]]:
    return {
        f"archive-{kept.media[0].uri[-21:-4]}": (datetime.fromtimestamp(kept.seconds, UTC), kept.caption)
        for kept in posts
    }


def test_a_whole_archive_is_read_and_its_pictures_are_kept(tmp_path: Path, settings: Settings, lake: UPath) -> None:
    posts = [archived(number, pictures=1 + number % 2, is_reel=number % 50 == 49) for number in range(POSTS)]
    path = archive(tmp_path / f"{NAME}.zip", posts)
    result = land(settings, path)
    assert (result.failures, len(result.landed)) == ([], 1)
    assert posts_of(lake) == expected(posts)
    kept = pictures(posts)
    assert result.folders == [f"{NAME}.zip: 2 files read, 8 passed over (8 .json), {len(kept):,} pictures kept"]
    rows = read_posts(lake, "posts", ["sun_diary"], FIRST, LAST)
    with MediaStore(settings.folder("media")) as store:
        images, progress = fetch_images(rows, store, OPTIONS)
    assert (set(images["status"].to_pylist()), progress.cached) == ({"ok"}, len(kept))
    hashes = {f"archive://sun_diary/{place}": hashlib.sha256(content).hexdigest() for place, content in kept.items()}
    assert dict(zip(images["url"].to_pylist(), images["image_id"].to_pylist(), strict=True)) == hashes


def test_the_same_archive_again_brings_nothing_new_and_pictures_that_are_gone_come_back(
    tmp_path: Path, settings: Settings, lake: UPath
) -> None:
    posts = [archived(1), archived(2)]
    path = archive(tmp_path / f"{NAME}.zip", posts)
    land(settings, path)
    rows = read_posts(lake, "posts", ["sun_diary"], FIRST, LAST)
    (lost, *_) = settings.folder("media").rglob("*.jpg")
    lost.unlink()
    with MediaStore(settings.folder("media")) as store:
        images, _ = fetch_images(rows, store, OPTIONS)
    reasons = [(row["status"], row["reason"]) for row in images.to_pylist() if row["status"] != "ok"]
    assert reasons == [("failed", "in no archive that was read")]
    again = land(settings, path)
    assert (again.landed, len(again.known)) == ([], 1)
    assert lost.exists()


def test_pictures_of_archives_are_never_asked_for_also_without_the_cache(
    tmp_path: Path, settings: Settings, lake: UPath
) -> None:
    land(settings, archive(tmp_path / f"{NAME}.zip", [archived(1)]))
    rows = read_posts(lake, "posts", ["sun_diary"], FIRST, LAST)
    with MediaStore(settings.folder("media")) as store:
        images, _ = fetch_images(rows, store, DownloadOptions(cache_images=False))
    assert images["status"].to_pylist() == ["ok"]


def test_an_archive_of_the_inbox_moves_to_done_and_heals_what_is_damaged(settings: Settings, lake: UPath) -> None:
    archive(settings.folder("inbox") / f"{NAME}.zip", [archived(1)])
    (file,) = land(settings).landed
    assert (settings.folder("inbox") / "done" / f"{NAME}.zip").exists()
    Path(table_path(lake, "posts", file.name).path).unlink()
    assert [again.file for again in land(settings).mended.again] == [f"{NAME}.zip"]
    assert posts_of(lake) == expected([archived(1)])


def test_the_folder_that_was_packed_may_stand_in_front(tmp_path: Path, settings: Settings, lake: UPath) -> None:
    posts = [archived(1), archived(2, is_reel=True)]
    path = archive(tmp_path / "mine.zip", posts, top="my archive/")
    result = land(settings, path, account="sun_diary")
    assert (posts_of(lake), result.failures) == (expected(posts), [])
    assert "1 picture kept" in result.folders[0]


@pytest.mark.parametrize("top", [f"{NAME}/", f"meta-2026-Apr-11-05-13-07/{NAME}/"])
def test_the_owner_stands_in_the_folder_that_was_packed(
    top: str, tmp_path: Path, settings: Settings, lake: UPath
) -> None:
    result = land(settings, archive(tmp_path / "download.zip", [archived(1)], top=top))
    assert (posts_of(lake), result.failures) == (expected([archived(1)]), [])
    assert result.folders == ["download.zip: 1 file read, 8 passed over (8 .json), 1 picture kept"]


def test_archives_of_two_accounts_in_one_zip_are_refused_with_what_to_do(tmp_path: Path, settings: Settings) -> None:
    both = {f"{top}/{place}": content for top in ("a", "b") for place, content in files([archived(1)])}
    (error,) = land(settings, zipped(tmp_path / "download.zip", both)).rejected
    assert "it holds 2 archives: a/, b/. Unpack it yourself, and give its folder" in str(error)


def test_the_owner_stands_in_the_archive_where_its_name_does_not_say_it(
    tmp_path: Path, settings: Settings, lake: UPath
) -> None:
    place, *closed = PRIVATE
    owner = written({"profile_user": [{"string_map_data": {"Username": {"value": "sun_diary"}}}]})
    members = {**dict(files([archived(1)])), place: owner}
    result = land(settings, zipped(tmp_path / "download.zip", members, closed=closed))
    assert (posts_of(lake), result.failures) == (expected([archived(1)]), [])
    (error,) = land(settings, zipped(tmp_path / "other.zip", dict(files([archived(2)])), closed=closed)).rejected
    assert "--account NAME" in str(error)


@pytest.mark.parametrize("kind", ["zip", "unpacked", "without pictures"])
def test_an_account_that_differs_from_the_archives_own_is_refused_and_the_archive_stays(
    kind: str, settings: Settings, lake: UPath
) -> None:
    inbox_folder = settings.folder("inbox")
    if kind == "zip":
        path = archive(inbox_folder / f"{NAME}.zip", [archived(1)])
    elif kind == "unpacked":
        path = unpacked(inbox_folder / NAME, [archived(1)])
    else:
        path = zipped(inbox_folder / f"{NAME}.zip", dict(files([archived(1)])))
    result = land(settings, path, account="moon")
    (error,) = result.failures
    assert "this archive is of sun_diary, and --account says moon. Leave out --account moon" in str(error)
    assert (path.exists(), landed_files(lake, FIRST, LAST).num_rows) == (True, 0)
    assert not list(settings.folder("media").rglob("*.jpg"))
    result = land(settings, path, account="sun_diary")
    assert (posts_of(lake), result.failures) == (expected([archived(1)]), [])


def test_an_unpacked_archive_has_its_pictures_kept_too(tmp_path: Path, settings: Settings, lake: UPath) -> None:
    posts = [archived(1), archived(2, pictures=2)]
    folder = unpacked(tmp_path / NAME, posts)
    for place, content in pictures(posts).items():
        write(folder / Path(place).parent, content, Path(place).name)
    result = land(settings, folder)
    assert result.folders == [f"{NAME}: 1 file read, 11 passed over (8 .json, 3 .jpg), 3 pictures kept"]
    rows = read_posts(lake, "posts", ["sun_diary"], FIRST, LAST)
    with MediaStore(settings.folder("media")) as store:
        images, _ = fetch_images(rows, store, OPTIONS)
    assert images["status"].to_pylist() == ["ok"] * 3


@pytest.mark.parametrize("activity", ["your_instagram_activity/media", "media", "content"])
def test_files_of_posts_bring_the_pictures_that_lie_beside_them(
    activity: str, tmp_path: Path, settings: Settings, lake: UPath
) -> None:
    posts = [archived(1), archived(2)]
    (place, content), *_ = files(posts, activity)
    path = write(tmp_path / NAME / activity, content, Path(place).name)
    for picture_place, picture_content in pictures(posts).items():
        write(tmp_path / NAME / Path(picture_place).parent, picture_content, Path(picture_place).name)
    assert land(settings, path).folders == ["posts_1.json: 2 pictures kept"]
    assert posts_of(lake) == expected(posts)
    assert land(settings, tmp_path / NAME).folders == [
        f"{NAME}: 1 file read, 1 of them before, 2 passed over (2 .jpg), 2 pictures kept"
    ]


def test_parts_of_an_archive_are_read_in_any_order(tmp_path: Path, settings: Settings, lake: UPath) -> None:
    posts = [archived(1), archived(2)]
    zipped(tmp_path / f"{NAME}_part_1.zip", pictures(posts))
    zipped(tmp_path / f"{NAME}_part_2.zip", dict(files(posts)))
    result = land(settings, tmp_path / f"{NAME}_part_1.zip", tmp_path / f"{NAME}_part_2.zip")
    assert (posts_of(lake), result.failures) == (expected(posts), [])
    assert len(list(settings.folder("media").rglob("*.jpg"))) == 2


def test_a_picture_that_is_no_whole_picture_is_counted_with_its_reason(
    tmp_path: Path, settings: Settings, lake: UPath
) -> None:
    posts = [archived(number) for number in (1, 2, 3)]
    first, second, _ = pictures(posts)
    path = archive(tmp_path / f"{NAME}.zip", posts, more={first: b"\xff\xd8\xff", second: b"<html>"})
    result = land(settings, path)
    assert "1 picture kept, 2 not (" in result.folders[0]
    assert (len(result.landed), result.failures) == (1, [])
    assert len(posts_of(lake)) == 3


def test_a_zip_of_other_exports_is_read_like_a_folder(tmp_path: Path, settings: Settings, lake: UPath) -> None:
    numbered = [post(id=str(number), shortCode=f"C{number}") for number in range(4)]
    members = {
        "mine/a.json": json.dumps(numbered[:2]).encode(),
        "mine/deeper/b.json.xz": lzma.compress(json.dumps([None, numbered[2]]).encode()),
        "mine/deeper/c.ndjson": json.dumps(numbered[3]).encode(),
        "mine/other.jpg": picture(),
        "mine/notes.csv": b"what,when\nwalk,today\n",
        "mine/.hidden.json": b"[1,",
        "__MACOSX/mine/._a.json": b"[1,",
    }
    result = land(settings, zipped(tmp_path / "mine.zip", members))
    assert result.folders == ["mine.zip: 3 files read, 2 passed over (1 .csv, 1 .jpg)"]
    rows = read_posts(lake, "posts", ["sun_diary"], FIRST, LAST)
    assert rows["post_id"].to_pylist() == ["0", "1", "2", "3"]
    assert sorted(rows["source_index"].to_pylist()) == [0, 1, 3, 4]
    assert quarantine_table(lake)["index"].to_pylist() == [2]
    assert read_export(tmp_path / "mine.zip").posts.num_rows == 4


def test_the_pictures_beside_the_posts_of_a_zip_are_counted_with_what_to_do(tmp_path: Path, settings: Settings) -> None:
    stem = "sun_diary/2023-05-01_10-00-00_UTC"
    members = {
        f"{stem}.json.xz": lzma.compress(json.dumps(post()).encode()),
        f"{stem}_1.jpg": picture(),
        f"{stem}_12.webp": picture(),
        f"{stem}.txt": b"a caption",
        "sun_diary/9.jpg.json": json.dumps(post(id="9", shortCode="C9")).encode(),
        "sun_diary/9.jpg": picture(),
        "sun_diary/2023-05-01_10-00-00_UTC_profile_pic.jpg": picture(),
        "other/9.jpg": picture(),
    }
    told = land(settings, zipped(tmp_path / "mine.zip", members)).folders
    passed = "6 passed over (4 .jpg, 1 .txt, 1 .webp)"
    assert told == [f"mine.zip: 2 files read, {passed}, unpack it to have the 3 pictures beside its posts"]
    told = land(settings, zipped(tmp_path / "one.zip", dict(list(members.items())[:2]))).folders
    assert told == ["one.zip: 1 file read, 1 passed over (1 .jpg), unpack it to have the 1 picture beside its posts"]


TABLE = b"id,shortCode,url,caption,ownerUsername,timestamp,likesCount\n3,C3,,hello,sun_diary,2025-07-29,1\n"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("b/c.json", b"[1,", ", line 1"),
        ("b/c.json", b"", "the file is empty"),
        ("b/c.json.xz", lzma.compress(json.dumps([post(id="9")]).encode())[:-9], "ends too early"),
        ("b/c.csv.gz", gzip.compress(TABLE)[:-9], "ends too early"),
        ("b/c.json", b"[" + b'{"id": "9"},' * 4_100 + b"1 1", "should stand here"),
        ("b/spoiled.json", json.dumps([post(id="9")]).encode(), "it cannot be unpacked"),
        ("b/spoiled.csv", TABLE, "it cannot be unpacked"),
    ],
    ids=["cut", "empty", "cut xz", "cut table", "broken behind many records", "spoiled", "spoiled table"],
)
def test_a_bad_file_in_a_zip_is_a_row_of_quarantine_and_all_others_land(
    name: str, content: bytes, told: str, tmp_path: Path, settings: Settings, lake: UPath
) -> None:
    good = [json.dumps([post(id=str(n), shortCode=f"C{n}")]).encode() for n in (1, 2)]
    closed = [name] if "spoiled" in name else []
    path = zipped(tmp_path / "mine.zip", {"a.json": good[0], name: content, "d.json": good[1]}, closed=closed)
    result = land(settings, path)
    assert (len(result.landed), result.failures) == (1, [])
    rows = read_posts(lake, "posts", ["sun_diary"], FIRST, LAST)
    assert sorted(zip(rows["post_id"].to_pylist(), rows["source_index"].to_pylist(), strict=True)) == [
        ("1", 0),
        ("2", 2),
    ]
    (row,) = quarantine_table(lake).to_pylist()
    assert (row["file"], row["index"]) == ("mine.zip", 1)
    assert row["reason"].startswith(name)
    assert told in row["reason"]


def test_a_zip_of_bad_files_alone_is_refused_and_nothing_of_it_stays(
    tmp_path: Path, settings: Settings, lake: UPath
) -> None:
    (error,) = land(settings, zipped(tmp_path / "one.zip", {"b/c.json": b"[1,"})).rejected
    assert "one.zip/b/c.json, line 1" in str(error)
    (error,) = land(settings, zipped(tmp_path / "mine.zip", {"a.json": b"[1,", "b/c.json": b""})).rejected
    assert f"none of its 2 files can be read; the first is {tmp_path}/mine.zip/a.json, line 1" in str(error)
    assert landed_files(lake, FIRST, LAST).num_rows == 0
    assert not list(Path(settings.folder("lake")).rglob("*.tmp"))


def test_zips_in_a_folder_land_with_it(tmp_path: Path, settings: Settings, lake: UPath) -> None:
    (tmp_path / "mine").mkdir()
    archive(tmp_path / "mine" / f"{NAME}.zip", [archived(1)])
    result = land(settings, tmp_path / "mine")
    assert [file.file for file in result.landed] == [f"mine/{NAME}.zip"]
    assert posts_of(lake) == expected([archived(1)])
    assert result.folders[0].startswith(f"mine/{NAME}.zip: 1 file read")


def encrypted(path: Path) -> Path:
    """The same ZIP, its members marked as encrypted."""
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        content[at + 8] |= 1
        at = content.find(b"PK\x01\x02", at + 4)
    path.write_bytes(content)
    return path


def bomb(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("posts.json", "w") as stream:
        for _ in range(65):
            stream.write(bytes(1 << 20))
    return path


BAD = {
    "cut": (lambda path: write(path.parent, zipped(path, {"a.json": b"[]"}).read_bytes()[:-5], path.name), "Fetch it"),
    "encrypted": (lambda path: encrypted(zipped(path, {"a.json": b"[]"})), "Unpack it with its password"),
    "bomb": (bomb, "unpacks to more than 200 times its size. If you trust it"),
    "empty": (lambda path: zipped(path, {}), "this ZIP is empty"),
    "pictures": (lambda path: zipped(path, {"a.jpg": b"", "b.txt": b""}), "2 passed over (1 .jpg, 1 .txt). Pack .json"),
    "escaping": (
        lambda path: zipped(path, {"../a.json": b"[]", "/b.json": b"[]", "C:\\c.json": b""}),
        "3 with an unsa",
    ),
    "html": (
        lambda path: zipped(path, {"your_instagram_activity/media/posts_1.html": b""}),
        "as HTML. Ask Instagram for it again, and choose JSON",
    ),
    "no-posts": (
        lambda path: zipped(path, {f"{place}": b"" for place in PRIVATE}),
        "this archive has no posts; 8 pass",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_zip_that_cannot_be_used_is_refused_with_what_to_do(case: str, settings: Settings) -> None:
    make, told = BAD[case]
    make(settings.folder("inbox") / "mine.zip")
    (error,) = land(settings).rejected
    assert isinstance(error, FileError)
    assert told in str(error)
    assert (settings.folder("inbox") / "rejected" / "mine.zip").exists()


def test_a_workbook_is_no_zip_of_exports(tmp_path: Path) -> None:
    assert not zips.is_zip(zipped(tmp_path / "posts.xlsx", {"[Content_Types].xml": b"", "xl/workbook.xml": b""}))
    assert zips.is_zip(zipped(tmp_path / "posts", {"a.json": b"[]"}))
    assert inbox.waiting_entries(tmp_path) != []
