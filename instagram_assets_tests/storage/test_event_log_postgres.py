"""The batched PostgreSQL event log, in a real cluster, keeps what stock storage keeps."""

import shutil
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster_postgres.event_log import PostgresEventLogStorage

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
