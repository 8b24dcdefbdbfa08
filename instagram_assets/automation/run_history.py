"""What Dagster's run history says: which runs failed, wait or run, and how the stages of new runs ended."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import dagster as dg

from instagram_assets.assets.ingest import FOLDERS
from instagram_assets.automation.dead_runs import dead_runs, reason_of
from instagram_assets.automation.jobs import jobs
from instagram_assets.automation.run_states import GOING, WAITING, statuses

COMMAND_TAG = ".dagster/instagram_assets_command"
"""The hidden tag of runs that one command started, in whichever process: the same value for all of them."""
ENDINGS = ("ok", "failed", "expired", "refused")


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
    """Runs that failed last, one for each job, and how many runs of which job wait, run, or ended without a word."""

    failed: list[FailedRun] = field(default_factory=list[FailedRun])
    queued: dict[str, int] = field(default_factory=dict[str, int])
    running: dict[str, int] = field(default_factory=dict[str, int])
    died: dict[str, int] = field(default_factory=dict[str, int])


def read_history(instance: dg.DagsterInstance) -> RunHistory:
    """What failed, waits and runs."""
    failed = (_newest_failure(instance, job.name) for job in jobs)
    dead = dead_runs(instance)
    waiting, running = (
        [run for run in _found(instance, kind) if run not in dead] for kind in (statuses(WAITING), statuses(GOING))
    )
    return RunHistory([run for run in failed if run], _counted(waiting), _counted(running), _counted(dead))


def endings_of(instance: dg.DagsterInstance, runs: Iterable[dg.DagsterRun]) -> dict[str, Counter[str]]:
    """How the rows of each table ended in some runs: counts of ENDINGS, by table."""
    found: dict[str, Counter[str]] = {}
    for run in runs:
        records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_OBSERVATION).records
        for record in records:
            observation = record.event_log_entry.asset_observation
            if observation is None:
                continue
            numbers = {name: value.value for name, value in observation.metadata.items() if name in ENDINGS}
            if numbers:
                found.setdefault(observation.asset_key.path[-1], Counter()).update(numbers)
    return found


def folders_read(instance: dg.DagsterInstance, runs: Iterable[dg.DagsterRun]) -> list[str]:
    """What landing runs found in folders, a line each."""
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


def _found(instance: dg.DagsterInstance, statuses: list[dg.DagsterRunStatus]) -> Sequence[dg.DagsterRun]:
    return instance.get_runs(dg.RunsFilter(statuses=statuses))


def _counted(runs: Iterable[dg.DagsterRun]) -> dict[str, int]:
    return dict(Counter(run.job_name for run in runs))
