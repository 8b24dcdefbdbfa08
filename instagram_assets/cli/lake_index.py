"""Command `index`: builds or updates the web app's index of the lake, and pre-generates thumbnails."""

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from instagram_assets.cli.command_options import JsonOption
from instagram_assets.cli.messages import print_stderr, report_errors

if TYPE_CHECKING:
    from instagram_assets.lake_index.pregenerate_thumbnails import PregenerationCounts
    from instagram_assets.lake_index.update import Updated

commands = typer.Typer()
_REBUILD_REASONS = {
    "first": "there was none",
    "version": "it was of another version of this program",
    "damaged": "it was damaged",
    "time_zone": "the time zone is another one",
    "asked": "as you asked",
    "grown": "much of it changed",
    "left": "an account or a search left the lake, of which nothing is to stay",
}


@commands.command()
@report_errors
def index(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make all of it anew, whatever there is.")] = False,
    with_thumbnails: Annotated[
        bool, typer.Option("--thumbnails", help="Also make missing thumbnails, of the newest images first.")
    ] = False,
    as_it_is: Annotated[bool, typer.Option("--as-it-is", hidden=True, help="Take the index as it is.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Update the index of the lake from which the gallery and insights are read; the web app does so by itself."""
    done = None if as_it_is else _update(rebuild=rebuild)
    ahead = _make_thumbnails(alone=not as_it_is) if with_thumbnails else None
    if as_json:
        result = {**(asdict(done) if done else {}), **({"thumbnails": asdict(ahead)} if ahead else {})}
        typer.echo(json.dumps(result))
        return
    if done:
        typer.echo(_index_line(done))
    if ahead:
        typer.echo(_thumbnails_line(ahead))


def _update(*, rebuild: bool) -> "Updated":
    from instagram_assets.lake_index.index_files import INDEX_FOLDER
    from instagram_assets.lake_index.remove_derived_files import THUMBNAILS, sweep_thumbnails
    from instagram_assets.lake_index.update import update_index
    from instagram_assets.report.progress import counter, show_progress
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    config = settings()
    with show_progress(print_stderr, counter("months of accounts")) as report:
        done = update_index(
            open_lake(config), config.folder(INDEX_FOLDER), config.time_zone, rebuild=rebuild, report=report
        )
    # Changes of the lake may have deleted images; their thumbnails are deleted too.
    if done.is_new or done.changed:
        sweep_thumbnails(config.folder(THUMBNAILS), config.folder("media"))
    return done


def _make_thumbnails(*, alone: bool) -> "PregenerationCounts":
    """Create missing thumbnails of the indexed images, newest first.

    Uses one thread per processor if `alone`, else half as many at lower priority.
    """
    from instagram_assets.lake_index.index_files import INDEX_FOLDER
    from instagram_assets.lake_index.index_reader import LakeIndex
    from instagram_assets.lake_index.pregenerate_thumbnails import (
        lower_priority,
        most_thumbnails,
        newest_images,
        pregenerate,
    )
    from instagram_assets.lake_index.remove_derived_files import THUMBNAILS
    from instagram_assets.lake_index.thumbnails import Thumbnails
    from instagram_assets.report.progress import counter, show_progress
    from instagram_assets.settings import settings

    if not alone:
        lower_priority()
    config = settings()
    most, pixels = config.web.thumbnails_mb << 20, config.download.max_megapixels
    store = Thumbnails(config.folder(THUMBNAILS), config.folder("media"), most, pixels)
    index = LakeIndex(config.folder(INDEX_FOLDER))
    images = newest_images(index, most_thumbnails(store))
    index.close()  # meanwhile the index may be replaced, or an erasure may need to delete it
    cores = os.cpu_count() or 1
    with show_progress(print_stderr, counter("thumbnails")) as report:
        return pregenerate(store, images, cores if alone else max(1, cores // 2), report)


def _index_line(done: "Updated") -> str:
    has = f"{done.posts:,} posts and {done.images:,} images"
    if done.is_new:
        return f"The index was made anew ({_REBUILD_REASONS[done.why]}): {has}, in {done.seconds:.1f} s"
    if not done.changed:
        return f"The index is up to date: {has}"
    return (
        f"The index was brought up to date: {done.changed:,} parts of the lake changed; {has}, in {done.seconds:.1f} s"
    )


def _thumbnails_line(done: "PregenerationCounts") -> str:
    parts = [f"{done.made:,} thumbnails were made in {done.seconds:.1f} s"]
    if done.failed:
        parts.append(f"{done.failed:,} pictures are gone or cannot be shown")
    if done.left:
        parts.append(f"{done.left:,} images wait until somebody looks: INSTAGRAM_ASSETS_WEB__THUMBNAILS_MB has no room")
    return "; ".join(parts)
