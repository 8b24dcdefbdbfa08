"""Many partitions as one run: our event log against stock SQLite and against one run per partition.

`python -m benchmarks.partitions [--quick] [--json]`. Everything is on disk, with fsync, each run in a fresh
process with a fresh Dagster home. One run per partition is measured for 10 partitions (3 with --quick) and
scaled up. `--quick` compares on 150 cells, a full run on 1,000.
"""

import hashlib
import json
import shutil
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import dagster as dg

from benchmarks.measure import Measured, Report, alternate, in_child, median_seconds, options
from benchmarks.posts import FIRST_DAY, account_name, write_posts, write_profiles
from instagram_assets.homes import HOMES

warnings.filterwarnings("ignore", category=dg.BetaWarning)

_TABLE = "impressions"
_SINGLE_RUNS = 10
_STOCK = "telemetry: {enabled: false}\n"
_COUNTS = "partitionStats {numMaterialized numPartitions numFailed numMaterializing}"
_STATS = f"{{assetNodes {{id {_COUNTS}}}}}"
_PAGE = f"""{{assetNodeOrError(assetKey: {{path: ["posts"]}}) {{... on AssetNode {{
  {_COUNTS}
  assetPartitionStatuses {{... on MultiPartitionStatuses {{ranges {{primaryDimStartKey primaryDimEndKey secondaryDim {{
    ... on TimePartitionStatuses {{ranges {{startKey endKey status}}}}
    ... on DefaultPartitionStatuses {{materializedPartitions}}}}}}}}}}
  assetMaterializations(limit: 100) {{runId partition timestamp metadataEntries {{label}}}}
  partitionKeysByDimension {{name partitionKeys}}
}}}}}}"""


def box_run(home: str, accounts: int, days: int) -> dict[str, object]:
    """In a child: one run over accounts and days, one row per cell; its seconds and what was made."""
    with _instance(home, accounts) as instance:
        first, last = f"{account_name(0)}|{FIRST_DAY}", f"{account_name(accounts - 1)}|{_day(days - 1)}"
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        start = time.perf_counter()
        _materialize(home, instance, tags=tags)
        return {"seconds": time.perf_counter() - start, "made": _what_was_made(home, instance)}


def run_per_partition(home: str, accounts: int, days: int) -> dict[str, object]:
    """In a child: the same cells, each in a run of its own."""
    with _instance(home, accounts) as instance:
        start = time.perf_counter()
        for account in range(accounts):
            for day in range(days):
                _materialize(home, instance, partition_key=f"{account_name(account)}|{_day(day)}")
        return {"seconds": time.perf_counter() - start, "made": _what_was_made(home, instance)}


def land_lake(folder: str, accounts: int, days: int) -> None:
    """In a child: an export of one post per cell into the landing zone, accounts and profiles known."""
    from instagram_assets import partitions
    from instagram_assets.automation import shell_runs
    from instagram_assets.automation.partitions_to_run import plan_runs

    posts, profiles = Path(folder) / "posts.json", Path(folder) / "profiles.json"
    write_posts(posts, accounts * days, accounts, days)
    write_profiles(profiles, accounts)
    with shell_runs.open_instance() as instance:
        shell_runs.land(instance, [posts, profiles])
        plan_runs(instance)  # makes the accounts known
        tags = {partitions.RANGE_START: account_name(0), partitions.RANGE_END: account_name(accounts - 1)}
        shell_runs.run_job(instance, "profiles", tags=tags)


def own_box(accounts: int, days: int) -> list[float]:
    """In a child: raw tables, posts and impressions of all cells in one run; its seconds, cells with impressions."""
    from instagram_assets import partitions
    from instagram_assets.automation import shell_runs

    names = [account_name(number) for number in range(accounts)]
    first, last = date.fromisoformat(FIRST_DAY), date.fromisoformat(_day(days - 1))
    with shell_runs.open_instance() as instance:
        tags = partitions.box(partitions.known_accounts(instance), names, first, last).tags
        keys = [dg.AssetKey(name) for name in ("raw_posts", "raw_reels", "posts", "impressions")]
        start = time.perf_counter()
        shell_runs.run_job(instance, "box", tags=tags, assets=keys)
        return [time.perf_counter() - start, len(instance.get_materialized_partitions(keys[-1]))]


def pages() -> dict[str, float]:
    """In a child: seconds until the UI knows, the first time, all assets' partitions and what a page of one shows."""
    from dagster._core.remote_origin import InProcessCodeLocationOrigin
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
    from dagster_graphql.test.utils import execute_dagster_graphql

    from instagram_assets.automation import shell_runs

    # Dagster's own picture of a code location reads what Dagster has deprecated.
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    target = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="instagram_assets.definitions"))
    seconds: dict[str, float] = {}
    with (
        shell_runs.open_instance() as instance,
        WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(target)) as workspace,
    ):
        for name, question in {"partition_stats": _STATS, "partition_page": _PAGE}.items():
            start = time.perf_counter()
            answer = execute_dagster_graphql(workspace.create_request_context(), question)
            seconds[name] = time.perf_counter() - start
            if not answer.data or answer.errors:
                raise AssertionError(f"{name}: {answer.errors}")
            if name == "partition_stats":
                listed = [node["partitionStats"] for node in answer.data["assetNodes"]]
                seconds["partitions"] = max(stats["numPartitions"] for stats in listed if stats)
    return seconds


def main() -> None:
    """Measure, print."""
    chosen = options(__doc__ or "")
    report = Report("partitions", ["dagster", "pyarrow", "sqlalchemy"])
    accounts, days, singles = (5, 30, 3) if chosen.quick else (20, 50, _SINGLE_RUNS)
    cells = accounts * days
    runs = alternate(
        {
            "ours": _side("box_run", accounts, days, batched=True),
            "stock": _side("box_run", accounts, days, batched=False),
        }
    )
    small = alternate(
        {
            "ours": _side("box_run", 1, singles, batched=True),
            "single": _side("run_per_partition", 1, singles, batched=False),
        }
    )
    ours, stock = median_seconds(runs["ours"]), median_seconds(runs["stock"])
    single = median_seconds(small["single"]) / singles * cells
    report.note(f"{cells} cells in one run: ours {ours:.2f} s, stock SQLite {stock:.2f} s")
    report.note(f"{cells} runs of one cell: {single:.0f} s (scaled up from {singles})")
    report.figures = {"ratio_vs_stock_sqlite": stock / ours, "ratio_vs_run_per_partition": single / ours}
    report.figures["log_bytes_per_cell"] = _log_bytes(accounts, days) / cells
    report.figures["import_ratio_vs_dagster"] = _import_ratio(report)
    if not chosen.quick:
        box = alternate({"ours": _side("box_run", 100, 100, batched=True)})
        report.figures["box_10000_seconds"] = median_seconds(box["ours"])
    report.figures |= _own_pipeline(*(5, 30) if chosen.quick else (200, 50))
    report.show(as_json=chosen.json)


def _own_pipeline(accounts: int, days: int) -> dict[str, float]:
    """Raw tables → posts → impressions on a lake with one post per cell."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"INSTAGRAM_ASSETS_DATA_DIR": folder, "INSTAGRAM_ASSETS_START_DAY": FIRST_DAY}
        in_child("benchmarks.partitions:land_lake", folder, accounts, days, environment=environment)
        runs = [in_child("benchmarks.partitions:own_box", accounts, days, environment=environment) for _ in range(3)]
        shown = in_child("benchmarks.partitions:pages", environment=environment).result
    if any(run.result[1] != accounts * days for run in runs):
        raise AssertionError(f"not every cell was made: {[run.result for run in runs]}")
    seconds = statistics.median(run.result[0] for run in runs)
    return {
        "own_box_cells": accounts * days,
        "own_box_seconds": seconds,
        "own_box_extra_mb": max(run.extra_mb for run in runs),
        "partitions_known": shown["partitions"],
        "partition_stats_seconds": shown["partition_stats"],
        "partition_page_seconds": shown["partition_page"],
    }


def _import_ratio(report: Report) -> float:
    modules = ("dagster", "instagram_assets.definitions")
    times: dict[str, list[float]] = {module: [] for module in modules}
    with tempfile.TemporaryDirectory() as cache:
        # As on a user's machine, where Python keeps compiled files; the first round makes them.
        environment = {"PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
        for _ in range(4):
            for module in modules:
                child = in_child("benchmarks.measure:import_seconds", module, environment=environment)
                times[module].append(child.result)
    dagster, ours = (statistics.median(times[module][1:]) for module in modules)
    report.note(f"import dagster {dagster:.2f} s, import {modules[1]} {ours:.2f} s")
    return ours / dagster


def _side(function: str, accounts: int, days: int, *, batched: bool) -> Callable[[], Measured]:
    def measure() -> Measured:
        with _home(batched=batched) as (home, environment):
            child = in_child(f"benchmarks.partitions:{function}", home, accounts, days, environment=environment)
            return replace(child, seconds=child.result["seconds"], result=child.result["made"])

    return measure


def _log_bytes(accounts: int, days: int) -> float:
    with _home(batched=True) as (home, environment):
        in_child("benchmarks.partitions:box_run", home, accounts, days, environment=environment)
        return sum(file.stat().st_size for file in (Path(home) / "history").rglob("*") if file.is_file())


@contextmanager
def _home(*, batched: bool) -> Generator[tuple[str, dict[str, str]]]:
    with tempfile.TemporaryDirectory() as home:
        if batched:
            shutil.copy(HOMES / "sqlite" / "dagster.yaml", home)
        else:
            (Path(home) / "dagster.yaml").write_text(_STOCK)
        yield home, {"DAGSTER_HOME": home, "DAGSTER_EVENT_BATCH_SIZE": "1000" if batched else "0"}


@contextmanager
def _instance(home: str, accounts: int) -> Generator[dg.DagsterInstance, None, None]:
    # One cell in memory first: what is measured is the run, not the imports and the making of databases.
    with dg.DagsterInstance.ephemeral() as memory, tempfile.TemporaryDirectory() as folder:
        memory.add_dynamic_partitions("accounts", [account_name(0)])
        _materialize(folder, memory, partition_key=f"{account_name(0)}|{FIRST_DAY}")
    with dg.DagsterInstance.from_config(home) as instance:
        instance.add_dynamic_partitions("accounts", [account_name(number) for number in range(accounts)])
        yield instance


def _materialize(
    home: str, instance: dg.DagsterInstance, *, partition_key: str | None = None, tags: dict[str, str] | None = None
) -> None:
    import pyarrow as pa
    from upath import UPath

    from instagram_assets.schemas import CONTRACTS
    from instagram_assets.storage.parquet_io import ParquetTables

    days = dg.DailyPartitionsDefinition(FIRST_DAY, timezone="Asia/Seoul")
    cells = dg.MultiPartitionsDefinition({"account": dg.DynamicPartitionsDefinition(name="accounts"), "day": days})

    @dg.asset(name=_TABLE, partitions_def=cells, backfill_policy=dg.BackfillPolicy.single_run())
    def one_row_per_cell(context: dg.AssetExecutionContext) -> pa.Table:
        """The lake's smallest table, of one post per cell."""
        keys = [key.split("|") for key in map(str, context.partition_keys)]
        columns: dict[str, list[object]] = {
            "post_id": [f"{account}{day}" for account, day in keys],
            "account": [account for account, _ in keys],
            "day": [date.fromisoformat(day) for _, day in keys],
        }
        schema = CONTRACTS[_TABLE].schema
        return pa.table([columns.get(name, [None] * len(keys)) for name in schema.names], schema=schema)

    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    resources = {"io_manager": ParquetTables(UPath(home) / "lake")}
    dg.materialize(
        [one_row_per_cell],
        instance=instance,
        resources=resources,
        partition_key=partition_key,
        tags=tags,
        run_config=quiet,
    )


def _what_was_made(home: str, instance: dg.DagsterInstance) -> dict[str, object]:
    """Partitions that Dagster knows, and the lake's bytes."""
    digest = hashlib.sha256()
    files = sorted((Path(home) / "lake" / _TABLE).rglob("*.parquet"))
    for file in files:
        digest.update(str(file.relative_to(home)).encode() + file.read_bytes())
    made = sorted(instance.get_materialized_partitions(dg.AssetKey(_TABLE)))
    return {
        "partitions": hashlib.sha256(json.dumps(made).encode()).hexdigest(),
        "count": len(made),
        "files": len(files),
        "lake": digest.hexdigest(),
    }


def _day(number: int) -> str:
    return (date.fromisoformat(FIRST_DAY) + timedelta(days=number)).isoformat()


if __name__ == "__main__":
    main()
