"""Dagster's event log in PostgreSQL: each partition event is stored once, and a batch of them in one transaction.

A separate module, so that a Dagster home on SQLite never imports dagster_postgres. Written against dagster-postgres
0.29.27.
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from dagster import DagsterEventType, EventLogEntry
from dagster._core.event_api import EventLogCursor, EventLogRecord
from dagster._core.storage.event_log.base import EventLogConnection
from dagster._serdes import ConfigurableClassData, deserialize_value
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config

from instagram_assets.storage.event_log import IN_INDEX_ONLY, CellEventLog, is_of_type
from instagram_assets.storage.event_log_plans import LOG


class BatchPostgresEventLogStorage(CellEventLog, PostgresEventLogStorage):
    """Stock PostgreSQL event log in which events of partitions are stored once and in batches."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "BatchPostgresEventLogStorage":
        """Creates the storage for the database in Dagster's configuration (`postgres_db` or `postgres_url`)."""
        return cls(
            pg_url_from_config(config_value),
            config_value.get("should_autocreate_tables", True),
            inst_data,
            get_token_provider_from_config(config_value),
        )

    def get_records_for_run(
        self,
        run_id: str,
        cursor: str | None = None,
        of_type: DagsterEventType | set[DagsterEventType] | None = None,
        limit: int | None = None,
        ascending: bool = True,
    ) -> EventLogConnection:
        """Returns the log of a run, with one summary per asset instead of the events of its partitions.

        It is a copy of the stock method with another SQL filter, because the stock method has no hook for one.
        """
        query = sa.select(LOG.id, LOG.event).where(LOG.run_id == run_id, sa.not_(IN_INDEX_ONLY), is_of_type(of_type))
        start = EventLogCursor.parse(cursor) if cursor is not None else None
        if start is not None and start.is_offset_cursor():
            query = query.offset(start.offset())
        elif start is not None:
            query = query.where(LOG.id > start.storage_id() if ascending else LOG.id < start.storage_id())
        with self.run_connection(run_id) as connection:
            rows = connection.execute(query.order_by(LOG.id if ascending else LOG.id.desc()).limit(limit)).all()
        records = [EventLogRecord(row_id, deserialize_value(event, EventLogEntry)) for row_id, event in rows]
        last = records[-1].storage_id if records else -1
        following = EventLogCursor.from_storage_id(last).to_string() if records or cursor is None else cursor
        return EventLogConnection(records, following, has_more=bool(limit and len(records) == limit))
