"""Retention in a lake that lives: what goes, what stays, and that nothing comes back."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest
from typer.testing import CliRunner
from upath import UPath

from instagram_assets.automation import retention_job as past
from instagram_assets.automation import shell_runs
from instagram_assets.automation.schedules import retention as schedule
from instagram_assets.automation.sensors import landed_sensor
from instagram_assets.automation.stale_datasets import DATASET_INPUTS, datasets_are_due
from instagram_assets.cli import app
from instagram_assets.definitions import defs
from instagram_assets.errors import BusyError, SettingsError
from instagram_assets.partitions import box, known_accounts
from instagram_assets.retention.expired_items import RetentionLimits, retention_limits
from instagram_assets.retention.retention import apply_retention
from instagram_assets.settings import PrivacySettings, settings
from instagram_assets.storage.lake import open_lake, read_table
from instagram_assets_tests.conftest import export, post, profile
from instagram_assets_tests.datasets.files import put_files

TODAY = datetime.now(UTC).replace(microsecond=0)
RAW = ("raw_posts", "raw_reels", "raw_profiles")
KEPT = ("posts", "impressions", "tokens")


def ago(days: int) -> datetime:
    return TODAY - timedelta(days=days)


DAY = f"{ago(60):%Y-%m-%d}"


@pytest.fixture
def keep(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def set_days(days: int) -> None:
        monkeypatch.setenv("INSTAGRAM_ASSETS_PRIVACY__KEEP_RAW_DAYS", str(days))
        settings.cache_clear()

    return set_days


@pytest.fixture
def lake(instance: dg.DagsterInstance, data_dir: Path) -> UPath:
    """A lake of two accounts: their posts of 60 days ago were observed then, and one of them again a week ago."""
    collect(instance, data_dir, "first.json", _first(), 59)
    collect(instance, data_dir, "second.json", [post(1, day=DAY, likesCount=90), profile(followers=200)], 7)
    return open_lake(settings())


def collect(
    instance: dg.DagsterInstance, data_dir: Path, name: str, records: list[dict[str, object]], days: int
) -> None:
    """Ingest an export that was written so many days ago."""
    path = export(data_dir / "inbox" / name, records)
    stamp = ago(days).timestamp()
    os.utime(path, (stamp, stamp))
    shell_runs.land(instance, [])
    shell_runs.bring_up_to_date(instance)


def _first() -> list[dict[str, object]]:
    reel = {"type": "Video", "productType": "clips"}
    return [post(1, day=DAY), post(2, "moon.cafe", DAY), post(3, day=DAY, **reel), profile(), profile("moon.cafe")]


def rows(lake: UPath, *tables: str) -> dict[str, pa.Table]:
    return {name: read_table(lake, name) for name in tables}


def make_again(instance: dg.DagsterInstance) -> None:
    """A backfill over all days that anything is of."""
    order = known_accounts(instance)
    shell_runs.run_job(instance, "box", tags=box(order, order, ago(61).date(), ago(59).date()).tags)


def test_exactly_what_is_past_goes_and_a_backfill_neither_loses_nor_brings_back_anything(
    instance: dg.DagsterInstance, data_dir: Path, lake: UPath, keep: Callable[[int], None]
) -> None:
    before, kept = rows(lake, *RAW), rows(lake, *KEPT)
    keep(30)
    foreseen = past.preview_deletions(past.current_limits())
    went = past.delete_expired(instance, past.current_limits())
    assert went.numbers.items() >= foreseen.numbers.items()
    left = {
        name: table.filter(pa.array([moment >= ago(30) for moment in table["observed_at"].to_pylist()], pa.bool_()))
        for name, table in before.items()
    }
    assert rows(lake, *RAW) == left
    assert [table.num_rows for table in left.values()] == [1, 0, 1]
    assert rows(lake, *KEPT) == kept
    assert [path.name for path in (data_dir / "inbox" / "done").iterdir()] == ["second.json"]
    make_again(instance)
    assert (rows(lake, *RAW), rows(lake, *KEPT)) == (left, kept)
    # The old export comes again, and so does a plain run.
    collect(instance, data_dir, "first.json", _first(), 59)
    make_again(instance)
    assert (rows(lake, *RAW), rows(lake, *KEPT)) == (left, kept)
    assert not past.preview_deletions(past.current_limits()).numbers.get("landing zone, posts")
    keep(1)
    past.delete_expired(instance, past.current_limits())
    make_again(instance)
    assert [table.num_rows for table in rows(lake, *RAW).values()] == [0, 0, 0]
    assert rows(lake, *KEPT) == kept


def test_a_new_observation_of_a_post_whose_old_ones_are_gone_counts_on(
    instance: dg.DagsterInstance, data_dir: Path, lake: UPath, keep: Callable[[int], None]
) -> None:
    keep(1)
    past.delete_expired(instance, past.current_limits())
    collect(instance, data_dir, "third.json", [post(1, day=DAY, likesCount=99)], 0)
    posts = {row["post_id"]: row for row in read_table(lake, "posts").to_pylist()}
    assert (posts["10001"]["likes"], posts["10001"]["observations"], posts["10001"]["followers"]) == (99, 3, 200)
    assert len(posts) == 3


def test_the_run_of_the_job_says_what_goes_and_the_tables_show_it(
    instance: dg.DagsterInstance, lake: UPath, keep: Callable[[int], None]
) -> None:
    keep(30)
    result = defs.resolve_job_def("retention").execute_in_process(instance=instance)
    assert result.success
    records = instance.fetch_observations(dg.AssetKey("raw_posts"), limit=1).records
    assert records[0].asset_observation is not None
    assert records[0].asset_observation.metadata[past.ROWS_GONE].value == 2
    assert read_table(lake, "raw_posts").num_rows == 1


def test_nothing_goes_while_a_run_works_on_it(
    instance: dg.DagsterInstance, lake: UPath, keep: Callable[[int], None]
) -> None:
    keep(30)
    run = instance.create_run_for_job(defs.resolve_job_def("box"))
    with pytest.raises(BusyError, match="job box"):
        past.delete_expired(instance, past.current_limits())
    assert read_table(lake, "raw_posts").num_rows == 3
    instance.report_run_canceled(run)
    assert past.delete_expired(instance, past.current_limits())


def test_files_that_landed_wait_for_their_tables_while_old_ones_are_taken_away(
    instance: dg.DagsterInstance, lake: UPath, data_dir: Path
) -> None:
    export(data_dir / "inbox" / "new.json", [post(9, day=DAY)])
    shell_runs.land(instance, [])
    run = instance.create_run_for_job(defs.resolve_job_def("retention"))
    with dg.build_sensor_context(instance) as context:
        told = landed_sensor(context)
        assert isinstance(told, dg.SkipReason)
        assert "taken away" in str(told.skip_message)
        instance.report_run_canceled(run)
        assert isinstance(landed_sensor(context), dg.SensorResult)


def test_datasets_are_due_when_what_they_name_is_gone(
    instance: dg.DagsterInstance, lake: UPath, keep: Callable[[int], None]
) -> None:
    for name in (*{source for sources in DATASET_INPUTS.values() for source in sources}, *DATASET_INPUTS):
        instance.report_runless_asset_event(dg.AssetMaterialization(name))
    put_files()
    assert not datasets_are_due(instance)
    keep(30)
    past.delete_expired(instance, past.current_limits())
    assert datasets_are_due(instance)
    instance.report_runless_asset_event(dg.AssetMaterialization("dataset_json"))
    assert not datasets_are_due(instance)


def test_the_command_says_what_would_go_and_refuses_to_do_it_unasked(
    instance: dg.DagsterInstance, lake: UPath, keep: Callable[[int], None]
) -> None:
    keep(30)
    runner, before = CliRunner(), read_table(lake, "raw_posts")
    shown = runner.invoke(app, ["retention", "--dry-run", "--json"])
    parts = {f"{part['place']}, {part['what']}": part["rows"] for part in json.loads(shown.stdout)["would_go"]}
    assert parts == past.preview_deletions(past.current_limits()).numbers
    unasked = runner.invoke(app, ["retention"])
    assert (unasked.exit_code, "--yes" in unasked.output) == (1, True)
    assert read_table(lake, "raw_posts").equals(before)
    done = runner.invoke(app, ["retention", "--yes"])
    assert (done.exit_code, "tables, raw_posts: 2 rows" in done.stdout) == (0, True)
    assert "Nothing is past." in runner.invoke(app, ["retention"]).stdout


def test_without_a_setting_nothing_is_past(instance: dg.DagsterInstance, keep: Callable[[int], None]) -> None:
    with pytest.raises(SettingsError, match="KEEP_RAW_DAYS"):
        past.current_limits()
    night = dg.build_schedule_context(instance=instance, scheduled_execution_time=TODAY)
    assert isinstance(schedule(night), dg.SkipReason)
    keep(30)
    assert isinstance(schedule(night), dg.RunRequest)


def test_the_schedule_is_off_until_somebody_switches_it_on() -> None:
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED


def test_killed_at_any_step_a_repeat_ends_as_if_nothing_had_happened(
    instance: dg.DagsterInstance, lake: UPath, data_dir: Path, keep: Callable[[int], None]
) -> None:
    class Killed(BaseException):
        pass

    keep(30)
    at, kept, steps = (
        past.current_limits(),
        rows(lake, *KEPT),
        len(list(past.preview_deletions(past.current_limits()).totals)),
    )
    for number in range(steps + 5):
        left = iter(range(number))

        def dies(_: object) -> None:
            if next(left, None) is None:  # noqa: B023
                raise Killed

        try:
            apply_retention(lake, settings(), at, past.window(), TODAY, dies)
            break
        except Killed:
            continue
    assert not past.preview_deletions(at)
    make_again(instance)
    assert rows(lake, *KEPT) == kept
    assert read_table(lake, "raw_posts")["likes"].to_pylist() == [90]


def test_limits_are_seen_from_now_and_never_before_instagram() -> None:
    now = datetime(2026, 11, 27, tzinfo=UTC)
    found = retention_limits(PrivacySettings(keep_raw_days=10, keep_media_days=36_500), now)
    assert found == RetentionLimits(datetime(2026, 11, 17, tzinfo=UTC), datetime(2010, 10, 6, tzinfo=UTC))
