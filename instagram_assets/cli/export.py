"""Commands that export datasets: from the lake, or from export files without a lake."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instagram_assets.cli.arguments import Accounts, Days, ObservedAt, say
from instagram_assets.cli.errors import clear_errors
from instagram_assets.errors import NothingDoneError, SettingsError

if TYPE_CHECKING:
    import pyarrow as pa
    from upath import UPath

    from instagram_assets.datasets.selected_posts import Form

commands = typer.Typer()
export = typer.Typer(no_args_is_help=True, help="Write the datasets that go out.")
commands.add_typer(export, name="export")


class Kind(StrEnum):
    """A kind of record."""

    post = "post"
    reel = "reel"


class Mode(StrEnum):
    """Which kinds of records to work on."""

    all = "all"
    post = "post"
    reel = "reel"


Columns = Annotated[str, typer.Option(help="Columns separated by commas, in their order; empty: all.")]
Out = Annotated[Path | None, typer.Option(help="Folder for some of the posts; default: data/datasets/selection.")]
_HELP = "Pseudonyms for names, and nothing by which one is reached; default folder: data/datasets/pseudonymous."
Pseudonymous = Annotated[bool, typer.Option("--pseudonymous", help=_HELP)]


OfList = Annotated[
    str, typer.Option("--list", help="Only posts with an image that this list of the gallery keeps, and these images.")
]


@export.command("csv")
@clear_errors
def export_csv(
    accounts: Accounts = "",
    days: Days = "",
    columns: Columns = "",
    out: Out = None,
    pseudonymous: Pseudonymous = False,
    list_name: OfList = "",
) -> None:
    """Write one CSV per kind into data/datasets; or some accounts, days and columns of it into another folder."""
    _export("csv", accounts, days, columns, out, pseudonymous, list_name)


@export.command("json")
@clear_errors
def export_json(
    accounts: Accounts = "",
    days: Days = "",
    columns: Columns = "",
    out: Out = None,
    pseudonymous: Pseudonymous = False,
    list_name: OfList = "",
) -> None:
    """Write the merged JSON into data/datasets; or some accounts, days and columns of it into another folder."""
    _export("json", accounts, days, columns, out, pseudonymous, list_name)


@export.command("parquet")
@clear_errors
def export_parquet(
    accounts: Accounts = "",
    days: Days = "",
    columns: Columns = "",
    out: Out = None,
    pseudonymous: Pseudonymous = False,
    list_name: OfList = "",
) -> None:
    """Write data/datasets/parquet, a folder per account; or some accounts, days and columns as one file."""
    _export("parquet", accounts, days, columns, out, pseudonymous, list_name)


@export.command("folder")
@clear_errors
def export_folder(
    list_name: Annotated[str, typer.Option("--list", help="The list of the gallery whose images it holds.")],
    out: Annotated[Path, typer.Option(help="The folder; files of others in it stay.")],
    pseudonymous: Annotated[bool, typer.Option("--pseudonymous", help="Refused: it names posts.")] = False,
) -> None:
    """Write the images that a list keeps, with manifest.jsonl; again, it brings the folder up to date."""
    from instagram_assets.datasets.list_export import write_list_folder
    from instagram_assets.datasets.lists import find_list
    from instagram_assets.datasets.lists import list_name as checked
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    if pseudonymous or settings().privacy.pseudonymous_exports:
        raise SettingsError(
            "A folder of a list names the posts of its images, so it cannot be pseudonymous. Export csv, json or "
            "parquet with --list in the place of it."
        )
    root = open_lake(settings())
    said = find_list(root, list_name)
    written = write_list_folder(root, checked(list_name), said, settings().folder("media"), out)
    typer.echo(f"{written.folder}: {written.images:,} images")
    for reason, count in written.left_out.items():
        typer.echo(f"left out: {count:,}, {reason}")
    for note in written.notes:
        typer.echo(note)


@export.command("delta")
@clear_errors
def export_delta(
    out: Annotated[str, typer.Option(help="Folder, or s3://…, in the place of INSTAGRAM_ASSETS_DELTA__TARGET.")] = "",
    pseudonymous: Pseudonymous = False,
) -> None:
    """Bring the Delta tables up to date: posts, reels, labels, analyses, ads; what did not change stays."""
    from instagram_assets.cli import delta
    from instagram_assets.settings import settings
    from instagram_assets.status.preflight import check_stages

    check_stages(settings())
    if out or pseudonymous:
        declared = pseudonymous or settings().privacy.pseudonymous_exports
        delta.write(out or str(settings().folder("datasets") / "pseudonymous" / "delta"), pseudonymous=declared)
        return
    import dagster as dg

    from instagram_assets.automation import shell_runs

    with shell_runs.open_instance() as dagster:
        made = shell_runs.run_job(dagster, "datasets", assets=[dg.AssetKey("dataset_delta")])
    _check_declared("dataset_delta")
    for materialization in made:
        typer.echo(materialization.metadata["path"].value)


@commands.command()
@clear_errors
def refine(
    folder: Annotated[Path, typer.Argument(help="Folder with posts.json, reels.json and profiles.json.")],
    out: Annotated[Path, typer.Option(help="Where the JSON and the images go.")] = Path("refined"),
    mode: Annotated[Mode, typer.Option(help="Which kind to work on.")] = Mode.all,
    observed_at: ObservedAt = "",
) -> None:
    """Merge three export files and fetch their images, without Dagster and without a lake."""
    from rich.console import Console

    from instagram_assets.cli.tables import refine_table
    from instagram_assets.ingest.record_source import parse_observed_at
    from instagram_assets.local.refine import refine as refine_folder
    from instagram_assets.report.progress import download_update, show_progress
    from instagram_assets.settings import load_settings

    settings = load_settings(mode=mode.value)
    moment = parse_observed_at(observed_at)
    with show_progress(say, download_update) as report:
        result = refine_folder(folder, out, settings=settings, observed_at=moment, on_progress=report)
    Console().print(refine_table(result))
    if result.images_failed and not result.images_ok:
        raise NothingDoneError(f"{result.images_failed} images, {result.images_failed} failed.")
    if result.quarantined and not result.records:
        raise NothingDoneError(f"No record could be used; {result.quarantine} says why.")


@commands.command("to-csv")
@clear_errors
def to_csv(
    file: Annotated[Path, typer.Argument(help="Any merged or captioned JSON.")],
    kind: Annotated[Kind | None, typer.Option(help="Only this kind; else one file for each kind there is.")] = None,
    impression: Annotated[bool, typer.Option(help="Add impression: (likes + comments) / followers.")] = True,
    caption_raw: Annotated[bool, typer.Option(help="Add the caption with its newlines kept.")] = False,
    spreadsheet_safe: Annotated[bool, typer.Option(help="Guard formulas, and keep long ids whole, in Excel.")] = False,
) -> None:
    """Turn a merged JSON into CSV beside it."""
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


def _export(
    form: "Form", accounts: str, days: str, columns: str, out: Path | None, pseudonymous: bool, list_name: str
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

    with shell_runs.open_instance() as dagster:
        made = shell_runs.run_job(dagster, "datasets", assets=[dg.AssetKey(f"dataset_{form}")])
    _check_declared(f"dataset_{form}")
    for materialization in made:
        typer.echo(materialization.metadata["path"].value)


def _export_some(
    form: "Form", accounts: str, days: str, columns: str, folder: Path, of_list: str, *, pseudonymous: bool
) -> None:
    import os

    from instagram_assets.cli.selections import chosen_accounts, day_range
    from instagram_assets.cli.strays import strays
    from instagram_assets.datasets.pseudonymous import check_before, check_pseudonymous, known_to
    from instagram_assets.datasets.selected_posts import Chosen, write_selection
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake, values_in

    root, known = open_lake(settings()), values_in(open_lake(settings()), "posts")
    chosen = Chosen(
        chosen_accounts(accounts, sorted(known)) if accounts else None,
        day_range(days) if days else None,
        [name.strip() for name in columns.split(",") if name.strip()] or None,
        _kept_by(root, of_list) if of_list else None,
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
        check_pseudonymous(strays(folder, {file.path.name for file in written} | {"delta"}, known), known)
    for file in written:
        typer.echo(f"{file.path}: {file.rows:,} posts")
    if chosen.images is not None and met is not None and (rest := len(chosen.images) - len(met)):
        typer.echo(f"{rest:,} images of the list are in no post of these; `export folder` has those of searches, too.")


def _kept_by(root: "UPath", list_name: str) -> "pa.Array":
    """The image ids that a list keeps. Raises NotFoundError for an unknown list, NothingDoneError if it keeps none."""
    import pyarrow as pa

    from instagram_assets.datasets.lists import find_list, kept_in

    kept = kept_in(find_list(root, list_name))
    if not kept:
        raise NothingDoneError(f"The list {list_name} keeps no image, so nothing was written.")
    return pa.array(kept, pa.string())


def _check_declared(asset: str) -> None:
    """Raise IdentifierError where a dataset declared as pseudonymous is not."""
    from instagram_assets.settings import settings

    if not settings().privacy.pseudonymous_exports:
        return
    from instagram_assets.automation.pseudonym_checks import DATASET_FILES
    from instagram_assets.datasets.pseudonymous import check_pseudonymous, known_to
    from instagram_assets.storage.lake import open_lake

    known, _ = known_to(settings(), open_lake(settings()))
    check_pseudonymous(DATASET_FILES[asset](), known)
