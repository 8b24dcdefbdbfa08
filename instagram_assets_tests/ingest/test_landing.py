"""A file lands whole or not at all, once, and the order of files does not matter."""

import itertools
import json
import random
import shutil
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from instagram_assets.demo import SAMPLE
from instagram_assets.errors import FileError, StorageError
from instagram_assets.ingest import landing, manifests
from instagram_assets.ingest.manifests import clear_pending, pending_files
from instagram_assets.ingest.merge import merge_posts
from instagram_assets.ingest.observations import (
    affected_cells,
    landed_files,
    quarantine_table,
    read_posts,
    read_profiles,
)
from instagram_assets.settings import load_settings
from instagram_assets_tests.faults.harness import Fault, Kind, Worker, choose
from instagram_assets_tests.ingest.records import post, profile, write

SETTINGS = load_settings(start_day=date(2015, 1, 1))
FIRST, LAST = date(2010, 1, 1), date(2100, 1, 1)


def everything(lake: UPath) -> list[str]:
    return sorted(path.name for path in Path(lake.path).rglob("*") if path.is_file())


def merged(lake: UPath, accounts: Sequence[str]) -> pa.Table:
    posts, reels = (read_posts(lake, kind, accounts, FIRST, LAST) for kind in ("posts", "reels"))
    return merge_posts(posts, reels, read_profiles(lake, accounts), "all")


def test_a_landed_file_says_what_it_brought(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    reel = post(id="2", shortCode="B", type="Video", productType="clips", timestamp="2025-07-30T00:00:00Z")
    path = write(tmp_path, [post(), reel, profile(), None], "mixed_2025-08-31.json")
    file = landing.land_file(path, lake, settings=SETTINGS)
    assert file.new
    (row,) = landed_files(lake, date(2025, 7, 30), LAST).to_pylist()
    counts = {name: row[name] for name in ("records", "posts", "reels", "profiles", "quarantined", "outside_window")}
    assert counts == {"records": 4, "posts": 1, "reels": 1, "profiles": 1, "quarantined": 1, "outside_window": 1}
    assert (row["accounts"], row["first_day"], row["last_day"]) == (["sun_diary"], date(2025, 7, 29), date(2025, 7, 30))
    assert row["format"] == "apify_posts, apify_profiles"


def test_the_same_bytes_land_once_whatever_their_name(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    first = landing.land_file(write(tmp_path, [post()]), lake, settings=SETTINGS)
    before = everything(lake)
    again = landing.land_file(write(tmp_path, [post()], "copy.json"), lake, settings=SETTINGS)
    assert not again.new
    assert again == first
    assert everything(lake) == before


def test_pending_files_wait_until_they_are_settled(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    file = landing.land_file(write(tmp_path, [post()]), lake, settings=SETTINGS)
    assert pending_files(lake) == [file]
    clear_pending(lake, [file])
    assert pending_files(lake) == []
    assert landed_files(lake, FIRST, LAST).num_rows == 1


def test_a_file_that_breaks_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    good = ",".join(json.dumps(post(id=str(n), shortCode=str(n))) for n in range(6000))
    with pytest.raises(FileError):
        landing.land_file(write(tmp_path, f"[{good}, oops]"), lake, settings=SETTINGS)
    assert everything(lake) == []


KINDS: tuple[Kind, ...] = ("kill", "power")
# Once for all trials: landing loads these when it has a first row to write.
LOADED = ("instagram_assets_tests.faults.warm", "pandas")


def land_file(path: str, lake: str) -> None:
    """What the fault tools run, and stop at any of its file operations."""
    landing.land_file(Path(path), UPath(lake), settings=SETTINGS)


def test_landing_stopped_at_any_file_operation_is_finished_by_the_next_run(tmp_path: Path) -> None:
    path = write(tmp_path, [post(), profile(), None])
    arguments = [str(path), str(tmp_path / "lake")]
    lake = UPath(arguments[1])
    with Worker(f"{__name__}:land_file", LOADED) as worker:
        operations = worker.run(Path(lake.path), arguments).count
        whole = everything(lake)
        for number, kind in itertools.product(choose(operations, trials=25, seed=7), KINDS):
            shutil.rmtree(lake.path)
            outcome = worker.run(Path(lake.path), arguments, Fault(kind, number))
            assert outcome.fired, outcome
            landed = landed_files(lake, FIRST, LAST).num_rows
            # All of the file can be seen, or nothing.
            assert quarantine_table(lake).num_rows == merged(lake, ["sun_diary"]).num_rows == landed
            assert len(pending_files(lake)) == landed
            seen = manifests.first_seen_at(lake, landing._sha256_unchanged(path))  # pyright: ignore[reportPrivateUsage]
            file = landing.land_file(path, lake, settings=SETTINGS)
            assert file.first_seen - seen < timedelta(minutes=1)
            assert (file.new, everything(lake)) == (not landed, whole)
            assert merged(lake, ["sun_diary"])["followers"].to_pylist() == [1000]


def test_when_a_broken_off_file_was_first_seen_is_remembered(tmp_path: Path) -> None:
    lake, path = UPath(tmp_path / "lake"), write(tmp_path, [post()])
    file = landing.land_file(path, lake, settings=SETTINGS)
    Path(manifests.manifest_path(lake, file.name).path).unlink()
    assert landing.land_file(path, lake, settings=SETTINGS).first_seen == file.first_seen


def test_what_the_file_had_twice_and_what_was_new_in_it_is_said(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    landing.land_file(write(tmp_path, [post(moonPhase=1), post(aura=2), profile(zodiac=3)]), lake, settings=SETTINGS)
    (row,) = landed_files(lake, FIRST, LAST).to_pylist()
    assert (row["duplicates"], row["unknown_fields"]) == (1, ["aura", "moonPhase", "zodiac"])


def test_the_name_of_a_new_field_may_be_anything(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    landing.land_file(write(tmp_path, json.dumps([post(**{"x\ud83d": 1, "y" * 5000: 2})])), lake, settings=SETTINGS)
    (row,) = landed_files(lake, FIRST, LAST).to_pylist()
    assert row["unknown_fields"] == ["x\ufffd", "y" * 100]


def test_the_lake_may_be_an_object_store(tmp_path: Path) -> None:
    lake = UPath("memory://landing-test")
    file = landing.land_file(write(tmp_path, [post(), profile(), None]), lake, settings=SETTINGS)
    assert merged(lake, ["sun_diary"])["followers"].to_pylist() == [1000]
    assert quarantine_table(lake).num_rows == 1
    assert affected_cells(lake, [file], FIRST, LAST).cells == {("sun_diary", date(2025, 7, 29))}
    clear_pending(lake, [file])
    assert pending_files(lake) == []


def test_a_damaged_page_is_noticed(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    file = landing.land_file(write(tmp_path, [post()]), lake, settings=SETTINGS)
    path = Path(manifests.table_path(lake, "posts", file.name).path)
    content = bytearray(path.read_bytes())
    column = pq.read_metadata(path).row_group(0).column(0)
    content[column.data_page_offset + column.total_compressed_size - 1] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(StorageError, match="landing/posts"):
        read_posts(lake, "posts", ["sun_diary"], FIRST, LAST)


def test_only_the_asked_accounts_and_days_are_read(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    records = [
        post(
            id=f"{n}{day}",
            shortCode=f"{n}{day}",
            ownerUsername=f"a{n}",
            inputUrl=...,
            timestamp=f"2025-07-0{day}T03:00:00Z",
        )
        for n in range(3)
        for day in range(1, 6)
    ]
    landing.land_file(write(tmp_path, records), lake, settings=SETTINGS)
    table = read_posts(lake, "posts", ["a0", "a2"], date(2025, 7, 2), date(2025, 7, 3))
    assert table["post_id"].to_pylist() == ["02", "03", "22", "23"]


def history(folder: Path, seed: int) -> list[Path]:
    """Three files that speak about the same posts and profiles at different times."""
    generator = random.Random(seed)
    paths: list[Path] = []
    for number in range(3):
        posts = [
            post(
                id=str(n),
                shortCode=f"C{n}",
                likesCount=generator.randrange(100),
                inputUrl=generator.choice(["sun_diary", "moon_cafe"]),
                ownerUsername=generator.choice(["sun_diary", "star_walk", None]),
                ownerId=generator.choice(["1001", None, "1003"]),
                timestamp=f"2025-07-{1 + n % 5:02d}T03:00:00Z",
                scrapedAt=f"2025-08-{generator.randrange(1, 28):02d}T00:00:00Z",
            )
            for n in generator.sample(range(20), 12)
        ]
        profiles = [
            profile(
                id=key,
                username=name,
                followersCount=generator.randrange(1, 999),
                scrapedAt=f"2025-08-{generator.randrange(1, 28):02d}T00:00:00Z",
            )
            for key, name in generator.sample(
                [("1001", "sun_diary"), ("1003", "star_walk"), ("1001", "sun_renamed")], 2
            )
        ]
        paths.append(write(folder, [*profiles, *posts], f"part{number}.json"))
    return paths


@pytest.mark.parametrize("seed", [7, 8])
def test_posts_do_not_depend_on_the_order_of_files_and_only_touched_cells_change(seed: int, tmp_path: Path) -> None:
    accounts = ["sun_diary", "moon_cafe", "star_walk", "sun_renamed"]
    paths = history(tmp_path, seed)
    results: list[list[dict[str, Any]]] = []
    for number, order in enumerate(itertools.permutations(paths)):
        lake = UPath(tmp_path / f"lake{number}")
        cells: dict[tuple[str, date], list[dict[str, Any]]] = {}
        for path in order:
            file = landing.land_file(path, lake, settings=SETTINGS)
            now = by_cell(merged(lake, accounts))
            # What an incremental lake holds: cells made again only when they were touched.
            cells |= {cell: now.get(cell, []) for cell in affected_cells(lake, [file], FIRST, LAST).cells}
            assert cells == now
        results.append(merged(lake, accounts).to_pylist())
    assert all(result == results[0] for result in results)
    assert any(row["followers"] is not None for row in results[0])


def by_cell(posts: pa.Table) -> dict[tuple[str, date], list[dict[str, Any]]]:
    cells: dict[tuple[str, date], list[dict[str, Any]]] = {}
    for row in posts.to_pylist():
        cells.setdefault((row["account"], row["day"]), []).append(row)
    return cells


def test_touched_leaves_out_days_outside_the_window(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    file = landing.land_file(write(tmp_path, [post(), profile()]), lake, settings=SETTINGS)
    assert affected_cells(lake, [file], date(2025, 8, 1), LAST) == (["sun_diary"], set())


def test_the_sample_export_lands_with_few_bad_records(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    files = [
        landing.land_file(SAMPLE / f"{name}.json", lake, settings=SETTINGS) for name in ("profiles", "posts", "reels")
    ]
    assert sum(file.records for file in files) > 300
    assert sum(file.quarantined for file in files) < 0.1 * sum(file.records for file in files)
    posts = merged(lake, sorted({account for file in files for account in file.accounts}))
    assert len(set(posts["kind"].to_pylist())) == 2
    assert posts["followers"].null_count < posts.num_rows / 2
    assert affected_cells(lake, files, FIRST, LAST).cells == set(by_cell(posts))


@pytest.mark.parametrize("is_kept", [True, False])
def test_fields_without_a_column_are_kept_or_dropped_and_named_either_way(tmp_path: Path, is_kept: bool) -> None:
    lake, settings = UPath(tmp_path / "lake"), load_settings(ingest={"keep_extra": is_kept})
    path = write(tmp_path, [post(moonPhase=1), profile(zodiac=[{"sign": "cat"}])])
    file = landing.land_file(path, lake, settings=settings)
    assert file.unknown_fields == ("moonPhase", "zodiac")
    posts = read_posts(lake, "posts", ["sun_diary"], FIRST, LAST)
    profiles = read_profiles(lake, ["sun_diary"])
    extra = [json.loads(table["extra"][0].as_py() or "{}") for table in (posts, profiles)]
    assert extra == ([{"moonPhase": 1}, {"zodiac": [{"sign": "cat"}]}] if is_kept else [{}, {}])
