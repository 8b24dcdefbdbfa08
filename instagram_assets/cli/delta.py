"""Commands that maintain the Delta tables, and a function that writes them to any folder."""

from typing import TYPE_CHECKING

import typer

from instagram_assets.cli.messages import print_stderr, report_errors

if TYPE_CHECKING:
    from instagram_assets.datasets.delta import ExportedTable

commands = typer.Typer(no_args_is_help=True, help="Keep the Delta tables quick and small.")


@commands.command("optimize")
@report_errors
def optimize() -> None:
    """Compact the Delta tables into few large files; brings them up to date with the lake, too."""
    from instagram_assets.datasets import delta
    from instagram_assets.datasets.pseudonymous import declared_pseudonyms
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    root, target, options = open_lake(settings()), delta.delta_target(settings()), settings().delta.options
    pseudonyms = declared_pseudonyms(settings(), root)
    _print_written(delta.optimize(root, target, options, pseudonyms=pseudonyms, warn=print_stderr), target)


@commands.command("vacuum")
@report_errors
def vacuum() -> None:
    """Delete files that no version of the Delta tables of the last INSTAGRAM_ASSETS_DELTA__KEEP_HOURS hours needs."""
    from instagram_assets.datasets import delta
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    target, options = delta.delta_target(settings()), settings().delta
    done = delta.vacuum(
        open_lake(settings()), target, options.options, keep_hours=options.keep_hours, warn=print_stderr
    )
    for table in done:
        typer.echo(f"{table.uri}: {table.files:,} files went")
    if not done:
        typer.echo(f"{target}: no Delta tables yet. Make them: instagram-assets export delta.")


def write_delta_tables(out: str, *, pseudonymous: bool = False) -> None:
    """Write the Delta tables below a folder or URL, without Dagster."""
    from itertools import chain

    from instagram_assets.cli.pseudonyms import unknown_export_files
    from instagram_assets.datasets import delta
    from instagram_assets.datasets.pseudonymous import check_before, check_pseudonymous, known_to
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    root, options = open_lake(settings()), settings().delta.options
    known, pseudonyms = known_to(settings(), root) if pseudonymous else (None, None)
    check = check_before(known) if known else None
    made = delta.write_delta(root, out, options, pseudonyms=pseudonyms, check=check, warn=print_stderr)
    if known:  # also tables written there before, and their transaction log
        folder, names = delta.local_folder(out), {table.name for table in delta.TABLES}
        beside = unknown_export_files(folder, names, known) if folder else ()
        check_pseudonymous(chain(delta.files_of_tables(root, out, options, delta.TABLES), beside), known)
    _print_written(made, out)


def _print_written(made: "list[ExportedTable]", target: str) -> None:
    for table in made:
        changed = f"{table.written:,} of {table.files:,} files new" if table.written or table.removed else "unchanged"
        typer.echo(f"{table.uri}: {table.rows:,} rows, version {table.version}, {changed}")
    if not made:
        typer.echo(f"{target}: nothing to write, the lake has no posts. Ingest an export first.")
