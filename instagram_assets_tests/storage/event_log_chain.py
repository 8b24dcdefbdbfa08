"""A chain of three assets over 24 cells, of which a run can be made to fail or to die anywhere.

`CUT` names where: `second:raise` and `second:die` as the second asset begins, `second:write` in the middle of its
files, `second:events` after the first batch of its events.
"""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.execution.api import execute_run
from dagster._core.execution.plan.resume_retry import ReexecutionStrategy
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget

from instagram_assets.storage.event_log import UNTOUCHED

ACCOUNTS = [f"account{number}" for number in range(4)]
NAMES = ("first", "second", "third")
BOX = {
    "dagster/asset_partition_range_start": "account0|2025-01-01",
    "dagster/asset_partition_range_end": "account3|2025-01-06",
}
CELLS = {f"{account}|2025-01-{day:02}" for account in ACCOUNTS for day in range(1, 7)}
WITH_ROWS = {f"account1|2025-01-{day:02}" for day in range(1, 6)}

ENDED = "chain_ended"
"""Tag of the runs that sensors ask for: which run each is about."""

accounts = dg.DynamicPartitionsDefinition(name="accounts")
days = dg.DailyPartitionsDefinition("2025-01-01", timezone="Asia/Seoul", end_date="2025-06-01")
account_days = dg.MultiPartitionsDefinition({"account": accounts, "day": days})


class Files(dg.IOManager):
    """One file a cell, with a line for each time it was made."""

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        root = Path(os.environ["FILES"]) / context.asset_key.path[-1]
        root.mkdir(parents=True, exist_ok=True)
        for number, cell in enumerate(context.asset_partition_keys):
            if number == 10 and os.environ.get("CUT") == f"{context.asset_key.path[-1]}:write":
                os._exit(9)
            with (root / cell).open("a") as file:
                file.write("made\n")

    def load_input(self, context: dg.InputContext) -> Any:
        return len(list((Path(os.environ["FILES"]) / context.asset_key.path[-1]).iterdir()))


def chained(name: str, before: str | None) -> dg.AssetsDefinition:
    @dg.asset(
        name=name,
        partitions_def=account_days,
        ins={"before": dg.AssetIn(before)} if before else {},
        backfill_policy=dg.BackfillPolicy.single_run(),
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36)),
    )
    def made(context: dg.AssetExecutionContext, **_: Any) -> int:
        cut = os.environ.get("CUT", "")
        if cut == f"{name}:raise":
            raise dg.Failure("cut here", allow_retries=False)
        if cut == f"{name}:die":
            os._exit(9)
        if name == "third":
            for number, cell in enumerate(context.partition_keys):
                context.add_asset_metadata({"dagster/partition_row_count": number}, partition_key=cell)
        return 1

    return made


@dg.asset_check(asset="third")
def is_even() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, metadata={"odd": 3})


@dg.asset(partitions_def=account_days)
def few(context: dg.AssetExecutionContext) -> None:
    """An asset that has rows in a few cells; the others are marked as the lake's IO manager marks them."""
    if os.environ.get("CUT") == "few:raise":
        raise dg.Failure("cut here", allow_retries=False)
    for cell in sorted(CELLS - WITH_ROWS):
        context.add_asset_metadata({UNTOUCHED: True}, partition_key=cell)


@dg.asset(partitions_def=account_days, deps=["few"])
def after_few(context: dg.AssetExecutionContext) -> None:
    if os.environ.get("CUT") == "after_few:raise":
        raise dg.Failure("cut here", allow_retries=False)


chain = dg.define_asset_job("chain", [*NAMES])


@dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS, request_job=chain)
def succeeded(context: dg.RunStatusSensorContext) -> dg.RunRequest:
    return dg.RunRequest(tags={ENDED: context.dagster_run.run_id})


@dg.run_failure_sensor(request_job=chain)
def failed(context: dg.RunFailureSensorContext) -> dg.RunRequest:
    steps = ",".join(str(event.step_key) for event in context.get_step_failure_events())
    return dg.RunRequest(tags={ENDED: context.dagster_run.run_id, "steps": steps})


@dg.asset_sensor(asset_key=dg.AssetKey("second"), job=chain)
def second_made(context: dg.SensorEvaluationContext, entry: dg.EventLogEntry) -> dg.RunRequest:
    return dg.RunRequest(tags={ENDED: entry.run_id, "cell": str(entry.get_dagster_event().partition)})


definitions = dg.Definitions(
    [*(chained(name, before) for name, before in zip(NAMES, (None, *NAMES), strict=False)), few, after_few],
    asset_checks=[is_even],
    jobs=[chain, dg.define_asset_job("few_job", ["few", "after_few"])],
    sensors=[succeeded, failed, second_made],
    resources={"io_manager": Files()},
    executor=dg.in_process_executor,
)


def of_cell(cell: str) -> dict[str, str]:
    """The tags of a run of one cell, as the UI gives them."""
    account, day = cell.split("|")
    return {"dagster/partition": cell, "dagster/partition/account": account, "dagster/partition/day": day}


def start(instance: dg.DagsterInstance, job: str = "chain", tags: dict[str, str] | None = None) -> dg.DagsterRun:
    """Make a run of the box; `execute` runs it."""
    if not instance.get_dynamic_partitions("accounts"):
        instance.add_dynamic_partitions("accounts", ACCOUNTS)
    return instance.create_run_for_job(definitions.resolve_job_def(job), tags=tags or BOX)


def execute(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    execute_run(dg.build_reconstructable_job(__name__, "job", (run.job_name,)), run, instance)


def job(name: str) -> dg.JobDefinition:
    return definitions.resolve_job_def(name)


def run_until_it_dies(environment: Mapping[str, str]) -> None:
    """In a process of its own: a run of the box in the home of the environment, which ends where `CUT` says."""
    os.environ.update(environment)
    with dg.DagsterInstance.get() as instance:
        run = start(instance)
        name, _, where = os.environ["CUT"].partition(":")
        if where == "events":
            _die_after_a_batch(instance, run.run_id, name)
        execute(instance, run)


def _die_after_a_batch(instance: dg.DagsterInstance, run_id: str, name: str) -> None:
    def end(entry: dg.EventLogEntry) -> None:
        made = entry.dagster_event_type == dg.DagsterEventType.ASSET_MATERIALIZATION
        if made and entry.get_dagster_event().asset_key == dg.AssetKey(name):
            os._exit(9)

    instance.add_event_listener(run_id, end)


@contextmanager
def workspace(instance: dg.DagsterInstance) -> Generator[WorkspaceProcessContext]:
    """What the UI and the daemon work with, where this module is the code location."""
    origin = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name=__name__, attribute="definitions"))
    with WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)) as context:
        yield context


def reexecuted(instance: dg.DagsterInstance, parent: dg.DagsterRun) -> dg.DagsterRun:
    """Re-execute a run from the assets that failed, as the UI does; the new run, after it has ended."""
    with workspace(instance) as process:
        context = process.create_request_context()
        location = context.code_locations[0]
        run = instance.create_reexecuted_run(
            request_context=context,
            parent_run=parent,
            code_location=location,
            remote_job=next(iter(location.get_repositories().values())).get_full_job(parent.job_name),
            strategy=ReexecutionStrategy.FROM_ASSET_FAILURE,
            use_parent_run_tags=True,
        )
    execute(instance, run)
    ended = instance.get_run_by_id(run.run_id)
    assert ended
    return ended


def states(instance: dg.DagsterInstance, name: str) -> dict[str, set[str]]:
    """The cells that the pages of an asset show as materialized, failed and in progress."""
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        status = get_and_update_asset_status_cache_value(instance, dg.AssetKey(name), account_days)
        if status is None:
            return {"materialized": set(), "failed": set(), "in progress": set()}
        subsets = {
            "materialized": status.deserialize_materialized_partition_subsets(account_days),
            "failed": status.deserialize_failed_partition_subsets(account_days),
            "in progress": status.deserialize_in_progress_partition_subsets(account_days),
        }
        return {state: set(map(str, subset.get_partition_keys())) for state, subset in subsets.items()}
