"""Whether runs go on, or ended badly."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

# A run is handed on as soon as it is made: one that waits longer was made by a daemon that died then.
_LONGEST_UNSENT = timedelta(minutes=5)

WAITING = ("QUEUED", "NOT_STARTED")
GOING = ("STARTING", "STARTED", "CANCELING")
UNDER_WAY = (*WAITING, *GOING)
"""The statuses of runs that wait or go on, by Dagster's names; one that is being cancelled still works."""


def statuses(names: Sequence[str]) -> list[dg.DagsterRunStatus]:
    """Statuses by their names, as an instance is asked for them."""
    return [dg.DagsterRunStatus(name) for name in names]


def unfinished(instance: dg.DagsterInstance, job: str) -> bool:
    """True while a run of the job waits or goes on."""
    return bool(under_way(instance, job))


def under_way(instance: dg.DagsterInstance, job: str) -> list[dg.DagsterRun]:
    """The runs of the job that wait or go on, without those that were made and that nobody will start any more."""
    records = instance.get_run_records(dg.RunsFilter(job_name=job, statuses=statuses(UNDER_WAY)))
    return [record.dagster_run for record in records if not _is_unsent(record)]


def _is_unsent(record: dg.RunRecord) -> bool:
    is_new = record.dagster_run.status == dg.DagsterRunStatus.NOT_STARTED
    return is_new and datetime.now(UTC) - record.create_timestamp > _LONGEST_UNSENT


def has_failed(instance: dg.DagsterInstance, job: str, tags: Mapping[str, str]) -> bool:
    """True when the newest run of the job with these tags ended without success."""
    newest = instance.get_runs(dg.RunsFilter(job_name=job, tags=dict(tags)), limit=1)
    return bool(newest) and newest[0].status in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
