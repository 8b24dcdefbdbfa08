"""Commands on named lists of images that users marked as kept or dropped in the gallery: show and delete them."""

from typing import TYPE_CHECKING, Annotated

import typer

from instagram_assets.cli.messages import report_errors

if TYPE_CHECKING:
    import pyarrow as pa
    from upath import UPath

commands = typer.Typer(invoke_without_command=True, help="Lists of images, kept or dropped by hand in the gallery.")
_ListName = Annotated[str, typer.Argument(help="Name of the list.")]


@commands.callback()
@report_errors
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
@report_errors
def show(name: _ListName) -> None:
    """Show for each image of a list whether it is kept or dropped, when that was decided, and why."""
    from instagram_assets.datasets.lists import find_list
    from instagram_assets.report.safe_text import printable
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    decisions = find_list(open_lake(settings()), name)
    for image_id, each in sorted(decisions.items(), key=lambda pair: (pair[1].decided_at, pair[0])):
        why = f"  {printable(each.why)}" if each.why else ""
        typer.echo(f"{each.decision}  {image_id}  {each.decided_at:%Y-%m-%d %H:%M}{why}")


@commands.command("delete")
@report_errors
def delete(name: _ListName) -> None:
    """Delete a list; its images and exported folders are kept."""
    from instagram_assets.datasets.lists import delete_list
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    gone = delete_list(open_lake(settings()), name)
    counts = "it was damaged" if gone.problem else f"{gone.kept:,} kept, {gone.dropped:,} dropped"
    typer.echo(f"{gone.name} is gone: {counts}")


def kept_images(root: "UPath", list_name: str) -> "pa.Array":
    """The ids of the images marked as kept in a list. Raises NotFoundError if it does not exist, NothingDoneError if
    no image is kept.
    """
    import pyarrow as pa

    from instagram_assets.datasets.lists import find_list, kept_in
    from instagram_assets.errors import NothingDoneError

    kept = kept_in(find_list(root, list_name))
    if not kept:
        raise NothingDoneError(f"The list {list_name} keeps no image, so nothing was written.")
    return pa.array(kept, pa.string())
