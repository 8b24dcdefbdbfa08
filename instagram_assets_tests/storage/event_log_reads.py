"""One run over two assets of 24 partitions, and everything that the UI and the daemon read about it afterwards.

All answers of `what_is_read` are those of stock storage. What differs on purpose is asked
for elsewhere: the log of a run (`run_log`), and records of planned events, which are one an asset.
"""

import re
from typing import Any

import dagster as dg

ACCOUNTS = [f"account{number}" for number in range(3)]

accounts = dg.DynamicPartitionsDefinition(name="accounts")
days = dg.DailyPartitionsDefinition("2025-01-01", timezone="Asia/Seoul")
account_days = dg.MultiPartitionsDefinition({"account": accounts, "day": days})
first = dg.AssetKey("first")
second = dg.AssetKey("second")
FEW = [f"account1|2025-01-{day:02}" for day in range(1, 6)]
CELLS = len(ACCOUNTS) * 8
"""Partitions of each asset; more than a handful."""
BOX = {
    "dagster/asset_partition_range_start": f"{ACCOUNTS[0]}|2025-01-01",
    "dagster/asset_partition_range_end": f"{ACCOUNTS[-1]}|2025-01-08",
}


@dg.asset(name="first", partitions_def=account_days, metadata={"rows": 1})
def first_asset(context: dg.AssetExecutionContext) -> None:
    context.add_output_metadata({"cells": len(context.partition_keys)})


@dg.asset(name="second", partitions_def=account_days, deps=[first_asset])
def second_asset(context: dg.AssetExecutionContext) -> None:
    context.log_event(dg.AssetObservation("second", partition=context.partition_keys[0], metadata={"seen": True}))


@dg.asset_check(asset="second", name="is_fine")
def second_is_fine() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


definitions = dg.Definitions([first_asset, second_asset], asset_checks=[second_is_fine])


def box_run(instance: dg.DagsterInstance) -> str:
    """Materialize both assets for all cells in one run; its id."""
    if not instance.get_dynamic_partitions("accounts"):
        instance.add_dynamic_partitions("accounts", ACCOUNTS)
    job = definitions.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, tags=BOX).run_id


def what_is_read(instance: dg.DagsterInstance, run_id: str) -> dict[str, Any]:
    """Answers of every reader of asset events, without run ids, times and storage ids."""
    storage = instance.event_log_storage
    stats = storage.get_stats_for_run(run_id)
    answers: dict[str, Any] = {
        "keys": storage.all_asset_keys(),
        "asset records": [_asset_record(record) for record in instance.get_asset_records([first, second])],
        "planned and done": {
            str(key): sorted(map(str, cells)) for key, cells in storage.get_asset_partitions_for_run(run_id).items()
        },
        "stats": (stats.steps_succeeded, stats.steps_failed, stats.materializations),
        "checks": sorted(
            str(key) for key in storage.get_latest_asset_check_execution_by_key([second_is_fine.check_key])
        ),
        "runs": [run.status.value for run in instance.get_runs()],
    }
    for key in (first, second):
        answers[f"{key} partitions"] = sorted(instance.get_materialized_partitions(key))
        answers[f"{key} by partition"] = sorted(
            storage.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION)
        )
        answers[f"{key} tags by partition"] = sorted(
            (cell, sorted(name for name in tags))
            for cell, tags in storage.get_latest_tags_by_partition(
                key, dg.DagsterEventType.ASSET_MATERIALIZATION, ["dagster/data_version", "dagster/partition/account"]
            ).items()
        )
        answers[f"{key} updated"] = sorted(
            storage.get_updated_data_version_partitions(key, answers[f"{key} partitions"], since_storage_id=0)
        )
        answers[f"{key} account tags"] = sorted(sorted(item.items()) for item in _account_tags(instance, key))
        answers[f"{key} latest"] = _entry(instance.get_latest_materialization_event(key))
        answers[f"{key} planned"] = (
            storage.get_latest_planned_materialization_info(key, BOX["dagster/asset_partition_range_end"]) is not None
        )
        answers[f"{key} unplanned"] = (
            storage.get_latest_asset_partition_materialization_attempts_without_materializations(key)
        )
        answers[f"{key} materializations"] = _all_pages(instance.fetch_materializations, key)
        answers[f"{key} observations"] = _all_pages(instance.fetch_observations, key)
    for kind in ("ASSET_MATERIALIZATION", "ASSET_OBSERVATION"):
        wanted = dg.EventRecordsFilter(dg.DagsterEventType(kind), asset_key=second)
        answers[f"{kind} records"] = [
            _entry(record.event_log_entry) for record in storage.get_event_records(wanted, ascending=True)
        ]
    return answers


def of_run(answers: dict[str, Any]) -> dict[str, Any]:
    """The answers that are about one run only."""
    return {question: answers[question] for question in ("planned and done", "stats")}


def run_log(instance: dg.DagsterInstance, run_id: str, **limits: Any) -> list[str]:
    """What the page of a run shows of it."""
    records = instance.event_log_storage.get_records_for_run(run_id, **limits).records
    return [_entry(record.event_log_entry) for record in records]


def assert_log_is_short(ours: list[str], stock: list[str]) -> None:
    """Ours says all that stock storage's log of a box run says, and of cells once per asset and type of event."""
    names = {f"{kind} {key}" for key in (first, second) for kind in ("PLANNED", "ASSET_MATERIALIZATION")}

    def of_assets(entry: str) -> bool:
        return any(name in entry for name in names)

    assert sorted(filter(of_assets, ours)) == sorted(
        f"ASSET_MATERIALIZATION {key} None {key.path[0]} Materialized {CELLS} partitions of {key.path[0]}."
        if kind == "MATERIALIZATION"
        else f"ASSET_MATERIALIZATION_PLANNED {key} None {key.path[0]} "
        f'__ASSET_JOB intends to materialize asset ["{key.path[0]}"]'
        for key in (first, second)
        for kind in ("PLANNED", "MATERIALIZATION")
    )
    rest = [sorted(entry for entry in log if not of_assets(entry)) for log in (ours, stock)]
    assert rest[0] == rest[1]
    assert len(stock) - len(ours) == 4 * CELLS - 4


def _account_tags(instance: dg.DagsterInstance, key: dg.AssetKey) -> list[dict[str, str]]:
    found = instance.event_log_storage.get_event_tags_for_asset(key, {"dagster/partition/account": ACCOUNTS[1]})
    return [{name: value for name, value in item.items() if name != "dagster/data_version"} for item in found]


def _all_pages(fetch: Any, key: dg.AssetKey) -> list[str]:
    """Every record, read with cursors as a sensor does."""
    entries: list[str] = []
    cursor = None
    while True:
        page = fetch(key, limit=70, cursor=cursor, ascending=True)
        entries += [_entry(record.event_log_entry) for record in page.records]
        if not page.has_more:
            return entries
        cursor = page.cursor


def _asset_record(record: Any) -> tuple[str, str, bool]:
    entry = record.asset_entry
    return str(entry.asset_key), _entry(entry.last_materialization), entry.last_run_id is not None


def _entry(entry: Any) -> str:
    event = entry.dagster_event
    if event is None:
        return "text"
    message = re.sub(
        r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{64}|(\d+m)?\d+(\.\d+)?(ms|s)\b|pid: \d+|\d{5,}", "…", event.message or ""
    )
    return " ".join(map(str, (event.event_type_value, event.asset_key, event.partition, event.step_key, message)))
