"""What lies in `done` and `rejected` holds nothing that was forgotten, and neither form of a file lands again."""

import json
import os
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from upath import UPath

from instagram_assets.ingest.inbox import land_files
from instagram_assets.ingest.landing_run import LandingReport
from instagram_assets.ingest.observations import read_posts
from instagram_assets.privacy.tombstones import add_tombstones, load_tombstones
from instagram_assets.settings import Settings, load_settings
from instagram_assets_tests.ingest.records import post, write
from instagram_assets_tests.ingest.redact.accounts import FORGOTTEN, RAW, mentioning, moon_post
from instagram_assets_tests.ingest.test_landing_forgotten import bytes_of

FIRST, LAST = date(2010, 1, 1), date(2100, 1, 1)
MTIME = 1_756_000_000_123_456_789


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "inbox").mkdir()
    return load_settings(data_dir=tmp_path, start_day=date(2015, 1, 1))


def put(settings: Settings, name: str, content: object) -> Path:
    path = write(settings.folder("inbox"), content, name)
    os.utime(path, ns=(MTIME, MTIME))
    return path


def land(settings: Settings) -> LandingReport:
    return land_files([], UPath(settings.folder("lake")), settings)


def forget(settings: Settings) -> str:
    add_tombstones(settings.folder("privacy"), FORGOTTEN, date(2026, 11, 27))
    return load_tombstones(settings.folder("privacy")).pseudonym("sun_diary")


def lying(settings: Settings, folder: str = "done") -> dict[str, bytes]:
    inside = settings.folder("inbox") / folder
    return {path.relative_to(inside).as_posix(): path.read_bytes() for path in inside.rglob("*") if path.is_file()}


def post_ids(settings: Settings) -> list[str]:
    rows = read_posts(UPath(settings.folder("lake")), "posts", ["sun_diary", "moon.cafe"], FIRST, LAST)
    return sorted(rows["post_id"].to_pylist())


def is_clean(settings: Settings) -> bool:
    found = bytes_of(settings.folder("inbox")) + bytes_of(settings.folder("lake") / "landing")
    return not [word for word in RAW if word.encode() in found]


def test_a_file_is_put_aside_without_it_and_keeps_its_time(settings: Settings) -> None:
    named = forget(settings)
    put(settings, "sun_diary_posts.json", [moon_post(), post(), mentioning("sun_diary")])
    result = land(settings)
    assert [file.forgotten for file in result.landed] == [1]
    assert result.folders == [f"{named}_posts.json: 1 record was left out, since what it is about was forgotten"]
    ((name, content),) = lying(settings).items()
    assert name == f"{named}_posts.json"
    assert json.loads(content) == [moon_post(), mentioning(named)]
    assert (settings.folder("inbox") / "done" / name).stat().st_mtime_ns == MTIME
    assert is_clean(settings)


def test_both_forms_of_a_file_are_known_afterwards(settings: Settings) -> None:
    forget(settings)
    put(settings, "a.json", [moon_post(), post()])
    land(settings)
    before = post_ids(settings)
    (scrubbed,) = lying(settings).values()
    put(settings, "old.json", [moon_post(), post()])
    (settings.folder("inbox") / "new.json").write_bytes(scrubbed)
    result = land(settings)
    assert (len(result.landed), len(result.known), len(result.failures)) == (0, 2, 0)
    assert set(lying(settings).values()) == {scrubbed}
    assert post_ids(settings) == before == [moon_post()["id"]]
    assert is_clean(settings)


def test_a_file_that_landed_before_it_was_forgotten_loses_it_when_it_comes_again(settings: Settings) -> None:
    put(settings, "a.json", [moon_post(), post()])
    land(settings)
    forget(settings)
    put(settings, "again.json", [moon_post(), post()])
    result = land(settings)
    assert (len(result.landed), len(result.known)) == (0, 1)
    assert json.loads(lying(settings)["again.json"]) == [moon_post()]


def test_older_rules_read_the_scrubbed_source_again(settings: Settings) -> None:
    forget(settings)
    put(settings, "a.json", [moon_post(), post()])
    (file,) = land(settings).landed
    lake = settings.folder("lake") / "landing"
    (lake / "posts" / f"{file.name}.parquet").unlink()
    mended = land(settings).mended
    assert ([again.sha256 for again in mended.again], mended.lost) == ([file.sha256], [])
    assert post_ids(settings) == [moon_post()["id"]]


def test_of_a_file_that_is_all_of_it_nothing_is_put_aside(settings: Settings) -> None:
    forget(settings)
    put(settings, "a.json", [post()])
    result = land(settings)
    assert [(file.records, file.forgotten) for file in result.landed] == [(0, 1)]
    assert lying(settings) == {}
    put(settings, "a.json", [post()])
    assert [file.new for file in land(settings).known] == [False]
    assert is_clean(settings)


def test_a_bad_file_is_rejected_without_it(settings: Settings) -> None:
    forget(settings)
    put(settings, "sun_diary.json", b'{"what": "is this of @sun_diary"} nonsense')
    put(settings, "half.zip", b"PK\x03\x04 damaged sun_diary/posts.json")
    put(settings, "other.zip", b"PK\x03\x04 damaged moon.cafe/posts.json")
    result = land(settings)
    assert len(result.rejected) == 3
    assert not any("sun_diary" in str(error) for error in result.rejected)
    assert [name for name in lying(settings, "rejected") if name.endswith(".zip")] == ["other.zip"]
    assert is_clean(settings)


def picture(path: Path, colour: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), colour).save(path)


def test_a_folder_is_put_aside_without_it_and_its_pictures(settings: Settings) -> None:
    named = forget(settings)
    folder = settings.folder("inbox") / "collected sun_diary"
    for name, record in {
        "sun_diary/1": post(),
        "moon/2": mentioning("sun_diary"),
        "moon/3": post(likesCount=7),
    }.items():
        picture(folder / f"{name}.jpg", "red")
        (folder / f"{name}.json").write_text(json.dumps([record]))
        (folder / f"{name}.txt").write_text("a caption")
    result = land(settings)
    assert (sum(file.forgotten for file in result.landed), result.failures) == (2, [])
    left = {f"collected {named}/moon/2.{ending}" for ending in ("jpg", "json", "txt")}
    assert lying(settings).keys() == left
    assert is_clean(settings)


def test_a_zip_is_put_aside_without_it_and_its_pictures(settings: Settings, tmp_path: Path) -> None:
    named = forget(settings)
    with zipfile.ZipFile(settings.folder("inbox") / "all.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for name, record in {
            "sun_diary/1": post(),
            "moon/2": mentioning("sun_diary"),
            "moon/3": post(likesCount=7),
        }.items():
            packed.writestr(f"{name}.json", json.dumps([record]))
            packed.writestr(f"{name}.jpg", b"\xff\xd8\xff picture")
    result = land(settings)
    assert (sum(file.forgotten for file in result.landed), result.failures) == (2, [])
    with zipfile.ZipFile(settings.folder("inbox") / "done" / "all.zip") as packed:
        assert packed.namelist() == ["moon/2.json", "moon/2.jpg"]
        assert json.loads(packed.read("moon/2.json")) == [mentioning(named)]
    assert is_clean(settings)


def test_a_persons_own_archive_never_comes_back(settings: Settings) -> None:
    forget(settings)
    media: list[Any] = [{"uri": "media/posts/1.jpg", "creation_timestamp": 1_750_000_000, "title": "mine"}]
    name = "instagram-sun_diary-2025-08-30-Ab12Cd"
    with zipfile.ZipFile(settings.folder("inbox") / f"{name}.zip", "w") as packed:
        packed.writestr("your_instagram_activity/media/posts_1.json", json.dumps([{"media": media}]))
        packed.writestr("media/posts/1.jpg", b"\xff\xd8\xff picture")
    place = settings.folder("inbox") / f"{name}-x" / "your_instagram_activity" / "media" / "posts_1.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps([{"media": [*media, *media]}]))
    kept: list[object] = []

    def keep(pictures: Any) -> dict[str, int]:
        kept.extend(pictures)
        return {"kept": len(kept)}

    result = land_files([], UPath(settings.folder("lake")), settings, keep=keep)
    assert (sum(file.forgotten for file in result.landed), result.failures, kept) == (2, [], [])
    assert lying(settings) == {}
    assert is_clean(settings)


def test_without_tombstones_nothing_is_looked_at(settings: Settings) -> None:
    content = b'[ {"of": "sun_diary"} ]'
    put(settings, "sun_diary.json", content)
    land(settings)
    assert lying(settings)["sun_diary.json"] == content
