"""The Dagster schedules."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import dagster as dg

from instagram_assets.automation.collect_job import collect_hashtags, daily_collect
from instagram_assets.automation.history_cleanup import tidy_job
from instagram_assets.automation.jobs import box, box_assets, datasets, delta_job, reels, skipped_tags
from instagram_assets.automation.reel_steps import NOT_WATCHED, days_back, next_batch
from instagram_assets.automation.retention_job import NO_LIMIT_SET, retention_job
from instagram_assets.automation.scrape_job import scrape_job, scrape_run_config
from instagram_assets.automation.stale_datasets import datasets_are_due
from instagram_assets.calendar import day_of
from instagram_assets.errors import InstagramAssetsError, ScrapeRequestError, SettingsError
from instagram_assets.partitions import box as box_of
from instagram_assets.partitions import known_accounts
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.retention.expired_items import retention_limits
from instagram_assets.settings import settings
from instagram_assets.sources.apify_inputs import load_scrape_request
from instagram_assets.sources.scrape_names import names_from_registry

_TIME_ZONE = settings().time_zone
_REELS = "reels"
"""Name of the Apify input that is scraped every week."""


@dg.schedule(
    cron_schedule=settings().schedules.yesterday_cron,
    job=box,
    execution_timezone=_TIME_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def yesterday(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Daily, at nine by default: all accounts of yesterday, as one run."""
    order = known_accounts(context.instance)
    if not order:
        return dg.SkipReason("No account is known yet: drop an export into the inbox")
    day = day_of(context.scheduled_execution_time, settings().zone) - timedelta(days=1)
    tags = box_of(order, order, day, day).tags | skipped_tags()
    return dg.RunRequest(run_key=f"yesterday:{day}", tags=tags, asset_selection=box_assets())


@dg.schedule(
    cron_schedule=settings().schedules.datasets_cron,
    job=datasets,
    execution_timezone=_TIME_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def nightly_datasets(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Daily, at three by default: write the datasets again, unless their inputs have not changed since the last run."""
    if not datasets_are_due(context.instance):
        return dg.SkipReason("Nothing changed since the datasets were written")
    return dg.RunRequest(run_key=f"datasets:{context.scheduled_execution_time.date()}")


@dg.schedule(cron_schedule=settings().schedules.scrape_cron, job=scrape_job, execution_timezone=_TIME_ZONE)
def daily_scrape(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Daily, at eight by default: scrape yesterday's posts for each daily Apify input. Off until switched on, as it
    costs money.
    """
    names = settings().apify.daily_names
    if not names:
        return dg.SkipReason("No input is named: set INSTAGRAM_ASSETS_APIFY__DAILY")
    morning = day_of(context.scheduled_execution_time, settings().zone)
    requests, skipped = list[dg.RunRequest](), list[str]()
    for name in names:
        try:
            config = _daily_config(name, morning, context.log.warning)
        except ScrapeRequestError as error:
            skipped.append(f"{name}: {error}")
            continue
        requests.append(dg.RunRequest(f"scrape:{name}:{morning - timedelta(days=1)}", config))
    for reason in skipped:
        context.log.info(f"Skipped {reason}")
    return requests or dg.SkipReason(" ".join(skipped))


def _daily_config(name: str, morning: date, tell: Callable[[str], object]) -> dict[str, Any]:
    """The run config for the daily Apify input `name`. Raises ScrapeRequestError if no account is due.

    If the input or the registry cannot be read, a config is returned with which this run fails, with an alert; other
    inputs are not affected.
    """
    try:
        asked = load_scrape_request(name, settings().apify.inputs_dir)
    except InstagramAssetsError:
        return scrape_run_config(name, [], None)
    day = morning - timedelta(days=1) if asked.takes_day else None
    file = settings().accounts_file
    if asked.names_somebody or not file.exists():
        return scrape_run_config(name, [], day)
    try:
        return scrape_run_config(
            name, names_from_registry(asked, file, morning, load_tombstones(settings().folder("privacy")), tell), day
        )
    except SettingsError:
        config = scrape_run_config(name, [], day)
        config["ops"]["collect"]["config"]["registered"] = True
        return config


@dg.schedule(cron_schedule=settings().reels.weekly_cron, job=scrape_job, execution_timezone=_TIME_ZONE)
def weekly_reels(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Every week: the reels of the accounts that the registry collects that week. Off until switched on, as it costs
    money.
    """
    if not settings().reels.enabled:
        return dg.SkipReason(NOT_WATCHED)
    day = day_of(context.scheduled_execution_time, settings().zone)
    request = load_scrape_request(_REELS, settings().apify.inputs_dir)
    if not request.names_somebody and not settings().accounts_file.exists():
        return dg.SkipReason(f"{settings().accounts_file} names no account whose turn it is")
    try:
        forgotten = load_tombstones(settings().folder("privacy"))
        whom = (request, settings().accounts_file, day, forgotten, context.log.warning)
        names = [] if request.names_somebody else names_from_registry(*whom)
    except ScrapeRequestError as error:
        return dg.SkipReason(str(error))
    first = day - timedelta(days=settings().reels.days) if request.takes_day else None
    return dg.RunRequest(f"weekly_reels:{day}", scrape_run_config(_REELS, names, first))


@dg.schedule(cron_schedule=settings().reels.batch_cron, job=reels, execution_timezone=_TIME_ZONE)
def reel_batches(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Every second day: analyse a small batch of the reels that are not analysed yet. Off until switched on."""
    if not settings().reels.enabled:
        return dg.SkipReason(NOT_WATCHED)
    step = next_batch(context.instance, days_back(settings().reels.days))
    if isinstance(step, str):
        return dg.SkipReason(step)
    day = day_of(context.scheduled_execution_time, settings().zone)
    return dg.RunRequest(f"reel_batches:{day}:{step.key}", tags=step.tags, asset_selection=step.selection)


weekly_tidy = dg.ScheduleDefinition(
    name="weekly_tidy",
    cron_schedule=settings().schedules.tidy_cron,
    job=tidy_job,
    execution_timezone=_TIME_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Weekly, on Monday at four by default: take what runs left that ended long ago.",
)

weekly_delta_upkeep = dg.ScheduleDefinition(
    name="weekly_delta_upkeep",
    cron_schedule=settings().schedules.delta_cron,
    job=delta_job,
    execution_timezone=_TIME_ZONE,
    # Old versions of Delta tables keep their files, so without this a disk fills up.
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Weekly, on Monday at five by default: merge small files of the Delta tables, delete old versions.",
)


@dg.schedule(cron_schedule=settings().privacy.retention_cron, job=retention_job, execution_timezone=_TIME_ZONE)
def retention(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Delete data older than the retention period in the settings. Off until switched on, as deletion is final."""
    if not retention_limits(settings().privacy, context.scheduled_execution_time):
        return dg.SkipReason(NO_LIMIT_SET)
    return dg.RunRequest(f"retention:{context.scheduled_execution_time.isoformat()}")


schedules = [
    *(yesterday, nightly_datasets, weekly_tidy, weekly_delta_upkeep),
    *(daily_collect, collect_hashtags, daily_scrape, weekly_reels, reel_batches, retention),
]
