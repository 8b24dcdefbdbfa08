"""How it stands with the accounts and hashtags that we collect ourselves, and with who asks for them."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from instagram_assets.cli.arguments import AsJson
from instagram_assets.cli.errors import clear_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from instagram_assets.collect.standing import IdentityStanding, Standing

commands = typer.Typer()
_RIGHT = ("posts", "refusals", "today")


@commands.command()
@clear_errors
def collected(as_json: AsJson = False) -> None:
    """Show each account and hashtag that was collected: last seen, newest post, refusals, when it may be asked again.

    And of who asks: requests of today, what a person has to do, hashtags that count, hours that are missing.
    """
    from instagram_assets.collect.books import Books
    from instagram_assets.collect.clock import SystemClock
    from instagram_assets.collect.graph_api import identity_of
    from instagram_assets.collect.hashtags import budget_used
    from instagram_assets.collect.standing import identity_standings, standings
    from instagram_assets.collect.turns import missing_hours
    from instagram_assets.collect.whom import GRAPH_API
    from instagram_assets.settings import settings

    books, now = Books(settings().folder("collection")), SystemClock().now()
    found = standings(books, now, settings().zone) if books.file.exists() else []
    who = identity_standings(books, now, settings().zone) if books.file.exists() else []
    gaps = [gap.words(settings().zone) for gap in missing_hours(settings(), books, now)] if found else []
    official = identity_of(settings().graph_api)
    hashtags = [use.hashtag for use in budget_used(books, GRAPH_API, official, now)] if found else []
    if as_json:
        told = {"collected": found, "identities": who}
        plain: dict[str, Any] = {name: [asdict(one) for one in rows] for name, rows in told.items()}
        typer.echo(json.dumps({**plain, "hashtags": hashtags, "gaps": gaps}, ensure_ascii=False, default=_plain))
        return
    if not found:
        typer.echo("Nothing was collected yet. See: instagram-assets collect --help")
        return
    from rich.console import Console

    Console().print(_table(found))
    for line in _lines(who, hashtags, gaps):
        typer.echo(line)


def _table(found: "Sequence[Standing]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    from instagram_assets.collect.table import COLUMNS, shown
    from instagram_assets.settings import settings

    budget, zone = settings().collection.requests_per_account, settings().zone
    table = Table(title="Collected", title_justify="left")
    columns = [name for name in COLUMNS if name != "reason"]  # long, and what may be done stands below
    for name in columns:
        table.add_column(name, justify="right" if name in _RIGHT else "left", overflow="fold")
    for one in found:
        table.add_row(*map(Text, shown(one, budget, zone)[: len(columns)]))
    return table


def _lines(who: "Sequence[IdentityStanding]", hashtags: "Sequence[str]", gaps: "Sequence[str]") -> "Iterator[str]":
    from instagram_assets.settings import settings

    most = settings().collection.requests_per_day
    today = sum(one.requests_today for one in who)
    yield f"{today:,} of {most:,} requests were made today"
    for one in who:
        made = f"{one.identity}: {one.requests_today:,} requests today, {one.requests_hour:,} in the last hour"
        if one.stopped:
            cleared = "When it is done: instagram-assets collect --cleared"
            yield f"{made}; stopped ({one.stopped.replace('_', ' ')}: {one.reason}). {cleared}"
        elif one.open_until:
            yield f"{made}; left alone until {_when(one.open_until)} ({one.reason})"
        else:
            yield made
    if hashtags:
        week = settings().graph_api.hashtags_per_week
        yield f"{len(hashtags)} of {week} hashtags count in these seven days: {', '.join(hashtags)}"
    for gap in gaps:
        yield f"Missing: {gap}"


def _when(moment: datetime | None) -> str:
    from instagram_assets.settings import settings

    return f"{moment.astimezone(settings().zone):%Y-%m-%d %H:%M}" if moment else ""


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
