"""Commands that show the registry of accounts to collect, and candidates for it."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instagram_assets.cli.command_options import JsonOption
from instagram_assets.cli.messages import report_errors

if TYPE_CHECKING:
    from rich.table import Table

    from instagram_assets.sources.account_registry import EntryState, Registry, RegistryEntry

commands = typer.Typer()
_COLUMN_TITLES = {
    "weeks": "weeks",
    "posts": "posts",
    "named_by": "named by",
    "coauthored": "together",
    "mentioned": "mention",
    "tagged": "tag",
    "own_posts": "own posts",
}


@commands.callback(invoke_without_command=True)
@report_errors
def accounts(
    context: typer.Context,
    week: Annotated[str, typer.Option(help="Only who is collected in that ISO week, such as 2026-W48.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show the accounts and hashtags in the registry, and which of them are collected this week.

    The registry is accounts.toml in the data folder, or the file that INSTAGRAM_ASSETS_ACCOUNTS__FILE names.
    """
    if context.invoked_subcommand:
        return
    from instagram_assets.calendar import today, week_name
    from instagram_assets.privacy.tombstones import load_tombstones
    from instagram_assets.settings import settings
    from instagram_assets.sources.account_registry import load_registry, parse_week

    day = parse_week(week) if week else today(settings().zone)
    registry = load_registry(settings().accounts_file, load_tombstones(settings().folder("privacy")))
    states = registry.states(day)
    shown = [entry for entry in registry.entries if not week or states[entry.name] == "collected"]
    if as_json:
        entries = [_entry_json(entry, states[entry.name]) for entry in shown]
        result = {"file": str(registry.file), "week": week_name(day), "accounts": entries}
        typer.echo(json.dumps(result, ensure_ascii=False))
        return
    from rich.console import Console

    console = Console()
    if shown:
        console.print(_accounts_table(shown, states, week=week_name(day)))
    typer.echo(_summary(registry, states, week_name(day)))


@commands.command()
@report_errors
def candidates(
    top: Annotated[int, typer.Option(min=1, max=10_000, help="How many to propose.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Propose accounts that collected posts name frequently and that are not in the registry.

    They are co-authors, mentioned or tagged accounts, ranked by the number of weeks in which a post names them. None is
    added automatically.
    """
    from instagram_assets.privacy.tombstones import load_tombstones
    from instagram_assets.settings import settings
    from instagram_assets.sources.account_candidates import POSTS_COLUMNS, account_candidates
    from instagram_assets.sources.account_registry import load_registry
    from instagram_assets.storage.lake import open_lake, read_table

    file = settings().accounts_file
    known = load_registry(file).names if file.exists() or settings().accounts.file else frozenset[str]()
    posts = read_table(open_lake(settings()), "posts", columns=POSTS_COLUMNS)
    found = account_candidates(posts, known, load_tombstones(settings().folder("privacy")))
    rows = found.slice(0, top).to_pylist()
    if as_json:
        result = {"file": str(file), "posts": posts.num_rows, "candidates": rows}
        typer.echo(json.dumps(result, ensure_ascii=False, default=str))
        return
    from rich.console import Console

    if rows:
        Console().print(_candidates_table(rows))
    typer.echo(f"{found.num_rows} accounts are named in {posts.num_rows} posts and are not in {file}")


def _entry_json(entry: "RegistryEntry", state: "EntryState") -> dict[str, object]:
    return {"name": entry.name, "kind": entry.kind, **entry.model_dump(mode="json", by_alias=True), "state": state}


def _accounts_table(entries: "list[RegistryEntry]", states: "dict[str, EntryState]", week: str) -> "Table":
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


def _candidates_table(rows: list[dict[str, Any]]) -> "Table":
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(title="Candidates", title_justify="left", box=SIMPLE)
    table.add_column("account", no_wrap=True)
    for column in _COLUMN_TITLES.values():
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(row["account"], *(str(row[name]) for name in _COLUMN_TITLES))
    return table


def _summary(registry: "Registry", states: "dict[str, EntryState]", week: str) -> str:
    if not states:
        entry = '`[[accounts]]` and `name = "sun_diary"`'
        return f"{registry.file} names nobody yet. Write an entry, {entry}, for each account."
    number = sum(state == "collected" for state in states.values())
    return f"{registry.file}: {number} of {len(states)} are collected in {week}"
