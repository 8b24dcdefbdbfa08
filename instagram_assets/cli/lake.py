"""Commands on the lake: list its tables, query it by SQL, and materialize assets again."""

import csv
import json
import math
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instagram_assets.cli.command_options import AccountsOption, DaysOption
from instagram_assets.cli.messages import print_stderr, report_errors
from instagram_assets.errors import NothingDoneError
from instagram_assets.report.safe_text import printable

if TYPE_CHECKING:
    import pyarrow as pa

commands = typer.Typer()
_CsvOption = Annotated[bool, typer.Option("--csv", help="All rows as CSV; null is an empty cell, lists are JSON.")]
_JsonArrayOption = Annotated[bool, typer.Option("--json", help="All rows as one JSON array.")]
_MOST_TABLE_ROWS, _MOST_RECORDS = 100, 10
_LEAST_COLUMN_WIDTH = 8
"""Minimum column width in characters; if the columns do not fit, each row is shown as a list of its values."""


@commands.command()
@report_errors
def sql(
    question: Annotated[str, typer.Argument(help="DuckDB's SQL; every table and view has its name.")],
    as_csv: _CsvOption = False,
    as_json: _JsonArrayOption = False,
) -> None:
    """Query the lake by SQL, such as "select account, count(*) from posts group by all"; see also `tables`."""
    from instagram_assets.notebook_lake import Lake
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import lake_root

    _print_rows(Lake(lake_root(settings())).sql(question), as_csv=as_csv, as_json=as_json)


@commands.command()
@report_errors
def tables(as_csv: _CsvOption = False, as_json: _JsonArrayOption = False) -> None:
    """List the tables and views of the lake, with their number of rows and what one row is."""
    from instagram_assets.notebook_lake import Lake
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import lake_root

    _print_rows(Lake(lake_root(settings())).tables(), as_csv=as_csv, as_json=as_json)


@commands.command("materialize")
@report_errors
def materialize(
    selection: Annotated[str, typer.Argument(help="Assets, such as posts, posts+ or 'key:posts or key:images'.")],
    accounts: AccountsOption = "",
    days: DaysOption = "",
) -> None:
    """Materialize the selected assets again, for some accounts and days or for all."""
    from instagram_assets.settings import settings
    from instagram_assets.status.preflight import check_stages

    check_stages(settings())
    from instagram_assets.automation import shell_runs
    from instagram_assets.cli.command_outcome import check_outcome, record_runs
    from instagram_assets.cli.materialize_assets import materialize_selection
    from instagram_assets.status.data_status import read_data_status
    from instagram_assets.storage.lake import open_lake

    with shell_runs.open_instance() as dagster, record_runs(dagster) as work:
        for line in materialize_selection(dagster, selection, accounts, days):
            typer.echo(line)
    if not work.runs:
        raise NothingDoneError(f"{selection}: nothing has landed of these accounts and days, so nothing was made.")
    if work.empty_tables:
        check_outcome(work, read_data_status(open_lake(settings()), settings()))
    work.raise_errors()


@commands.command()
@report_errors
def migrate() -> None:
    """Migrate a lake to the current layout; every command that opens an older lake does it, too."""
    from instagram_assets.report.progress import counter, show_progress
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import lake_root
    from instagram_assets.storage.migration import migrate as rewrite

    root = lake_root(settings())
    with show_progress(print_stderr, counter("tables")) as report:
        rewritten = rewrite(root, report)
    typer.echo(f"{root}: rewritten" if rewritten else f"{root}: nothing to do")


def _print_rows(rows: "pa.Table", *, as_csv: bool, as_json: bool) -> None:
    if as_json:
        shown = [dict(zip(rows.column_names, values, strict=True)) for values in _values(rows)]
        typer.echo(json.dumps(shown, ensure_ascii=False, default=str))
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(rows.column_names)
        writer.writerows(map(_cell, values) for values in _values(rows))
    else:
        _print_table(rows)


def _print_table(rows: "pa.Table") -> None:
    """Print rows as a table; if the terminal is too narrow, each row as a list with one column per line."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    is_wide = rows.num_columns * _LEAST_COLUMN_WIDTH > console.width
    most = _MOST_RECORDS if is_wide else _MOST_TABLE_ROWS
    names = [Text(printable(name)) for name in rows.column_names]
    table = Table(show_header=not is_wide)
    for name in ("name", "value") if is_wide else names:
        table.add_column(name)
    for values in _values(rows.slice(0, most)):
        cells = [Text(printable(_cell(value), kept="\n"), overflow="fold") for value in values]
        if not is_wide:
            table.add_row(*cells)
            continue
        for name, cell in zip(names, cells, strict=True):
            table.add_row(name, cell)
        table.add_section()
    console.print(table)
    if rows.num_rows > most:
        console.print(f"{rows.num_rows - most:,} more rows: --csv or --json gives all.")


def _values(rows: "pa.Table") -> Iterator[tuple[Any, ...]]:
    """Yield the rows as tuples; NaN and infinity become None, since JSON does not have them."""
    for batch in rows.to_batches(max_chunksize=1000):
        for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield tuple(None if isinstance(value, float) and not math.isfinite(value) else value for value in values)


def _cell(value: Any) -> Any:
    """Convert a value for a table cell: null becomes empty, nested values become JSON."""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return "" if value is None else value
