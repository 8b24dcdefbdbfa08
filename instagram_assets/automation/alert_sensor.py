"""Alerts about recent failures, and the sensor that sends them.

Pending alerts are derived from Dagster's history at each sensor tick, without stored state, so that an alert that could
not be sent is still pending at the next tick.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

# Private in dagster 1.13.27: the states recorded by its freshness daemon, and check results.
from dagster._core.definitions.freshness import FreshnessState
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from instagram_assets.alerts.channels import NOWHERE, channels
from instagram_assets.alerts.deliver import ALERTS_FOLDER, Delivery, deliver, trouble_line
from instagram_assets.alerts.message import Alert
from instagram_assets.assets.ingest import REJECTED_FILES
from instagram_assets.automation.failure_reasons import ended_by_signal, failure_class, is_refusal
from instagram_assets.calendar import day_of
from instagram_assets.partitions import PARTITION, RANGE_END, RANGE_START, known_accounts, selection
from instagram_assets.settings import settings

# What could not be sent within a day is reported by `status` only.
_LOOK_BACK = timedelta(days=1)
# After a common cause hundreds of runs of a job may fail; reading the log of each one opens a file.
_MOST_RUNS_OF_A_JOB = 10
_FAILED_CHECK = "DagsterAssetCheckFailedError"
_FAILURES = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}


@dg.sensor(name="alerts", minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def alerts_sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Report failures to the webhook and mail addresses in the settings, each cause once a day."""
    if not channels(settings().alerts):
        return dg.SkipReason(NOWHERE)
    assert context.repository_def is not None
    graph = context.repository_def.asset_graph
    done = send_due(context.instance, graph.get_all_asset_keys(), graph.asset_check_keys, datetime.now(UTC))
    problems = [*done.remarks, *(trouble_line(trouble, settings().zone) for trouble in done.troubles)]
    for line in problems:
        context.log.warning(line)
    sent = [f"Sent: {'; '.join(done.sent)}"] if done.sent else []
    return dg.SkipReason(". ".join([*sent, *problems]) or "Nothing new to tell")


def send_due(
    instance: dg.DagsterInstance, assets: Collection[dg.AssetKey], checks: Collection[dg.AssetCheckKey], now: datetime
) -> Delivery:
    """Send alerts, if not sent yet, for failures in the 24 hours before `now`: of any job, these assets and checks."""
    due = list(find_failures(instance, assets, checks, now, settings().zone))
    return deliver(due, settings().alerts, settings().folder(ALERTS_FOLDER), now)


def find_failures(
    instance: dg.DagsterInstance,
    assets: Collection[dg.AssetKey],
    checks: Collection[dg.AssetCheckKey],
    now: datetime,
    zone: ZoneInfo,
) -> Iterator[Alert]:
    """Yield alerts for failures in the 24 hours before `now`, only the newest of those with the same cause and day."""
    since = now - _LOOK_BACK
    found: dict[tuple[str, object], Alert] = {}
    for alert in (
        *_failed_runs(instance, since, zone),
        *_failed_checks(instance, checks, since, zone),
        *_overdue(instance, assets, now, zone),
    ):
        found.setdefault((alert.cause, alert.day), alert)
    yield from found.values()


def _failed_runs(instance: dg.DagsterInstance, since: datetime, zone: ZoneInfo) -> Iterator[Alert]:
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since)
    looked_at: Counter[str] = Counter()
    for record in instance.get_run_records(failed):
        run, ended = record.dagster_run, datetime.fromtimestamp(record.end_time or 0, UTC)
        looked_at[run.job_name] += 1
        if ended >= since and looked_at[run.job_name] <= _MOST_RUNS_OF_A_JOB:
            yield from _of_run(instance, run, ended, zone)


def _of_run(instance: dg.DagsterInstance, run: dg.DagsterRun, ended: datetime, zone: ZoneInfo) -> Iterator[Alert]:
    """The alert for a failed run; none if a person cancelled it or only asset checks failed (they have own alerts)."""
    events = [
        record.event_log_entry.dagster_event
        for record in instance.get_records_for_run(run.run_id, of_type=_FAILURES).records
        if record.event_log_entry.dagster_event
    ]
    steps = [event for event in events if event.is_step_failure and failure_class(event) != _FAILED_CHECK]
    if any(map(ended_by_signal, events)) or (not steps and any(event.is_step_failure for event in events)):
        return
    first = next(iter(steps or events), None)
    error, step = (failure_class(first), first.step_key or "") if first else ("", "")
    files = _rejected_files(first) if first else 0
    source = bool(files) or is_refusal(error)
    yield Alert(
        kind="source" if source else "run",
        day=day_of(ended, zone),
        job=run.job_name,
        step=step,
        error="" if files else error,  # the error of a rejected file only says that it was rejected
        cells=_cells(instance, run),
        files=files,
        run=run.run_id,
    )


def _failed_checks(
    instance: dg.DagsterInstance, checks: Collection[dg.AssetCheckKey], since: datetime, zone: ZoneInfo
) -> Iterator[Alert]:
    failed = {AssetCheckExecutionRecordStatus.FAILED}
    for key in checks:
        for record in instance.event_log_storage.get_asset_check_execution_history(key, limit=1, status=failed):
            ended = datetime.fromtimestamp(record.event.timestamp if record.event else record.create_timestamp, UTC)
            if ended < since:
                continue
            run = instance.get_run_by_id(record.run_id)
            yield Alert(
                kind="check",
                day=day_of(ended, zone),
                asset=key.asset_key.path[-1],
                check=key.name,
                severity=record.evaluation.severity.value if record.evaluation else "",
                cells=_cells(instance, run) if run else 0,
                run=record.run_id,
            )


def _overdue(
    instance: dg.DagsterInstance, assets: Collection[dg.AssetKey], now: datetime, zone: ZoneInfo
) -> Iterator[Alert]:
    """An alert for each day on which an asset is overdue, as recorded by Dagster's freshness daemon."""
    for key, record in sorted(instance.get_freshness_state_records(list(assets)).items()):
        if record.freshness_state == FreshnessState.FAIL:
            yield Alert(kind="freshness", day=day_of(now, zone), asset=key.path[-1])


def _rejected_files(event: dg.DagsterEvent) -> int:
    """The number of files that a landing (ingest) run rejected, from its step failure event; 0 for other events."""
    data = event.step_failure_data.user_failure_data if event.is_step_failure else None
    counted = data.metadata.get(REJECTED_FILES) if data else None
    return int(str(counted.value)) if counted else 0


def _cells(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int:
    """Number of partitions in a run: accounts × days, accounts, or a single partition; 0 if it has none."""
    first, last = run.tags.get(RANGE_START), run.tags.get(RANGE_END)
    if not first or not last:
        return int(PARTITION in run.tags)
    order = known_accounts(instance)
    if any(key.split("|")[0] not in order for key in (first, last)):
        return 0  # the account may have been erased since
    if "|" not in first:
        return order.index(last) - order.index(first) + 1
    chosen = selection(dg.PartitionKeyRange(first, last), order)
    return len(chosen.accounts) * ((chosen.last_day - chosen.first_day).days + 1)
