"""Rows of the landing zone go when they were observed too long ago, and do not come back with their file."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from upath import UPath

from instagram_assets.ingest import landing, manifests
from instagram_assets.ingest.landing_repair import RepairReport
from instagram_assets.ingest.manifests import clear_pending
from instagram_assets.ingest.observations import landed_files, quarantine_table, read_comments, read_profiles
from instagram_assets.retention.expired_items import expired_totals
from instagram_assets.retention.landing_rows import count_waiting_files, expired_landing_rows
from instagram_assets.settings import Settings, load_settings
from instagram_assets.status.integrity import IntegrityCheck
from instagram_assets_tests.ingest.records import write
from instagram_assets_tests.retention.exports import UTC_ZONE, day, land, likes, seen, seen_profile


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path, start_day=date(2015, 1, 1))


@pytest.fixture
def lake(settings: Settings) -> UPath:
    return UPath(settings.folder("lake"))


def take(lake: UPath, before: datetime) -> list[str]:
    dues = list(expired_landing_rows(lake, before))
    for due in dues:
        due.apply()
    return [str(total) for total in expired_totals(dues, UTC_ZONE)]


def files_of(lake: UPath) -> Iterator[Path]:
    return (path for path in Path((lake / "landing").path).rglob("*") if path.is_file())


def test_exactly_the_rows_go_that_were_observed_before(settings: Settings, lake: UPath) -> None:
    land(settings, [seen(2, "1"), seen(30, "2"), seen(29, "3"), seen_profile(3), seen_profile(31), None], written=31)
    take(lake, day(30))
    assert likes(lake) == [30]
    assert read_profiles(lake, ["sun_diary"])["followers"].to_pylist() == [1031]
    assert quarantine_table(lake).num_rows == 1
    (file,) = manifests.manifests(lake)
    assert (file.posts, file.profiles, file.quarantined, sum(file.days.values())) == (1, 1, 1, 1)
    assert list(IntegrityCheck(lake, settings).damages()) == []
    assert list(expired_landing_rows(lake, day(30))) == []


def test_of_a_file_all_of_whose_rows_are_past_only_its_hash_stays(settings: Settings, lake: UPath) -> None:
    land(settings, [seen(2), seen_profile(3), None], "sun_diary.json", written=4)
    take(lake, day(5))
    (path,) = files_of(lake)
    assert "sun_diary" not in path.read_text()
    assert landed_files(lake, date(2010, 1, 1), date(2100, 1, 1)).num_rows == 0
    assert list(expired_landing_rows(lake, day(5))) == []


def test_the_same_file_lands_nothing_when_it_comes_again(settings: Settings, lake: UPath) -> None:
    records = [seen(2), seen(3, "2")]
    land(settings, records, written=4)
    take(lake, day(9))
    result = land(settings, records, "again.json", written=40)
    assert (len(result.known), result.landed, result.failures, result.mended) == (1, [], [], RepairReport())
    assert any("past retention" in line and "again.json" in line for line in result.folders)
    assert likes(lake) == []
    (file,) = result.known
    assert landing.is_landed(lake, file.sha256, settings)


def test_a_file_of_which_some_is_past_lands_no_more_than_it_has(settings: Settings, lake: UPath) -> None:
    records = [seen(2), seen(30, "2"), None]
    land(settings, records, written=4)
    take(lake, day(9))
    assert len(land(settings, records, "again.json", written=40).known) == 1
    assert (likes(lake), quarantine_table(lake).num_rows) == ([30], 0)
    # Damaged, it is read again from what was put aside.
    (table,) = Path((lake / "landing" / "posts").path).iterdir()
    table.write_bytes(b"")
    assert len(land(settings).mended.again) == 1
    assert (likes(lake), quarantine_table(lake).num_rows) == ([30], 0)


def test_who_says_that_it_was_observed_later_gets_it_again(settings: Settings, lake: UPath) -> None:
    path = write(settings.data_dir, [seen(2)], "posts.json")
    landed = landing.land_file(path, lake, settings=settings)
    clear_pending(lake, [landed])
    take(lake, day(9))
    assert landing.land_file(path, lake, settings=settings, observed_at=day(8)).is_past
    assert landing.land_file(path, lake, settings=settings, observed_at=day(20)).posts == 1
    assert likes(lake) == [2]


def test_files_that_wait_for_their_tables_wait(settings: Settings, lake: UPath) -> None:
    landing.land_file(write(settings.data_dir, [seen(2)], "posts.json"), lake, settings=settings)
    assert list(expired_landing_rows(lake, day(9))) == []
    assert count_waiting_files(lake, day(9)) == 1
    assert count_waiting_files(lake, day(1)) == 0


def test_what_older_rules_read_of_the_same_file_goes_as_well(
    settings: Settings, lake: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [seen(2), seen(30, "2")]
    for version in (4, 5):
        for module in ("landing", "manifests", "landing_writer"):
            monkeypatch.setattr(f"instagram_assets.ingest.{module}.PARSER_VERSION", version)
        land(settings, records, written=4)
    assert len({path.name for path in files_of(lake)}) == 4
    take(lake, day(9))
    assert len({path.stem for path in files_of(lake)}) == 1
    assert likes(lake) == [30]


def test_what_goes_is_said_before_with_days_and_bytes(settings: Settings, lake: UPath) -> None:
    land(settings, [seen(2), seen(5, "2"), seen_profile(3)], written=4)
    before = {path: path.read_bytes() for path in files_of(lake)}
    told = [str(total) for total in expired_totals(expired_landing_rows(lake, day(9)), UTC_ZONE)]
    assert told[0].startswith("landing zone, posts: 2 rows, 2025-07-31…2025-08-03, 0.0")
    assert told[1].startswith("landing zone, profiles: 1 row, 2025-08-01, 0.0")
    assert {path: path.read_bytes() for path in files_of(lake)} == before


def test_tables_that_no_manifest_knows_go_when_nobody_wrote_to_them_since(settings: Settings, lake: UPath) -> None:
    land(settings, [seen(2)], written=4)
    (manifest,) = Path((lake / "landing" / "files").path).iterdir()
    manifest.unlink()
    assert list(expired_landing_rows(lake, day(9))) == []
    take(lake, datetime(2100, 1, 1, tzinfo=UTC))
    assert list(files_of(lake)) == []


def test_comments_that_are_kept_go_as_other_observations_do(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, start_day=date(2015, 1, 1), ingest={"keep_comments": True})
    lake = UPath(settings.folder("lake"))

    def comment(number: int) -> dict[str, object]:
        return {"id": str(number), "text": "hi", "ownerUsername": "bob", "timestamp": "2025-07-30T00:00:00.000Z"}

    records = [seen(2, latestComments=[comment(1)]), seen(30, "2", latestComments=[comment(2)])]
    land(settings, records, written=4)
    take(lake, day(9))
    assert read_comments(lake)["comment_id"].to_pylist() == ["2"]
    assert len(land(settings, records, "again.json", written=40).known) == 1
    assert read_comments(lake)["comment_id"].to_pylist() == ["2"]
    take(lake, day(90))
    assert manifests.manifests(lake) == []
