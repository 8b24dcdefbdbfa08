"""Dagster runs started by commands in a shell: the same jobs and the same history as in the Dagster UI."""

import os
import subprocess
import sys
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.execution.api import execute_run_iterator
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from instagram_assets.automation.code_server import LOCATION_NAME
from instagram_assets.automation.dagster_home import is_home_complete, make_dagster_home
from instagram_assets.automation.dead_runs import PROCESS_TAG, close_dead_runs, this_process
from instagram_assets.automation.executor_and_retries import NO_RETRIES
from instagram_assets.automation.failure_reasons import STOPPED, failure_reason
from instagram_assets.automation.partitions_to_run import exact_ranges, plan_runs
from instagram_assets.automation.run_states import COMMAND_TAG
from instagram_assets.automation.stale_datasets import DATASET_INPUTS, datasets_are_due
from instagram_assets.datasets.dataset_files import missing_datasets
from instagram_assets.definitions import defs
from instagram_assets.errors import RunFailedError, SettingsError
from instagram_assets.homes import HOMES
from instagram_assets.ingest.manifests import clear_pending, pending_files
from instagram_assets.partitions import (
    PARTITION,
    RANGE_END,
    RANGE_START,
    is_outdated,
    known_accounts,
    register_accounts,
    register_search,
)
from instagram_assets.settings import settings
from instagram_assets.storage.atomic import remedy
from instagram_assets.storage.lake import open_lake, values_in

# Dagster writes events in batches of this size; without it the batched event log has no effect.
EVENT_BATCH_SIZE = "1000"
_RAW_TABLES = ("raw_posts", "raw_reels", "raw_profiles")
# Runs over many partitions with short steps.
_STAGES_OF_BOXES: dict[str, Any] = {"loggers": {"stages": {"config": {"seconds": 2.0}}}}


_command: ContextVar[str] = ContextVar("command", default="")


def prepare_home(deployment: str = "sqlite") -> Path:
    """Create DAGSTER_HOME with the deployment's dagster.yaml and databases, and set it in the environment.

    A dagster.yaml is replaced only if it is the unchanged default for SQLite. All code that opens Dagster's instance
    calls this function first; of two concurrent first starts, one waits. Raises SettingsError if the folder cannot be
    written or the deployment is unknown, StorageError if a database is damaged.
    """
    home = settings().folder("dagster")
    source = HOMES / deployment / "dagster.yaml"
    if not source.is_file():
        known = ", ".join(sorted(file.parent.name for file in HOMES.glob("*/dagster.yaml")))
        raise SettingsError(f"There is no deployment {deployment}. Name one of {known}.")
    try:
        settings().folder("inbox").mkdir(parents=True, exist_ok=True)
        make_dagster_home(home, source, databases=deployment == "sqlite")
    except OSError as error:
        raise SettingsError(f"{home} cannot be written ({error.strerror}). {remedy(error)}.") from error
    _point_at(home)
    return home


def _point_at(home: Path) -> None:
    """Set DAGSTER_HOME in the environment; not written if already equal, since other threads read it."""
    wanted = {"DAGSTER_HOME": str(home), "DAGSTER_EVENT_BATCH_SIZE": EVENT_BATCH_SIZE}
    os.environ.update({name: value for name, value in wanted.items() if os.environ.get(name) != value})
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")


@contextmanager
def open_instance() -> Generator[dg.DagsterInstance]:
    """Context manager: opens the Dagster instance of DAGSTER_HOME (created if missing), after closing dead runs."""
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        close_dead_runs(instance)
        _register_again(instance)
        yield instance


@contextmanager
def look_at_instance(home: Path | None = None) -> Generator[dg.DagsterInstance | None]:
    """Context manager: the Dagster instance of `home` (default: DAGSTER_HOME) for reading; None if there is none.

    Unlike `open_instance` it neither creates nor repairs databases, so it can be used while runs are active.
    """
    home = home or settings().folder("dagster")
    if not is_home_complete(home):
        yield None
        return
    _point_at(home)
    with dg.DagsterInstance.get() as instance:
        yield instance


def _register_again(instance: dg.DagsterInstance) -> None:
    """Register the partitions of existing lake rows in a new Dagster database (the old one was damaged or lost)."""
    if not known_accounts(instance):
        register_accounts(
            instance, sorted(set().union(*(values_in(open_lake(settings()), name) for name in _RAW_TABLES)))
        )
    if not instance.get_dynamic_partitions("searches"):
        for name in sorted(values_in(open_lake(settings()), "search_results")):
            register_search(instance, name)


def run_job(
    instance: dg.DagsterInstance,
    name: str,
    *,
    tags: dict[str, str] | None = None,
    config: dict[str, Any] | None = None,
    assets: Sequence[dg.AssetKey] | None = None,
    resources: Mapping[str, object] | None = None,
) -> list[dg.AssetMaterialization]:
    """Run a job, or only some of its assets, in this process; returns the materializations of unpartitioned assets.

    `resources` replace those of the definitions. Raises RunFailedError with the error's message, and KeyboardInterrupt
    when a signal stopped the run.
    """
    job = defs.resolve_job_def(name)
    if resources:
        given = {key: dg.ResourceDefinition.hardcoded_resource(value) for key, value in resources.items()}
        job = job.with_top_level_resources({**job.resource_defs, **given})
    if assets:
        job = job.get_subset(asset_selection=set(assets))
    run = instance.create_run_for_job(
        job,
        run_config={**_STAGES_OF_BOXES, **(config or {})},
        tags={**job.run_tags, **(tags or {}), **_tags_of_command()},
        asset_selection=frozenset(assets) if assets else None,
        remote_job_origin=_shown_as(name),
    )
    made: list[dg.AssetMaterialization] = []
    failure = ""
    # Events are read one by one: those of 20,000 partitions would take hundreds of megabytes.
    for event in execute_run_iterator(InMemoryJob(job), run, instance):
        if event.is_step_failure:
            failure = failure or f"{name}, step {event.step_key}: {failure_reason(event)}"
        elif event.event_type == dg.DagsterEventType.RUN_FAILURE:
            failure = failure or f"{name}: {failure_reason(event)}"
        elif event.is_step_materialization and event.partition is None:
            made.append(event.step_materialization_data.materialization)
    if failure.endswith(STOPPED):
        raise KeyboardInterrupt(failure)  # not an error, which a command might ignore
    if instance.get_run_by_id(run.run_id).status != dg.DagsterRunStatus.SUCCESS:  # pyright: ignore[reportOptionalMemberAccess] it was made here
        raise RunFailedError(failure or f"{name}: the run failed; see it in the Dagster UI")
    return made


@contextmanager
def as_command(name: str) -> Generator[None]:
    """Context manager: tag all runs started in the block with `name`, as runs of the same command."""
    token = _command.set(name)
    try:
        yield
    finally:
        _command.reset(token)


def _tags_of_command() -> dict[str, str]:
    # A failed command reports the error itself; the daemon must not retry its runs.
    return NO_RETRIES | {PROCESS_TAG: this_process(), COMMAND_TAG: _command.get() or uuid4().hex}


def _shown_as(job: str) -> RemoteJobOrigin:
    """The job in the code location that `dev` serves, so that the Dagster UI shows a run under that job."""
    location = RegisteredCodeLocationOrigin(LOCATION_NAME)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME), job)


def land(instance: dg.DagsterInstance, files: Sequence[Path], observed_at: str = "", account: str = "") -> None:
    """Ingest `files` into the landing zone; if it is empty, all files of the inbox."""
    named = tuple(file.absolute() for file in files)
    options = {"ops": {"landed": {"config": {"observed_at": observed_at, "account": account}}}}
    run_job(instance, "landing", config=options, resources={"landing_files": named})


def bring_up_to_date(instance: dg.DagsterInstance) -> int:
    """Process all pending ingested files, including those of an interrupted run; returns the number of runs."""
    due = plan_runs(instance)
    if due.profiles:
        run_job(instance, "profiles", tags=due.profiles)
    for number, part in enumerate(due.boxes, start=1):
        if len(due.boxes) > 1:
            print(f"tables: run {number} of {len(due.boxes)}, {span(part.tags)}", file=sys.stderr)
        run_job(instance, "box", tags=due.tags_of(part), assets=due.assets)
    clear_pending(open_lake(settings()), due.files)
    return len(due.boxes) + bool(due.profiles)


def finish(instance: dg.DagsterInstance, leave: Sequence[str] = ()) -> None:
    """Process all pending ingested files, then rebuild outdated datasets. Raises RunFailedError.

    Assets named in `leave` are not rebuilt. If posts older than the known daily partitions were ingested, a new process
    does the work, since Dagster's partitions are fixed when the definitions are loaded.
    """
    if not is_outdated():
        if bring_up_to_date(instance) or datasets_are_due(instance):
            some = [dg.AssetKey(name) for name in DATASET_INPUTS if name not in leave] if leave else None
            run_job(instance, "datasets", assets=some)
        return
    words = [sys.executable, "-m", "instagram_assets.cli", "finish", "--command", _command.get()]
    words += [word for name in leave for word in ("--leave", name)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RunFailedError("the tables could not be made; the reason stands above")


def estimate_ages(instance: dg.DagsterInstance, accounts: Collection[str]) -> None:
    """Train the age model if its inputs changed, and apply it to these accounts. Raises RunFailedError."""
    run_job(instance, "age_training")
    for tags in exact_ranges(known_accounts(instance), accounts):
        run_job(instance, "age_estimates", tags=tags)


def is_complete() -> bool:
    """Whether the lake has posts, no ingested file is pending, and datasets and age predictions (if enabled) exist."""
    written = not {"dataset_csv", "dataset_json", "dataset_parquet"} & set(missing_datasets(settings()))
    asked = not settings().age.enabled or (open_lake(settings()) / "age_predictions").exists()
    return written and asked and (open_lake(settings()) / "posts").exists() and not pending_files(open_lake(settings()))


def span(tags: Mapping[str, str] | None) -> str:
    """Text with the partitions of a run: the only one, or first … last; empty for a run without partitions."""
    if not tags:
        return ""
    return tags.get(PARTITION) or f"{tags[RANGE_START]} … {tags[RANGE_END]}"
