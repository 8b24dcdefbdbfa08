"""Commands of the image search: collect a folder of images of one subject for a search word."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from instagram_assets.cli.errors import clear_errors

commands = typer.Typer()


class Subject(StrEnum):
    """Which cluster of images is the subject."""

    largest = "largest"
    query = "query"


@commands.command("search")
@clear_errors
def search_command(
    query: Annotated[str, typer.Argument(help="The search word, such as 고양이.")],
    limit: Annotated[int | None, typer.Option(help="Images wanted, 1 to 500.")] = None,
    out: Annotated[
        str, typer.Option(help="Name of the folder below data/datasets/search, no path; empty: the word.")
    ] = "",
    subject: Annotated[Subject, typer.Option(help="The largest cluster, or the one that fits the word best.")] = (
        Subject.largest
    ),
    min_side: Annotated[int | None, typer.Option(help="Both sides have at least this many pixels.")] = None,
    min_sharpness: Annotated[float | None, typer.Option(help="Least sharpness at standard size.")] = None,
    eps: Annotated[float | None, typer.Option(help="Images nearer than this are neighbours, 0 to 2.")] = None,
    min_samples: Annotated[int | None, typer.Option(help="Neighbours of a core image, itself included.")] = None,
    reencode: Annotated[bool, typer.Option(help="Write JPEGs made anew in the place of the original bytes.")] = False,
    refresh: Annotated[bool, typer.Option(help="Ask the page again, and let images go that it does not have.")] = False,
) -> None:
    """Search for a word and keep sharp, large, different images of that one subject.

    The same command again finishes what was interrupted, and fetches no image twice. Files that you put into the
    folder, change or delete there stay so.
    """
    from instagram_assets.privacy.tombstones import load_tombstones
    from instagram_assets.search.requests import refuse_forgotten
    from instagram_assets.settings import settings
    from instagram_assets.status.preflight import check_search

    refuse_forgotten(query, load_tombstones(settings().folder("privacy")))  # before the models are checked
    check_search(settings())
    from instagram_assets.automation import shell_runs
    from instagram_assets.automation.search_runs import search_folder, search_request
    from instagram_assets.cli.searches import search

    given = {
        "limit": limit,
        "min_side": min_side,
        "min_sharpness": min_sharpness,
        "eps": eps,
        "min_samples": min_samples,
        "subject": subject.value,
        "reencode": reencode,
    }
    search_request(settings(), query, out, refresh=refresh, **given)  # invalid requests fail before anything is created
    with shell_runs.open_instance() as dagster:
        found = search(dagster, query, out, refresh=refresh, **given)
    typer.echo(f"{search_folder(settings(), found.search)}: {found.kept} of {found.candidates} results")
    for reason, count in found.left_out.items():
        typer.echo(f"  {count} left out: {reason}")


@commands.command("check-search")
@clear_errors
def check_search(
    word: Annotated[str, typer.Argument(help="A search word, such as 고양이.")] = "",
    html: Annotated[Path | None, typer.Option(help="A saved page to read in the place of the site's.")] = None,
) -> None:
    """Look at one page of the image search: what each selector matches, and the first images."""
    from rich.console import Console

    from instagram_assets.cli.tables import search_table
    from instagram_assets.search.engine import clean_query, read_saved_results, search_source
    from instagram_assets.settings import settings

    source = search_source(settings())
    report = (
        read_saved_results(html, source.site) if html else source.report(clean_query(word), settings().search.limit)
    )
    Console().print(search_table(report, source.site))
    if report.selector in source.site.last_resort:
        typer.echo("Only a last resort matched, which may find what is no result: add a selector for the new markup.")
