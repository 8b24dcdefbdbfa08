"""The asset `collected_accounts`: materializing it collects the due accounts and writes the table of their status."""

from typing import Any, Literal

import dagster as dg
import pyarrow as pa

from instagram_assets.assets.asset_helpers import contract_arguments, failing_clearly
from instagram_assets.collect.clock import SystemClock
from instagram_assets.collect.collect_targets import TargetKind, choose_targets
from instagram_assets.collect.collection_scope import CollectionScope
from instagram_assets.collect.collection_status import account_statuses
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.hashtag_gaps import missing_hashtag_hours
from instagram_assets.collect.status_table import collected_accounts_table as table_of
from instagram_assets.collect.status_table import status_markdown
from instagram_assets.errors import CollectionRefusedError
from instagram_assets.settings import settings
from instagram_assets.sources.apify_inputs import parse_day

POOL = "collection"
"""Dagster pool that lets only one run collect at a time."""


class CollectConfig(dg.Config):
    """What to collect.

    - `names`: accounts and hashtags; empty: those that the registry collects this week.
    - `of`: only `accounts`, only `hashtags`, or `all`.
    - `by`: the site; empty: as the registry says, else the official API.
    - `newer_than`: day of the oldest post; empty: posts newer than those in the lake.
    - `catches_up`: also older posts that the lake lacks.
    - `posts`: maximum per account, also of posts in the lake; 0: as in the settings, only new posts.
    - `rereads`: also posts whose like and comment counts are due to be read again.
    - `again`: also accounts that were just collected, or recorded as not found, private or renamed.
    """

    names: list[str] = []
    of: TargetKind = "all"
    by: Literal["", "graph_api", "instagram"] = ""
    newer_than: str = ""
    catches_up: bool = False
    posts: int = 0
    rereads: bool = True
    again: bool = False


@dg.asset(
    description="Whom we collect ourselves, by Meta's official API or from the site, and how it stands with each. To "
    "make it is to collect: what comes is put into the inbox.",
    pool=POOL,
    **contract_arguments("collected_accounts", "ingest"),
)
def collected_accounts(context: dg.AssetExecutionContext, config: CollectConfig) -> dg.Output[pa.Table]:
    """Collects posts and profiles of accounts and hashtags into the inbox, by the official API or from the site."""
    from instagram_assets.collect.collect_all_sites import CollectionOptions, ProgressListener, collect_all
    from instagram_assets.collect.collection_results import RunResult

    chosen, database, clock, done = (
        settings(),
        CollectorDatabase(settings().folder("collection")),
        SystemClock(),
        RunResult(),
    )
    with failing_clearly():
        targets = choose_targets(chosen, config.names, by=config.by or None, of=config.of)
        for note in targets.notes:
            context.log.warning(note)
        options = CollectionOptions(
            chosen, database, clock, _scope(config), chosen.folder("inbox"), again=config.again, takes_turns=True
        )
        collect_all(options, targets, ProgressListener(context.log.info), done)
    table, shown = how_each_stands(database, clock.now())
    if done.errors and not done.brought:
        raise dg.Failure("\n".join(map(str, done.errors)), metadata=shown, allow_retries=False)
    for error in done.errors:
        context.log.error(str(error))
    return dg.Output(table, metadata={**done.numbers, **shown})


def how_each_stands(database: CollectorDatabase, now: float) -> tuple[pa.Table, dict[str, dg.MetadataValue[Any]]]:
    """The table `collected_accounts`, read from the collector's database, and the metadata that shows it in the UI."""
    chosen = settings()
    budget, found = chosen.collection.requests_per_account, account_statuses(database, now, chosen.zone)
    table = table_of(found, budget, missing_hashtag_hours(chosen, database, now))
    return table, {"accounts": dg.MetadataValue.md(status_markdown(found, budget, chosen.zone))}


def _scope(config: CollectConfig) -> CollectionScope:
    if config.posts < 0:
        raise CollectionRefusedError(f"posts: {config.posts} is no number of posts. Give 1 or more, or 0 for all due.")
    return CollectionScope(
        config.posts or settings().collection.posts_per_account,
        parse_day(config.newer_than),
        catches_up=config.catches_up,
        behind_known=config.posts > 0,
        rereads=config.rereads,
    )
