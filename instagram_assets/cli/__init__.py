"""The command line interface; commands import their dependencies when they run, so that `--help` responds at once."""

import gc
from typing import Annotated

import typer

from instagram_assets.cli import (
    accounts,
    age,
    alerts,
    backup,
    collect,
    collection_status,
    delta,
    demo,
    export,
    forget,
    formats,
    ingest,
    lake,
    lake_index,
    lists,
    models,
    pseudonyms,
    reels,
    refine,
    restore_history,
    retention,
    scrape,
    search,
    serve,
    status,
    viral,
    vision,
    word_frequencies,
)

_ABOUT = "Instagram posts, reels and profiles as datasets to train on."
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=_ABOUT)
for family in (
    demo,
    ingest,
    scrape,
    collect,
    collection_status,
    formats,
    lake,
    export,
    refine,
    forget,
    search,
    vision,
    word_frequencies,
    viral,
    age,
    serve,
    lake_index,
    status,
    backup,
    restore_history,
    retention,
):
    app.add_typer(family.commands)
app.add_typer(accounts.commands, name="accounts")
app.add_typer(alerts.commands, name="alerts")
app.add_typer(lists.commands, name="lists")
app.add_typer(models.commands, name="models")
app.add_typer(reels.commands, name="reels")
app.add_typer(delta.commands, name="delta")
app.add_typer(pseudonyms.commands, name="pseudonyms")


def _show_version(is_requested: bool) -> None:
    if is_requested:
        from instagram_assets import __version__

        typer.echo(f"instagram-assets {__version__}")
        raise typer.Exit


@app.callback()
def every_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Instagram posts, reels and profiles as datasets to train on."""
    # By default a quarter of the time in which a command loads its modules goes to looking for garbage, in vain.
    gc.set_threshold(100_000, 20, 100)
