"""Collecting by the clock: what comes is in the inbox, how each stands is a table, and missing hours are a warning."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from instagram_assets.automation.collect_job import (
    collect_hashtags,
    collect_run_config,
    daily_collect,
    may_go_on,
    no_hours_missing,
)
from instagram_assets.automation.shell_runs import bring_up_to_date, land, run_job
from instagram_assets.cli.collection_status import commands as collected
from instagram_assets.collect.collect_all_sites import CollectionOptions, ProgressListener, collect_all
from instagram_assets.collect.collect_one_site import collect
from instagram_assets.collect.collect_targets import choose_targets
from instagram_assets.collect.collection_results import CollectionOutcome, RunResult
from instagram_assets.collect.collection_scope import CollectionScope
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.site_sessions import graph_api_session
from instagram_assets.definitions import defs
from instagram_assets.demo.graph_api_data import graph_account, graph_hashtag
from instagram_assets.demo.graph_api_server import graph_api_error
from instagram_assets.errors import RunFailedError
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake, read_table
from instagram_assets_tests.collect.virtual_clock import VirtualClock
from instagram_assets_tests.servers.graph_api import Failure, FaultyGraph

NOW = datetime.now(UTC)
TOKEN = "EAAcanaryGraphToken"
REGISTRY = """
[[accounts]]
name = "sun_diary"
[[accounts]]
name = "#육아일기"
[[accounts]]
name = "star"
source = "apify"
"""


@pytest.fixture
def api(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyGraph]:
    """The official API with an account and a hashtag, and a registry that names them."""
    accounts = [
        graph_account("sun_diary", 8, NOW - timedelta(hours=2)),
        graph_account("moon_cooks", 3, NOW - timedelta(hours=3)),
    ]
    with FaultyGraph(accounts, [graph_hashtag("육아일기", NOW - timedelta(days=1), 2, 5)], token=TOKEN) as server:
        data_dir.mkdir(parents=True, exist_ok=True)
        (data_dir / "accounts.toml").write_text(REGISTRY, "utf-8")
        monkeypatch.setenv("INSTAGRAM_GRAPH_TOKEN", TOKEN)
        monkeypatch.setenv("INSTAGRAM_ASSETS_GRAPH_API__API_URL", server.url)
        monkeypatch.setenv("INSTAGRAM_ASSETS_GRAPH_API__USER_ID", server.own_id)
        settings.cache_clear()
        yield server


def morning(schedule: dg.ScheduleDefinition, instance: dg.DagsterInstance) -> Any:
    return schedule(dg.build_schedule_context(instance=instance, scheduled_execution_time=NOW))


def naming(*names: str, **more: Any) -> dict[str, Any]:
    return {"ops": {"collected_accounts": {"config": {"names": list(names), **more}}}}


def run_numbers(instance: dg.DagsterInstance) -> dict[str, Any]:
    """The numbers that the newest run of the job showed."""
    made = instance.get_latest_materialization_event(dg.AssetKey("collected_accounts"))
    assert made
    assert made.asset_materialization
    return {name: value.value for name, value in made.asset_materialization.metadata.items()}


def days_pass(days: int) -> None:
    seconds = days * 86_400
    with CollectorDatabase(settings().folder("collection")).writing() as connection:
        connection.execute("UPDATE requests SET at = at - ?", (seconds,))
        connection.execute("UPDATE crawls SET began_at = began_at - ?, ended_at = ended_at - ?", (seconds, seconds))


def files(data_dir: Path) -> list[str]:
    return sorted(path.name.partition("-2")[0] for path in (data_dir / "inbox").glob("collected_*.json"))


def table() -> dict[str, dict[str, Any]]:
    rows = read_table(open_lake(settings()), "collected_accounts").to_pylist()
    return {row["account"]: row for row in rows}


def test_what_the_schedules_collect_becomes_rows_and_the_table_says_how_each_stands(
    instance: dg.DagsterInstance, api: FaultyGraph, data_dir: Path
) -> None:
    for schedule in (daily_collect, collect_hashtags):
        asked = morning(schedule, instance)
        assert isinstance(asked, dg.RunRequest)
        run_job(instance, "collect_accounts", config=dict(asked.run_config))
    assert len(files(data_dir)) == 2
    land(instance, [])
    bring_up_to_date(instance)
    posts = read_table(open_lake(settings()), "posts").to_pylist()
    assert {post["account"] for post in posts} == {"sun_diary", "#육아일기"}
    assert {post["owner"] for post in posts if post["account"] == "#육아일기"} == {None}
    found = table()
    assert found.keys() == {"sun_diary", "#육아일기"}
    assert {row["state"] for row in found.values()} == {"active"}
    assert {row["outcome"] for row in found.values()} == {"complete"}
    assert found["sun_diary"]["hours_missing"] is None
    assert found["#육아일기"]["hours_missing"] == 0
    assert found["sun_diary"]["requests_today"] == sum(one.about == "sun_diary" for one in api.requests)


def test_one_who_is_not_there_keeps_nobody_back_and_the_page_of_the_asset_says_so(
    instance: dg.DagsterInstance, api: FaultyGraph, data_dir: Path
) -> None:
    run_job(instance, "collect_accounts", config=naming("nobody.here", "moon_cooks"))
    assert table()["nobody.here"]["state"] == "not_found"
    assert table()["moon_cooks"]["posts"] == 3
    shown = run_numbers(instance)
    assert (shown["complete"], shown["not_found"]) == (1, 1)
    assert "| nobody.here | graph\\_api | not found |" in shown["accounts"]
    count = len(api.requests)
    run_job(instance, "collect_accounts", config=naming("nobody.here"))
    assert [one for one in api.requests[count:] if one.about == "nobody.here"] == []
    run_job(instance, "collect_accounts", config=naming("nobody.here", again=True))
    assert [one.about for one in api.requests[count:]] == ["nobody.here"]


def test_hours_of_which_nothing_is_known_of_a_hashtag_are_a_warning_that_names_them(
    instance: dg.DagsterInstance, api: FaultyGraph
) -> None:
    run_job(instance, "collect_accounts", config=collect_run_config("hashtags"))
    assert no_hours_missing().passed  # pyright: ignore[reportAttributeAccessIssue]  called, it gives its result
    days_pass(3)
    run_job(instance, "collect_accounts", config=collect_run_config("hashtags"))
    check: Any = no_hours_missing()
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert "#육아일기: posts may be missing from" in check.description
    assert "(48.0 hours)" in check.description
    assert table()["#육아일기"]["hours_missing"] == pytest.approx(48, abs=0.1)


def test_a_token_that_ended_fails_the_run_once_with_what_to_do_and_asks_nothing_more(
    instance: dg.DagsterInstance, api: FaultyGraph, data_dir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    api.failures.append(Failure("business_discovery", graph_api_error(190, "Session has expired", 463)))
    with pytest.raises(RunFailedError, match="graph_api"):
        run_job(instance, "collect_accounts", config=collect_run_config("all"))
    check: Any = may_go_on()
    assert not check.passed
    assert "--cleared" in check.description or "token" in check.description
    count = len(api.requests)
    with pytest.raises(RunFailedError):
        run_job(instance, "collect_accounts", config=collect_run_config("all"))
    assert len(api.requests) == count
    written = [path for path in data_dir.rglob("*") if path.is_file()]
    assert [path for path in written if TOKEN.encode() in path.read_bytes()] == []
    assert TOKEN not in "".join(capfd.readouterr())


def test_a_run_that_is_stopped_before_it_brings_anything_fails_whatever_was_there_before(
    instance: dg.DagsterInstance, api: FaultyGraph
) -> None:
    run_job(instance, "collect_accounts", config=naming("sun_diary"))
    api.failures.append(Failure("business_discovery", graph_api_error(190, "Session has expired", 463)))
    with pytest.raises(RunFailedError, match="graph_api"):
        run_job(instance, "collect_accounts", config=naming("sun_diary", "moon_cooks"))


def test_what_is_fresh_is_not_counted_as_what_came(instance: dg.DagsterInstance, api: FaultyGraph) -> None:
    run_job(instance, "collect_accounts", config=naming("sun_diary"))
    run_job(instance, "collect_accounts", config=naming("sun_diary", "moon_cooks"))
    shown = run_numbers(instance)
    assert (shown["files"], shown["posts"], shown["fresh"], shown["complete"]) == (1, 3, 1, 1)


def test_an_account_that_nobody_allowed_keeps_those_of_the_official_api_not_back(
    instance: dg.DagsterInstance, api: FaultyGraph, data_dir: Path
) -> None:
    of_site = '[[accounts]]\nname = "moon_site"\nsource = "instagram"\n'
    (data_dir / "accounts.toml").write_text(REGISTRY + of_site, "utf-8")
    asked = morning(daily_collect, instance)
    assert isinstance(asked, dg.RunRequest)
    run_job(instance, "collect_accounts", config=dict(asked.run_config))
    assert [name for name in files(data_dir) if "sun_diary" in name] == files(data_dir) != []
    count = len(api.requests)
    with pytest.raises(RunFailedError, match="COLLECTION__PURPOSE is empty"):
        run_job(instance, "collect_accounts", config=naming("moon_cooks", "moon_site"))
    assert len(api.requests) == count


def test_a_damaged_file_of_the_lake_keeps_nobody_from_being_collected(
    instance: dg.DagsterInstance, api: FaultyGraph, data_dir: Path
) -> None:
    run_job(instance, "collect_accounts", config=naming("sun_diary"))
    land(instance, [])
    bring_up_to_date(instance)
    (damaged, *_) = (data_dir / "lake" / "raw_posts").rglob("*.parquet")
    damaged.write_bytes(b"PAR1 broken")
    days_pass(2)
    run_job(instance, "collect_accounts", config=naming("sun_diary", "moon_cooks"))
    assert run_numbers(instance)["complete"] == 2


def test_a_run_waits_for_another_that_collects_and_for_an_hour_at_most(
    instance: dg.DagsterInstance, api: FaultyGraph, data_dir: Path
) -> None:
    clock, told, database = (
        VirtualClock(NOW.timestamp()),
        list[str](),
        CollectorDatabase(settings().folder("collection")),
    )
    options = CollectionOptions(settings(), database, clock, CollectionScope(), data_dir / "inbox", takes_turns=True)

    def collected_by(options: CollectionOptions, name: str) -> RunResult:
        done = RunResult()
        collect_all(options, choose_targets(settings(), [name]), ProgressListener(told.append), done)
        return done

    with graph_api_session(settings().graph_api, settings().collection, database, clock, told.append) as other:
        for is_let_end in (True, False):
            running = collect(
                *(other.site, other.requester, ["gone", "never"], CollectionScope()),
                database=database,
                inbox=data_dir / "inbox",
                clock=clock,
                log=told.append,
                again=True,
            )
            next(running)
            if is_let_end:
                clock.before_sleep = lambda _, running=running: running.close()
                assert [one.outcome for one in collected_by(options, "sun_diary").found] == [CollectionOutcome.COMPLETE]
                clock.before_sleep = lambda _: None
            else:
                began = clock.now()
                (graph_api_error,) = collected_by(options, "moon_cooks").errors
                assert "Another run collects" in str(graph_api_error)
                assert clock.now() - began == pytest.approx(3_600, abs=15)
                running.close()
    assert sum("It is waited for." in line for line in told) == 2


def test_of_runs_of_one_schedule_and_another_one_collects_at_a_time() -> None:
    assert defs.resolve_assets_def("collected_accounts").op.pool == "collection"
    crons = (settings().collection.daily_cron.split(), settings().collection.hashtags_cron.split())
    assert len({(minute, hour) for minute, hours, *_ in crons for hour in hours.split(",")}) == 3


def test_a_hashtag_that_the_registry_has_no_longer_misses_nothing_whoever_tells(
    instance: dg.DagsterInstance, api: FaultyGraph, data_dir: Path
) -> None:
    run_job(instance, "collect_accounts", config=collect_run_config("hashtags"))
    days_pass(20)
    for registry, missing in ((REGISTRY, True), (REGISTRY.replace("#육아일기", "other"), False)):
        (data_dir / "accounts.toml").write_text(registry, "utf-8")
        run_job(instance, "collect_accounts", config=naming("moon_cooks"))
        check: Any = no_hours_missing()
        assert check.passed is not missing
        assert (table()["#육아일기"]["hours_missing"] > 0) is missing
        assert ("Missing: #육아일기" in CliRunner().invoke(collected, []).output) is missing


def test_without_a_registry_the_schedules_say_what_is_missing(instance: dg.DagsterInstance, data_dir: Path) -> None:
    for schedule in (daily_collect, collect_hashtags):
        skipped = morning(schedule, instance)
        assert isinstance(skipped, dg.SkipReason)
        assert "there is no registry of accounts" in str(skipped.skip_message)


def test_the_schedules_of_the_collectors_are_off_until_somebody_switches_them_on() -> None:
    for schedule in (daily_collect, collect_hashtags):
        assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert defs.resolve_job_def("collect_accounts")
