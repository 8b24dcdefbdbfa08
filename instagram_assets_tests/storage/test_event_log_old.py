"""A history of 100,000 materializations that stock storage wrote is read as before, and goes on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log import SqlEventLogStorage

from instagram_assets_tests.conftest import OpenHome
from instagram_assets_tests.storage import event_log_chain as chain

FIRST = dg.AssetKey("first")
MADE = dg.DagsterEventType.ASSET_MATERIALIZATION
CELL = "account0|2025-01-01"
ROWS = 100_000
ONE_MORE = """insert into event_logs
  (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
  with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < :rows)
  select run_id, replace(event, :cell, 'old' || n || '|2025-01-01'), dagster_event_type, timestamp, step_key, asset_key,
    'old' || n || '|2025-01-01'
  from event_logs, numbers where id = :id"""
TAGS = """insert into asset_event_tags (event_id, asset_key, key, value, event_timestamp)
  select log.id, log.asset_key, 'dagster/data_version', 'version' || log.id, log.timestamp
  from event_logs log where log.partition like 'old%7|%'"""


@pytest.fixture(params=["sqlite", "postgres"], scope="module")
def old(
    request: pytest.FixtureRequest, open_home: OpenHome, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """A storage, a home in which stock storage wrote so many materializations, and what it reads there."""
    home = tmp_path_factory.mktemp("old") / "home"
    with open_home({"sqlite": "stock", "postgres": "stock postgres"}[request.param], home) as stock:
        run = chain.start(stock, tags=chain.of_cell(CELL))
        chain.execute(stock, run)
        (record,) = stock.fetch_materializations(FIRST, limit=1).records
        storage = stock.event_log_storage
        assert isinstance(storage, SqlEventLogStorage)
        with storage.index_transaction() as connection:
            connection.execute(sa.text(ONE_MORE), {"rows": ROWS, "cell": CELL, "id": record.storage_id})
            connection.execute(sa.text(TAGS))
        yield request.param, home, what_is_read(stock)


def what_is_read(instance: dg.DagsterInstance) -> dict[str, Any]:
    storage = instance.event_log_storage
    newest = instance.fetch_materializations(FIRST, limit=100)
    following = instance.fetch_materializations(FIRST, limit=100, cursor=newest.cursor)
    named = ["old7|2025-01-01", "old99999|2025-01-01"]
    chosen = dg.AssetRecordsFilter(FIRST, asset_partitions=named)
    return {
        "ids": storage.get_latest_storage_id_by_partition(FIRST, MADE),
        "versions": storage.get_latest_tags_by_partition(FIRST, MADE, ["dagster/data_version"], named),
        "newest": newest.records,
        "following": following.records,
        "named": instance.fetch_materializations(chosen, limit=10).records,
        "unplanned": storage.get_latest_asset_partition_materialization_attempts_without_materializations(FIRST),
        "runs": [storage.get_stats_for_run(run.run_id).steps_succeeded for run in instance.get_runs()],
    }


def test_100_000_materializations_are_read_as_before_and_go_on(
    old: tuple[str, Path, dict[str, Any]], open_home: OpenHome
) -> None:
    kind, home, before = old
    assert len(before["ids"]) == ROWS + 1
    with open_home(kind, home) as instance:
        ours = what_is_read(instance)
        for question, answer in before.items():
            assert ours[question] == answer, question
        chain.execute(instance, chain.start(instance))
        newest = max(before["ids"].values())
        ids = instance.event_log_storage.get_latest_storage_id_by_partition(FIRST, MADE)
        assert {cell for cell, number in ids.items() if number > newest} == chain.CELLS
        assert before["ids"] | {cell: ids[cell] for cell in chain.CELLS} == ids
