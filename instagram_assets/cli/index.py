"""The index of the lake, made from a shell."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from instagram_assets.cli.arguments import AsJson, say
from instagram_assets.cli.errors import clear_errors

if TYPE_CHECKING:
    from instagram_assets.lake_index.update import Updated

commands = typer.Typer()
_WHY = {
    "first": "there was none",
    "version": "it was of another version of this program",
    "damaged": "it was damaged",
    "time_zone": "the time zone is another one",
    "asked": "as you asked",
    "grown": "much of it changed",
    "left": "an account or a search left the lake, of which nothing is to stay",
}


@commands.command()
@clear_errors
def index(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make all of it anew, whatever there is.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the index up to date that the gallery and the insights are read from; the web app does so by itself."""
    from instagram_assets.lake_index.derived import THUMBNAILS, sweep_thumbnails
    from instagram_assets.lake_index.place import FOLDER
    from instagram_assets.lake_index.update import update_index
    from instagram_assets.report.progress import counter, show_progress
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    found = settings()
    with show_progress(say, counter("months of accounts")) as report:
        done = update_index(open_lake(found), found.folder(FOLDER), found.time_zone, rebuild=rebuild, report=report)
    # What changed the lake may have taken pictures along; a thumbnail goes with its picture.
    if done.is_new or done.changed:
        sweep_thumbnails(found.folder(THUMBNAILS), found.folder("media"))
    typer.echo(json.dumps(asdict(done)) if as_json else _told(done))


def _told(done: "Updated") -> str:
    has = f"{done.posts:,} posts and {done.images:,} images"
    if done.is_new:
        return f"The index was made anew ({_WHY[done.why]}): {has}, in {done.seconds:.1f} s"
    if not done.changed:
        return f"The index is up to date: {has}"
    return (
        f"The index was brought up to date: {done.changed:,} parts of the lake changed; {has}, in {done.seconds:.1f} s"
    )
