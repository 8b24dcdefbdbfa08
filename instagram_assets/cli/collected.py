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
_COLUMNS = ("account", "site", "state", "last seen", "newest post", "collected", "posts", "refusals", "today", "next")
_RIGHT = ("posts", "refusals", "today")


@commands.command()
@clear_errors
def collected(as_json: AsJson = False) -> None:
    """Show each account and hashtag that was collected: last seen, newest post, refusals, when it may be asked again.

    And of who asks: requests of today, what a person has to do, hashtags that count, hours that are missing.
    """
    from instagram_assets.collect.books import Books
    from instagram_assets.collect.clock import SystemClock
    from instagram_assets.collect.hashtags import budget_used
    from instagram_assets.collect.standing import identity_standings, standings
    from instagram_assets.collect.turns import missing_hours
    from instagram_assets.settings import settings

    books, now = Books(settings().folder("collection")), SystemClock().now()
    found = standings(books, now, settings().zone) if books.file.exists() else []
    who = identity_standings(books, now, settings().zone) if books.file.exists() else []
    gaps = [gap.words(settings().zone) for gap in missing_hours(settings(), books, now)] if found else []
    official = f"graph_api:{settings().graph_api.user_id}"
    hashtags = [use.hashtag for use in budget_used(books, "graph_api", official, now)] if found else []
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

    table = Table(title="Collected", title_justify="left")
    for column in _COLUMNS:
        table.add_column(column, justify="right" if column in _RIGHT else "left", overflow="fold")
    for one in found:
        cells = (
            *(one.subject, one.site, _state(one), _when(one.seen_at), _when(one.newest_post_at)),
            *(_when(one.collected_at), f"{one.posts:,}", f"{one.refusals:,}", f"{one.requests_today:,}"),
            _next(one),
        )
        table.add_row(*map(Text, cells))
    return table


def _next(one: "Standing") -> str:
    if one.state != "active":
        return "never"
    return "stopped" if one.is_stopped else _when(one.next_at) or "now"


def _state(one: "Standing") -> str:
    """How it stands with an account: what it is where that is the end, else how its last collection went."""
    if one.open_pages:
        pages = f"{one.open_pages:,} page{'' if one.open_pages == 1 else 's'} kept"
        return f"open, {pages}"
    return (one.outcome if one.state == "active" and one.outcome else one.state).replace("_", " ")


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
