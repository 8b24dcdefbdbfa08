"""The batched PostgreSQL event log, in a real cluster, keeps what stock storage keeps."""

import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.events import StepMaterializationData
from dagster_postgres.event_log import PostgresEventLogStorage
from sqlalchemy.exc import IntegrityError

from instagram_assets.storage.event_log_postgres import BatchPostgresEventLogStorage
from instagram_assets_tests.conftest import OpenHome
from instagram_assets_tests.storage import event_log_reads as reads
from instagram_assets_tests.storage.test_event_log import asset_events


@pytest.fixture(scope="module")
def stock(open_home: OpenHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dg.DagsterInstance, str]]:
    """The box run in stock storage."""
    with open_home("stock postgres", tmp_path_factory.mktemp("stock") / "home") as instance:
        yield instance, reads.box_run(instance)


@pytest.fixture(scope="module")
def ours(open_home: OpenHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dg.DagsterInstance, str]]:
    """The box run in the home that is shipped; nothing is added to its assets."""
    with open_home("postgres", tmp_path_factory.mktemp("ours") / "home") as instance:
        yield instance, reads.box_run(instance)


def test_everything_that_is_read_is_the_same_as_with_stock_storage(
    stock: tuple[dg.DagsterInstance, str], ours: tuple[dg.DagsterInstance, str]
) -> None:
    assert type(stock[0].event_log_storage) is PostgresEventLogStorage
    assert type(ours[0].event_log_storage) is BatchPostgresEventLogStorage
    answers, theirs = reads.what_is_read(*ours), reads.what_is_read(*stock)
    assert len(theirs[f"{reads.first} partitions"]) == reads.CELLS
    for question, answer in theirs.items():
        assert answers[question] == answer, question


def test_the_log_of_a_run_says_once_per_asset_what_stock_storage_says_of_each_cell(
    stock: tuple[dg.DagsterInstance, str], ours: tuple[dg.DagsterInstance, str]
) -> None:
    batched, run_id = ours
    log = reads.run_log(batched, run_id)
    reads.assert_log_is_short(log, reads.run_log(*stock))
    assert reads.run_log(batched, run_id, ascending=False) == log[::-1]
    assert reads.run_log(batched, run_id, limit=3) == log[:3]
    pages: list[str] = []
    cursor = None
    while True:
        page = batched.get_records_for_run(run_id, cursor=cursor, limit=7)
        pages += [record.event_log_entry.message for record in page.records]
        cursor = page.cursor
        if not page.has_more:
            break
    assert pages == [record.event_log_entry.message for record in batched.get_records_for_run(run_id).records]
    assert batched.get_records_for_run(run_id, cursor=cursor).records == []


def test_a_batch_is_stored_whole_or_not_at_all(ours: tuple[dg.DagsterInstance, str]) -> None:
    batched, run_id = ours
    storage = batched.event_log_storage
    assert isinstance(storage, BatchPostgresEventLogStorage)
    events = [event._replace(run_id="refused") for event in asset_events(batched, run_id)]
    made = events[-1].get_dagster_event().step_materialization_data.materialization
    cells = [
        events[-1]._replace(
            dagster_event=events[-1]
            .get_dagster_event()
            ._replace(event_specific_data=StepMaterializationData(made._replace(partition=cell)))
        )
        for cell in [f"account1|2025-01-{day:02}" for day in range(1, 21)] + ["refused"]
    ]
    with storage.index_connection() as connection:
        connection.execute(sa.text("alter table event_logs add constraint refuse check (partition <> 'refused')"))
    try:
        with pytest.raises(IntegrityError):
            storage.store_event_batch(cells)
        assert storage.get_records_for_run("refused").records == []
        assert storage.get_asset_partitions_for_run("refused") == {}
    finally:
        with storage.index_connection() as connection:
            connection.execute(sa.text("alter table event_logs drop constraint refuse"))


def test_a_history_of_stock_storage_is_read_as_before_and_goes_on(
    stock: tuple[dg.DagsterInstance, str], open_home: OpenHome, tmp_path: Path
) -> None:
    old = stock[1]
    before, log = reads.what_is_read(*stock), reads.run_log(*stock)
    with open_home("postgres", tmp_path / "home", copy_of=Path(stock[0].root_directory)) as instance:
        assert reads.what_is_read(instance, old) == before
        assert reads.run_log(instance, old) == log
        new = reads.box_run(instance)
        assert reads.run_log(instance, old) == log
        assert reads.of_run(reads.what_is_read(instance, new)) == reads.of_run(before)
        assert len(instance.fetch_materializations(reads.first, limit=1000).records) == 2 * reads.CELLS


def test_what_was_wiped_stays_wiped_until_it_is_made_again(
    ours: tuple[dg.DagsterInstance, str], open_home: OpenHome, tmp_path: Path
) -> None:
    with open_home("postgres", tmp_path / "home", copy_of=Path(ours[0].root_directory)) as instance:
        instance.wipe_assets([reads.first])
        assert instance.get_materialized_partitions(reads.first) == set()
        reads.box_run(instance)
        assert len(instance.get_materialized_partitions(reads.first)) == reads.CELLS


def test_no_event_appears_below_an_id_that_was_already_seen(
    stock: tuple[dg.DagsterInstance, str], ours: tuple[dg.DagsterInstance, str]
) -> None:
    """A sensor asks for events after the highest id it saw; a batch must never commit below it."""
    storage = ours[0].event_log_storage
    assert isinstance(storage, BatchPostgresEventLogStorage)
    events = asset_events(*stock)
    assert len(events) > 4 * reads.CELLS
    done = threading.Event()

    def store_batches() -> None:
        for _ in range(10):
            storage.store_event_batch(events)
        done.set()

    def store_single_events() -> None:
        while not done.is_set():
            storage.store_event(events[0])

    with storage.index_connection() as connection:
        seen: set[int] = set()
        highest = 0
        threads = [threading.Thread(target=work) for work in (store_batches, store_single_events)]
        for thread in threads:
            thread.start()
        try:
            while not done.is_set():
                ids = set(connection.execute(sa.text("select id from event_logs")).scalars())
                assert not {event_id for event_id in ids - seen if event_id < highest}
                seen, highest = ids, max(ids)
        finally:
            for thread in threads:
                thread.join()
