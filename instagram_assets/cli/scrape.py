"""Command that scrapes posts, reels and profiles by Apify actors."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instagram_assets.cli.messages import report_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    import dagster as dg

    from instagram_assets.sources.notes import Note
    from instagram_assets.sources.requests import ScrapeRequest

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
    """Run an actor of Apify, wait for it, and put what it collected into the inbox. It costs money.

    The same command again goes on where an interrupted one was, and starts and pays nothing twice. Ctrl-C ends the
    actor's run, too.
    """
    from instagram_assets.calendar import today
    from instagram_assets.errors import ScrapeRequestError
    from instagram_assets.privacy.tombstones import load_tombstones
    from instagram_assets.settings import settings
    from instagram_assets.sources.forgotten import refuse_forgotten
    from instagram_assets.sources.registered import registered as registered_names
    from instagram_assets.sources.requests import load_request, parse_day
    from instagram_assets.sources.scrape import check_token

    day = parse_day(newer_than)
    scrape_input = load_request(name, settings().apify.inputs_dir)
    if registered and names:
        raise ScrapeRequestError(f"{', '.join(names)}: named beside --registered. Give one of the two.")
    forgotten = load_tombstones(settings().folder("privacy"))
    if registered:
        names = registered_names(scrape_input, settings().accounts_file, today(settings().zone), forgotten, typer.echo)
    refuse_forgotten(scrape_input.of(names or [], day, settings().zone), forgotten)
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
    """Scrape in a Dagster run, and print the result and cost; returns whether a file waits in the inbox.

    Ctrl-C aborts the Apify run, too.
    """
    from instagram_assets.automation import shell_runs
    from instagram_assets.automation.scrape_job import scrape_run_config
    from instagram_assets.settings import settings
    from instagram_assets.sources import notes
    from instagram_assets.sources.arrivals import place_of

    name, request = scrape_input.name, scrape_input.of(names, day, settings().zone)
    folder = settings().folder("scrapes") / request.name
    before = notes.find(folder, request.digest)
    try:
        shell_runs.run_job(dagster, "scrape", config={**scrape_run_config(name, names, day, again=again), **_STAGES})
    except KeyboardInterrupt as stop:
        note = notes.find(folder, request.digest)
        if note and note.status == "ABORTED":
            raise KeyboardInterrupt(f"Stopped, and Apify's run {note.run} aborted.") from stop
        raise
    note = notes.find(folder, request.digest)
    assert note is not None  # the run succeeded
    path = place_of(settings().folder("inbox") / note.file) if note.file else None
    for line in _result_lines(note, before, request, path):
        typer.echo(line)
    return path is not None and path.parent == settings().folder("inbox")


def _result_lines(note: "Note", before: "Note | None", request: "ScrapeRequest", path: Path | None) -> "Iterator[str]":
    """Lines about a scrape: its records, its cost where it was just paid, and the state of its file."""
    from instagram_assets.cli.messages import relative_path
    from instagram_assets.ingest.folders import DONE, ERROR_SUFFIX, REJECTED

    was_paid = before is not None and not before.is_open and before.run == note.run
    charged = "" if was_paid or note.charge_usd is None else f", {_dollars(note.charge_usd)} charged"
    if note == before:
        yield f"{note.name}: scraped at {note.ended_at}, so nothing was started; --again does it anew"
    if not note.file:
        yield f"{note.name}: no post of {request.newer_than} or later{charged}"
        return
    yield f"{relative_path(path) if path else note.file}: {_records(note.items)}{charged}"
    if path and path.parent.name == DONE:
        yield "It was read already"
    elif path and path.parent.name == REJECTED:
        yield f"It was rejected; {relative_path(path)}{ERROR_SUFFIX} says why"


def _dollars(amount: float) -> str:
    """An amount in dollars, to the cent, or where that is too coarse to a tenth of a cent."""
    if 0 < amount < 0.0005:
        return "less than 0.001 US dollars"
    return f"{amount:,.3f}".removesuffix("0") + " US dollars"


def _records(number: int) -> str:
    return f"{number:,} record{'s' if number != 1 else ''}"
