"""A chain of three assets over forty cells, of which a run can be made to fail or to die anywhere.

`CUT` names where: `second:raise` and `second:die` as the second asset begins, `second:write` in the middle of its
files, `second:events` after the first batch of its events. Run as a program it is the process that dies.
"""

import os
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.execution.api import execute_run
from dagster._core.execution.plan.resume_retry import ReexecutionStrategy
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from dagster._core.test_utils import in_process_test_workspace
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from instagram_assets.storage.event_log import UNTOUCHED

ACCOUNTS = [f"account{number}" for number in range(4)]
NAMES = ("first", "second", "third")
BOX = {
    "dagster/asset_partition_range_start": "account0|2025-01-01",
    "dagster/asset_partition_range_end": "account3|2025-01-10",
}
CELLS = {f"{account}|2025-01-{day:02}" for account in ACCOUNTS for day in range(1, 11)}
WITH_ROWS = {f"account1|2025-01-{day:02}" for day in range(1, 8)}

accounts = dg.DynamicPartitionsDefinition(name="accounts")
days = dg.DailyPartitionsDefinition("2025-01-01", timezone="Asia/Seoul", end_date="2025-02-01")
account_days = dg.MultiPartitionsDefinition({"account": accounts, "day": days})


class Files(dg.IOManager):
    """One file a cell, with a line for each time it was made."""

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        root = Path(os.environ["FILES"]) / context.asset_key.path[-1]
        root.mkdir(parents=True, exist_ok=True)
        for number, cell in enumerate(context.asset_partition_keys):
            if number == 20 and os.environ.get("CUT") == f"{context.asset_key.path[-1]}:write":
                os._exit(9)
            with (root / cell).open("a") as file:
                file.write("made\n")

    def load_input(self, context: dg.InputContext) -> Any:
        return len(list((Path(os.environ["FILES"]) / context.asset_key.path[-1]).iterdir()))


def chained(name: str, before: str | None) -> dg.AssetsDefinition:
    @dg.asset(name=name, partitions_def=account_days, ins={"before": dg.AssetIn(before)} if before else {})
    def made(context: dg.AssetExecutionContext, **_: Any) -> int:
        cut = os.environ.get("CUT", "")
        if cut == f"{name}:raise":
            raise dg.Failure("cut here", allow_retries=False)
        if cut == f"{name}:die":
            os._exit(9)
        return 1

    return made


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


definitions = dg.Definitions(
    [*(chained(name, before) for name, before in zip(NAMES, (None, *NAMES), strict=False)), few, after_few],
    jobs=[dg.define_asset_job("chain", [*NAMES]), dg.define_asset_job("few_job", ["few", "after_few"])],
    resources={"io_manager": Files()},
    executor=dg.in_process_executor,
)


def start(instance: dg.DagsterInstance, job: str = "chain", tags: dict[str, str] | None = None) -> dg.DagsterRun:
    """Make a run of the box; `execute` runs it."""
    if not instance.get_dynamic_partitions("accounts"):
        instance.add_dynamic_partitions("accounts", ACCOUNTS)
    return instance.create_run_for_job(definitions.resolve_job_def(job), tags=tags or BOX)


def execute(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    job = dg.build_reconstructable_job("instagram_assets_tests.storage.event_log_failures", "job", (run.job_name,))
    execute_run(job, run, instance)


def job(name: str) -> dg.JobDefinition:
    return definitions.resolve_job_def(name)


def die_after_a_batch(instance: dg.DagsterInstance, run_id: str, name: str) -> None:
    """End this process once the first batch of the asset's events is stored."""

    def end(entry: dg.EventLogEntry) -> None:
        made = entry.dagster_event_type == dg.DagsterEventType.ASSET_MATERIALIZATION
        if made and entry.get_dagster_event().asset_key == dg.AssetKey(name):
            os._exit(9)

    instance.add_event_listener(run_id, end)


def reexecuted(instance: dg.DagsterInstance, parent: dg.DagsterRun) -> dg.DagsterRun:
    """Re-execute a run from the assets that failed, as the UI does; the new run, after it has ended."""
    origin = LoadableTargetOrigin(
        module_name="instagram_assets_tests.storage.event_log_failures", attribute="definitions"
    )
    with in_process_test_workspace(instance, origin) as context:
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


if __name__ == "__main__":
    with dg.DagsterInstance.get() as opened:
        begun = start(opened)
        name, _, where = os.environ["CUT"].partition(":")
        if where == "events":
            die_after_a_batch(opened, begun.run_id, name)
        execute(opened, begun)
