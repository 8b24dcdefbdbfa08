"""Command that scrapes posts, reels and profiles by Apify actors."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instagram_assets.cli.messages import report_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    import dagster as dg

    from instagram_assets.sources.apify_inputs import ScrapeRequest
    from instagram_assets.sources.apify_run_records import RunRecord

commands = typer.Typer()
_STAGES: dict[str, Any] = {"loggers": {"stages": {"config": {"seconds": 0.0}}}}


@commands.command("scrape")
@report_errors
def scrape_command(
    name: Annotated[str, typer.Argument(help="The input: posts, reels, profiles, hashtags, or one of your own.")],
    names: Annotated[
        list[str] | None, typer.Argument(help="Accounts or hashtags; none: those that the input names.")
    ] = None,
    newer_than: Annotated[str, typer.Option(help="The day of the oldest post wanted, such as 2026-11-20.")] = "",
    registered: Annotated[bool, typer.Option(help="Whom the registry collects this week; see `accounts`.")] = False,
    again: Annotated[bool, typer.Option(help="Also when the same was scraped within the last twelve hours.")] = False,
) -> None:
    """Run an Apify actor (a hosted scraper), wait for it, and put its records into the inbox. It costs money.

    Repeat the command to continue an interrupted one; no scrape is started or paid twice. Ctrl-C aborts the actor's
    run, too.
    """
    from instagram_assets.calendar import today
    from instagram_assets.errors import ScrapeRequestError
    from instagram_assets.privacy.tombstones import load_tombstones
    from instagram_assets.settings import settings
    from instagram_assets.sources.apify_inputs import load_scrape_request, parse_day
    from instagram_assets.sources.apify_scrape import check_token
    from instagram_assets.sources.scrape_names import names_from_registry, refuse_forgotten_names

    day = parse_day(newer_than)
    scrape_input = load_scrape_request(name, settings().apify.inputs_dir)
    if registered and names:
        raise ScrapeRequestError(f"{', '.join(names)}: named beside --registered. Give one of the two.")
    forgotten = load_tombstones(settings().folder("privacy"))
    if registered:
        file, current_day = settings().accounts_file, today(settings().zone)
        names = names_from_registry(scrape_input, file, current_day, forgotten, typer.echo)
    refuse_forgotten_names(scrape_input.of(names or [], day, settings().zone), forgotten)
    check_token(settings().apify)  # invalid requests fail before anything is created
    from instagram_assets.automation import shell_runs

    with shell_runs.open_instance() as dagster:
        if scrape_into_inbox(dagster, scrape_input, names or [], day, again=again):
            typer.echo("Read it with: instagram-assets ingest (a running `dev` does so by itself)")


def scrape_into_inbox(
    dagster: "dg.DagsterInstance",
    scrape_input: "ScrapeRequest",
    names: "list[str]",
    day: "date | None",
    *,
    again: bool = False,
) -> bool:
    """Scrape in a Dagster run, and print result and cost; returns whether a file in the inbox waits for ingestion.

    `day` is the earliest day of posts to scrape. Ctrl-C aborts the Apify run, too.
    """
    from instagram_assets.automation import shell_runs
    from instagram_assets.automation.scrape_job import scrape_run_config
    from instagram_assets.settings import settings
    from instagram_assets.sources import apify_run_records
    from instagram_assets.sources.inbox_files import locate_inbox_file

    name, request = scrape_input.name, scrape_input.of(names, day, settings().zone)
    folder = settings().folder("scrapes") / request.name
    before = apify_run_records.find_record(folder, request.digest)
    try:
        shell_runs.run_job(dagster, "scrape", config={**scrape_run_config(name, names, day, again=again), **_STAGES})
    except KeyboardInterrupt as stop:
        record = apify_run_records.find_record(folder, request.digest)
        if record and record.status == "ABORTED":
            raise KeyboardInterrupt(f"Stopped, and Apify's run {record.run} aborted.") from stop
        raise
    record = apify_run_records.find_record(folder, request.digest)
    assert record is not None  # the run succeeded
    path = locate_inbox_file(settings().folder("inbox") / record.file) if record.file else None
    for line in _result_lines(record, before, request, path):
        typer.echo(line)
    return path is not None and path.parent == settings().folder("inbox")


def _result_lines(
    record: "RunRecord", before: "RunRecord | None", request: "ScrapeRequest", path: Path | None
) -> "Iterator[str]":
    """Lines about a scrape: its number of records, its cost if it was paid just now, and the state of its file.

    `before` is the record of the same scrape as it was before this command, if there was one.
    """
    from instagram_assets.cli.messages import relative_path
    from instagram_assets.ingest.folder_scan import DONE, ERROR_SUFFIX, REJECTED

    was_paid = before is not None and not before.is_open and before.run == record.run
    charged = "" if was_paid or record.charge_usd is None else f", {_dollars(record.charge_usd)} charged"
    if record == before:
        yield f"{record.name}: scraped at {record.ended_at}, so nothing was started; --again does it anew"
    if not record.file:
        yield f"{record.name}: no post of {request.newer_than} or later{charged}"
        return
    yield f"{relative_path(path) if path else record.file}: {_records(record.items)}{charged}"
    if path and path.parent.name == DONE:
        yield "It was read already"
    elif path and path.parent.name == REJECTED:
        yield f"It was rejected; {relative_path(path)}{ERROR_SUFFIX} says why"


def _dollars(amount: float) -> str:
    """Format an amount in dollars, to the cent, or to a tenth of a cent if it is small."""
    if 0 < amount < 0.0005:
        return "less than 0.001 US dollars"
    return f"{amount:,.3f}".removesuffix("0") + " US dollars"


def _records(number: int) -> str:
    return f"{number:,} record{'s' if number != 1 else ''}"
