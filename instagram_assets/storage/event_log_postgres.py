"""Dagster's event log in PostgreSQL, storing the events of many partitions in one transaction.

A file of its own, so that a home on SQLite never loads dagster_postgres. Written against
dagster-postgres 0.29.27.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dagster import EventLogEntry
from dagster._serdes import ConfigurableClassData
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config

from instagram_assets.storage.event_log import store_batch


class BatchPostgresEventLogStorage(PostgresEventLogStorage):
    """Stock PostgreSQL event log whose batches of asset events are stored at once."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "BatchPostgresEventLogStorage":
        """The log in the database that `postgres_db` or `postgres_url` names."""
        return cls(
            pg_url_from_config(config_value),
            config_value.get("should_autocreate_tables", True),
            inst_data,
            get_token_provider_from_config(config_value),
        )

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events; all asset events together or none of them."""
        store_batch(self, events)
