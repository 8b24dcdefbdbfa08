"""The job `scrape`: run an Apify actor (a hosted scraper) and put the records that it collected into the inbox."""

from datetime import date
from typing import Any

import dagster as dg

from instagram_assets.assets.asset_helpers import failing_clearly
from instagram_assets.automation.executor_and_retries import NO_RETRIES
from instagram_assets.calendar import today
from instagram_assets.partitions import HISTORY_TAG, SHOWN_IN_HISTORY
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.settings import settings
from instagram_assets.sources.apify_inputs import load_scrape_request, parse_day
from instagram_assets.sources.apify_scrape import Scraped, scrape
from instagram_assets.sources.scrape_names import names_from_registry, refuse_forgotten_names

_MINUTES_MORE = 30


class ScrapeConfig(dg.Config):
    """Which Apify input to scrape, for which accounts or hashtags, and the ISO day of the oldest post.

    Without names or a day, those in the input are used.
    """

    name: str
    names: list[str] = []
    newer_than: str = ""
    again: bool = False
    """Scrape even if the same request was scraped a short time ago."""
    registered: bool = False
    """Instead of `names`, scrape the accounts or hashtags that the registry collects this week."""


def scrape_run_config(name: str, names: list[str], newer_than: date | None, *, again: bool = False) -> dict[str, Any]:
    """The run config of the job `scrape` for the Apify input `name`; the parameters are as in ScrapeConfig."""
    day = newer_than.isoformat() if newer_than else ""
    return {"ops": {"collect": {"config": {"name": name, "names": names, "newer_than": day, "again": again}}}}


@dg.op(
    name="collect",  # must not be renamed: stored run configs contain it
    description="Run an Apify actor, wait for it, and put the records that it collected into the inbox.",
    tags={"kind": "apify"},
)
def run_actor(context: dg.OpExecutionContext, config: ScrapeConfig) -> None:
    """Run the Apify actor and write its records into the inbox; cancelling the Dagster run aborts the actor's run."""
    with failing_clearly():
        asked = load_scrape_request(config.name, settings().apify.inputs_dir)
        forgotten, names = load_tombstones(settings().folder("privacy")), config.names
        if config.registered:
            day = today(settings().zone)
            names = names_from_registry(asked, settings().accounts_file, day, forgotten, context.log.warning)
        request = asked.of(names, parse_day(config.newer_than), settings().zone)
        refuse_forgotten_names(request, forgotten)
        done = scrape(
            request,
            settings().apify,
            settings().folder("inbox"),
            settings().folder("scrapes"),
            context.log.info,
            again=config.again,
        )
    context.add_output_metadata(_told(done))


def _told(done: Scraped) -> dict[str, Any]:
    told: dict[str, Any] = {"run of Apify": done.run, "records": done.items}
    if done.file:
        told["file"] = dg.MetadataValue.path(str(done.file))
    if done.charge_usd is not None:
        told["charged, US dollars"] = done.charge_usd
    return told | {"known before": done.is_known}


@dg.job(
    name="scrape",
    description="Collect posts, reels or profiles by an Apify actor, which costs money, and put them into the inbox, "
    "from where they land like any other export.",
    # A retry of a failed Apify run would be paid a second time.
    tags=NO_RETRIES
    | {
        "dagster/max_runtime": str(60 * (settings().apify.run_minutes + _MINUTES_MORE)),
        HISTORY_TAG: SHOWN_IN_HISTORY,
    },
)
def scrape_job() -> None:
    run_actor()
