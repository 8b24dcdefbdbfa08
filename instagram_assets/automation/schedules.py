"""What runs by the clock."""

from datetime import date, timedelta
from typing import Any

import dagster as dg

from instagram_assets.automation.jobs import box, box_assets, datasets, skipped_tags
from instagram_assets.automation.plan import datasets_are_due
from instagram_assets.automation.scrape import run_config, scrape_job
from instagram_assets.automation.tidy import tidy_job
from instagram_assets.calendar import day_of
from instagram_assets.errors import InstagramAssetsError, ScrapeRequestError, SettingsError
from instagram_assets.partitions import box as box_of
from instagram_assets.partitions import known_accounts
from instagram_assets.settings import settings
from instagram_assets.sources.registered import registered
from instagram_assets.sources.requests import load_request

_TIME_ZONE = settings().time_zone


@dg.schedule(
    cron_schedule="0 9 * * *",
    job=box,
    execution_timezone=_TIME_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def yesterday(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Every morning at nine: all accounts of yesterday, as one run."""
    order = known_accounts(context.instance)
    if not order:
        return dg.SkipReason("No account is known yet: drop an export into the inbox")
    day = day_of(context.scheduled_execution_time, settings().zone) - timedelta(days=1)
    tags = box_of(order, order, day, day).tags | skipped_tags()
    return dg.RunRequest(run_key=f"yesterday:{day}", tags=tags, asset_selection=box_assets())


@dg.schedule(
    cron_schedule="0 3 * * *",
    job=datasets,
    execution_timezone=_TIME_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def nightly_datasets(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Every night at three: write the datasets anew, unless nothing changed since the last time."""
    if not datasets_are_due(context.instance):
        return dg.SkipReason("Nothing changed since the datasets were written")
    return dg.RunRequest(run_key=f"datasets:{context.scheduled_execution_time.date()}")


@dg.schedule(cron_schedule="0 8 * * *", job=scrape_job, execution_timezone=_TIME_ZONE)
def daily_scrape(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Every morning at eight: yesterday's posts of the daily inputs. Off until switched on, as it costs money."""
    names = settings().apify.daily_names
    if not names:
        return dg.SkipReason("No input is named: set INSTAGRAM_ASSETS_APIFY__DAILY")
    morning = day_of(context.scheduled_execution_time, settings().zone)
    requests, skipped = list[dg.RunRequest](), list[str]()
    for name in names:
        try:
            config = _daily_config(name, morning)
        except ScrapeRequestError as error:
            skipped.append(f"{name}: {error}")
            continue
        requests.append(dg.RunRequest(f"scrape:{name}:{morning - timedelta(days=1)}", config))
    for reason in skipped:
        context.log.info(f"Skipped {reason}")
    return requests or dg.SkipReason(" ".join(skipped))


def _daily_config(name: str, morning: date) -> dict[str, Any]:
    """What the run of a daily input is about. Raises ScrapeRequestError when it is nobody's turn.

    An input or a registry that cannot be read is the failure of that run, which is told as any other, and of no other.
    """
    try:
        asked = load_request(name, settings().apify.inputs_dir)
    except InstagramAssetsError:
        return run_config(name, [], None)
    day = morning - timedelta(days=1) if asked.takes_day else None
    file = settings().accounts_file
    if asked.names_somebody or not file.exists():
        return run_config(name, [], day)
    try:
        return run_config(name, registered(asked, file, morning), day)
    except SettingsError:
        config = run_config(name, [], day)
        config["ops"]["collect"]["config"]["registered"] = True
        return config


weekly_tidy = dg.ScheduleDefinition(
    name="weekly_tidy",
    cron_schedule="0 4 * * 1",
    job=tidy_job,
    execution_timezone=_TIME_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every Monday at four: take what runs left that ended long ago.",
)

schedules = [yesterday, nightly_datasets, daily_scrape, weekly_tidy]
