"""Dagster's event log in SQLite, optimized for runs over many partitions: each event of a partition is stored once.

Stock SQLite storage commits four times per event and stores each asset event twice, which makes the event log the main
cost of a run over many partitions. Here partition events (`cells` in names) are stored in the index database only, in
one transaction per batch, and the run's own log has one summary per asset. Dagster passes events in batches if
DAGSTER_EVENT_BATCH_SIZE is set. Queries about partitions read the index, and return what stock storage returns.
Intended differences: the log of a run has one event per asset and event type; the planned events of more than HANDFUL
partitions are one event with a partition subset; materializations of more than HANDFUL partitions have less metadata,
and their tags are stored in the events only. Rows of partition events have no step key, and summaries in a run's log
have no asset key, so that one database can hold both.

Written against dagster 1.13.27. Private names of Dagster used here and in `event_log_plans`: `_event_to_row`,
`_store_asset_event_tags`, `_store_asset_event`, `_get_assets_details`, `_add_assets_wipe_filter_to_query` and
`SqlEventLogStorageTable`.
"""

# pyright: reportPrivateUsage=false

import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property
from typing import Any, TypeAlias

import sqlalchemy as sa
from dagster import AssetKey, DagsterEventType, DagsterInstance, EventLogEntry
from dagster._core.storage.dagster_run import DagsterRunStatsSnapshot
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.base import PlannedMaterializationInfo
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._record import copy
from dagster._serdes import ConfigurableClassData, deserialize_value

from instagram_assets.storage.event_log_entries import (
    HANDFUL,
    MADE,
    OF_CELLS,
    PLANNED,
    UNTOUCHED,
    CellCounts,
    is_of_cells,
    is_untouched,
    materialization_of,
    of_each_cell,
    rows_of_many,
    summary,
)
from instagram_assets.storage.event_log_plans import (
    LOG,
    plans_of_asset,
    plans_of_run,
    steps_that_succeeded,
    what_failed,
    with_plans_of_many,
)
from instagram_assets.storage.event_log_tags import newest_tags_of_many, newest_versions, tags_of_many
from instagram_assets.storage.run_table_cache import make_first_objects
from instagram_assets.storage.sqlite_databases import SqliteEvents

__all__ = ["IN_INDEX_ONLY", "UNTOUCHED", "BatchSqliteEventLogStorage", "CellEventLog", "is_of_type"]

IN_INDEX_ONLY = sa.and_(
    LOG.asset_key.is_not(None),
    LOG.step_key.is_(None),
    LOG.run_id != "",
    LOG.dagster_event_type.in_([kind.value for kind in OF_CELLS]),
)
"""SQL condition: rows of partition events, which their run's log lacks. Events outside runs have no step key either."""
_ENDED_BADLY = {DagsterEventType.PIPELINE_FAILURE, DagsterEventType.PIPELINE_CANCELED}
_STEP_ENDED = {DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_UP_FOR_RETRY}

_Told: TypeAlias = tuple[str, str | None, str, str]
"""The key of a summary in a run's log: (run id, step key, asset key, event type)."""
_Kinds: TypeAlias = DagsterEventType | set[DagsterEventType] | None

make_first_objects()  # here, because every process that plans or executes a run loads this event log


class CellEventLog(SqlEventLogStorage):
    """Mixin that optimizes an event log for runs over many partitions; the base class before the stock storage."""

    @cached_property
    def _told(self) -> dict[_Told, tuple[int, CellCounts]]:
        """Summaries of running steps: summary key → (row id in the run's log, partition and row counts so far)."""
        return {}

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        return True

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event; if it ends a failed run, first store planned events of the partitions not materialized."""
        if is_of_cells(event):
            self.store_event_batch([event])
            return
        if event.dagster_event_type in _ENDED_BADLY:
            self._plan_what_failed(event.run_id)
        super().store_event(event)
        if event.dagster_event_type in _STEP_ENDED:
            for told in [told for told in self._told if told[:2] == (event.run_id, event.step_key)]:
                del self._told[told]

    def _plan_what_failed(self, run_id: str) -> None:
        try:
            self._insert_planned(what_failed(self, self._instance_or_none, run_id))
        except Exception:  # the event that ends the run must be stored even if this fails
            logging.getLogger(__name__).exception(f"Which cells run {run_id} did not make could not be stored.")

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store a batch of events; partition events are stored in one transaction per run.

        If this raises, Dagster stores each event again, one by one. So the shared index database is written before the
        run's own log: if its transaction fails, no partition event is stored yet, and none will be stored twice.
        """
        cells: dict[str, list[EventLogEntry]] = defaultdict(list)
        for event in events:
            if not is_of_cells(event):
                self.store_event(event)
            elif not is_untouched(event):
                cells[event.run_id].append(event)
        for run_id, batch in cells.items():
            self._store_cells(run_id, batch)

    def _store_cells(self, run_id: str, batch: Sequence[EventLogEntry]) -> None:
        of_step: dict[tuple[str | None, AssetKey | None, str], list[EventLogEntry]] = defaultdict(list)
        for event in batch:
            made = materialization_of(event)
            key = made.asset_key if made else event.get_dagster_event().asset_key
            of_step[event.step_key, key, event.get_dagster_event().event_type_value].append(event)
        of_told: dict[_Told, list[EventLogEntry]] = {
            (run_id, step, str(key), kind): events for (step, key, kind), events in of_step.items()
        }
        counts = {
            told: (self._told[told][1] if told in self._told else CellCounts()).and_also(events)
            for told, events in of_told.items()
        }
        many = {told for told in of_told if told[3] == MADE.value and counts[told].cells > HANDFUL}
        few = [each for told in of_told.keys() - many for event in of_told[told] for each in of_each_cell(event)]
        entries = {told: summary(events[-1], counts[told]) for told, events in of_told.items()}
        ids = self._insert(few, [of_told[told] for told in many], entries)
        if self.is_run_sharded:
            with self.run_connection(run_id) as connection:
                ids = self._tell(connection, entries)
        self._told.update({told: (ids[told], counts[told]) for told in entries if told[3] != PLANNED.value})

    def _insert_planned(self, events: Sequence[EventLogEntry]) -> None:
        """Store planned events of a failed run's partitions, without changing their assets' rows in `asset_keys`."""
        if not events:
            return
        rows = [{**self._event_to_row(event), "step_key": None} for event in events]
        with self.index_transaction() as connection:
            _keep_ids_in_commit_order(connection)
            connection.execute(sa.insert(SqlEventLogStorageTable), rows)

    def _insert(
        self,
        few: Sequence[EventLogEntry],
        many: Sequence[Sequence[EventLogEntry]],
        entries: Mapping[_Told, EventLogEntry],
    ) -> dict[_Told, int]:
        """Store partition events in one transaction; with a single database also `entries`, the run log's summaries.

        `many` has a list of materializations for each asset with more than HANDFUL partitions; their tags are stored in
        the events only. `few` are all other events. Returns summary key → row id of each stored summary.
        """
        insert = sa.insert(SqlEventLogStorageTable)
        with_id = insert.returning(LOG.id, sort_by_parameter_order=True)
        rows = [self._event_to_row(event) | {"step_key": None} for event in few]
        rows_of = [[row | {"step_key": None} for row in rows_of_many(events, self._event_to_row)] for events in many]
        with self.index_transaction() as connection:
            _keep_ids_in_commit_order(connection)
            ids = list(connection.execute(with_id, rows).scalars()) if rows else []
            self._store_asset_event_tags(connection, few, ids)
            newest = list(zip(few, ids, strict=True))
            for events, rows in zip(many, rows_of, strict=True):
                if rows[:-1]:
                    connection.execute(insert, rows[:-1])
                last = connection.execute(with_id, rows[-1:]).scalar_one()
                newest.append((events[-1], last))
            for event, event_id in _newest_of_each_asset(newest):
                self._store_asset_event(connection, event, event_id)
            return {} if self.is_run_sharded else self._tell(connection, entries)

    def _tell(self, connection: sa.Connection, entries: Mapping[_Told, EventLogEntry]) -> dict[_Told, int]:
        """Insert summaries into the run's log, replacing the earlier summary of the same asset and event type.

        The new row is inserted before the old one is deleted, so that its id is higher and readers of the log see it.
        """
        insert = sa.insert(SqlEventLogStorageTable).returning(LOG.id, sort_by_parameter_order=True)
        rows = [{**self._event_to_row(entry), "asset_key": None, "partition": None} for entry in entries.values()]
        ids = list(connection.execute(insert, rows).scalars())
        replaced = [self._told[told][0] for told in entries if told in self._told]
        connection.execute(sa.delete(SqlEventLogStorageTable).where(LOG.id.in_(replaced)))
        return dict(zip(entries, ids, strict=True))

    @property
    def _instance_or_none(self) -> DagsterInstance | None:
        return self._instance if self.has_instance else None

    def get_asset_partitions_for_run(self, run_id: str, of_type: _Kinds = None) -> Mapping[AssetKey, Set[str | None]]:
        """Returns the partitions of each asset in the events of a run, from the index and the run's own log."""
        found: dict[AssetKey, set[str | None]] = defaultdict(set)
        if self.is_run_sharded:
            for key, cells in super().get_asset_partitions_for_run(run_id, of_type).items():
                found[key] |= cells
        query = sa.select(LOG.asset_key, LOG.partition).distinct()
        named = sa.or_(LOG.partition.is_not(None), LOG.step_key.is_not(None))
        query = query.where(LOG.run_id == run_id, LOG.asset_key.is_not(None), named, is_of_type(of_type))
        with self.index_connection() as connection:
            for name, cell in connection.execute(query):
                found[_asset_key(name)].add(cell)
        if not of_type or PLANNED in _kinds(of_type):
            for plan in plans_of_run(self, run_id):
                found[plan.key] |= plan.cells
        return found

    def get_asset_keys_for_run(self, run_id: str, of_type: _Kinds = None) -> Set[AssetKey]:
        """Returns the assets in the events of a run.

        An asset of many partitions counts as materialized only if its step succeeded, so that a re-execution from
        failure runs the step again.
        """
        of_run = (LOG.run_id == run_id, is_of_type(of_type))
        named = sa.select(LOG.asset_key).distinct().where(*of_run, LOG.asset_key.is_not(None), sa.not_(IN_INDEX_ONLY))
        told = sa.select(LOG.event).where(
            *of_run, LOG.asset_key.is_(None), LOG.dagster_event_type.in_([kind.value for kind in OF_CELLS])
        )
        with self.run_connection(run_id) as connection:
            names = set(connection.execute(named).scalars())
            entries = [deserialize_value(text, EventLogEntry) for text in connection.execute(told).scalars()]
        events = [entry.get_dagster_event() for entry in entries]
        if _kinds(of_type) == {MADE}:
            ended = steps_that_succeeded(self, run_id)
            events = [event for event in events if event.partition is not None or event.step_key in ended]
        return {_asset_key(name) for name in names} | {event.asset_key for event in events if event.asset_key}

    def get_stats_for_run(self, run_id: str) -> DagsterRunStatsSnapshot:
        """Returns the event counts of a run, where each materialized partition counts as one."""
        stats = super().get_stats_for_run(run_id)
        query = sa.select(sa.func.count()).where(
            LOG.run_id == run_id, LOG.dagster_event_type == MADE.value, LOG.asset_key.is_not(None)
        )
        with self.index_connection() as connection:
            made = connection.execute(query).scalar_one()
        # After an asset is wiped, a separate index no longer has its events; the run's log still has them.
        return copy(stats, materializations=max(made, stats.materializations) if self.is_run_sharded else made)

    def get_latest_tags_by_partition(
        self,
        asset_key: AssetKey,
        event_type: DagsterEventType,
        tag_keys: Sequence[str],
        asset_partitions: Sequence[str] | None = None,
        before_cursor: int | None = None,
        after_cursor: int | None = None,
    ) -> Mapping[str, Mapping[str, str]]:
        """Returns the tags `tag_keys` of each partition's newest event, from the tag table or the event itself."""
        chosen = (asset_key, event_type, tag_keys, asset_partitions, before_cursor, after_cursor)
        return newest_tags_of_many(self, *chosen) | dict(super().get_latest_tags_by_partition(*chosen))

    def get_updated_data_version_partitions(
        self, asset_key: AssetKey, partitions: Iterable[str], since_storage_id: int
    ) -> set[str]:
        """Returns the partitions whose data version changed since the event with this id."""
        named = list(partitions)
        before = newest_versions(self, asset_key, named, LOG.id <= since_storage_id)
        now = newest_versions(self, asset_key, named, LOG.id > since_storage_id)
        return {cell for cell, version in now.items() if version != before.get(cell)}

    def get_event_tags_for_asset(
        self,
        asset_key: AssetKey,
        filter_tags: Mapping[str, str] | None = None,
        filter_event_id: int | None = None,
    ) -> Sequence[Mapping[str, str]]:
        """Returns the tags of each event of an asset, from the tag table or the event itself."""
        in_table = super().get_event_tags_for_asset(asset_key, filter_tags, filter_event_id)
        return [*in_table, *tags_of_many(self, asset_key, filter_tags or {}, filter_event_id)]

    def get_latest_asset_partition_materialization_attempts_without_materializations(
        self, asset_key: AssetKey, after_storage_id: int | None = None
    ) -> Mapping[str, tuple[str, int]]:
        """Returns partition → (run id, event id), of partitions whose newest attempt is running, failed or canceled."""
        single = super().get_latest_asset_partition_materialization_attempts_without_materializations(
            asset_key, after_storage_id
        )
        return with_plans_of_many(self, self._instance_or_none, asset_key, single, after_storage_id)

    def get_latest_planned_materialization_info(
        self, asset_key: AssetKey, partition: str | None = None
    ) -> PlannedMaterializationInfo | None:
        """Returns the run id and event id of the newest plan to materialize an asset, or one partition of it."""
        if partition is None:
            return super().get_latest_planned_materialization_info(asset_key)
        query = sa.select(LOG.id, LOG.run_id).where(
            LOG.asset_key == asset_key.to_string(),
            LOG.partition == partition,
            LOG.dagster_event_type.in_([PLANNED.value, MADE.value]),
            LOG.run_id != "",
        )
        query = self._add_assets_wipe_filter_to_query(query, self._get_assets_details([asset_key]), [asset_key])
        with self.index_connection() as connection:
            newest = connection.execute(query.order_by(LOG.id.desc()).limit(1)).one_or_none()
        for plan in reversed(plans_of_asset(self, asset_key, newest.id if newest else None)):
            if partition in plan.cells:
                return PlannedMaterializationInfo(storage_id=plan.storage_id, run_id=plan.run_id)
        return PlannedMaterializationInfo(storage_id=newest.id, run_id=newest.run_id) if newest else None


class BatchSqliteEventLogStorage(CellEventLog, SqliteEvents):
    """Stock SQLite event log in which events of partitions are stored once and in batches."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "BatchSqliteEventLogStorage":
        """Creates the storage for the Dagster home `base_dir`, in the folder of the stock storage."""
        return cls(os.path.join(config_value["base_dir"], "history", "runs"), inst_data)


def _kinds(of_type: _Kinds) -> Set[DagsterEventType]:
    return {of_type} if isinstance(of_type, DagsterEventType) else set(of_type or ())


def is_of_type(of_type: _Kinds) -> sa.ColumnElement[bool]:
    """Returns an SQL condition on the event type of a row; true for every row when no type is given."""
    return LOG.dagster_event_type.in_([kind.value for kind in _kinds(of_type)]) if of_type else sa.true()


def _asset_key(name: str) -> AssetKey:
    key = AssetKey.from_db_string(name)
    if key is None:
        raise ValueError(f"not an asset key in the event log: {name!r}")
    return key


def _keep_ids_in_commit_order(connection: sa.Connection) -> None:
    # Sensors and the partition status cache store the highest id they read. Without the lock another
    # run could commit a higher id before this transaction ends, and its events would never be read.
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"LOCK TABLE {SqlEventLogStorageTable.name} IN SHARE ROW EXCLUSIVE MODE"))


def _newest_of_each_asset(stored: Sequence[tuple[EventLogEntry, int]]) -> Iterator[tuple[EventLogEntry, int]]:
    # A row of `asset_keys` holds the asset's newest event of each type. Rows are locked in the order of
    # asset names, so that two runs cannot deadlock.
    newest = {(str(e.get_dagster_event().asset_key), str(e.dagster_event_type)): (e, i) for e, i in stored}
    for _, pair in sorted(newest.items(), key=lambda item: (item[0][0], item[1][1])):
        yield pair
