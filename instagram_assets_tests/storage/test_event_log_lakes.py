"""The same runs leave byte-identical lakes, whichever storage Dagster's record is in."""

import os
from pathlib import Path

import dagster as dg
import pytest

from instagram_assets.automation import shell_runs
from instagram_assets.settings import settings
from instagram_assets_tests.conftest import export, post, profile
from instagram_assets_tests.servers.postgres import Cluster

ACCOUNTS = ("sun_diary", "moon_diary")
DAYS = [f"2026-10-{day}" for day in range(10, 17)]
MADE = ("raw_posts", "raw_profiles", "posts", "impressions", "tokens")


def lake_after_a_run(folder: Path, deployment: str, files: list[Path], patch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Every table of a lake that was made with a home of this deployment; manifests say when a file came in."""
    patch.setenv("INSTAGRAM_ASSETS_DATA_DIR", str(folder / deployment))
    settings.cache_clear()
    shell_runs.prepare_home(deployment)
    with dg.DagsterInstance.get() as instance:
        assert ("postgres" in type(instance.event_log_storage).__module__) == (deployment == "postgres")
        shell_runs.land(instance, files, observed_at="2026-11-01T09:00:00+09:00")
        assert shell_runs.bring_up_to_date(instance) == 2
        made = instance.get_materialized_partitions(dg.AssetKey("posts"))
    assert made == {f"{account}|{day}" for account in ACCOUNTS for day in DAYS}
    lake = folder / deployment / "lake"
    return {str(path.relative_to(lake)): path.read_bytes() for path in lake.rglob("*.parquet")}


def test_the_same_run_on_both_storages_leaves_byte_identical_lakes(
    cluster: Cluster, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts = [post(number, account, day) for account in ACCOUNTS for number, day in enumerate(DAYS)]
    files = [export(tmp_path / "posts.json", posts), export(tmp_path / "profiles.json", list(map(profile, ACCOUNTS)))]
    for name, value in cluster.create("lakes").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_HOME", os.environ.get("DAGSTER_HOME", ""))  # put back after the test
    sqlite, postgres = (
        lake_after_a_run(tmp_path, deployment, files, monkeypatch) for deployment in ("sqlite", "postgres")
    )
    assert {name.split("/")[0] for name in sqlite} >= set(MADE)
    assert sqlite.keys() == postgres.keys()
    for name, content in sqlite.items():
        assert postgres[name] == content, name
