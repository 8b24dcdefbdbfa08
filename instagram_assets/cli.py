"""The same work from a shell. Each command imports what it needs, so that --help answers at once."""

import json
import os
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from instagram_assets.cli_age import age
from instagram_assets.cli_alerts import alerts
from instagram_assets.cli_dev import serving
from instagram_assets.cli_errors import clear_errors
from instagram_assets.cli_lake import asking
from instagram_assets.cli_search import search
from instagram_assets.cli_state import AsJson, looking
from instagram_assets.cli_text import text
from instagram_assets.cli_vision import vision
from instagram_assets.errors import NothingDoneError

ABOUT = "Instagram posts, reels and profiles as datasets to train on."
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=ABOUT)
app.add_typer(vision)
app.add_typer(search)
app.add_typer(text)
app.add_typer(age)
app.add_typer(serving)
app.add_typer(alerts, name="alerts")
app.add_typer(looking)
app.add_typer(asking)
ObservedAt = Annotated[str, typer.Option(help="When the numbers were read, such as 2026-11-02T09:00:00+09:00.")]


def _show_version(asked: bool) -> None:
    if asked:
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


class Kind(StrEnum):
    """A kind of record."""

    post = "post"
    reel = "reel"


class Mode(StrEnum):
    """Which kinds of records to work on."""

    all = "all"
    post = "post"
    reel = "reel"


@app.command()
@clear_errors
def demo(
    once: Annotated[bool, typer.Option(help="Do nothing when everything is there already.")] = False,
    port: Annotated[int, typer.Option(help="Where the demo's own picture server listens.")] = 0,
) -> None:
    """Run everything once on the sample export, with pictures from a server on this machine."""
    from instagram_assets.demo import MODELS, SAMPLE
    from instagram_assets.demo.environment import use_demo, write_demo_people

    use_demo(MODELS)
    os.environ.setdefault("INSTAGRAM_ASSETS_DOWNLOAD__ALLOW_HTTP", "true")
    os.environ.setdefault("INSTAGRAM_ASSETS_DOWNLOAD__ALLOW_LOOPBACK", "true")
    from instagram_assets import runs
    from instagram_assets.demo.catalogue import ACCOUNTS, PRIVATE_ACCOUNT
    from instagram_assets.demo.export import OBSERVED_AT, with_base_url
    from instagram_assets.demo.server import DEMO_PORT, DemoServer
    from instagram_assets.endings import ingest as ingest_files
    from instagram_assets.endings import judge
    from instagram_assets.settings import settings
    from instagram_assets.state import read_state
    from instagram_assets.state_lines import print_state
    from instagram_assets.storage.lake import lake

    if once and runs.is_complete():
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        DemoServer(port or DEMO_PORT) as server,
        runs.open_instance() as dagster,
    ):
        with_base_url(SAMPLE, Path(folder), server.url)
        files = [Path(folder) / f"{kind}.json" for kind in ("posts", "reels", "profiles")]
        work = ingest_files(dagster, files, OBSERVED_AT.isoformat())
        if not work.errors and settings().age.enabled:
            write_demo_people(settings())
            # Only the invented ones: of others in the lake, who brought them has said nothing about ages.
            runs.estimate_ages(dagster, [account.name for account in (*ACCOUNTS, PRIVATE_ACCOUNT)])
        asked = sum(server.requests.values())
    state = read_state(lake(), settings())
    print_state(state, settings(), f"The demo's picture server was asked for {asked} pictures.")
    judge(work, state)
    work.raise_errors()


@app.command()
@clear_errors
def ingest(
    files: Annotated[list[Path], typer.Argument(help="Export files; none: what lies in the inbox.")] = [],  # noqa: B006
    observed_at: ObservedAt = "",
    as_json: AsJson = False,
) -> None:
    """Land export files and make every table that they touch."""
    from instagram_assets.preflight import check_ingest
    from instagram_assets.settings import settings

    check_ingest(settings(), files, observed_at)
    from instagram_assets import endings, runs
    from instagram_assets.automation.run_history import read_history
    from instagram_assets.state import read_state
    from instagram_assets.state_lines import print_state
    from instagram_assets.storage.lake import lake

    with runs.open_instance() as dagster:
        work = endings.ingest(dagster, files, observed_at)
        state = read_state(lake(), settings())
        endings.judge(work, state)
        if as_json:
            typer.echo(json.dumps(endings.as_json(state, read_history(dagster), work), ensure_ascii=False))
        else:
            print_state(state, settings(), *(f"{name}: read before, nothing new" for name in work.known))
    work.raise_errors()


@app.command(hidden=True)
@clear_errors
def finish(command: Annotated[str, typer.Option(help="Whose runs these are.")] = "") -> None:
    """Make every table that landed files wait for, and the datasets; `ingest` calls it when days were added."""
    from instagram_assets import runs

    with runs.open_instance() as dagster, runs.as_command(command):
        runs.finish(dagster)


@app.command()
@clear_errors
def migrate() -> None:
    """Rewrite a lake of an older layout; every command that meets one does it, too."""
    from instagram_assets.progress import counted, reporting
    from instagram_assets.storage.lake import lake_root
    from instagram_assets.storage.migration import migrate as rewrite

    root = lake_root()
    with reporting(_say, counted("tables")) as report:
        rewritten = rewrite(root, report)
    typer.echo(f"{root}: rewritten" if rewritten else f"{root}: nothing to do")


@app.command()
@clear_errors
def materialize(
    selection: Annotated[str, typer.Argument(help="Assets, such as posts, posts+ or 'key:posts or key:images'.")],
    accounts: Annotated[str, typer.Option(help="Accounts separated by commas, or a file with one per line.")] = "",
    days: Annotated[str, typer.Option(help="One day, or first..last, such as 2026-11-01..2026-11-14.")] = "",
) -> None:
    """Make the selected assets again, for some accounts and days or for all."""
    from instagram_assets.preflight import check_stages
    from instagram_assets.settings import settings

    check_stages(settings())
    from instagram_assets import endings, runs, selections
    from instagram_assets.state import read_state
    from instagram_assets.storage.lake import lake

    with runs.open_instance() as dagster, endings.watched(dagster) as work:
        for line in selections.materialize(dagster, selection, accounts, days):
            typer.echo(line)
    if not work.runs:
        raise NothingDoneError(f"{selection}: nothing has landed of these accounts and days, so nothing was made.")
    if work.came_to_nothing:
        endings.judge(work, read_state(lake(), settings()))
    work.raise_errors()


export = typer.Typer(no_args_is_help=True, help="Write the datasets that go out.")
app.add_typer(export, name="export")


@export.command("csv")
@clear_errors
def export_csv() -> None:
    """Write one CSV per kind into data/datasets."""
    _export("dataset_csv")


@export.command("json")
@clear_errors
def export_json() -> None:
    """Write the merged JSON into data/datasets."""
    _export("dataset_json")


@app.command()
@clear_errors
def refine(
    folder: Annotated[Path, typer.Argument(help="Folder with posts.json, reels.json and profiles.json.")],
    out: Annotated[Path, typer.Option(help="Where the JSON and the images go.")] = Path("refined"),
    mode: Annotated[Mode, typer.Option(help="Which kind to work on.")] = Mode.all,
    observed_at: ObservedAt = "",
) -> None:
    """Merge three export files and fetch their images, without Dagster and without a lake."""
    from rich.console import Console

    from instagram_assets.datasets.refine import refine as refine_folder
    from instagram_assets.ingest.inbox import parse_moment
    from instagram_assets.progress import downloaded, reporting
    from instagram_assets.settings import load_settings
    from instagram_assets.summary import refine_table

    settings = load_settings(mode=mode.value)
    moment = parse_moment(observed_at)
    with reporting(_say, downloaded) as report:
        result = refine_folder(folder, out, settings=settings, observed_at=moment, on_progress=report)
    Console().print(refine_table(result))
    if result.images_failed and not result.images_ok:
        raise NothingDoneError(f"{result.images_failed} images, {result.images_failed} failed.")
    if result.quarantined and not result.records:
        raise NothingDoneError(f"No record could be used; {result.quarantine} says why.")


@app.command("to-csv")
@clear_errors
def to_csv(
    file: Annotated[Path, typer.Argument(help="Any merged or captioned JSON.")],
    kind: Annotated[Kind | None, typer.Option(help="Only this kind; else one file for each kind there is.")] = None,
    impression: Annotated[bool, typer.Option(help="Add the column impression.")] = True,
    caption_raw: Annotated[bool, typer.Option(help="Add the caption with its newlines kept.")] = False,
    spreadsheet_safe: Annotated[bool, typer.Option(help="Guard cells that a spreadsheet would run.")] = False,
) -> None:
    """Turn a merged JSON into CSV beside it."""
    from instagram_assets.datasets.refine import to_csv as write
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


@app.command("check-search")
@clear_errors
def check_search(
    word: Annotated[str, typer.Argument(help="A search word, such as 고양이.")] = "",
    html: Annotated[Path | None, typer.Option(help="A saved page to read in the place of the site's.")] = None,
) -> None:
    """Look at one page of the image search: what each selector matches, and the first images."""
    from rich.console import Console

    from instagram_assets.ingest.image_search import clean_query, replay, search_source
    from instagram_assets.settings import settings
    from instagram_assets.summary import search_table

    source = search_source(settings())
    report = replay(html, source.site) if html else source.report(clean_query(word), settings().search.limit)
    Console().print(search_table(report, source.site))
    if report.selector in source.site.last_resort:
        typer.echo("Only a last resort matched, which may find what is no result: add a selector for the new markup.")


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _export(asset: str) -> None:
    from instagram_assets.preflight import check_stages
    from instagram_assets.settings import settings

    check_stages(settings())
    import dagster as dg

    from instagram_assets import runs

    with runs.open_instance() as dagster:
        made = runs.run_job(dagster, "datasets", assets=[dg.AssetKey(asset)])
    for materialization in made:
        typer.echo(materialization.metadata["path"].value)


if __name__ == "__main__":
    app()
