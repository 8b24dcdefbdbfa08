"""Whom to collect, as the registry says it."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from instagram_assets.cli.arguments import AsJson
from instagram_assets.cli.errors import clear_errors

if TYPE_CHECKING:
    from datetime import date

    from rich.table import Table

    from instagram_assets.sources.accounts import Entry, Registry, State

commands = typer.Typer()


@commands.callback(invoke_without_command=True)
@clear_errors
def accounts(
    context: typer.Context,
    week: Annotated[str, typer.Option(help="Only who is collected in that ISO week, such as 2026-W48.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show whom the registry names, and who is collected this week.

    It is accounts.toml in the data folder, or what INSTAGRAM_ASSETS_ACCOUNTS__FILE names.
    """
    if context.invoked_subcommand:
        return
    from instagram_assets.calendar import today
    from instagram_assets.settings import settings
    from instagram_assets.sources.accounts import load_registry, parse_week

    day = parse_week(week) if week else today(settings().zone)
    registry = load_registry(settings().accounts_file)
    states = registry.states(day)
    shown = [entry for entry in registry.entries if not week or states[entry.name] == "collected"]
    if as_json:
        found = [_plain(entry, states[entry.name]) for entry in shown]
        told = {"file": str(registry.file), "week": _name_of(day), "accounts": found}
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    from rich.console import Console

    console = Console()
    if shown:
        console.print(_table(shown, states, week=_name_of(day)))
    typer.echo(_summary(registry, states, _name_of(day)))


def _plain(entry: "Entry", state: "State") -> dict[str, object]:
    return {"name": entry.name, "kind": entry.kind, **entry.model_dump(mode="json", by_alias=True), "state": state}


def _table(entries: "list[Entry]", states: "dict[str, State]", week: str) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Accounts", title_justify="left")
    for column in ("name", "kind", "group", "tags", "source", "from", "to", week):
        table.add_column(column, overflow="fold")
    for entry in entries:
        tags, days = ", ".join(entry.tags), (str(day or "") for day in (entry.begins, entry.ends))
        cells = (entry.name, entry.kind, entry.group or "", tags, entry.source or "", *days)
        table.add_row(*map(Text, cells), states[entry.name])
    return table


def _summary(registry: "Registry", states: "dict[str, State]", week: str) -> str:
    number = sum(state == "collected" for state in states.values())
    return f"{registry.file}: {number} of {len(states)} are collected in {week}"


def _name_of(day: "date") -> str:
    year, number, _ = day.isocalendar()
    return f"{year}-W{number:02d}"
