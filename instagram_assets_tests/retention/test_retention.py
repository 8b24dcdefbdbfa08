"""Retention as a whole: what it says before is what goes."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from upath import UPath

from instagram_assets.ingest import manifests
from instagram_assets.ingest.observations import landed_files, quarantine_table, read_posts, read_profiles
from instagram_assets.retention.expired_items import RetentionLimits
from instagram_assets.retention.retention import apply_retention, preview_retention
from instagram_assets.settings import Settings, load_settings
from instagram_assets.storage.lake import read_table
from instagram_assets.storage.lake_writer import write_asset, write_cells
from instagram_assets.storage.retention_horizon import Horizon, read_horizon
from instagram_assets_tests.ingest.records import post
from instagram_assets_tests.retention.exports import FIRST, LAST, TAKEN, day, land, seen, seen_profile

DAYS = (FIRST, LAST)
NOW = datetime(2026, 11, 27, tzinfo=UTC)
POSTED = date(2025, 7, 29)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path, start_day=date(2015, 1, 1))


@pytest.fixture
def lake(settings: Settings) -> UPath:
    """A lake of two exports, with the tables that are made when they land."""
    lake = UPath(settings.folder("lake"))
    land(settings, [seen(2, "1"), seen(30, "2"), seen_profile(3), None], "half.json", written=4)
    land(settings, [seen(3, "3"), None], "old.json", written=5)
    posts = read_posts(lake, "posts", ["sun_diary"], *DAYS)
    write_cells(lake, "raw_posts", ["sun_diary"], (POSTED, POSTED), posts)
    write_cells(lake, "raw_profiles", ["sun_diary"], None, read_profiles(lake, ["sun_diary"]))
    write_asset(lake, "quarantine", quarantine_table(lake))
    write_asset(lake, "landed_files", landed_files(lake, *DAYS))
    return lake


def test_what_is_said_before_is_what_goes(settings: Settings, lake: UPath) -> None:
    at = RetentionLimits(day(9), day(9))
    foreseen = preview_retention(lake, settings, at, DAYS)
    went = apply_retention(lake, settings, at, DAYS, NOW)
    assert went == foreseen
    assert went.numbers == {
        "files that came in, inbox/done": 1,
        "landing zone, posts": 2,
        "landing zone, profiles": 1,
        "landing zone, quarantine": 2,
        "tables, raw_posts": 2,
        "tables, raw_profiles": 1,
        "tables, quarantine": 2,
        "tables, landed_files": 1,
    }
    assert not preview_retention(lake, settings, at, DAYS)


def test_the_tables_say_what_is_left(settings: Settings, lake: UPath) -> None:
    apply_retention(lake, settings, RetentionLimits(day(9), None), DAYS, NOW)
    assert read_table(lake, "raw_posts")["likes"].to_pylist() == [30]
    assert read_table(lake, "quarantine").num_rows == 0
    (file,) = read_table(lake, "landed_files").to_pylist()
    assert (file["file"], file["posts"], file["profiles"], file["quarantined"]) == ("half.json", 1, 0, 0)


@pytest.mark.parametrize(
    ("time_zone", "told"), [("Asia/Seoul", "2025-07-31"), ("UTC", "2025-07-30"), ("America/Los_Angeles", "2025-07-30")]
)
def test_the_days_that_are_said_are_those_of_the_configured_zone(tmp_path: Path, time_zone: str, told: str) -> None:
    settings = load_settings(data_dir=tmp_path, start_day=date(2015, 1, 1), time_zone=time_zone)
    lake, evening = UPath(settings.folder("lake")), "2025-07-30T20:00:00+00:00"
    land(settings, [post(id="1", shortCode="B", observed_at=evening), None], "posts.json", written=1)
    posts = read_posts(lake, "posts", ["sun_diary"], *DAYS)
    write_cells(lake, "raw_posts", ["sun_diary"], (POSTED, POSTED), posts)
    (settings.folder("media") / "ab").mkdir(parents=True)
    picture = settings.folder("media") / "ab" / f"{'ab' * 32}.jpg"
    picture.write_bytes(b"picture")
    moment = datetime.fromisoformat(evening).timestamp()
    os.utime(picture, (moment, moment))
    foreseen = preview_retention(lake, settings, RetentionLimits(day(9), day(9)), DAYS)
    days = {(total.place, total.what): {total.first, total.last} for total in foreseen.totals}
    of_posts = [("landing zone", "posts"), ("tables", "raw_posts"), ("media", "images")]
    assert {place: days[place] for place in of_posts} == {place: {date.fromisoformat(told)} for place in of_posts}


def test_no_folder_of_an_account_stays_in_which_nothing_is_left(settings: Settings, lake: UPath) -> None:
    assert any(Path(lake.path).glob("raw_*/*"))
    apply_retention(lake, settings, RetentionLimits(datetime(2100, 1, 1, tzinfo=UTC), None), DAYS, NOW)
    assert list(Path(lake.path).glob("raw_*/*")) == []


def test_the_lake_says_up_to_when_observations_are_gone(settings: Settings, lake: UPath) -> None:
    assert preview_retention(lake, settings, RetentionLimits(day(9), None), DAYS)
    assert read_horizon(lake) == Horizon()
    assert not apply_retention(lake, settings, RetentionLimits(TAKEN, None), DAYS, NOW)
    assert read_horizon(lake) == Horizon()
    apply_retention(lake, settings, RetentionLimits(day(9), None), DAYS, NOW)
    assert read_horizon(lake) == Horizon(day(9), None, NOW)


def test_files_that_wait_are_told(settings: Settings, lake: UPath) -> None:
    (file,) = [file for file in manifests.manifests(lake) if file.file == "old.json"]
    manifests.mark_pending(lake, file.name, file.first_seen)
    found = preview_retention(lake, settings, RetentionLimits(day(9), None), DAYS)
    assert found.waiting == 1
    assert found.numbers["landing zone, posts"] == 1
    assert any("1 file with older records waits" in line for line in found.lines())
