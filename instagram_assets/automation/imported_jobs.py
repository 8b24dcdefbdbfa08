"""Imports the search jobs of an earlier dashboard into Dagster's history, as runs that cannot be executed again.

Written against dagster 1.13.27; the tables of its run storage are private.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid5

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._serdes import serialize_value

from instagram_assets.automation.hidden_runs import sql_storage, transaction
from instagram_assets.ingest.dashboard_jobs import DashboardJob
from instagram_assets.partitions import (
    ERROR_TAG,
    HISTORY_TAG,
    IMPORTED_TAG,
    KEPT_TAG,
    LIMIT_TAG,
    OUT_DIR_TAG,
    QUERY_TAG,
    SHOWN_IN_HISTORY,
)

IMPORTED_SEARCH_JOB = "imported_search"
"""Job name of the imported runs; no job of this platform, so that their failures cause no alerts."""

_NAMESPACE = UUID("5b0f0c53-9f0e-4a8c-8f4b-6f1c0c2a6d0e")
_AT_ONCE = 500
_LOCK = 0x696D706F7274
"""Key of the PostgreSQL advisory lock that excludes concurrent imports."""
_STATUSES = {
    "done": dg.DagsterRunStatus.SUCCESS,
    "failed": dg.DagsterRunStatus.FAILURE,
    "cancelled": dg.DagsterRunStatus.CANCELED,
}
_LATEST = datetime.max.replace(tzinfo=UTC)


def import_jobs(instance: dg.DagsterInstance, jobs: Sequence[DashboardJob]) -> int:
    """Add the jobs not imported yet to the history, sorted as older than all other runs; returns their number.

    An import that was killed is completed by the next one, since a run is written after its log, with all its tags.
    """
    runs = sql_storage(instance)
    new = {run_id_of(job): job for job in jobs}
    with runs.connect() as connection:
        there = set(
            connection.execute(
                sa.select(RunsTable.c.run_id).where(RunsTable.c.pipeline_name == IMPORTED_SEARCH_JOB)
            ).scalars()
        )
    left = sorted(
        ((run_id, job) for run_id, job in new.items() if run_id not in there),
        key=lambda each: each[1].started_at or each[1].finished_at or _LATEST,
        reverse=True,
    )
    added = 0
    for start in range(0, len(left), _AT_ONCE):
        some = left[start : start + _AT_ONCE]
        for run_id, job in some:
            _write_log(instance, run_id, job)
        with transaction(runs) as connection:
            added += _insert(connection, some)
    return added


def run_id_of(job: DashboardJob) -> str:
    """The run id of a job; deterministic, so that it is the same in each import."""
    return str(uuid5(_NAMESPACE, job.id))


def _insert(connection: sa.Connection, all_jobs: Sequence[tuple[str, DashboardJob]]) -> int:
    """Insert the runs that no concurrent import has added; returns their number.

    The history is sorted by row id, so imported jobs get ids below all others, the newest job the highest of them.
    """
    _wait_for_others(connection)
    ids = [run_id for run_id, _ in all_jobs]
    there = set(connection.execute(sa.select(RunsTable.c.run_id).where(RunsTable.c.run_id.in_(ids))).scalars())
    jobs = [(run_id, job) for run_id, job in all_jobs if run_id not in there]
    if not jobs:
        return 0
    lowest = connection.execute(sa.select(sa.func.min(RunsTable.c.id))).scalar()
    below = min(1, 1 if lowest is None else int(lowest)) - 1
    rows, tags = list[dict[str, object]](), list[dict[str, str]]()
    for place, (run_id, job) in enumerate(jobs):
        run = dg.DagsterRun(job_name=IMPORTED_SEARCH_JOB, run_id=run_id, status=_STATUSES[job.status], tags=_tags(job))
        created = (job.started_at or job.finished_at or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)
        rows.append(
            {
                "id": below - place,
                "run_id": run_id,
                "pipeline_name": IMPORTED_SEARCH_JOB,
                "status": run.status.value,
                "run_body": serialize_value(run),
                "create_timestamp": created,
                "update_timestamp": created,
                "start_time": job.started_at.timestamp() if job.started_at else None,
                "end_time": job.finished_at.timestamp() if job.finished_at else None,
            }
        )
        tags += [{"run_id": run_id, "key": key, "value": value} for key, value in run.tags.items()]
    connection.execute(sa.insert(RunsTable), rows)
    connection.execute(sa.insert(RunTagsTable), tags)
    return len(jobs)


def _wait_for_others(connection: sa.Connection) -> None:
    """Take a database lock until the transaction ends, so that only one import writes at a time."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    else:  # SQLite locks the database at the first write statement, even one that changes nothing
        connection.execute(sa.update(RunsTable).where(RunsTable.c.run_id.is_(None)).values(run_id=RunsTable.c.run_id))


def _tags(job: DashboardJob) -> dict[str, str]:
    numbers = {LIMIT_TAG: job.limit, KEPT_TAG: job.count}
    texts = {OUT_DIR_TAG: job.out_dir, ERROR_TAG: job.error if job.status == "failed" else ""}
    return {
        HISTORY_TAG: SHOWN_IN_HISTORY,
        IMPORTED_TAG: job.id,
        QUERY_TAG: job.query,
        **{key: str(number) for key, number in numbers.items() if number is not None},
        **{key: text for key, text in texts.items() if text},
    }


def _write_log(instance: dg.DagsterInstance, run_id: str, job: DashboardJob) -> None:
    """Write a job's log as one event of its run, unless an interrupted import has already written it."""
    if not job.log or instance.get_records_for_run(run_id, limit=1).records:
        return
    at = (job.finished_at or job.started_at or datetime.now(UTC)).timestamp()
    entry = dg.EventLogEntry(
        error_info=None,
        level=logging.INFO,
        user_message=job.log,
        run_id=run_id,
        timestamp=at,
        job_name=IMPORTED_SEARCH_JOB,
    )
    instance.event_log_storage.store_event(entry)
