"""The batched SQLite event log keeps what stock storage keeps."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from instagram_assets.homes import HOMES
from instagram_assets.storage.event_log import BatchSqliteEventLogStorage
from instagram_assets.storage.event_log_entries import HANDFUL, ROWS, lightened, rows_of_many
from instagram_assets_tests.conftest import OpenHome
from instagram_assets_tests.storage import event_log_reads as reads

ROOT = Path(__file__).parents[2]
DEPLOYED = HOMES / "sqlite" / "dagster.yaml"


@pytest.fixture(scope="module")
def stock(open_home: OpenHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dg.DagsterInstance, str]]:
    """The box run in stock storage."""
    with open_home("stock", tmp_path_factory.mktemp("stock") / "home") as instance:
        yield instance, reads.box_run(instance)


@pytest.fixture(scope="module")
def ours(open_home: OpenHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dg.DagsterInstance, str]]:
    """The box run in the home that is shipped; nothing is added to it."""
    with open_home("sqlite", tmp_path_factory.mktemp("ours") / "home") as instance:
        yield instance, reads.box_run(instance)


def asset_events(instance: dg.DagsterInstance, run_id: str) -> list[dg.EventLogEntry]:
    kinds = {
        dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_OBSERVATION,
    }
    return [
        record.event_log_entry
        for record in instance.event_log_storage.get_records_for_run(run_id, of_type=kinds).records
    ]


def rows(file: Path) -> dict[str, list[dict[str, object]]]:
    """Every table with what its rows say; when a row was made is left out."""
    with sqlite3.connect(file) as connection:
        connection.row_factory = sqlite3.Row
        names = [
            name for (name,) in map(tuple, connection.execute("select name from sqlite_master where type = 'table'"))
        ]
        tables = {name: [dict(row) for row in connection.execute(f"select * from {name} order by 1")] for name in names}
    connection.close()
    kept = ("event_logs", "asset_keys", "asset_event_tags")
    return {name: [{k: v for k, v in row.items() if k != "create_timestamp"} for row in tables[name]] for name in kept}


def test_everything_that_is_read_is_the_same_as_with_stock_storage(
    stock: tuple[dg.DagsterInstance, str], ours: tuple[dg.DagsterInstance, str]
) -> None:
    assert type(ours[0].event_log_storage) is BatchSqliteEventLogStorage
    answers, theirs = reads.what_is_read(*ours), reads.what_is_read(*stock)
    assert len(theirs[f"{reads.first} partitions"]) == reads.CELLS
    for question, answer in theirs.items():
        assert answers[question] == answer, question


def test_the_log_of_a_run_says_once_per_asset_what_stock_storage_says_of_each_cell(
    stock: tuple[dg.DagsterInstance, str], ours: tuple[dg.DagsterInstance, str]
) -> None:
    instance, run_id = ours
    reads.assert_log_is_short(reads.run_log(instance, run_id), reads.run_log(*stock))
    with sqlite3.connect(instance.event_log_storage.path_for_shard(run_id)) as connection:  # pyright: ignore
        assert connection.execute("select count(*) from event_logs where asset_key is not null").fetchone() == (0,)
    connection.close()


def test_a_batch_leaves_the_cells_that_single_events_leave(
    stock: tuple[dg.DagsterInstance, str], tmp_path: Path
) -> None:
    instance, run_id = stock
    events = asset_events(instance, run_id)[::2]
    one_by_one = SqliteEventLogStorage(str(tmp_path / "one"))
    at_once = BatchSqliteEventLogStorage(str(tmp_path / "batch"))
    for event in events:
        one_by_one.store_event(event)
    at_once.store_event_batch(events)
    assert len(events) == 2 * reads.CELLS + 1
    named = ("dagster_event_type", "asset_key", "partition", "run_id", "timestamp")
    ours, theirs = (
        sorted(tuple(row[name] for name in named) for row in rows(tmp_path / kind / "index.db")["event_logs"])
        for kind in ("batch", "one")
    )
    assert ours == theirs


def test_rows_of_many_cells_are_those_that_dagster_would_make_of_each(
    stock: tuple[dg.DagsterInstance, str], tmp_path: Path
) -> None:
    storage = BatchSqliteEventLogStorage(str(tmp_path / "rows"))
    said = {ROWS: 7, "그림": "크림빛 고양이"}
    kind, key = dg.DagsterEventType.ASSET_MATERIALIZATION, reads.second
    found = [event.get_dagster_event() for event in asset_events(*stock)]
    of_cells = [event for event, told in zip(asset_events(*stock), found, strict=True) if told.event_type == kind]
    own = [event for event in of_cells if event.get_dagster_event().asset_key == key]
    events = [_with(event, metadata={ROWS: rows}) for rows, event in enumerate(own)]
    events[3:3] = [_with(own[3], partition="육아일기|2025-01-03"), _with(own[3], metadata=said)]
    events[9:9] = [_with(own[4], metadata={ROWS: 5}, description="설명"), _with(own[5], metadata={})]
    made = list(rows_of_many(events, storage._event_to_row))  # pyright: ignore[reportPrivateUsage]
    expected = [storage._event_to_row(lightened(event)) for event in events]  # pyright: ignore[reportPrivateUsage]
    assert len(events) > HANDFUL
    assert made == expected


def _with(event: dg.EventLogEntry, **changed: object) -> dg.EventLogEntry:
    """An event whose materialization says something else."""
    told = event.get_dagster_event()
    data = told.step_materialization_data
    made = data.materialization
    values = {"metadata": made.metadata, "partition": made.partition, "tags": made.tags} | changed
    other = dg.AssetMaterialization(made.asset_key, **values)  # pyright: ignore[reportArgumentType]
    return event._replace(dagster_event=told._replace(event_specific_data=data._replace(materialization=other)))


def test_a_run_of_a_handful_of_cells_is_stored_as_stock_storage_stores_it(
    stock: tuple[dg.DagsterInstance, str], tmp_path: Path
) -> None:
    instance, run_id = stock
    events = [event for event in asset_events(instance, run_id) if event.get_dagster_event().partition in reads.FEW]
    one_by_one = SqliteEventLogStorage(str(tmp_path / "one"))
    at_once = BatchSqliteEventLogStorage(str(tmp_path / "batch"))
    for event in events:
        one_by_one.store_event(event)
    at_once.store_event_batch(events)
    ours, theirs = (
        sorted(str(row["event"]) for row in rows(tmp_path / kind / "index.db")["event_logs"])
        for kind in ("batch", "one")
    )
    assert len(events) == 4 * len(reads.FEW)
    assert ours == theirs


def test_a_batch_is_stored_whole_or_not_at_all(stock: tuple[dg.DagsterInstance, str], tmp_path: Path) -> None:
    instance, run_id = stock
    events = asset_events(instance, run_id)
    storage = BatchSqliteEventLogStorage(str(tmp_path))
    with sqlite3.connect(tmp_path / "index.db") as connection:
        connection.execute(
            "create trigger refuse before insert on event_logs when new.partition = 'account1|2025-01-08' "
            "begin select raise(abort, 'no room'); end"
        )
    connection.close()
    with pytest.raises(Exception, match="no room"):
        storage.store_event_batch(events)
    assert storage.get_records_for_run(run_id).records == []
    assert storage.get_asset_partitions_for_run(run_id) == {}
    assert storage.all_asset_keys() == []


def test_what_was_wiped_stays_wiped_until_it_is_made_again(
    ours: tuple[dg.DagsterInstance, str], open_home: OpenHome, tmp_path: Path
) -> None:
    with open_home("sqlite", tmp_path / "home", copy_of=Path(ours[0].root_directory)) as instance:
        instance.wipe_assets([reads.first])
        assert instance.get_materialized_partitions(reads.first) == set()
        assert instance.event_log_storage.all_asset_keys() == [reads.second]
        reads.box_run(instance)
        assert len(instance.get_materialized_partitions(reads.first)) == reads.CELLS
        assert instance.event_log_storage.all_asset_keys() == [reads.first, reads.second]


def test_who_watches_a_run_sees_its_batches(stock: tuple[dg.DagsterInstance, str], tmp_path: Path) -> None:
    instance, run_id = stock
    events = asset_events(instance, run_id)
    storage = BatchSqliteEventLogStorage(str(tmp_path))
    storage.store_event(events[0])
    complete = threading.Event()

    def see(entry: dg.EventLogEntry, _cursor: str) -> None:
        if entry.message == f"Materialized {reads.CELLS} partitions of second.":
            complete.set()

    storage.watch(run_id, None, see)
    made = [event for event in events if event.dagster_event_type == dg.DagsterEventType.ASSET_MATERIALIZATION]
    for start in range(0, len(made), 10):
        storage.store_event_batch(made[start : start + 10])
    assert complete.wait(30)
    log = [record.event_log_entry.message for record in storage.get_records_for_run(run_id).records]
    assert log[1:] == [f"Materialized {reads.CELLS} partitions of {name}." for name in ("first", "second")]
    storage.end_watch(run_id, see)
    storage.dispose()


def test_a_home_on_stock_storage_reads_the_same_files(
    ours: tuple[dg.DagsterInstance, str], open_home: OpenHome, tmp_path: Path
) -> None:
    with open_home("stock", tmp_path / "home", copy_of=Path(ours[0].root_directory)) as stock:
        assert type(stock.event_log_storage) is SqliteEventLogStorage
        assert len(stock.get_materialized_partitions(reads.second)) == reads.CELLS
        assert stock.event_log_storage.get_stats_for_run(ours[1]).materializations == 2  # as its log says


def test_a_history_of_stock_storage_is_read_as_before_and_goes_on(
    stock: tuple[dg.DagsterInstance, str], open_home: OpenHome, tmp_path: Path
) -> None:
    old = stock[1]
    before, log = reads.what_is_read(*stock), reads.run_log(*stock)
    with open_home("sqlite", tmp_path / "home", copy_of=Path(stock[0].root_directory)) as instance:
        assert reads.what_is_read(instance, old) == before
        assert reads.run_log(instance, old) == log
        new = reads.box_run(instance)
        assert reads.run_log(instance, old) == log
        assert instance.event_log_storage.get_stats_for_run(new).materializations == 2 * reads.CELLS
        assert reads.of_run(reads.what_is_read(instance, old)) == reads.of_run(before)
        assert reads.of_run(reads.what_is_read(instance, new)) == reads.of_run(before)
        assert len(instance.fetch_materializations(reads.first, limit=1000).records) == 2 * reads.CELLS


def test_the_shipped_home_works_from_any_folder_and_loads_no_postgres(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    shutil.copy(DEPLOYED, home)
    code = (
        "import json, sys, dagster as dg\n"
        "from instagram_assets_tests.storage import event_log_reads as reads\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    reads.box_run(instance)\n"
        "    made = len(instance.get_materialized_partitions(reads.first))\n"
        "    settings = [instance.telemetry_enabled, instance.nux_enabled, instance.run_monitoring_enabled,\n"
        "                instance.run_retries_enabled, instance.run_retries_max_retries, instance.freshness_enabled]\n"
        "print(json.dumps([made, settings, 'dagster_postgres' in sys.modules]))\n"
    )
    environment = {**os.environ, "DAGSTER_HOME": str(home), "DAGSTER_EVENT_BATCH_SIZE": "1000", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=elsewhere, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [reads.CELLS, [False, False, True, True, 1, True], False]
    assert (home / "history" / "runs" / "index.db").exists()
    assert list(elsewhere.iterdir()) == []
