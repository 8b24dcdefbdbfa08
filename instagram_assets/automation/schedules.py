"""What runs by the clock."""

from datetime import date, timedelta

import dagster as dg

from instagram_assets.automation.delta import delta_job
from instagram_assets.automation.jobs import box, box_assets, datasets, skipped_tags
from instagram_assets.automation.plan import datasets_are_due
from instagram_assets.automation.scrape import run_config, scrape_job
from instagram_assets.automation.tidy import tidy_job
from instagram_assets.calendar import day_of
from instagram_assets.partitions import box as box_of
from instagram_assets.partitions import known_accounts
from instagram_assets.settings import settings
from instagram_assets.sources.accounts import load_registry, names_for_apify
from instagram_assets.sources.requests import ScrapeRequest, load_request

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
    day = day_of(context.scheduled_execution_time, settings().zone) - timedelta(days=1)
    inputs = [load_request(name, settings().apify.inputs_dir) for name in names]
    return [
        dg.RunRequest(
            f"scrape:{each.name}:{day}", run_config(each.name, _registered(each, day), day if each.takes_day else None)
        )
        for each in inputs
    ]


def _registered(request: ScrapeRequest, day: date) -> list[str]:
    """Whom the registry collects in the week of a day, for an input that names nobody itself."""
    if request.names_somebody or not settings().accounts_file.exists():
        return []
    kind = "hashtag" if request.takes_hashtags else "account"
    return names_for_apify(load_registry(settings().accounts_file), day, kind)


weekly_tidy = dg.ScheduleDefinition(
    name="weekly_tidy",
    cron_schedule="0 4 * * 1",
    job=tidy_job,
    execution_timezone=_TIME_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every Monday at four: take what runs left that ended long ago.",
)

weekly_delta_upkeep = dg.ScheduleDefinition(
    name="weekly_delta_upkeep",
    cron_schedule="0 5 * * 1",
    job=delta_job,
    execution_timezone=_TIME_ZONE,
    # Each night's versions keep their files, so without it a disk fills up.
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every Monday at five: merge small files of the Delta tables, take those of old versions.",
)

schedules = [yesterday, nightly_datasets, daily_scrape, weekly_tidy, weekly_delta_upkeep]
