"""Commands that export datasets from the lake: all of it, or selected accounts, days, columns or a list of images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instagram_assets.cli.command_options import AccountsOption, DaysOption
from instagram_assets.cli.messages import report_errors
from instagram_assets.errors import SettingsError

if TYPE_CHECKING:
    from instagram_assets.datasets.selected_posts import SelectionFormat

commands = typer.Typer()
export = typer.Typer(no_args_is_help=True, help="Write the datasets that go out.")
commands.add_typer(export, name="export")


_Columns = Annotated[str, typer.Option(help="Columns separated by commas, in their order; empty: all.")]
_Out = Annotated[Path | None, typer.Option(help="Folder for some of the posts; default: data/datasets/selection.")]
_HELP = "Pseudonyms for names, and nothing by which one is reached; default folder: data/datasets/pseudonymous."
_Pseudonymous = Annotated[bool, typer.Option("--pseudonymous", help=_HELP)]


_OfList = Annotated[
    str, typer.Option("--list", help="Only posts with an image that this list of the gallery keeps, and these images.")
]


@export.command("csv")
@report_errors
def export_csv(
    accounts: AccountsOption = "",
    days: DaysOption = "",
    columns: _Columns = "",
    out: _Out = None,
    pseudonymous: _Pseudonymous = False,
    list_name: _OfList = "",
) -> None:
    """Write one CSV per kind into data/datasets; or some accounts, days and columns of it into another folder."""
    _export("csv", accounts, days, columns, out, pseudonymous, list_name)


@export.command("json")
@report_errors
def export_json(
    accounts: AccountsOption = "",
    days: DaysOption = "",
    columns: _Columns = "",
    out: _Out = None,
    pseudonymous: _Pseudonymous = False,
    list_name: _OfList = "",
) -> None:
    """Write the merged JSON into data/datasets; or some accounts, days and columns of it into another folder."""
    _export("json", accounts, days, columns, out, pseudonymous, list_name)


@export.command("parquet")
@report_errors
def export_parquet(
    accounts: AccountsOption = "",
    days: DaysOption = "",
    columns: _Columns = "",
    out: _Out = None,
    pseudonymous: _Pseudonymous = False,
    list_name: _OfList = "",
) -> None:
    """Write data/datasets/parquet, a folder per account; or some accounts, days and columns as one file."""
    _export("parquet", accounts, days, columns, out, pseudonymous, list_name)


@export.command("folder")
@report_errors
def export_folder(
    list_name: Annotated[str, typer.Option("--list", help="The list of the gallery whose images it holds.")],
    out: Annotated[Path, typer.Option(help="The folder; files of others in it stay.")],
    pseudonymous: Annotated[bool, typer.Option("--pseudonymous", help="Refused: it names posts.")] = False,
) -> None:
    """Write the images marked as kept in a list into a folder, with manifest.jsonl; repeat it to update the folder."""
    from instagram_assets.datasets.list_export import write_list_folder
    from instagram_assets.datasets.lists import find_list
    from instagram_assets.datasets.lists import list_name as checked_name
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    if pseudonymous or settings().privacy.pseudonymous_exports:
        raise SettingsError(
            "A folder of a list names the posts of its images, so it cannot be pseudonymous. Export csv, json or "
            "parquet with --list in the place of it."
        )
    root = open_lake(settings())
    decisions = find_list(root, list_name)
    written = write_list_folder(root, checked_name(list_name), decisions, settings().folder("media"), out)
    typer.echo(f"{written.folder}: {written.images:,} images")
    for reason, count in written.left_out.items():
        typer.echo(f"left out: {count:,}, {reason}")
    for note in written.notes:
        typer.echo(note)


@export.command("delta")
@report_errors
def export_delta(
    out: Annotated[str, typer.Option(help="Folder, or s3://…, in the place of INSTAGRAM_ASSETS_DELTA__TARGET.")] = "",
    pseudonymous: _Pseudonymous = False,
) -> None:
    """Update the Delta tables: posts, reels, labels, analyses, ads; incremental: unchanged files are not rewritten."""
    from instagram_assets.cli import delta
    from instagram_assets.settings import settings
    from instagram_assets.status.preflight import check_stages

    check_stages(settings())
    if out or pseudonymous:
        declared = pseudonymous or settings().privacy.pseudonymous_exports
        delta.write_delta_tables(
            out or str(settings().folder("datasets") / "pseudonymous" / "delta"), pseudonymous=declared
        )
        return
    import dagster as dg

    from instagram_assets.automation import shell_runs
    from instagram_assets.cli.pseudonyms import check_declared

    with shell_runs.open_instance() as dagster:
        made = shell_runs.run_job(dagster, "datasets", assets=[dg.AssetKey("dataset_delta")])
    check_declared("dataset_delta")
    for materialization in made:
        typer.echo(materialization.metadata["path"].value)


def _export(
    form: "SelectionFormat",
    accounts: str,
    days: str,
    columns: str,
    out: Path | None,
    pseudonymous: bool,
    list_name: str,
) -> None:
    from instagram_assets.settings import settings
    from instagram_assets.status.preflight import check_stages

    check_stages(settings())
    if accounts or days or columns or out or pseudonymous or list_name:
        folder = out or settings().folder("datasets") / ("pseudonymous" if pseudonymous else "selection")
        declared = pseudonymous or settings().privacy.pseudonymous_exports
        _export_some(form, accounts, days, columns, folder, list_name, pseudonymous=declared)
        return
    import dagster as dg

    from instagram_assets.automation import shell_runs
    from instagram_assets.cli.pseudonyms import check_declared

    with shell_runs.open_instance() as dagster:
        made = shell_runs.run_job(dagster, "datasets", assets=[dg.AssetKey(f"dataset_{form}")])
    check_declared(f"dataset_{form}")
    for materialization in made:
        typer.echo(materialization.metadata["path"].value)


def _export_some(
    form: "SelectionFormat", accounts: str, days: str, columns: str, folder: Path, of_list: str, *, pseudonymous: bool
) -> None:
    import os

    from instagram_assets.cli.command_options import parse_accounts, parse_days_in_lake
    from instagram_assets.cli.lists import kept_images
    from instagram_assets.cli.pseudonyms import unknown_export_files
    from instagram_assets.datasets.pseudonymous import check_before, check_pseudonymous, known_to
    from instagram_assets.datasets.selected_posts import PostSelection, write_selection
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake, values_in

    root, known = open_lake(settings()), values_in(open_lake(settings()), "posts")
    chosen = PostSelection(
        parse_accounts(accounts, sorted(known)) if accounts else None,
        parse_days_in_lake(days) if days else None,
        [name.strip() for name in columns.split(",") if name.strip()] or None,
        kept_images(root, of_list) if of_list else None,
    )
    met: set[str] | None = set() if chosen.images is not None else None
    media = os.path.relpath(settings().folder("media"), folder)
    safe = settings().export.spreadsheet_safe
    known, pseudonyms = known_to(settings(), root) if pseudonymous else (None, None)
    check = check_before(known) if known else None
    written = write_selection(
        root,
        form,
        folder,
        chosen,
        settings().mode,
        media,
        spreadsheet_safe=safe,
        pseudonyms=pseudonyms,
        check=check,
        met=met,
    )
    if known:  # unknown files there may be handed out with it; Delta tables are searched when they are written
        check_pseudonymous(unknown_export_files(folder, {file.path.name for file in written} | {"delta"}, known), known)
    for file in written:
        typer.echo(f"{file.path}: {file.rows:,} posts")
    if chosen.images is not None and met is not None and (rest := len(chosen.images) - len(met)):
        typer.echo(f"{rest:,} images of the list are in no post of these; `export folder` has those of searches, too.")
