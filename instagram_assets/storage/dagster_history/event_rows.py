"""Deletes the events of erased partitions and runs from Dagster's event log; all other partitions keep their state.

Written against the tables of dagster 1.13.27 and its content of a row of `asset_keys`.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from dagster import DagsterEventType, EventLogEntry
from dagster._core.event_api import EventLogRecord
from dagster._serdes import deserialize_value, serialize_value

from instagram_assets.storage.dagster_history.erased_cells import ErasedCells
from instagram_assets.storage.dagster_history.table_rewriter import ChangeCounts, Tables, delete_rows, in_batches
from instagram_assets.storage.dagster_history.value_rewriter import ValueRewriter

_MADE = DagsterEventType.ASSET_MATERIALIZATION.value
_OBSERVED = DagsterEventType.ASSET_OBSERVATION.value
_PLANNED = DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value


def erase_events(
    connection: sa.Connection, tables: Tables, cells: ErasedCells, runs: Collection[str], changed: ChangeCounts
) -> None:
    """Delete the events and asset check results of erased partitions (`cells`) and of erased runs (`runs`).

    Materializations and observations of unpartitioned assets by an erased run are kept: they are the only record of
    these assets' state. `changed` counts the deleted rows.
    """
    log = tables["event_logs"].c
    made_whole = sa.and_(
        log.asset_key.is_not(None), log.partition.is_(None), log.dagster_event_type.in_([_MADE, _OBSERVED])
    )
    conditions = [_of_cells(log.partition, cells)] if cells.gone else []
    conditions += [sa.and_(log.run_id.in_(each), sa.not_(made_whole)) for each in in_batches(runs)]
    for gone in conditions:
        _keep_highest_id(connection, tables["event_logs"], gone)
        if "asset_event_tags" in tables:
            tags = tables["asset_event_tags"]
            delete_rows(connection, tags, tags.c.event_id.in_(sa.select(log.id).where(gone)), changed)
        if "asset_keys" in tables:
            _empty_status(connection, tables, sa.select(log.asset_key).where(gone, log.asset_key.is_not(None)))
        delete_rows(connection, tables["event_logs"], gone, changed)
    if "asset_check_executions" in tables:
        checks = tables["asset_check_executions"]
        of_checks = [_of_cells(checks.c.partition, cells)] if cells.gone else []
        for gone in [*of_checks, *(checks.c.run_id.in_(each) for each in in_batches(runs))]:
            delete_rows(connection, checks, gone, changed)


def repair_asset_rows(
    connection: sa.Connection, tables: Tables, rewriter: ValueRewriter, runs: Collection[str], changed: ChangeCounts
) -> None:
    """Update the rows of `asset_keys` whose newest event was deleted or rewritten to the present newest event.

    To be called after the events have been rewritten. The row of an asset without events is deleted.
    """
    table, log, gone = tables["asset_keys"], tables["event_logs"].c, set(runs)
    for found in connection.execute(sa.select(table)).mappings().all():
        row: dict[str, Any] = {str(name): value for name, value in found.items()}
        new: dict[str, Any] = {}
        if row["cached_status_data"] and rewriter.has_mention(row["cached_status_data"]):
            new["cached_status_data"] = None  # Dagster recomputes it
        if _is_outdated(connection, log, row, rewriter, gone):
            new |= _row_of_asset(connection, log, row)
            if not (row["wipe_timestamp"] or new["last_materialization_timestamp"]) and not _has_events(
                connection, log, row
            ):
                delete_rows(connection, table, table.c.id == row["id"], changed)
                continue
        if new:
            connection.execute(sa.update(table).where(table.c.id == row["id"]).values(new))
            changed.rewritten[table.name] += 1


def _is_outdated(
    connection: sa.Connection, log: Any, row: dict[str, Any], rewriter: ValueRewriter, gone: set[str]
) -> bool:
    if row["last_run_id"] in gone:
        return True
    if not (text := row["last_materialization"]):
        return False
    record = deserialize_value(text, EventLogRecord)
    there = connection.execute(sa.select(log.id).where(log.id == record.storage_id, log.run_id == record.run_id))
    return there.first() is None or rewriter.has_mention(text)


def _has_events(connection: sa.Connection, log: Any, row: dict[str, Any]) -> bool:
    return connection.execute(sa.select(log.id).where(log.asset_key == row["asset_key"]).limit(1)).first() is not None


def _of_cells(partition: sa.ColumnElement[Any], cells: ErasedCells) -> sa.ColumnElement[bool]:
    """Returns the SQL condition that a partition key belongs to an erased account."""
    return sa.or_(
        *(
            sa.or_(
                partition == key,
                partition.startswith(f"{key}|", autoescape=True),
                partition.endswith(f"|{key}", autoescape=True),
            )
            for key in sorted(cells.gone)
        )
    )


def _empty_status(connection: sa.Connection, tables: Tables, assets: sa.Select[Any]) -> None:
    table = tables["asset_keys"]
    connection.execute(sa.update(table).where(table.c.asset_key.in_(assets)).values(cached_status_data=None))


def _keep_highest_id(connection: sa.Connection, table: sa.Table, gone: sa.ColumnElement[bool]) -> None:
    """If the newest event of an SQLite event log is about to be deleted, replace it by an empty event with the same id.

    SQLite would reuse the id, and sensors, which read the event log from their last id on, would miss the next events.
    """
    if connection.dialect.name != "sqlite" or "asset_event_tags" not in table.metadata.tables:
        return
    newest = connection.execute(sa.select(sa.func.max(table.c.id))).scalar()
    if newest is None or connection.execute(sa.select(table.c.id).where(table.c.id == newest, gone)).first() is None:
        return
    moment = connection.execute(sa.select(table.c.timestamp).where(table.c.id == newest)).scalar() or datetime.now(UTC)
    entry = EventLogEntry(None, 20, "", "", moment.replace(tzinfo=UTC).timestamp())
    connection.execute(sa.delete(table).where(table.c.id == newest))
    connection.execute(
        sa.insert(table).values(
            id=newest, run_id="", event=serialize_value(entry), timestamp=moment.replace(tzinfo=None)
        )
    )


def _row_of_asset(connection: sa.Connection, log: Any, row: dict[str, Any]) -> dict[str, Any]:
    """Returns the new columns of an asset's row in `asset_keys`, as Dagster's `_store_asset_event` would write them."""
    of_asset = [log.asset_key == row["asset_key"]]
    if row["wipe_timestamp"]:
        of_asset.append(log.timestamp > row["wipe_timestamp"])

    def newest(*kinds: str) -> Any:
        query = sa.select(log.id, log.run_id, log.event, log.timestamp).where(*of_asset)
        return connection.execute(
            query.where(log.dagster_event_type.in_(kinds)).order_by(log.id.desc()).limit(1)
        ).first()

    made, told, ran = newest(_MADE), newest(_MADE, _OBSERVED, _PLANNED), newest(_MADE, _PLANNED)
    entry = made and serialize_value(EventLogRecord(made.id, deserialize_value(made.event, EventLogEntry)))
    return {
        "last_materialization": entry,
        "last_run_id": ran and ran.run_id,
        "last_materialization_timestamp": told and told.timestamp,
    }
