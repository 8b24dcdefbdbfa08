"""The IO manager in real Dagster runs: one contract for one partition and for a box."""

import gc
import weakref
from collections.abc import Callable, Generator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest
from upath import UPath

from instagram_assets.partitions import RANGE_END, RANGE_START, Box, account_days, accounts, register_accounts
from instagram_assets.schemas import CONTRACTS, Column, Contract
from instagram_assets.storage.lake import read_table
from instagram_assets.storage.parquet_io import ParquetTables, tables_of_run
from instagram_assets.storage.run_table_cache import HandOver

Made = dict[str | None, dict[str, Any]]
Run = Callable[..., Made]

NAMES = ["sun", "sea", "moon"]
FIRST = date(2026, 10, 30)


def numbers(first: date, days: int) -> pa.Table:
    cells = [(name, first + timedelta(days=day)) for name in NAMES for day in range(days)]
    return pa.table(
        {
            "account": [name for name, _ in cells],
            "day": pa.array([day for _, day in cells], pa.date32()),
            "number": list(range(len(cells))),
        }
    )


_ACCOUNT, _DAY = Column("account", pa.string(), ""), Column("day", pa.date32(), "")
_TABLES = {
    "small": Contract("one cell", (_ACCOUNT, _DAY), ("account",), ("account", "day")),
    "as_pandas": Contract("one cell", (_ACCOUNT, _DAY), ("account",), ("account", "day")),
    "per_account": Contract("one cell", (_ACCOUNT,), (), ("account",)),
    "total": Contract("all", (Column("small", pa.int64(), ""), Column("per_account", pa.int64(), "")), ()),
}


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The contracts of the assets of these tests."""
    for name, contract in _TABLES.items():
        monkeypatch.setitem(CONTRACTS, name, contract)


@dg.asset(partitions_def=account_days)
def small(context: dg.AssetExecutionContext) -> pa.Table:
    """One row per cell of the run."""
    keys = [account_days.get_partition_key_from_str(key).keys_by_dimension for key in context.partition_keys]
    return pa.table(
        {
            "account": [key["account"] for key in keys],
            "day": pa.array([date.fromisoformat(key["day"]) for key in keys], pa.date32()),
        }
    )


@dg.asset(partitions_def=account_days)
def as_pandas(small: pd.DataFrame) -> pd.DataFrame:
    """The same through pandas."""
    assert str(small.dtypes["day"]) == "date32[day][pyarrow]"
    return small


@dg.asset(partitions_def=accounts)
def per_account(small: pa.Table) -> pa.Table:
    """All days of one account."""
    return small.select(["account"])


@dg.asset
def total(small: pa.RecordBatchReader, per_account: pa.Table) -> pa.Table:
    """The whole lake."""
    return pa.table({"small": [small.read_all().num_rows], "per_account": [per_account.num_rows]})


@pytest.fixture
def run(instance: dg.DagsterInstance, tmp_path: Path) -> Run:
    """Materialize one of the assets above; the metadata of its materializations by partition."""
    register_accounts(instance, NAMES)
    manager = ParquetTables(UPath(tmp_path / "lake"))

    def materialize(name: str, tags: dict[str, str] | None = None) -> Made:
        result = dg.materialize(
            [small, as_pandas, per_account, total],
            selection=name,
            instance=instance,
            resources={"io_manager": manager},
            tags=tags,
        )
        events = result.get_asset_materialization_events()
        return {e.partition: {k: v.value for k, v in e.materialization.metadata.items()} for e in events}

    return materialize


def test_a_box_of_cells_is_one_run_with_row_counts_per_partition(run: Run) -> None:
    made = run("small", Box("sun", "moon", FIRST, FIRST + timedelta(days=4)).tags)
    assert len(made) == 15
    assert all(metadata == {"dagster/partition_row_count": 1} for metadata in made.values())


def test_pandas_is_handed_out_where_it_is_asked_for(run: Run) -> None:
    tags = Box("sun", "sea", FIRST, FIRST).tags
    run("small", tags)
    assert len(run("as_pandas", tags)) == 2


def test_days_are_gathered_per_account_and_in_the_whole_lake(run: Run) -> None:
    run("small", Box("sun", "moon", FIRST, FIRST + timedelta(days=4)).tags)
    made = run("per_account", {RANGE_START: "sun", RANGE_END: "moon"})
    assert {key: metadata["dagster/partition_row_count"] for key, metadata in made.items()} == dict.fromkeys(NAMES, 5)
    assert run("total")[None] == {"dagster/row_count": 1}


@dg.asset(partitions_def=account_days, deps=[small], config_schema={"lake": str})
def damage(context: dg.AssetExecutionContext) -> None:
    """Makes unreadable what the run has written so far."""
    for file in (Path(context.op_execution_context.op_config["lake"]) / "small").rglob("*.parquet"):
        file.write_bytes(b"not Parquet")


@dg.asset(partitions_def=account_days, deps=[damage])
def days_of_small(small: pa.Table) -> pa.Table:
    """The same, of what is handed over or read."""
    return small


def test_what_a_run_wrote_is_handed_to_its_next_steps_and_another_run_reads_it(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CONTRACTS, "days_of_small", _TABLES["small"])
    register_accounts(instance, NAMES)
    manager = ParquetTables(UPath(tmp_path))

    def made(*names: str, **options: Any) -> bool:
        done = dg.materialize(
            [small, damage, days_of_small],
            selection=list(names),
            instance=instance,
            resources={"io_manager": manager},
            run_config={"ops": {"damage": {"config": {"lake": str(tmp_path)}}}} if "damage" in names else None,
            tags=Box("sun", "moon", FIRST, FIRST).tags,
            **options,
        )
        return done.success

    assert made("small", "damage", "days_of_small")
    rows = read_table(UPath(tmp_path), "days_of_small")
    assert rows["account"].to_pylist() == sorted(NAMES)
    assert not made("days_of_small", raise_on_error=False)


@dg.asset(partitions_def=account_days, retry_policy=dg.RetryPolicy(max_retries=2))
def tried_again(small: pa.Table) -> pa.Table:
    """An asset whose failures are tried again."""
    raise BlockingIOError("not now")


def test_what_cannot_get_better_is_not_tried_again(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CONTRACTS, "tried_again", _TABLES["small"])
    register_accounts(instance, NAMES)

    def events() -> set[str]:
        done = dg.materialize(
            [small, tried_again],
            selection=["tried_again"],
            instance=instance,
            resources={"io_manager": ParquetTables(UPath(tmp_path))},
            tags=Box("sun", "moon", FIRST, FIRST).tags,
            raise_on_error=False,
        )
        return {event.event_type_value for event in done.all_events}

    assert "STEP_UP_FOR_RETRY" in events()
    file = tmp_path / "small" / "sun" / "2026-10.parquet"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"not Parquet")
    assert "STEP_UP_FOR_RETRY" not in events()


def test_no_more_is_handed_over_than_fits_and_nothing_of_another_run() -> None:
    table = numbers(FIRST, 10)
    handed = HandOver(most_bytes=2 * table.nbytes)

    def keep(run: str, name: str, rows: pa.Table = table) -> None:
        handed.keep(run, name, 1, rows, {"first", "second"})

    for name in ("a", "b", "c"):
        keep("run", name)
    assert [handed.take("run", name, 1, "first") is table for name in ("a", "b", "c")] == [False, True, True]
    assert (handed.take("run", "b", 2, "first"), handed.take("other", "b", 1, "second")) == (None, None)
    keep("other", "a")
    assert handed.take("run", "b", 1, "second") is None
    keep("other", "large", pa.concat_tables([table] * 3))
    assert handed.take("other", "large", 1, "first") is None
    keep("other", "a")
    handed.drop("a")
    assert handed.take("other", "a", 1, "first") is None


def test_a_table_is_handed_to_each_step_that_reads_it_and_then_let_go() -> None:
    table = numbers(FIRST, 10)
    handed = HandOver()
    handed.keep("run", "unread", 1, table, ())
    assert handed.take("run", "unread", 1, "first") is None
    handed.keep("run", "a", 1, table, {"first", "second", "third"})
    assert [handed.take("run", "a", 1, step) is table for step in ("first", "second")] == [True, True]
    handed.ended({"first", "second", "third"})
    assert handed.take("run", "a", 1, "third") is None
    handed.keep("run", "a", 1, table, {"first"})
    kept = weakref.ref(table)
    del table
    assert handed.take("run", "a", 1, "first") is kept()
    assert kept() is None


_LARGE = 8 << 20
_LARGE_TABLE = Contract("one cell", (_ACCOUNT, _DAY, Column("text", pa.string(), "")), ("account",), ("account", "day"))


def _lake_of_run(context: dg.InitResourceContext) -> Generator[ParquetTables]:
    yield from tables_of_run(UPath(context.resource_config["lake"]))


@dg.asset(partitions_def=account_days)
def large(context: dg.AssetExecutionContext) -> pa.Table:
    """One row of many bytes."""
    return pa.table({"account": ["sun"], "day": pa.array([FIRST], pa.date32()), "text": ["x" * _LARGE]})


@dg.asset(partitions_def=account_days)
def days_of_large(large: pa.Table) -> pa.Table:
    """Its small columns."""
    return large.select(["account", "day"])


@dg.asset(partitions_def=account_days)
def after_large(context: dg.AssetExecutionContext, days_of_large: pa.Table) -> pa.Table:
    """Tells what Arrow holds once nobody needs the large table."""
    gc.collect()
    context.add_output_metadata({"held": pa.total_allocated_bytes()})
    return days_of_large


def job_of_large() -> dg.JobDefinition:
    """The three as a job: `dg.materialize` would keep what each step gives, for its caller."""
    io_manager = dg.IOManagerDefinition(_lake_of_run, config_schema={"lake": str})  # pyright: ignore[reportArgumentType]
    return dg.Definitions(
        assets=[large, days_of_large, after_large],
        jobs=[dg.define_asset_job("large_tables")],
        resources={"io_manager": io_manager},
        executor=dg.in_process_executor,
    ).resolve_job_def("large_tables")


def test_a_table_that_no_later_step_reads_takes_no_memory(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, contract in {
        "large": _LARGE_TABLE,
        "days_of_large": _TABLES["small"],
        "after_large": _TABLES["small"],
    }.items():
        monkeypatch.setitem(CONTRACTS, name, contract)
    register_accounts(instance, NAMES)
    gc.collect()
    before = pa.total_allocated_bytes()
    with dg.execute_job(
        dg.reconstructable(job_of_large),
        instance,
        run_config={"resources": {"io_manager": {"config": {"lake": str(tmp_path)}}}},
        tags=Box("sun", "sun", FIRST, FIRST).tags,
        raise_on_error=True,
    ) as done:
        [told] = (
            event.step_materialization_data.materialization
            for event in done.all_events
            if event.is_step_materialization and event.step_key == "after_large"
        )
    assert int(str(told.metadata["held"].value)) < before + _LARGE


@dg.asset(partitions_def=account_days)
def never_made(large: pa.Table) -> pa.Table:
    """Fails, so that one who may read the large table never comes."""
    raise ValueError("by intention")


@dg.asset(partitions_def=account_days, deps=[never_made])
def never_read(large: pa.Table) -> pa.Table:
    """Is not reached."""
    return large


def test_a_run_that_failed_leaves_no_table_in_memory(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("large", "never_made", "never_read"):
        monkeypatch.setitem(CONTRACTS, name, _LARGE_TABLE)
    register_accounts(instance, NAMES)
    io_manager = dg.IOManagerDefinition(_lake_of_run, config_schema={"lake": str})  # pyright: ignore[reportArgumentType]
    before = pa.total_allocated_bytes()
    done = dg.materialize(
        [large, never_made, never_read],
        instance=instance,
        resources={"io_manager": io_manager},
        run_config={"resources": {"io_manager": {"config": {"lake": str(tmp_path)}}}},
        tags=Box("sun", "sun", FIRST, FIRST).tags,
        raise_on_error=False,
    )
    assert not done.success
    del done
    gc.collect()  # the failure's traceback
    assert pa.total_allocated_bytes() < before + _LARGE
