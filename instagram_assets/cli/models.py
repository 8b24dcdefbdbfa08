"""Commands on the models that the settings name: download them from the hub, and list them."""

from typing import TYPE_CHECKING

import typer

from instagram_assets.cli.messages import relative_path, report_errors

if TYPE_CHECKING:
    from rich.table import Table

commands = typer.Typer(no_args_is_help=True, help="Fetch and list the models that the settings name.")


@commands.command("pull")
@report_errors
def pull() -> None:
    """Download the models that the settings name from the hub; HF_ENDPOINT and HF_TOKEN are used."""
    from instagram_assets.models.hub import pull_model
    from instagram_assets.models.local_models import named_models
    from instagram_assets.settings import settings

    for name, revision, pictures in dict.fromkeys(named_models(settings()).values()):
        pull_model(name, revision, settings().folder("models"), typer.echo, pictures=pictures)


@commands.command("list")
@report_errors
def list_models() -> None:
    """Show the models that the settings name, with commit, size, fingerprint and folder."""
    from rich.console import Console

    Console().print(_models_table())


def _models_table() -> "Table":
    """Terminal table of the configured models with their revision, size and folder; no model is loaded."""
    from rich.markup import escape
    from rich.table import Table

    from instagram_assets.errors import ModelError
    from instagram_assets.models.file_checks import model_size
    from instagram_assets.models.local_models import find_model, named_models
    from instagram_assets.settings import settings

    cache = settings().folder("models")
    table = Table(title="Models", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    for use, (name, revision, pictures) in named_models(settings()).items():
        table.add_section()
        table.add_row(use, name)
        try:
            source = find_model(name, revision, cache, pictures=pictures)
        except ModelError as error:
            table.add_row("missing", f"[red]{escape(str(error))}[/]")
            continue
        if source.revision:
            table.add_row("revision", f"{source.revision}, commit {source.commit}")
        table.add_row("model_size", f"{model_size(source.folder) / 1e6:.1f} MB")
        table.add_row("fingerprint", source.fingerprint[:12])
        table.add_row("where", relative_path(source.folder))
    return table
