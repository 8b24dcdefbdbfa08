"""Commands of the image search: collect a folder of images of one subject for a search query."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from instagram_assets.cli.messages import report_errors

if TYPE_CHECKING:
    import dagster as dg
    from rich.table import Table

    from instagram_assets.search.image_search import SearchReport
    from instagram_assets.search.search_sites import Site

commands = typer.Typer()
_FIRST_IMAGES = 5
_STAGES: dict[str, Any] = {"loggers": {"stages": {"config": {"seconds": 0.0}}}}


class _Subject(StrEnum):
    """How the cluster of images that shows the search's subject is chosen."""

    largest = "largest"
    query = "query"


class SearchResult(NamedTuple):
    """The result of an image search: its name, the number of images kept, of candidates, and rejected by reason."""

    search: str
    kept: int
    candidates: int
    left_out: dict[str, int]


@commands.command("search")
@report_errors
def search_command(
    query: Annotated[str, typer.Argument(help="The search word, such as 고양이.")],
    limit: Annotated[int | None, typer.Option(help="Images wanted, 1 to 500.")] = None,
    out: Annotated[
        str, typer.Option(help="Name of the folder below data/datasets/search, no path; empty: the word.")
    ] = "",
    subject: Annotated[
        _Subject,
        typer.Option(help="The largest cluster, or the one that fits the word best, if the model reads its language."),
    ] = _Subject.largest,
    min_side: Annotated[int | None, typer.Option(help="Both sides have at least this many pixels.")] = None,
    min_sharpness: Annotated[float | None, typer.Option(help="Least sharpness at standard size; 0: any.")] = None,
    eps: Annotated[float | None, typer.Option(help="Images nearer than this are neighbours, 0 to 2.")] = None,
    min_samples: Annotated[int | None, typer.Option(help="Neighbours of a core image, itself included.")] = None,
    reencode: Annotated[bool, typer.Option(help="Write JPEGs made anew in the place of the original bytes.")] = False,
    refresh: Annotated[bool, typer.Option(help="Ask the page again, and let images go that it does not have.")] = False,
) -> None:
    """Search for a word and keep sharp, large, different images of that one subject.

    Repeat the command to finish an interrupted one; no image is downloaded twice. Files that you add, change or delete
    in the folder are left as they are.
    """
    from instagram_assets.privacy.tombstones import load_tombstones
    from instagram_assets.search.search_requests import refuse_forgotten_query
    from instagram_assets.settings import settings
    from instagram_assets.status.preflight import check_search

    refuse_forgotten_query(query, load_tombstones(settings().folder("privacy")))  # before the models are checked
    check_search(settings())
    from instagram_assets.automation import shell_runs
    from instagram_assets.automation.search_runs import search_folder, search_request

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
        found = run_search(dagster, query, out, refresh=refresh, **given)
    typer.echo(f"{search_folder(settings(), found.search)}: {found.kept} of {found.candidates} results")
    for reason, count in found.left_out.items():
        typer.echo(f"  {count} left out: {reason}")


@commands.command("check-search")
@report_errors
def check_search(
    word: Annotated[str, typer.Argument(help="A search word, such as 고양이.")] = "",
    html: Annotated[Path | None, typer.Option(help="A saved page to read in the place of the site's.")] = None,
) -> None:
    """Check the parsing of one page of search results: what each CSS selector matches, and the first images."""
    from rich.console import Console

    from instagram_assets.search.image_search import clean_query, read_saved_results, search_source
    from instagram_assets.settings import settings

    source = search_source(settings())
    report = (
        read_saved_results(html, source.site) if html else source.report(clean_query(word), settings().search.limit)
    )
    Console().print(_search_table(report, source.site))
    if report.selector in source.site.last_resort:
        typer.echo("Only a last resort matched, which may find what is no result: add a selector for the new markup.")


def run_search(
    instance: "dg.DagsterInstance", query: str, out: str = "", *, refresh: bool = False, **given: Any
) -> SearchResult:
    """Run one image search, with progress on stderr; `out` names its folder, else it is named after the query.

    `given` are fields of SearchRequest; None stands for the value in the settings. Results of earlier runs are reused.
    Raises SearchRequestError before any work, as `search_request` does, and RunFailedError with the reason if no image
    is kept, or if without `refresh` the folder would have fewer images than before.
    """
    from instagram_assets.automation.search_runs import search_request, search_run_config, search_run_tags
    from instagram_assets.automation.shell_runs import run_job
    from instagram_assets.datasets.image_folder_card import why_not
    from instagram_assets.partitions import register_search
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake, read_table

    request = search_request(settings(), query, out, refresh=refresh, **given)
    register_search(instance, request.search)
    config = search_run_config(request, refresh=refresh) | _STAGES
    run_job(instance, "search", tags=search_run_tags(request), config=config)
    rows = read_table(open_lake(settings()), "search_dataset", [request.search])
    candidates = rows.to_pylist()
    return SearchResult(request.search, sum(rows["kept"].to_pylist()), len(candidates), why_not(candidates))


def _search_table(report: "SearchReport", site: "Site") -> "Table":
    """Terminal table with the number of matches of each CSS selector on a search page, and the first images found."""
    from rich.markup import escape
    from rich.table import Table

    found = f"{len(report.hits)} images in {report.seconds:.1f} s"
    table = Table(title=f"{escape(report.title) or 'no title'}: {found}", title_justify="left")
    table.add_column("selector", overflow="fold")
    table.add_column("matches", justify="right")
    table.add_column("first images", overflow="fold")
    for selector, count in report.counts.items():
        is_used = selector == report.selector
        first = "\n".join(hit.url for hit in report.hits[:_FIRST_IMAGES]) if is_used else ""
        name = f"{selector} (last resort)" if selector in site.last_resort else selector
        table.add_row(escape(name), str(count), escape(first), style="green" if is_used else "")
    return table
