"""Old runs leave Dagster's history, and what is known of every cell and check stays, on both storages."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetEventTagsTable, SqlEventLogStorageTable
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.runs.schema import RunTagsTable

from instagram_assets.automation.history_cleanup import delete_old_runs
from instagram_assets_tests.conftest import OpenHome
from instagram_assets_tests.storage import event_log_chain as chain

CELL = "account1|2025-01-03"
LATER = timedelta(minutes=1)


@pytest.fixture(params=["sqlite", "postgres"])
def instance(request: pytest.FixtureRequest, open_home: OpenHome, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with open_home(request.param, tmp_path / "home") as it:
        yield it


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    (folder / "search").mkdir(parents=True)
    (folder / "search" / "old.html").write_text("old")
    os.utime(folder / "search" / "old.html", (0, 0))
    return folder


def ran(instance: dg.DagsterInstance, job: str = "chain", tags: dict[str, str] | None = None) -> dg.DagsterRun:
    run = chain.start(instance, job, tags)
    chain.execute(instance, run)
    return run


def known(instance: dg.DagsterInstance) -> dict[str, object]:
    """What pages say of each asset and check."""
    newest = {name: instance.get_latest_materialization_event(dg.AssetKey(name)) for name in chain.NAMES}
    check = dg.AssetCheckKey(dg.AssetKey("third"), "is_even")
    result = instance.event_log_storage.get_latest_asset_check_execution_by_key([check])[check]
    assert result.event
    return {
        "cells": {name: chain.states(instance, name) for name in chain.NAMES},
        "newest": {name: event and event.timestamp for name, event in newest.items()},
        "check": result.event.timestamp,
        "rows": {
            record.partition_key: record.asset_materialization and record.asset_materialization.metadata
            for record in instance.fetch_materializations(dg.AssetKey("third"), limit=100, ascending=True).records
        },
    }


def rows(instance: dg.DagsterInstance, table: sa.Table) -> int:
    storage = instance.run_storage if table is RunTagsTable else instance.event_log_storage
    assert isinstance(storage, SqlRunStorage | SqlEventLogStorage)
    connect = storage.connect if isinstance(storage, SqlRunStorage) else storage.index_connection
    with connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_when_all_runs_are_gone_every_cell_and_check_stands_as_before(
    instance: dg.DagsterInstance, reports: Path
) -> None:
    for tags in (None, chain.of_cell(CELL), None):
        ran(instance, tags=tags)
    before = known(instance)
    (reports / "new.html").write_text("new")
    freed = delete_old_runs(instance, datetime.now(UTC) + LATER, reports)
    assert freed.runs == 3
    assert freed.events > 24 * 3
    assert freed.reports == 2
    assert known(instance) == before
    assert instance.get_runs() == []
    assert rows(instance, RunTagsTable) == 0
    materializations = 3 * len(chain.CELLS)
    assert materializations <= rows(instance, SqlEventLogStorageTable) <= materializations + 1  # and the check's result
    home = Path(instance.root_directory)
    assert {path.name for path in (home / "history" / "runs").glob("*.db")} <= {"index.db"}
    assert not any(path.is_file() for path in (home / "storage").rglob("*"))
    again = delete_old_runs(instance, datetime.now(UTC) + LATER, reports)
    assert (again.runs, again.events) == (0, 0)
    assert ran(instance, tags=chain.of_cell(CELL)).run_id == instance.get_runs()[0].run_id
    assert chain.states(instance, "third")["materialized"] == chain.CELLS


def test_a_newer_run_and_all_that_it_logged_stay(instance: dg.DagsterInstance, reports: Path) -> None:
    ran(instance)
    limit = datetime.now(UTC)
    newer = ran(instance, tags=chain.of_cell(CELL))
    told = [record.event_log_entry for record in instance.get_records_for_run(newer.run_id).records]
    before = known(instance)
    assert delete_old_runs(instance, limit, reports).runs == 1
    assert [run.run_id for run in instance.get_runs()] == [newer.run_id]
    assert [record.event_log_entry for record in instance.get_records_for_run(newer.run_id).records] == told
    assert known(instance) == before


def test_a_run_that_goes_on_is_not_touched_however_old(instance: dg.DagsterInstance, reports: Path) -> None:
    run = chain.start(instance)
    assert delete_old_runs(instance, datetime.now(UTC) + LATER, reports).runs == 0
    chain.execute(instance, run)
    assert chain.states(instance, "third")["materialized"] == chain.CELLS


def test_tags_of_events_that_went_are_gone_with_them(instance: dg.DagsterInstance, reports: Path) -> None:
    for _ in range(2):
        ran(instance, tags=chain.of_cell(CELL))
    assert rows(instance, AssetEventTagsTable)
    delete_old_runs(instance, datetime.now(UTC) + LATER, reports)
    log = instance.event_log_storage
    assert isinstance(log, SqlEventLogStorage)
    orphan = AssetEventTagsTable.c.event_id.not_in(sa.select(SqlEventLogStorageTable.c.id))
    with log.index_connection() as connection:
        assert connection.execute(sa.select(sa.func.count()).where(orphan)).scalar_one() == 0
        assert connection.execute(sa.select(sa.func.count()).select_from(AssetEventTagsTable)).scalar_one() > 0
