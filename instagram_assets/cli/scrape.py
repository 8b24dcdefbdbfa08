"""Posts, reels and profiles by Apify's actors, from a shell."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from instagram_assets.cli.errors import clear_errors

if TYPE_CHECKING:
    from datetime import date

    import dagster as dg

    from instagram_assets.sources.requests import ScrapeRequest

commands = typer.Typer()
_STAGES: dict[str, Any] = {"loggers": {"stages": {"config": {"seconds": 0.0}}}}


@commands.command("scrape")
@clear_errors
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
    from instagram_assets.settings import settings
    from instagram_assets.sources.requests import load_request, parse_day
    from instagram_assets.sources.scrape import check_token

    day = parse_day(newer_than)
    asked = load_request(name, settings().apify.inputs_dir)
    names = names_of_the_week(asked, names) if registered else names
    asked.of(names or [], day, settings().zone)
    check_token(settings().apify)  # what cannot be done is told before anything is made
    from instagram_assets import runs

    with runs.open_instance() as dagster:
        if scrape_into_inbox(dagster, asked, names or [], day, again=again):
            typer.echo("Read it with: instagram-assets ingest (a running `dev` does so by itself)")


def scrape_into_inbox(
    dagster: "dg.DagsterInstance",
    asked: "ScrapeRequest",
    names: "list[str]",
    day: "date | None",
    *,
    again: bool = False,
) -> bool:
    """Scrape as a run, and say what came and what it cost; whether there is a file.

    Ctrl-C ends Apify's run, too.
    """
    from instagram_assets import runs
    from instagram_assets.automation.scrape import run_config
    from instagram_assets.cli.tables import near
    from instagram_assets.settings import settings
    from instagram_assets.sources import notes

    name, request = asked.name, asked.of(names, day, settings().zone)
    folder = settings().folder("scrapes") / request.name
    before = notes.find(folder, request.digest)
    try:
        runs.run_job(dagster, "scrape", config={**run_config(name, names, day, again=again), **_STAGES})
    except KeyboardInterrupt as stop:
        note = notes.find(folder, request.digest)
        if note and note.status == "ABORTED":
            raise KeyboardInterrupt(f"Stopped, and Apify's run {note.run} aborted.") from stop
        raise
    note = notes.find(folder, request.digest)
    assert note is not None  # the run succeeded
    charged = "" if note.charge_usd is None else f", {note.charge_usd:,.2f} US dollars charged"
    if not note.file:
        typer.echo(f"{name}: no post of {day} or later{charged}")
        return False
    if note == before:
        typer.echo(f"{name}: scraped at {note.ended_at}, so nothing was started; `scrape --again` does it anew")
    typer.echo(f"{near(settings().folder('inbox') / note.file)}: {note.items:,} records{charged}")
    return True


def names_of_the_week(request: "ScrapeRequest", names: list[str] | None = None) -> list[str]:
    """The names of the registry whose turn it is. Raises ScrapeRequestError when there are none, or names beside."""
    from instagram_assets.calendar import today
    from instagram_assets.errors import ScrapeRequestError
    from instagram_assets.settings import settings
    from instagram_assets.sources.accounts import load_registry, names_for_apify

    if names:
        raise ScrapeRequestError(f"{', '.join(names)}: named beside --registered. Give one of the two.")
    registry = load_registry(settings().accounts_file)
    kind = "hashtag" if request.takes_hashtags else "account"
    found = names_for_apify(registry, today(settings().zone), kind)
    if not found:
        raise ScrapeRequestError(
            f"{registry.file} has no {kind} that Apify collects this week. See: instagram-assets accounts."
        )
    return found
