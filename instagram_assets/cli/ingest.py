"""From export files to every table that they touch; and the demo, which does so with its sample."""

import json
import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instagram_assets.cli.arguments import AsJson, ObservedAt
from instagram_assets.cli.errors import clear_errors

if TYPE_CHECKING:
    from instagram_assets.demo.apify import ApifyServer

commands = typer.Typer()


@commands.command()
@clear_errors
def demo(
    once: Annotated[bool, typer.Option(help="Do nothing when everything is there already.")] = False,
    port: Annotated[int, typer.Option(help="Where the demo's own picture server listens.")] = 0,
) -> None:
    """Run everything once on the sample export, with pictures from a server on this machine."""
    from instagram_assets.demo import MODELS, SAMPLE
    from instagram_assets.demo.apify import ApifyServer
    from instagram_assets.demo.environment import use_demo, write_demo_people
    from instagram_assets.settings import load_settings

    use_demo(MODELS, load_settings())
    os.environ.setdefault("INSTAGRAM_ASSETS_DOWNLOAD__ALLOW_HTTP", "true")
    os.environ.setdefault("INSTAGRAM_ASSETS_DOWNLOAD__ALLOW_LOOPBACK", "true")
    from instagram_assets import runs
    from instagram_assets.cli.endings import ingest as ingest_files
    from instagram_assets.cli.endings import judge
    from instagram_assets.cli.state import read_state
    from instagram_assets.cli.state_lines import print_state
    from instagram_assets.demo.catalogue import ACCOUNTS, PRIVATE_ACCOUNT
    from instagram_assets.demo.export import OBSERVED_AT, with_base_url
    from instagram_assets.demo.server import DEMO_PORT, DemoServer
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    if once and runs.is_complete():
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        DemoServer(port or DEMO_PORT) as server,
        ApifyServer() as apify,
        runs.open_instance() as dagster,
    ):
        with_base_url(SAMPLE, Path(folder), server.url)
        files = [Path(folder) / f"{kind}.json" for kind in ("posts", "profiles")]
        files.append(_scraped(apify, Path(folder), [account.name for account in ACCOUNTS], OBSERVED_AT))
        work = ingest_files(dagster, files, OBSERVED_AT.isoformat())
        if not work.errors and settings().age.enabled:
            write_demo_people(settings())
            # Only the invented ones: of others in the lake, who brought them has said nothing about ages.
            runs.estimate_ages(dagster, [account.name for account in (*ACCOUNTS, PRIVATE_ACCOUNT)])
        asked = sum(server.requests.values())
    state = read_state(open_lake(settings()), settings())
    served = (
        f"The demo's picture server was asked for {asked} pictures; its reels were scraped from a stand-in of Apify."
    )
    print_state(state, settings(), served)
    judge(work, state)
    work.raise_errors()


def _scraped(apify: "ApifyServer", folder: Path, accounts: list[str], moment: datetime) -> Path:
    """The file of the demo's reels, scraped from its Apify into the inbox, or where landing put it before.

    `folder` has the reels, and takes the notes. Nothing of one's own settings or token is used: this must never reach
    the real Apify.
    """
    from instagram_assets.demo.apify import Actor
    from instagram_assets.settings import ApifySettings, settings
    from instagram_assets.sources.requests import load_request
    from instagram_assets.sources.scrape import scrape

    variable = "DEMO_APIFY_TOKEN"
    request = load_request("reels").of(accounts, None, settings().zone)
    apify.actors[request.actor] = Actor(json.loads((folder / "reels.json").read_bytes()), ends_at=moment)
    options = ApifySettings(api_url=apify.url, token_variable=variable)
    os.environ[variable] = apify.token
    try:
        done = scrape(request, options, settings().folder("inbox"), folder, lambda line: None)
    finally:
        del os.environ[variable]
    assert done.file is not None  # it has just been written, or was there
    return done.file


@commands.command()
@clear_errors
def ingest(
    files: Annotated[list[Path], typer.Argument(help="Export files, or folders of them; none: the inbox.")] = [],  # noqa: B006
    observed_at: ObservedAt = "",
    account: Annotated[str, typer.Option(help="Whose posts they are, where an archive does not say it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Land export files and make every table that they touch."""
    from instagram_assets.preflight import check_ingest
    from instagram_assets.settings import settings

    check_ingest(settings(), files, observed_at, account)
    from instagram_assets import runs
    from instagram_assets.automation.run_history import read_history
    from instagram_assets.cli import endings
    from instagram_assets.cli.state import read_state
    from instagram_assets.cli.state_lines import empty_inbox_line, moved_line, print_state
    from instagram_assets.ingest.inbox import REJECTED, waiting
    from instagram_assets.storage.lake import open_lake

    inbox = settings().folder("inbox")
    empty = [] if files or waiting(inbox) else [empty_inbox_line(inbox)]
    with runs.open_instance() as dagster:
        work = endings.ingest(dagster, files, observed_at, account)
        state = read_state(open_lake(settings()), settings())
        endings.judge(work, state)
        if as_json:
            typer.echo(json.dumps(endings.as_json(state, read_history(dagster), work), ensure_ascii=False))
        else:
            known = (f"{name}: read before, nothing new" for name in work.known)
            others = work.without_told(state)
            told = len(state.files.rejected) - len(others.files.rejected)
            moved = [moved_line(told, inbox / REJECTED)] if told else []
            print_state(others, settings(), *work.folders, *known, *empty, *moved)
    work.raise_errors()


@commands.command(hidden=True)
@clear_errors
def finish(command: Annotated[str, typer.Option(help="Whose runs these are.")] = "") -> None:
    """Make every table that landed files wait for, and the datasets; `ingest` calls it when days were added."""
    from instagram_assets import runs

    with runs.open_instance() as dagster, runs.as_command(command):
        runs.finish(dagster)
