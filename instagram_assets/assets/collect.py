"""Whom we collect ourselves: made, it collects everybody whose turn it is, and is the table of how each stands."""

from typing import Any

import dagster as dg
import pyarrow as pa

from instagram_assets.assets.parts import described, failing_clearly
from instagram_assets.calendar import today
from instagram_assets.collect.books import Books
from instagram_assets.collect.clock import SystemClock
from instagram_assets.collect.permission import check_permission
from instagram_assets.collect.table import as_markdown
from instagram_assets.collect.table import collected_accounts as standing
from instagram_assets.collect.whom import INSTAGRAM, Kind, Whom, named, registered
from instagram_assets.collect.wish import Wish
from instagram_assets.privacy.tombstones import LatestTombstones, load_tombstones
from instagram_assets.settings import settings
from instagram_assets.sources.accounts import load_registry
from instagram_assets.sources.requests import parse_day


class CollectConfig(dg.Config):
    """Whom to collect: `names`, or whom the registry has this week; of these `accounts`, `hashtags` or all.

    `newer_than` is the day of the oldest post; without it what the lake does not have. With `rereads` also posts whose
    numbers are due to be read again.
    """

    names: list[str] = []
    of: Kind = "all"
    newer_than: str = ""
    rereads: bool = True


@dg.asset(
    description="Whom we collect ourselves, by Meta's official API or from the site, and how it stands with each. To "
    "make it is to collect: what comes is put into the inbox.",
    **described("collected_accounts", "ingest"),
)
def collected_accounts(context: dg.AssetExecutionContext, config: CollectConfig) -> dg.Output[pa.Table]:
    """Posts and profiles of accounts and hashtags into the inbox, by the official API or from the site."""
    from instagram_assets.collect.everybody import collect_everybody

    options, books, clock = settings().collection, Books(settings().folder("collection")), SystemClock()
    with failing_clearly():
        whom, day = _whom(config), parse_day(config.newer_than)
        for note in whom.notes:
            context.log.warning(note)
        wish = Wish(options.posts_per_account, day, catches_up=not config.names, rereads=config.rereads)
        forgotten = LatestTombstones(settings().folder("privacy"))
        done = collect_everybody(settings(), whom, wish, books, clock, forgotten, context.log.info)
    table, shown = how_each_stands(books, clock.now())
    if done.errors and not any(one.file for one in done.found):
        raise dg.Failure("\n".join(map(str, done.errors)), metadata=shown, allow_retries=False)
    for error in done.errors:
        context.log.error(str(error))
    return dg.Output(table, metadata={**done.numbers, **shown})


def how_each_stands(books: Books, now: float) -> tuple[pa.Table, dict[str, dg.MetadataValue[Any]]]:
    """The table of whom we collect, read from the books, and the metadata that shows it."""
    table = standing(books, now, settings().zone, settings().collection.requests_per_account)
    return table, {"accounts": dg.MetadataValue.md(as_markdown(table, settings().zone))}


def whose_turn(of: Kind) -> Whom:
    """Whom the registry has for us this week. Raises SettingsError or CollectionRefusedError where that is nobody."""
    forgotten = load_tombstones(settings().folder("privacy"))
    registry = load_registry(settings().accounts_file, forgotten)
    whom = registered(registry, today(settings().zone), of=of)
    if of_site := whom.subjects.get(INSTAGRAM):
        check_permission(of_site, settings().collection, lambda: registry.names)
    return whom


def _whom(config: CollectConfig) -> Whom:
    if not config.names:
        return whose_turn(config.of)
    file = settings().accounts_file
    registry = load_registry(file, load_tombstones(settings().folder("privacy"))) if file.exists() else None
    whom = named(config.names, registry)
    if of_site := whom.subjects.get(INSTAGRAM):
        check_permission(of_site, settings().collection, lambda: registry.names if registry else ())
    return whom
