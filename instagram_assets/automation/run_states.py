"""Whether runs go on, or ended badly."""

from collections.abc import Mapping

import dagster as dg

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def unfinished(instance: dg.DagsterInstance, job: str) -> bool:
    """True while a run of the job waits or goes on."""
    return bool(instance.get_runs(dg.RunsFilter(job_name=job, statuses=_UNFINISHED), limit=1))


def has_failed(instance: dg.DagsterInstance, job: str, tags: Mapping[str, str]) -> bool:
    """True when the newest run of the job with these tags ended without success."""
    newest = instance.get_runs(dg.RunsFilter(job_name=job, tags=dict(tags)), limit=1)
    return bool(newest) and newest[0].status in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
