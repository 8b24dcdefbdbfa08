"""Command `demo`: runs the whole pipeline on sample data, with local fake servers for Instagram, Apify and Gemini."""

import json
import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instagram_assets.cli.messages import relative_path, report_errors

if TYPE_CHECKING:
    import dagster as dg

    from instagram_assets.demo.apify_server import ApifyServer

commands = typer.Typer()

_APIFY_TOKEN, _GEMINI_KEY, _GRAPH_TOKEN = "DEMO_APIFY_TOKEN", "DEMO_GEMINI_KEY", "DEMO_GRAPH_TOKEN"


@commands.command()
@report_errors
def demo(
    once: Annotated[bool, typer.Option(help="Do nothing when everything is there already.")] = False,
    port: Annotated[int, typer.Option(help="Where the demo's own picture server listens.")] = 0,
) -> None:
    """Run the whole pipeline once on the sample export, with images from a server on this machine."""
    from instagram_assets.demo import MODELS, SAMPLE
    from instagram_assets.demo.apify_server import ApifyServer
    from instagram_assets.demo.demo_settings import use_demo_settings, write_demo_people
    from instagram_assets.demo.gemini_server import GeminiServer
    from instagram_assets.settings import load_settings

    use_demo_settings(MODELS, load_settings())
    os.environ.setdefault("INSTAGRAM_ASSETS_DOWNLOAD__ALLOW_HTTP", "true")
    os.environ.setdefault("INSTAGRAM_ASSETS_DOWNLOAD__ALLOW_LOOPBACK", "true")
    # Images and videos are generated on request, which is slow on a busy machine.
    os.environ.setdefault("INSTAGRAM_ASSETS_DOWNLOAD__TIMEOUT", "60")
    gemini = GeminiServer()
    # Overrides all settings: invented data must not be sent to the real Gemini, nor cost money.
    os.environ["INSTAGRAM_ASSETS_REELS__ANALYSER"] = "gemini"
    os.environ["INSTAGRAM_ASSETS_GEMINI__API_URL"] = gemini.url
    os.environ["INSTAGRAM_ASSETS_GEMINI__KEY_VARIABLE"] = _GEMINI_KEY
    os.environ[_GEMINI_KEY] = gemini.key
    from instagram_assets.automation import shell_runs
    from instagram_assets.automation.jobs import RESULTS_OF_REELS
    from instagram_assets.cli.command_outcome import check_outcome
    from instagram_assets.cli.ingest import ingest_files
    from instagram_assets.cli.reel_pipeline import write_weekly_pages
    from instagram_assets.cli.status_lines import print_status
    from instagram_assets.demo.export import SAMPLE_OBSERVED_AT, with_base_url
    from instagram_assets.demo.sample_catalogue import ACCOUNTS, PRIVATE_ACCOUNT
    from instagram_assets.demo.server import DEMO_PORT, DemoServer
    from instagram_assets.settings import settings
    from instagram_assets.status.data_status import read_data_status
    from instagram_assets.storage.lake import open_lake

    if once and shell_runs.is_complete():
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        DemoServer(port or DEMO_PORT) as server,
        ApifyServer() as apify,
        gemini,
        shell_runs.open_instance() as dagster,
    ):
        with_base_url(SAMPLE, Path(folder), server.url)
        files = [Path(folder) / f"{kind}.json" for kind in ("posts", "profiles")]
        files.append(_scrape_reels(apify, Path(folder), [account.name for account in ACCOUNTS], SAMPLE_OBSERVED_AT))
        _land_collected_files(dagster, _collect_samples(dagster, server.url, Path(folder)))
        # Tables derived from analysed reels would be computed twice, first without any.
        later = RESULTS_OF_REELS if settings().reels.enabled else ()
        work = ingest_files(dagster, files, SAMPLE_OBSERVED_AT.isoformat(), leave=later)
        if not work.errors and settings().age.enabled:
            write_demo_people(settings())
            # Only invented accounts: for others in the lake, no consent to age estimation exists.
            shell_runs.estimate_ages(dagster, [account.name for account in (*ACCOUNTS, PRIVATE_ACCOUNT)])
        if not work.errors and settings().reels.enabled:
            _analyse_reels(dagster)
        requests = sum(server.requests.values())
    state = read_data_status(open_lake(settings()), settings())
    served = (
        f"The demo's server was asked for {requests} pictures and videos; "
        "its reels were scraped from a stand-in of Apify and watched by one of Gemini; a hashtag and two accounts were "
        "collected from stand-ins of Meta's API and of Instagram."
    )
    for page in write_weekly_pages()[-1:]:
        served += f"\nThe page of the newest week: {relative_path(page)}"
    print_status(state, settings(), served)
    check_outcome(work, state)
    work.raise_errors()


def _analyse_reels(dagster: "dg.DagsterInstance") -> None:
    """Analyse the reels of the sample's days, and compute the tables derived from them."""
    from datetime import timedelta

    from instagram_assets.cli.reel_pipeline import run_pipeline
    from instagram_assets.demo.sample_catalogue import DAYS, SAMPLE_FIRST_DAY

    run_pipeline(dagster, (SAMPLE_FIRST_DAY, SAMPLE_FIRST_DAY + timedelta(days=DAYS - 1))).raise_errors()


def _scrape_reels(apify: "ApifyServer", folder: Path, accounts: list[str], observed_at: datetime) -> Path:
    """Scrape the demo's reels from the local Apify server; returns the file in the inbox, or its ingested copy.

    `folder` contains the reels and the scraper's state. The user's Apify token is not used, so that the real Apify is
    never called.
    """
    from instagram_assets.demo.apify_server import ApifyActor
    from instagram_assets.settings import ApifySettings, settings
    from instagram_assets.sources.apify_inputs import load_scrape_request
    from instagram_assets.sources.apify_scrape import scrape

    request = load_scrape_request("reels").of(accounts, None, settings().zone)
    apify.actors[request.actor] = ApifyActor(json.loads((folder / "reels.json").read_bytes()), ends_at=observed_at)
    options = ApifySettings(api_url=apify.url, token_variable=_APIFY_TOKEN)
    os.environ[_APIFY_TOKEN] = apify.token
    try:
        done = scrape(request, options, settings().folder("inbox"), folder, lambda line: None)
    finally:
        del os.environ[_APIFY_TOKEN]
    assert done.file is not None  # it was just written, or existed
    return done.file


def _collect_samples(dagster: "dg.DagsterInstance", pictures: str, folder: Path) -> list[Path]:
    """Collect a hashtag and two accounts from local servers; returns the files in the inbox, or their ingested copies.

    `folder` contains the collector's state, separate from the user's, so that demo requests do not count in real rate
    limits. `pictures` is the URL of the image server.
    """
    from instagram_assets.automation.collect_job import note_status
    from instagram_assets.collect.collect_one_site import collect
    from instagram_assets.collect.collection_scope import CollectionScope
    from instagram_assets.collect.collector_database import CollectorDatabase
    from instagram_assets.collect.site_sessions import SiteSession, graph_api_session, instagram_session
    from instagram_assets.demo import collected_samples as collected
    from instagram_assets.demo.graph_api_server import GraphApiServer
    from instagram_assets.demo.instagram_server import InstagramServer
    from instagram_assets.settings import CollectionSettings, GraphApiSettings, settings
    from instagram_assets.sources.inbox_files import locate_inbox_file

    database, clock, inbox = (
        CollectorDatabase(folder / "collection"),
        collected.StoppedClock(),
        settings().folder("inbox"),
    )

    def files_of(collector: SiteSession, subjects: tuple[str, ...]) -> list[Path]:
        done = collect(
            collector.site,
            collector.requester,
            subjects,
            CollectionScope(),
            database=database,
            inbox=inbox,
            clock=clock,
            log=_ignore_message,
        )
        paths = (locate_inbox_file(one.file) for one in done if one.file)
        return [path for path in paths if path]

    api = GraphApiServer(
        collected.collected_accounts_of_api(pictures),
        [collected.collected_hashtag(pictures)],
        now=clock.now,
    )
    os.environ[_GRAPH_TOKEN] = api.token
    try:
        with (
            api,
            InstagramServer(dict.fromkeys(collected.INSTAGRAM_SUBJECTS, collected.site_person(pictures))) as site,
        ):
            official = GraphApiSettings(token_variable=_GRAPH_TOKEN, user_id=api.own_id, api_url=api.url)
            options = CollectionSettings(instagram_url=site.url)
            with graph_api_session(official, options, database, clock, _ignore_message) as collector:
                found = files_of(collector, collected.GRAPH_API_SUBJECTS)
            with instagram_session(options, database, clock, _ignore_message) as collector:
                found += files_of(collector, collected.INSTAGRAM_SUBJECTS)
        note_status(dagster, database, clock.now())
        return found
    finally:
        del os.environ[_GRAPH_TOKEN]


def _land_collected_files(dagster: "dg.DagsterInstance", files: list[Path]) -> None:
    """Ingest the collector's files separately from the sample export, as they contain their own observation times."""
    from instagram_assets.automation import shell_runs
    from instagram_assets.settings import settings

    if new := [file for file in files if file.parent == settings().folder("inbox")]:
        shell_runs.land(dagster, new)


def _ignore_message(_: str) -> None:
    """Ignore a message about a wait, since the demo's clock does not really wait."""
