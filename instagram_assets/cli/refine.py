"""Commands on export files without a lake: merge them and download their images, and convert a merged JSON to CSV."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instagram_assets.cli.command_options import ObservedAtOption
from instagram_assets.cli.messages import print_stderr, report_errors
from instagram_assets.errors import NothingDoneError

if TYPE_CHECKING:
    from rich.table import Table

    from instagram_assets.local.refine import RefineResult

commands = typer.Typer()


class _RecordKind(StrEnum):
    """The kinds of records in a merged JSON file: posts and reels."""

    post = "post"
    reel = "reel"


class _RefineMode(StrEnum):
    """Which kinds of records the command `refine` works on."""

    all = "all"
    post = "post"
    reel = "reel"


@commands.command()
@report_errors
def refine(
    folder: Annotated[Path, typer.Argument(help="Folder with posts.json, reels.json and profiles.json.")],
    out: Annotated[Path, typer.Option(help="Where the JSON and the images go.")] = Path("refined"),
    mode: Annotated[_RefineMode, typer.Option(help="Which kind to work on.")] = _RefineMode.all,
    observed_at: ObservedAtOption = "",
) -> None:
    """Merge three export files and download their images, without Dagster and without a lake."""
    from rich.console import Console

    from instagram_assets.ingest.record_source import parse_observed_at
    from instagram_assets.local.refine import refine as refine_folder
    from instagram_assets.report.progress import download_update, show_progress
    from instagram_assets.settings import load_settings

    settings = load_settings(mode=mode.value)
    moment = parse_observed_at(observed_at)
    with show_progress(print_stderr, download_update) as report:
        result = refine_folder(folder, out, settings=settings, observed_at=moment, on_progress=report)
    Console().print(_refine_table(result))
    if result.images_failed and not result.images_ok:
        raise NothingDoneError(f"{result.images_failed} images, {result.images_failed} failed.")
    if result.quarantined and not result.records:
        raise NothingDoneError(f"No record could be used; {result.quarantine} says why.")


@commands.command("to-csv")
@report_errors
def to_csv(
    file: Annotated[Path, typer.Argument(help="Any merged or captioned JSON.")],
    kind: Annotated[
        _RecordKind | None, typer.Option(help="Only this kind; else one file for each kind there is.")
    ] = None,
    impression: Annotated[bool, typer.Option(help="Add impression: (likes + comments) / followers.")] = True,
    caption_raw: Annotated[bool, typer.Option(help="Add the caption with its newlines kept.")] = False,
    spreadsheet_safe: Annotated[bool, typer.Option(help="Guard formulas, and keep long ids whole, in Excel.")] = False,
) -> None:
    """Convert a merged JSON into CSV files in the same folder."""
    from instagram_assets.local.refine import to_csv as write
    from instagram_assets.settings import settings

    chosen = kind.value if kind else None
    for made in write(
        file,
        kind=chosen,
        impression=impression,
        caption_raw=caption_raw,
        spreadsheet_safe=spreadsheet_safe,
        limits=settings().ingest,
    ):
        left_out = f", {made.left_out} of another kind left out" if made.left_out else ""
        typer.echo(f"{made.path}: {made.rows} rows{left_out}")


def _refine_table(result: "RefineResult") -> "Table":
    """Terminal table with the counts and paths of a `RefineResult`, one per row."""
    from rich.table import Table

    table = Table(title="Refined", title_justify="left", show_header=False)
    for name, value in result._asdict().items():
        table.add_row(name, str(value))
    return table
