"""Retention of a lake in an object store."""

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from instagram_assets import schemas
from instagram_assets.ingest import landing
from instagram_assets.ingest.manifests import clear_pending, pending_files
from instagram_assets.ingest.observations import landed_files, read_posts
from instagram_assets.retention.expired_items import RetentionLimits
from instagram_assets.retention.retention import apply_retention, preview_retention
from instagram_assets.settings import load_settings
from instagram_assets.storage.lake import read_table
from instagram_assets.storage.lake_writer import write_asset, write_cells
from instagram_assets.storage.retention_horizon import Horizon, read_horizon
from instagram_assets_tests.ingest.records import write
from instagram_assets_tests.retention.exports import FIRST, LAST, day, likes, seen, seen_profile
from instagram_assets_tests.servers.object_store import object_store, store_path

DAYS, POSTED = (FIRST, LAST), date(2025, 7, 29)
NOW = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with object_store() as address:
        yield address


def test_what_is_past_goes_from_an_object_store_as_from_a_disk(store: str, tmp_path: Path) -> None:
    settings, lake = load_settings(data_dir=tmp_path, start_day=date(2015, 1, 1)), store_path(store, uuid.uuid4().hex)
    for name, records in {
        "half.json": [seen(2, "1"), seen(30, "2"), seen_profile(3)],
        "old.json": [seen(3, "3"), seen(4, "4")],
    }.items():
        landing.land_file(write(tmp_path, records, name), lake, settings=settings)
    clear_pending(lake, pending_files(lake))
    posts = read_posts(lake, "posts", ["sun_diary"], *DAYS)
    write_cells(lake, "raw_posts", ["sun_diary"], (POSTED, POSTED), posts)
    write_asset(lake, "landed_files", landed_files(lake, *DAYS))
    picture = {"account": "sun_diary", "day": POSTED, "post_id": "1", "position": 0, "status": "ok"}
    sha256 = "ab" * 32
    (tmp_path / "media" / "ab").mkdir(parents=True)
    (tmp_path / "media" / "ab" / f"{sha256}.jpg").write_bytes(b"picture")
    images: list[dict[str, object]] = [{**picture, "image_id": sha256, "path": f"ab/{sha256}.jpg"}]
    write_cells(lake, "images", ["sun_diary"], (POSTED, POSTED), schemas.IMAGES.table(images))
    observed: list[dict[str, object]] = [
        {"account": "sun_diary", "day": POSTED, "post_id": "1", "observed_at": day(2), "observations": 1}
    ]
    write_cells(lake, "posts", ["sun_diary"], (POSTED, POSTED), schemas.POSTS.table(observed))
    at = RetentionLimits(day(9), day(9))
    foreseen = preview_retention(lake, settings, at, DAYS)
    assert apply_retention(lake, settings, at, DAYS, NOW).numbers == foreseen.numbers
    assert foreseen.numbers["landing zone, posts"] == foreseen.numbers["tables, raw_posts"] == 3
    assert likes(lake) == read_table(lake, "raw_posts")["likes"].to_pylist() == [30]
    assert read_table(lake, "landed_files")["file"].to_pylist() == ["half.json"]
    assert read_table(lake, "images")["path"].to_pylist() == [None]
    assert not (tmp_path / "media" / "ab" / f"{sha256}.jpg").exists()
    assert not preview_retention(lake, settings, at, DAYS)
    assert read_horizon(lake) == Horizon(day(9), day(9), NOW)
    assert landing.land_file(tmp_path / "old.json", lake, settings=settings).is_past
