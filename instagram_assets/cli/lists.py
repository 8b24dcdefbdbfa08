"""Commands on lists of images that people kept or dropped in the gallery: show and delete."""

from typing import Annotated

import typer

from instagram_assets.cli.errors import clear_errors

commands = typer.Typer(invoke_without_command=True, help="Lists of images, kept or dropped by hand in the gallery.")
Name = Annotated[str, typer.Argument(help="Name of the list.")]


@commands.callback()
@clear_errors
def every_list(context: typer.Context) -> None:
    """Lists of images, kept or dropped by hand in the gallery: their names and counts, or one of them."""
    if context.invoked_subcommand:
        return
    from instagram_assets.datasets.lists import list_names
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    lists = list_names(open_lake(settings()))
    if not lists:
        typer.echo("No list yet: keep an image in the gallery, and it is in one.")
    for each in lists:
        typer.echo(f"{each.name}: {each.problem or f'{each.kept:,} kept, {each.dropped:,} dropped'}")


@commands.command("show")
@clear_errors
def show(name: Name) -> None:
    """Say of each image whether it is kept or dropped, when somebody decided so, and why."""
    from instagram_assets.datasets.lists import find_list
    from instagram_assets.report.safe_text import printable
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    said = find_list(open_lake(settings()), name)
    for image_id, each in sorted(said.items(), key=lambda pair: (pair[1].decided_at, pair[0])):
        why = f"  {printable(each.why)}" if each.why else ""
        typer.echo(f"{each.decision}  {image_id}  {each.decided_at:%Y-%m-%d %H:%M}{why}")


@commands.command("delete")
@clear_errors
def delete(name: Name) -> None:
    """Take a list away; its images, and what was exported, stay."""
    from instagram_assets.datasets.lists import delete_list
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    gone = delete_list(open_lake(settings()), name)
    said = "it was damaged" if gone.problem else f"{gone.kept:,} kept, {gone.dropped:,} dropped"
    typer.echo(f"{gone.name} is gone: {said}")
