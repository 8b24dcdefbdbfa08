"""Commands about the formats of export files: which field becomes which column, and how fields change over time."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from instagram_assets.cli.command_options import JsonOption
from instagram_assets.cli.messages import report_errors
from instagram_assets.report.safe_text import printable

if TYPE_CHECKING:
    from instagram_assets.ingest.formats.mapping_table import Mapped

commands = typer.Typer()


@commands.command()
@report_errors
def formats(
    name: Annotated[str, typer.Argument(help="A format, such as apify_posts; without it, all of them.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show which field of a format goes into which column, and the column's type.

    If several fields map to a column, the first with a value is used. Fields without a column are in `extra`, as JSON.
    """
    from instagram_assets.errors import SettingsError
    from instagram_assets.ingest.formats.mapping_table import mapping_table

    mapped = mapping_table()
    known = list(dict.fromkeys(row.format for row in mapped))
    if name and name not in known:
        raise SettingsError(f"{name}: no such format. There are: {', '.join(known)}.")
    rows = [row for row in mapped if name in ("", row.format)]
    if as_json:
        typer.echo(json.dumps({"mapping": [row._asdict() for row in rows]}, ensure_ascii=False))
        return
    _print_mapping(rows)


@commands.command("drift")
@report_errors
def field_changes(as_json: JsonOption = False) -> None:
    """Show schema drift of ingested files: missing, new and retyped fields, the newest files last.

    A file is compared with the earlier files of its format.
    """
    from instagram_assets.ingest.field_drift import field_changes as find_changes
    from instagram_assets.ingest.manifests import manifests
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    files = manifests(open_lake(settings()))
    found = find_changes(files)
    if as_json:
        rows = [change.shown() | {"sha256": change.sha256} for change in found]
        typer.echo(json.dumps({"files": len(files), "drift": rows}, ensure_ascii=False))
        return
    for change in found:
        typer.echo(printable(change))
    typer.echo(f"{len(found)} changes in {len(files)} files")


def _print_mapping(rows: "list[Mapped]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for format_name, kind in dict.fromkeys((row.format, row.kind) for row in rows):
        table = Table(title=f"{format_name}: {kind}", title_justify="left")
        for column in ("column", "fields", "type"):
            table.add_column(column, overflow="fold")
        for row in rows:
            if (row.format, row.kind) == (format_name, kind):
                fields = ", ".join(row.fields) + (" (computed)" if row.computed else "")
                table.add_row(row.column, Text(fields), Text(row.type))
        console.print(table)
