"""Run states in Dagster's instance: active runs, and the last failures with their reasons."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg

from instagram_assets.assets.ingest import FOLDERS
from instagram_assets.automation.dead_runs import dead_runs
from instagram_assets.automation.failure_reasons import failure_reason

# Runs are submitted right after creation: one that is still not was created by a daemon that died.
_LONGEST_UNSENT = timedelta(minutes=5)

WAITING_STATUSES = ("QUEUED", "NOT_STARTED")
RUNNING_STATUSES = ("STARTING", "STARTED", "CANCELING")
ACTIVE_STATUSES = (*WAITING_STATUSES, *RUNNING_STATUSES)
"""Dagster's statuses of queued and running runs; a run that is being cancelled counts as running."""


def run_statuses(names: Sequence[str]) -> list[dg.DagsterRunStatus]:
    """Convert names to Dagster's run statuses."""
    return [dg.DagsterRunStatus(name) for name in names]


def has_active_run(instance: dg.DagsterInstance, job: str) -> bool:
    """Whether a run of the job is queued or running."""
    return bool(active_runs(instance, job))


def active_runs(instance: dg.DagsterInstance, job: str) -> list[dg.DagsterRun]:
    """Queued and running runs of the job, without those that were created but never submitted."""
    records = instance.get_run_records(dg.RunsFilter(job_name=job, statuses=run_statuses(ACTIVE_STATUSES)))
    return [record.dagster_run for record in records if not _is_unsent(record)]


def _is_unsent(record: dg.RunRecord) -> bool:
    is_new = record.dagster_run.status == dg.DagsterRunStatus.NOT_STARTED
    return is_new and datetime.now(UTC) - record.create_timestamp > _LONGEST_UNSENT


def newest_run_failed(instance: dg.DagsterInstance, job: str, tags: Mapping[str, str]) -> bool:
    """Whether the newest run of the job with these tags failed or was cancelled."""
    newest = instance.get_runs(dg.RunsFilter(job_name=job, tags=dict(tags)), limit=1)
    return bool(newest) and newest[0].status in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


COMMAND_TAG = ".dagster/instagram_assets_command"
"""Hidden run tag with the same value for all runs that one command started, in any process."""
ROW_OUTCOMES = ("ok", "failed", "expired", "refused")


@dataclass(frozen=True)
class FailedRun:
    """The newest failed run of a job, with the first line of its error.

    `succeeded_since` is whether a later run of the job succeeded.
    """

    job: str
    run: str
    time: str
    error: str
    succeeded_since: bool


@dataclass(frozen=True)
class RunHistory:
    """The last failed run of each job, and per job the number of queued, running and dead (process died) runs."""

    failed: list[FailedRun] = field(default_factory=list[FailedRun])
    queued: dict[str, int] = field(default_factory=dict[str, int])
    running: dict[str, int] = field(default_factory=dict[str, int])
    died: dict[str, int] = field(default_factory=dict[str, int])


def read_history(instance: dg.DagsterInstance) -> RunHistory:
    """Read the newest failed run of each job, and the number of queued, running and dead runs per job."""
    from instagram_assets.automation.jobs import jobs  # imported here, since its jobs import this module

    failed = (_newest_failure(instance, job.name) for job in jobs)
    dead = dead_runs(instance)
    waiting, running = (
        [run for run in _found(instance, kind) if run not in dead]
        for kind in (run_statuses(WAITING_STATUSES), run_statuses(RUNNING_STATUSES))
    )
    return RunHistory([run for run in failed if run], _counted(waiting), _counted(running), _counted(dead))


def row_outcomes(instance: dg.DagsterInstance, runs: Iterable[dg.DagsterRun]) -> dict[str, Counter[str]]:
    """Number of rows by table and by outcome (one of ROW_OUTCOMES), summed over these runs."""
    found: dict[str, Counter[str]] = {}
    for run in runs:
        records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_OBSERVATION).records
        for record in records:
            observation = record.event_log_entry.asset_observation
            if observation is None:
                continue
            numbers = {name: value.value for name, value in observation.metadata.items() if name in ROW_OUTCOMES}
            if numbers:
                found.setdefault(observation.asset_key.path[-1], Counter()).update(numbers)
    return found


def folders_read(instance: dg.DagsterInstance, runs: Iterable[dg.DagsterRun]) -> list[str]:
    """Messages of the landing runs among `runs` about the folders that they ingested, one per folder."""
    found: list[str] = []
    for run in runs:
        if run.job_name != "landing":
            continue
        kinds = {dg.DagsterEventType.ASSET_MATERIALIZATION}
        for record in instance.get_records_for_run(run.run_id, of_type=kinds).records:
            made = record.event_log_entry.asset_materialization
            told = made.metadata.get(FOLDERS) if made else None
            if isinstance(told, dg.JsonMetadataValue) and isinstance(told.value, list):
                found += map(str, told.value)
    return found


def first_error(instance: dg.DagsterInstance, run: str) -> str:
    """The first line of the error of a failed run (given by its id): of its first failed step, else of the run."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    events = [
        record.event_log_entry.dagster_event
        for record in instance.get_records_for_run(run, of_type=kinds).records
        if record.event_log_entry.dagster_event
    ]
    told = [failure_reason(event) for event in events if event.is_step_failure]
    told += [event.message or "" for event in events if not event.is_step_failure]
    return next((line for reason in told for line in reason.splitlines() if line.strip()), "no reason is known")


def _newest_failure(instance: dg.DagsterInstance, job: str) -> FailedRun | None:
    def newest(status: dg.DagsterRunStatus) -> dg.RunRecord | None:
        return next(iter(instance.get_run_records(dg.RunsFilter(job_name=job, statuses=[status]), limit=1)), None)

    failure, success = newest(dg.DagsterRunStatus.FAILURE), newest(dg.DagsterRunStatus.SUCCESS)
    if failure is None:
        return None
    run, begun = failure.dagster_run.run_id, failure.create_timestamp
    time = (datetime.fromtimestamp(failure.end_time, UTC) if failure.end_time else begun).isoformat(timespec="seconds")
    return FailedRun(
        job, run, time, first_error(instance, run), success is not None and success.storage_id > failure.storage_id
    )


def _found(instance: dg.DagsterInstance, run_statuses: list[dg.DagsterRunStatus]) -> Sequence[dg.DagsterRun]:
    return instance.get_runs(dg.RunsFilter(statuses=run_statuses))


def _counted(runs: Iterable[dg.DagsterRun]) -> dict[str, int]:
    return dict(Counter(run.job_name for run in runs))
