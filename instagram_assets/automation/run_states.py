"""Whether runs go on, or ended badly."""

from collections.abc import Mapping, Sequence

import dagster as dg

WAITING = ("QUEUED", "NOT_STARTED")
GOING = ("STARTING", "STARTED", "CANCELING")
UNDER_WAY = (*WAITING, *GOING)
"""The statuses of runs that wait or go on, by Dagster's names; one that is being cancelled still works."""


def statuses(names: Sequence[str]) -> list[dg.DagsterRunStatus]:
    """Statuses by their names, as an instance is asked for them."""
    return [dg.DagsterRunStatus(name) for name in names]


def unfinished(instance: dg.DagsterInstance, job: str) -> bool:
    """True while a run of the job waits or goes on."""
    return bool(instance.get_runs(dg.RunsFilter(job_name=job, statuses=statuses(UNDER_WAY)), limit=1))


def has_failed(instance: dg.DagsterInstance, job: str, tags: Mapping[str, str]) -> bool:
    """True when the newest run of the job with these tags ended without success."""
    newest = instance.get_runs(dg.RunsFilter(job_name=job, tags=dict(tags)), limit=1)
    return bool(newest) and newest[0].status in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
