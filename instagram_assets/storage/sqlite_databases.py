"""Dagster's SQLite storages with fast opening: one engine per database, and no reading of Alembic migrations.

Stock storage creates an engine for each statement. When it opens a database, it reads Alembic's 90 migration files to
check the schema version. Together they take a large fraction of a small run's time. The stored data, and when a
database is created or migrated, are as in stock storage.

Written against dagster 1.13.27. Private names of Dagster used here and in `event_log`: `_conn_string`, `_initdb`,
`_db_lock`, `_initialized_dbs`.
"""

# pyright: reportPrivateUsage=false

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.runs.schema import InstanceInfo
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS, create_db_conn_string
from dagster._serdes import ConfigurableClassData
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

ALEMBIC_HEAD = "29b539ebc72a"
"""The newest schema revision of dagster 1.13.27; a test compares it with Alembic's."""
_VERSION = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


@lru_cache(maxsize=32)
def engine_of(url: str) -> sa.Engine:
    """Returns the cached SQLAlchemy engine of a database, without a connection pool.

    Compiled statements are not cached: each would keep the partition keys of its first query in memory.
    """
    timeout = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
    return sa.create_engine(url, poolclass=NullPool, query_cache_size=0, connect_args=timeout)


@contextmanager
def sqlite_transaction(url: str) -> Generator[sa.Connection]:
    """Context manager that yields a connection in a transaction, which is committed at the end."""
    with engine_of(url).connect() as connection, connection.begin():
        yield connection


def is_made(engine: sa.Engine, tables: Sequence[str] = ()) -> bool:
    """Returns whether a database was completely created: it has these tables and exactly one schema version."""
    with engine.connect() as connection:
        if not all(engine.dialect.has_table(connection, name) for name in (_VERSION.name, *tables)):
            return False
        return len(connection.execute(sa.select(_VERSION.c.version_num)).all()) == 1


class _Kept:
    """Mixin that lets a stock storage reuse one engine per database."""

    _conn_string: str

    @contextmanager
    def connect(self) -> Generator[sa.Connection]:
        with sqlite_transaction(self._conn_string) as connection:
            yield connection


class SqliteRuns(_Kept, SqliteRunStorage):
    """Stock SQLite run storage with fast opening."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "SqliteRuns":
        """Creates the storage for the Dagster home `base_dir`, at the same path as stock storage."""
        folder = os.path.join(config_value["base_dir"], "history")
        return _opened(cls, folder, "runs", inst_data, [InstanceInfo.name])


class SqliteSchedules(_Kept, SqliteScheduleStorage):
    """Stock SQLite schedule storage (schedules and sensors) with fast opening."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "SqliteSchedules":
        """Creates the storage for the Dagster home `base_dir`, at the same path as stock storage."""
        folder = os.path.join(config_value["base_dir"], "schedules")
        return _opened(cls, folder, "schedules", inst_data)


def _opened(
    storage: Any, folder: str, name: str, inst_data: ConfigurableClassData | None, tables: Sequence[str] = ()
) -> Any:
    url = create_db_conn_string(folder, name)
    # Inspecting a missing database would create an empty one.
    if os.path.exists(os.path.join(folder, f"{name}.db")) and is_made(engine_of(url), tables):
        return storage(url, inst_data)
    return storage.from_local(folder, inst_data)


class SqliteEvents(SqliteEventLogStorage):
    """Stock SQLite event log with fast opening."""

    @contextmanager
    def _connect(self, shard: str) -> Generator[sa.Connection]:
        with self._db_lock:
            url = self.conn_string_for_shard(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine_of(url))
                self._initialized_dbs.add(shard)
            with sqlite_transaction(url) as connection:
                yield connection

    def _initdb(self, engine: sa.Engine, for_index_shard: bool = False) -> None:
        if is_made(engine):
            return
        if not for_index_shard:
            try:
                _make_log_of_run(engine)
            except DatabaseError:  # another process creates it too; stock storage waits for that
                super()._initdb(engine)
            return
        super()._initdb(engine, for_index_shard)


def _make_log_of_run(engine: sa.Engine) -> None:
    """Create all tables of a run's log, the same as in stock storage, in one transaction: all or none of them exist."""
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        SqlEventLogStorageMetadata.create_all(connection)
        _VERSION.create(connection, checkfirst=True)
        connection.execute(sa.insert(_VERSION).prefix_with("OR IGNORE").values(version_num=ALEMBIC_HEAD))
        connection.commit()
