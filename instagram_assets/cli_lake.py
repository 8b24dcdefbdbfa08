"""Asking the lake from a shell: what tables there are, and any question in SQL."""

import csv
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instagram_assets.cli_errors import clear_errors

if TYPE_CHECKING:
    import pyarrow as pa

asking = typer.Typer()
AsCsv = Annotated[bool, typer.Option("--csv", help="All rows as CSV; lists as JSON in their cells.")]
AsJson = Annotated[bool, typer.Option("--json", help="All rows as one JSON array.")]
_MOST_ROWS = 100


@asking.command()
@clear_errors
def sql(
    question: Annotated[str, typer.Argument(help="DuckDB's SQL; every table and view has its name.")],
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Ask the lake, such as "select account, count(*) from posts group by all"."""
    from instagram_assets.lake import Lake
    from instagram_assets.settings import settings

    _print(Lake(settings().lake_uri, **settings().lake_options).sql(question), as_csv=as_csv, as_json=as_json)


@asking.command()
@clear_errors
def tables(as_csv: AsCsv = False, as_json: AsJson = False) -> None:
    """List the tables and views of the lake, with their rows and what one row is."""
    from instagram_assets.lake import Lake
    from instagram_assets.settings import settings

    _print(Lake(settings().lake_uri, **settings().lake_options).tables(), as_csv=as_csv, as_json=as_json)


def _print(rows: "pa.Table", *, as_csv: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows.to_pylist(), ensure_ascii=False, default=str))
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(rows.column_names)
        writer.writerows([_cell(value) for value in row.values()] for row in rows.to_pylist())
    else:
        _print_table(rows)


def _print_table(rows: "pa.Table") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table()
    for name in rows.column_names:
        shown.add_column(name, overflow="fold")
    for row in rows.slice(0, _MOST_ROWS).to_pylist():
        shown.add_row(*(Text(str(_cell(value))) for value in row.values()))
    Console().print(shown)
    if rows.num_rows > _MOST_ROWS:
        Console().print(f"{rows.num_rows - _MOST_ROWS:,} more rows: --csv or --json gives all.")


def _cell(value: Any) -> Any:
    """A value for a cell: null is empty, what has parts is JSON."""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return "" if value is None else value
