"""Cleanup of Dagster's history: delete old runs with their logs, but keep each partition's newest materialization.

`DagsterInstance.delete_run` is not used: it would delete the run's materializations too, and partitions last
materialized by it would count as missing.

Written against dagster 1.13.27, in which the tables of the storages are private.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable

from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.crawl_table import delete_old_requests
from instagram_assets.errors import StorageError
from instagram_assets.settings import settings

_RUNS_AT_ONCE = 50
_KEPT_OF_EACH_CELL = [dg.DagsterEventType.ASSET_MATERIALIZATION.value, dg.DagsterEventType.ASSET_OBSERVATION.value]
_SECONDS_FOR_LOCKS = 30.0
_DATABASES = ("history/runs.db", "history/runs/index.db")
_EVENTS, _CHECKS = SqlEventLogStorageTable.c, AssetCheckExecutionsTable.c


@dataclass(frozen=True)
class CleanupResult:
    """Counts of deleted runs, events and report files, and bytes freed.

    `busy` lists the databases that could not be compacted, since they were in use.
    """

    runs: int
    events: int
    reports: int
    bytes: int
    busy: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = (
            f"{self.runs:,} runs, {self.events:,} events and {self.reports:,} reports went, {self.bytes / 1e6:,.1f} MB"
        )
        if not self.busy:
            return f"{told}."
        return f"{told}; {', '.join(self.busy)} was in use and keeps its size until the next time."


def delete_old_runs(instance: dg.DagsterInstance, before: datetime, reports: Path) -> CleanupResult:
    """Delete runs that ended before a timestamp, with their events and logs, and older files in the folder `reports`.

    The newest materialization and observation of each partition and the newest result of each check are kept. If a
    call is killed, the next one finishes the deletion, since a run's record is deleted last. Raises StorageError if
    Dagster's history is not in an SQL database.
    """
    log, runs = instance.event_log_storage, instance.run_storage
    if not (isinstance(log, SqlEventLogStorage) and isinstance(runs, SqlRunStorage)):
        raise StorageError(f"tidy: {type(log).__name__} is no SQL database; Dagster's history is left as it is")
    home = Path(instance.root_directory)
    size = _bytes(home) + _bytes(reports)
    ended, events = 0, 0
    for ids in _old_runs(instance, before):
        events += _forget_events(log, ids)
        for run_id in ids:
            instance.compute_log_manager.delete_logs(prefix=[run_id])
            if isinstance(log, SqliteEventLogStorage):
                _remove_database(Path(log.path_for_shard(run_id)))
        with runs.connect() as connection:
            connection.execute(sa.delete(RunTagsTable).where(RunTagsTable.c.run_id.in_(ids)))
            connection.execute(sa.delete(RunsTable).where(RunsTable.c.run_id.in_(ids)))
        ended += len(ids)
    files = _remove_old(reports, before)
    databases = [path for name in _DATABASES if (path := home / name).exists()] if ended else []
    busy = tuple(path.name for path in databases if not _shrunk(path))
    return CleanupResult(ended, events, files, max(size - _bytes(home) - _bytes(reports), 0), busy)


def _old_runs(instance: dg.DagsterInstance, before: datetime) -> Iterator[list[str]]:
    chosen = dg.RunsFilter(statuses=FINISHED_STATUSES, updated_before=before)
    while ids := instance.get_run_ids(chosen, limit=_RUNS_AT_ONCE):
        yield list(ids)


def _forget_events(log: SqlEventLogStorage, runs: Sequence[str]) -> int:
    """Delete events of runs from the event index, except the newest of each partition and check; returns the count."""
    newer = SqlEventLogStorageTable.alias("newer").c
    newer_check = AssetCheckExecutionsTable.alias("newer").c
    same = (newer.asset_key == _EVENTS.asset_key, newer.dagster_event_type == _EVENTS.dagster_event_type)
    # Each partition by itself, so that the index is used; null equals no value in SQL.
    surpassed = sa.or_(
        _EVENTS.partition.is_not(None)
        & sa.exists().where(*same, newer.partition == _EVENTS.partition, newer.id > _EVENTS.id),
        _EVENTS.partition.is_(None) & sa.exists().where(*same, newer.partition.is_(None), newer.id > _EVENTS.id),
    )
    of_cells = _EVENTS.asset_key.is_not(None) & _EVENTS.dagster_event_type.in_(_KEPT_OF_EACH_CELL)
    results = sa.select(_CHECKS.evaluation_event_storage_id).where(_CHECKS.evaluation_event_storage_id.is_not(None))
    gone = sa.and_(
        _EVENTS.run_id.in_(runs),
        sa.or_(sa.not_(of_cells), _EVENTS.asset_key.is_(None), surpassed),
        _EVENTS.id.not_in(results),
    )
    old_results = sa.and_(
        _CHECKS.run_id.in_(runs),
        sa.exists().where(
            newer_check.asset_key == _CHECKS.asset_key,
            newer_check.check_name == _CHECKS.check_name,
            sa.func.coalesce(newer_check.partition, "") == sa.func.coalesce(_CHECKS.partition, ""),
            newer_check.id > _CHECKS.id,
        ),
    )
    with log.index_transaction() as connection:
        connection.execute(sa.delete(AssetCheckExecutionsTable).where(old_results))
        tags = AssetEventTagsTable.c.event_id.in_(sa.select(_EVENTS.id).where(gone))
        connection.execute(sa.delete(AssetEventTagsTable).where(tags))
        return connection.execute(sa.delete(SqlEventLogStorageTable).where(gone)).rowcount


def _remove_database(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _remove_old(folder: Path, before: datetime) -> int:
    """Delete the files in a folder that were last modified before a timestamp; returns their number."""
    old = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_mtime < before.timestamp()]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _shrunk(database: Path) -> bool:
    """Compact an SQLite database, so that its free pages no longer use disk space; False if the database was locked."""
    with closing(sqlite3.connect(database, timeout=_SECONDS_FOR_LOCKS, isolation_level=None)) as connection:
        try:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.OperationalError:
            return False
    return True


def _bytes(folder: Path) -> int:
    """Total size in bytes of the files below a folder; files deleted meanwhile are ignored."""
    found = 0
    for path in folder.rglob("*"):
        try:
            found += path.lstat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return found


@dg.op(name="tidy_history", description="Take what finished runs, and requests of the collectors, left long ago.")
def tidy_op(context: dg.OpExecutionContext) -> None:
    freed = delete_old_runs(context.instance, limit(settings().history_days), settings().folder("reports"))
    context.log.info(str(freed))
    database = CollectorDatabase(settings().folder("collection"))
    if database.file.exists():
        requests = delete_old_requests(database, datetime.now(UTC).timestamp(), settings().history_days)
        context.log.info(f"{requests:,} requests of the collectors went")


@dg.job(name="tidy", description="Take what finished runs left that ended long ago; what is known of each cell stays.")
def tidy_job() -> None:
    tidy_op()


def limit(days: int) -> datetime:
    """The time (UTC) `days` days ago."""
    return datetime.now(UTC) - timedelta(days=days)
