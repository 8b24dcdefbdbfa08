"""The job `collect_accounts`, its schedules (off by default), and asset checks for gaps and blocked logins."""

from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from instagram_assets.assets.collect import how_each_stands
from instagram_assets.automation.executor_and_retries import NO_RETRIES
from instagram_assets.calendar import day_of
from instagram_assets.collect.clock import SystemClock
from instagram_assets.collect.collect_targets import TargetKind, choose_targets
from instagram_assets.collect.collection_status import identity_statuses
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.hashtag_gaps import missing_hashtag_hours
from instagram_assets.errors import InstagramAssetsError
from instagram_assets.partitions import HISTORY_TAG, SHOWN_IN_HISTORY
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake
from instagram_assets.storage.lake_writer import write_asset

_TIME_ZONE = settings().time_zone
_MOST_SHOWN = 50
_LOOK_BACK = 7 * 86_400.0

collect_job = dg.define_asset_job(
    "collect_accounts",
    dg.AssetSelection.assets("collected_accounts"),
    description="Collect new posts of the registered accounts and hashtags, by Meta's official API or from the site, "
    "and put them into the inbox.",
    # A refused request would be refused again; an incomplete collection is continued by the next run.
    tags=NO_RETRIES | {"dagster/max_runtime": "43200", HISTORY_TAG: SHOWN_IN_HISTORY},
)


def note_status(instance: dg.DagsterInstance, database: CollectorDatabase, now: float) -> None:
    """Update the table `collected_accounts` in the lake and the Dagster UI, after collecting outside of Dagster."""
    table, shown = how_each_stands(database, now)
    write_asset(open_lake(settings()), "collected_accounts", table)
    rows = {"dagster/row_count": table.num_rows}
    instance.report_runless_asset_event(dg.AssetMaterialization("collected_accounts", metadata={**rows, **shown}))


def collect_run_config(of: TargetKind, newer_than: str = "") -> dict[str, Any]:
    """The run config of a scheduled collection, which also fetches posts that earlier runs missed.

    `of` says whether accounts or hashtags are collected, `newer_than` is the ISO day of the oldest post to collect.
    """
    config = {"of": of, "newer_than": newer_than, "catches_up": True}
    return {"ops": {"collected_accounts": {"config": config}}}


@dg.schedule(cron_schedule=settings().collection.daily_cron, job=collect_job, execution_timezone=_TIME_ZONE)
def daily_collect(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Every morning: yesterday's posts of the registry's accounts, and new like and comment counts of older posts that
    are due. Off until switched on.
    """
    day = day_of(context.scheduled_execution_time, settings().zone) - timedelta(days=1)
    return _request("accounts", context.scheduled_execution_time, day.isoformat())


@dg.schedule(cron_schedule=settings().collection.hashtags_cron, job=collect_job, execution_timezone=_TIME_ZONE)
def collect_hashtags(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Twice a day: new posts of the registry's hashtags, of which only 24 hours are shown. Off until switched on."""
    return _request("hashtags", context.scheduled_execution_time)


def _request(of: TargetKind, at: datetime, newer_than: str = "") -> dg.RunRequest | dg.SkipReason:
    try:
        choose_targets(settings(), of=of)
    except InstagramAssetsError as error:
        return dg.SkipReason(str(error))
    return dg.RunRequest(f"collect:{of}:{at.isoformat()}", collect_run_config(of, newer_than))


@dg.asset_check(asset="collected_accounts")
def no_hours_missing() -> dg.AssetCheckResult:
    """No hashtag has gaps in the last seven days: a hashtag shows posts of 24 hours, so later collections miss some."""
    database, now = CollectorDatabase(settings().folder("collection")), SystemClock().now()
    found = [gap.words(settings().zone) for gap in missing_hashtag_hours(settings(), database, now, now - _LOOK_BACK)]
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(found[:_MOST_SHOWN]),
        metadata={"hours missing": found[:_MOST_SHOWN]},
    )


@dg.asset_check(asset="collected_accounts")
def may_go_on() -> dg.AssetCheckResult:
    """No site needs an action of a person: no login, token or permission has expired, and no checkpoint is open."""
    database, now = CollectorDatabase(settings().folder("collection")), SystemClock().now()
    stopped = [
        f"{one.identity}: {one.reason or one.stopped}"
        for one in identity_statuses(database, now, settings().zone)
        if one.stopped
    ]
    return dg.AssetCheckResult(
        passed=not stopped, severity=dg.AssetCheckSeverity.WARN, description="; ".join(stopped)[:1_000]
    )
