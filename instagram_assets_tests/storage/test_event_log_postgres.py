"""The batched PostgreSQL event log, in a real cluster, keeps what stock storage keeps."""

import shutil
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.events import StepMaterializationData
from dagster_postgres.event_log import PostgresEventLogStorage
from sqlalchemy.exc import IntegrityError

from instagram_assets.storage.event_log_postgres import BatchPostgresEventLogStorage
from instagram_assets_tests.servers.postgres import Cluster, postgres_cluster
from instagram_assets_tests.storage import event_log_reads as reads
from instagram_assets_tests.storage.test_event_log import asset_events

DEPLOYED = Path(__file__).parents[2] / "deploy" / "postgres" / "dagster.yaml"
STOCK = """
telemetry: {enabled: false}
storage:
  postgres:
    postgres_db:
      scheme: postgresql+psycopg2
      username: {env: POSTGRES_USER}
      password: {env: POSTGRES_PASSWORD}
      hostname: {env: POSTGRES_HOST}
      port: {env: POSTGRES_PORT}
      db_name: {env: POSTGRES_DB}
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with postgres_cluster() as running:
        yield running


@contextmanager
def instance_on(cluster: Cluster, database: str, home: Path) -> Generator[dg.DagsterInstance, None, None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cluster.create(database).items():
            patch.setenv(name, value)
        patch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield instance


@pytest.fixture(scope="module")
def stock(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    home = tmp_path_factory.mktemp("stock")
    (home / "dagster.yaml").write_text(STOCK)
    with instance_on(cluster, "stock", home) as instance:
        yield instance


@pytest.fixture(scope="module")
def batched(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """An instance made from the dagster.yaml that is shipped."""
    home = tmp_path_factory.mktemp("batched")
    shutil.copy(DEPLOYED, home)
    with instance_on(cluster, "batched", home) as instance:
        yield instance


def test_everything_that_is_read_is_the_same_as_with_stock_storage(
    stock: dg.DagsterInstance, batched: dg.DagsterInstance
) -> None:
    assert type(stock.event_log_storage) is PostgresEventLogStorage
    assert type(batched.event_log_storage) is BatchPostgresEventLogStorage
    ours = reads.what_is_read(batched, reads.box_run(batched))
    theirs = reads.what_is_read(stock, reads.box_run(stock))
    assert len(theirs[f"{reads.first} partitions"]) == 150
    for question, answer in theirs.items():
        assert ours[question] == answer, question


def test_the_log_of_a_run_says_once_per_asset_what_stock_storage_says_of_each_cell(
    stock: dg.DagsterInstance, batched: dg.DagsterInstance
) -> None:
    run_id = reads.box_run(batched)
    log = reads.run_log(batched, run_id)
    reads.assert_log_is_short(log, reads.run_log(stock, reads.box_run(stock)))
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


def test_a_batch_is_stored_whole_or_not_at_all(batched: dg.DagsterInstance) -> None:
    storage = batched.event_log_storage
    assert isinstance(storage, BatchPostgresEventLogStorage)
    events = [event._replace(run_id="refused") for event in asset_events(batched, reads.box_run(batched))]
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


def test_a_history_of_stock_storage_is_read_as_before_and_goes_on(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(STOCK)
    with instance_on(cluster, "history", tmp_path) as stock:
        old = reads.box_run(stock)
        before, log = reads.what_is_read(stock, old), reads.run_log(stock, old)
        shutil.copy(DEPLOYED, tmp_path)
        with dg.DagsterInstance.from_config(str(tmp_path)) as ours:
            assert reads.what_is_read(ours, old) == before
            assert reads.run_log(ours, old) == log
            new = reads.box_run(ours)
            assert reads.run_log(ours, old) == log
            assert reads.of_run(reads.what_is_read(ours, new)) == reads.of_run(before)
            assert len(ours.fetch_materializations(reads.first, limit=1000).records) == 300


def test_what_was_wiped_stays_wiped_until_it_is_made_again(batched: dg.DagsterInstance) -> None:
    reads.box_run(batched)
    batched.wipe_assets([reads.first])
    assert batched.get_materialized_partitions(reads.first) == set()
    reads.box_run(batched)
    assert len(batched.get_materialized_partitions(reads.first)) == 150


def test_no_event_appears_below_an_id_that_was_already_seen(batched: dg.DagsterInstance) -> None:
    """A sensor asks for events after the highest id it saw; a batch must never commit below it."""
    storage = batched.event_log_storage
    assert isinstance(storage, BatchPostgresEventLogStorage)
    events = asset_events(batched, reads.box_run(batched))
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
