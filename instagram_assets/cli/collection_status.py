"""Command `collected`: the state of collected accounts and hashtags, and of the identities that request them."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from instagram_assets.cli.command_options import JsonOption
from instagram_assets.cli.messages import report_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from instagram_assets.collect.collection_status import AccountStatus, IdentityStatus

commands = typer.Typer()
_NUMBER_COLUMNS = ("posts", "refusals", "today")


@commands.command()
@report_errors
def collected(as_json: JsonOption = False) -> None:
    """Show each account and hashtag that was collected: last seen, newest post, refusals, time of the next request.

    Also, for each login or token: today's requests, actions that a person has to take, hashtags that count against the
    weekly budget, and hours from which posts of hashtags can be missing.
    """
    from instagram_assets.collect.clock import SystemClock
    from instagram_assets.collect.collection_status import account_statuses, identity_statuses
    from instagram_assets.collect.collector_database import CollectorDatabase
    from instagram_assets.collect.graph_api_site import graph_api_identity
    from instagram_assets.collect.hashtag_budget import budget_used
    from instagram_assets.collect.hashtag_gaps import missing_hashtag_hours
    from instagram_assets.collect.site_adapter import GRAPH_API
    from instagram_assets.settings import settings

    database, now = CollectorDatabase(settings().folder("collection")), SystemClock().now()
    accounts = account_statuses(database, now, settings().zone) if database.file.exists() else []
    identities = identity_statuses(database, now, settings().zone) if database.file.exists() else []
    gaps = [gap.words(settings().zone) for gap in missing_hashtag_hours(settings(), database, now)] if accounts else []
    official = graph_api_identity(settings().graph_api)
    hashtags = [use.hashtag for use in budget_used(database, GRAPH_API, official, now)] if accounts else []
    if as_json:
        groups = {"collected": accounts, "identities": identities}
        plain: dict[str, Any] = {name: [asdict(one) for one in rows] for name, rows in groups.items()}
        typer.echo(json.dumps({**plain, "hashtags": hashtags, "gaps": gaps}, ensure_ascii=False, default=_plain_value))
        return
    if not accounts:
        typer.echo("Nothing was collected yet. See: instagram-assets collect --help")
        return
    from rich.console import Console

    Console().print(_accounts_table(accounts))
    for line in _identity_lines(identities, hashtags, gaps):
        typer.echo(line)


def _accounts_table(accounts: "Sequence[AccountStatus]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    from instagram_assets.collect.status_table import STATUS_COLUMNS, status_cells
    from instagram_assets.settings import settings

    budget, zone = settings().collection.requests_per_account, settings().zone
    table = Table(title="Collected", title_justify="left")
    columns = [name for name in STATUS_COLUMNS if name != "reason"]  # long, and what may be done stands below
    for name in columns:
        table.add_column(name, justify="right" if name in _NUMBER_COLUMNS else "left", overflow="fold")
    for one in accounts:
        table.add_row(*map(Text, status_cells(one, budget, zone)[: len(columns)]))
    return table


def _identity_lines(
    identities: "Sequence[IdentityStatus]", hashtags: "Sequence[str]", gaps: "Sequence[str]"
) -> "Iterator[str]":
    from instagram_assets.settings import settings

    most = settings().collection.requests_per_day
    today = sum(one.requests_today for one in identities)
    yield f"{today:,} of {most:,} requests were made today"
    for one in identities:
        made = f"{one.identity}: {one.requests_today:,} requests today, {one.requests_hour:,} in the last hour"
        if one.stopped:
            cleared = "When it is done: instagram-assets collect --cleared"
            yield f"{made}; stopped ({one.stopped.replace('_', ' ')}: {one.reason}). {cleared}"
        elif one.open_until:
            yield f"{made}; left alone until {_local_time(one.open_until)} ({one.reason})"
        else:
            yield made
    if hashtags:
        week = settings().graph_api.hashtags_per_week
        yield f"{len(hashtags)} of {week} hashtags count in these seven days: {', '.join(hashtags)}"
    for gap in gaps:
        yield f"Missing: {gap}"


def _local_time(moment: datetime | None) -> str:
    from instagram_assets.settings import settings

    return f"{moment.astimezone(settings().zone):%Y-%m-%d %H:%M}" if moment else ""


def _plain_value(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
