"""Dagster's event log in SQLite, storing the events of many partitions in one transaction.

Stock SQLite storage commits four times per event, which makes the log the main cost of a run over
many partitions. Dagster hands events over in batches when DAGSTER_EVENT_BATCH_SIZE is set.

Written against dagster 1.13.27. What is private there and used here: `_event_to_row`,
`_store_asset_event_tags`, `_store_asset_event` and `SqlEventLogStorageTable`.
"""

# pyright: reportPrivateUsage=false

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from dagster import DagsterEventType, EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData

UNTOUCHED = "instagram_assets/untouched"
"""Metadata of a partition that had no rows and got none: its materialization is not stored."""

_ONE_PER_PARTITION = {
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_OBSERVATION,
}


class BatchSqliteEventLogStorage(SqliteEventLogStorage):
    """Stock SQLite event log whose batches of asset events are stored at once."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "BatchSqliteEventLogStorage":
        """The log of the Dagster home `base_dir`, in the folder where the stock storage keeps it."""
        return cls(os.path.join(config_value["base_dir"], "history", "runs"), inst_data)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events; all asset events together or none of them."""
        store_batch(self, events)


def store_batch(storage: SqlEventLogStorage, events: Sequence[EventLogEntry]) -> None:
    """Store asset events in one transaction, whatever else is in the batch one by one.

    When this raises, Dagster stores each event again by itself. So the transaction of the busy shared
    database comes before the run's own log: when it fails, nothing of it is there to be stored twice.
    """
    batch = [event for event in events if _is_one_per_partition(event) and not _is_untouched(event)]
    for event in events:
        if not _is_one_per_partition(event):
            storage.store_event(event)
    if not batch:
        return
    rows = [storage._event_to_row(event) for event in batch]
    insert = sa.insert(SqlEventLogStorageTable)
    with storage.index_transaction() as connection:
        _keep_ids_in_commit_order(connection)
        with_ids = insert.returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
        ids = list(connection.execute(with_ids, rows).scalars())
        storage._store_asset_event_tags(connection, batch, ids)
        for event, event_id in _newest_of_each_asset(batch, ids):
            storage._store_asset_event(connection, event, event_id)
    if not storage.is_run_sharded:
        return
    for run_id in {event.run_id for event in batch}:
        with storage.run_connection(run_id) as connection:
            connection.execute(insert, [row for row in rows if row["run_id"] == run_id])


def _is_one_per_partition(event: EventLogEntry) -> bool:
    return event.dagster_event_type in _ONE_PER_PARTITION and event.get_dagster_event().asset_key is not None


def _is_untouched(event: EventLogEntry) -> bool:
    if event.dagster_event_type != DagsterEventType.ASSET_MATERIALIZATION:
        return False
    materialization = event.get_dagster_event().step_materialization_data.materialization
    return UNTOUCHED in materialization.metadata


def _keep_ids_in_commit_order(connection: sa.Connection) -> None:
    # Sensors and the partition status cache remember the highest id they saw. Without the lock another
    # run could commit a higher id before this transaction ends, and its events would never be looked at.
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"LOCK TABLE {SqlEventLogStorageTable.name} IN SHARE ROW EXCLUSIVE MODE"))


def _newest_of_each_asset(events: Sequence[EventLogEntry], ids: Sequence[int]) -> Iterator[tuple[EventLogEntry, int]]:
    # An asset's row holds its newest event of each type. Rows are locked in the order of their names,
    # so that two runs never wait for each other.
    newest = {
        (str(e.get_dagster_event().asset_key), str(e.dagster_event_type)): (e, i)
        for e, i in zip(events, ids, strict=True)
    }
    for _, pair in sorted(newest.items(), key=lambda item: (item[0][0], item[1][1])):
        yield pair
