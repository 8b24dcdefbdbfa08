"""What Dagster's run history says: which runs failed, wait or run, and how the stages of new runs ended."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from instagram_assets.automation.dead_runs import reason_of
from instagram_assets.automation.jobs import jobs

ENDINGS = ("ok", "failed", "expired", "refused")
_WAITING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED]
_RUNNING = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


@dataclass(frozen=True)
class FailedRun:
    """The newest failed run of a job, and the first line of why; `succeeded_since`: a later run of the job did not."""

    job: str
    run: str
    time: str
    error: str
    succeeded_since: bool


@dataclass(frozen=True)
class RunHistory:
    """Runs that failed last, one for each job, and how many runs of which job wait or run."""

    failed: list[FailedRun]
    queued: dict[str, int]
    running: dict[str, int]


def read_history(instance: dg.DagsterInstance) -> RunHistory:
    """What failed, waits and runs."""
    failed = (_newest_failure(instance, job.name) for job in jobs)
    return RunHistory([run for run in failed if run], _counted(instance, _WAITING), _counted(instance, _RUNNING))


def endings_since(instance: dg.DagsterInstance, moment: datetime) -> dict[str, Counter[str]]:
    """How the rows of each table ended in the runs that began after a moment: counts of ENDINGS, by table."""
    found: dict[str, Counter[str]] = {}
    for run in instance.get_runs(dg.RunsFilter(created_after=moment)):
        records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_OBSERVATION).records
        for record in records:
            observation = record.event_log_entry.asset_observation
            if observation is None:
                continue
            numbers = {name: value.value for name, value in observation.metadata.items() if name in ENDINGS}
            if numbers:
                found.setdefault(observation.asset_key.path[-1], Counter()).update(numbers)
    return found


def first_error(instance: dg.DagsterInstance, run: str) -> str:
    """Why a run failed: the first step's reason, else what the run itself says; its first line."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    events = [
        record.event_log_entry.dagster_event
        for record in instance.get_records_for_run(run, of_type=kinds).records
        if record.event_log_entry.dagster_event
    ]
    told = [reason_of(event) for event in events if event.is_step_failure]
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


def _counted(instance: dg.DagsterInstance, statuses: list[dg.DagsterRunStatus]) -> dict[str, int]:
    return dict(Counter(run.job_name for run in instance.get_runs(dg.RunsFilter(statuses=statuses))))
