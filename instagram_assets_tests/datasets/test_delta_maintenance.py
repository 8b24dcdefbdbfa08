"""What the upkeep of Delta tables promises: fewer files with the same rows, and none that nobody needs."""

from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from deltalake import DeltaTable
from upath import UPath

from instagram_assets.datasets.delta import optimize, vacuum
from instagram_assets.datasets.delta.write import ExportedTable
from instagram_assets_tests.datasets.delta_lakes import JUNE, MAY, ids, labels, lake, made, put
from instagram_assets_tests.datasets.tables import post

ACCOUNTS = [f"account.{number:02}" for number in range(60)]


@pytest.fixture
def root(tmp_path: Path) -> UPath:
    """A lake of sixty accounts with a post in May and one in June."""
    named = enumerate(((name, day) for name in ACCOUNTS for day in (MAY, JUNE)), start=1)
    return lake(tmp_path / "lake", *(post(str(number), name, day=day) for number, (name, day) in named))


def _optimized(root: UPath, target: Path) -> ExportedTable:
    return next(table for table in optimize(root, str(target)) if table.table == "posts")


def test_older_months_become_few_files_and_stay_so(root: UPath, tmp_path: Path):
    before = made(root, tmp_path / "delta")["posts"]
    after = _optimized(root, tmp_path / "delta")
    assert after.files < before.files
    assert after.rows == before.rows == len(ids(tmp_path / "delta"))
    of_may = [uri for uri in DeltaTable(tmp_path / "delta/posts").file_uris() if "/month=2024-05/" in uri]
    assert (len(of_may), after.files) == (1, 1 + before.files // 2)
    assert _optimized(root, tmp_path / "delta").version == after.version
    assert made(root, tmp_path / "delta")["posts"] == after._replace(written=0, removed=0)


def test_a_change_in_a_merged_month_parts_its_file_again(root: UPath, tmp_path: Path):
    made(root, tmp_path / "delta")
    merged = _optimized(root, tmp_path / "delta")
    put(root, post("1", ACCOUNTS[0], day=MAY, likes=77))
    after = made(root, tmp_path / "delta")["posts"]
    assert after.files > merged.files
    assert len(ids(tmp_path / "delta")) == len(set(ids(tmp_path / "delta"))) == 2 * len(ACCOUNTS)


def test_vacuum_takes_old_versions_and_what_a_killed_run_left(root: UPath, tmp_path: Path):
    made(root, tmp_path / "delta")
    put(root, post("1", ACCOUNTS[0], day=MAY, likes=77))
    made(root, tmp_path / "delta")
    orphan = tmp_path / "delta/posts/month=2024-05/0123456789abcdef-0123456789ab.parquet"
    orphan.write_bytes(b"half of a fi")
    assert [gone.files for gone in vacuum(root, str(tmp_path / "delta"), keep_hours=1)] == [0]
    assert [gone.files for gone in vacuum(root, str(tmp_path / "delta"), keep_hours=0)] == [2]
    there = {path.name for path in (tmp_path / "delta/posts").rglob("*.parquet") if "_delta_log" not in path.parts}
    assert there == {uri.rpartition("/")[2] for uri in DeltaTable(tmp_path / "delta/posts").file_uris()}
    assert len(ids(tmp_path / "delta")) == 2 * len(ACCOUNTS)
    assert made(root, tmp_path / "delta")["posts"].written == 0


def test_what_has_no_reels_is_still_known_after_the_upkeep(tmp_path: Path):
    rows = [post(str(number), name, day=day) for number, (name, day) in enumerate([("amy", MAY), ("zoe", JUNE)], 1)]
    root = lake(tmp_path / "lake", *rows, post("3", "mina", day=date(2024, 6, 2), kind="reel"))
    made(root, tmp_path / "delta")
    vacuum(root, str(tmp_path / "delta"), keep_hours=0)
    put(root, post("9", "zoe", day=JUNE))
    assert made(root, tmp_path / "delta")["reels"].written <= 1
    assert ids(tmp_path / "delta", "reels") == ["3"]


def test_the_weekly_job_does_both(root: UPath, data_dir: Path, instance: dg.DagsterInstance):
    from instagram_assets.automation.jobs import delta_job
    from instagram_assets.datasets.delta import delta_target
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    assert delta_job.execute_in_process(instance=instance).success
    own = lake(Path(open_lake(settings()).path), *(post(str(n), name, day=MAY) for n, name in enumerate(ACCOUNTS, 1)))
    put(own, post("99", ACCOUNTS[0], day=JUNE))
    labels(own, "1")
    before = made(own, Path(delta_target(settings())))
    assert delta_job.execute_in_process(instance=instance).success
    assert made(own, Path(delta_target(settings())))["posts"].files < before["posts"].files
