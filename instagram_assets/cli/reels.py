"""Commands on reels: run all steps from new reels to the weekly report, or write the report alone."""

from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from instagram_assets.cli.messages import report_errors

if TYPE_CHECKING:
    from datetime import date

    from instagram_assets.sources.apify_inputs import ScrapeRequest

_MOST_NAMED = 5

commands = typer.Typer()


@commands.callback(invoke_without_command=True)
@report_errors
def reels(
    context: typer.Context,
    scrape: Annotated[
        str, typer.Option(help="First scrape this input, such as reels, of whom it or else the registry names.")
    ] = "",
    days: Annotated[
        int | None, typer.Option(min=1, max=366, help="Days before today whose reels are watched; else as set.")
    ] = None,
) -> None:
    """Analyse the reels of the last days: labels, videos, analyses, then hypotheses, Delta tables and weekly report.

    Pending export files are ingested first. Repeat the command to continue an interrupted one.
    """
    if context.invoked_subcommand:
        return
    from instagram_assets.errors import SettingsError
    from instagram_assets.settings import settings
    from instagram_assets.status.preflight import check_reels, check_stages

    if not settings().reels.enabled:
        raise SettingsError(
            "Reels are not watched. Set INSTAGRAM_ASSETS_REELS__ENABLED=true; INSTAGRAM_ASSETS_REELS__ANALYSER says by "
            "whom: `local`, on this machine, or `gemini`, which is paid."
        )
    check_reels(settings())
    check_stages(settings())
    back = days or settings().reels.days
    scrape_arguments = _scrape_arguments(scrape, back) if scrape else None
    from instagram_assets.automation import shell_runs
    from instagram_assets.automation.reel_steps import days_back
    from instagram_assets.cli.reel_pipeline import OlderPostsError, continue_in_new_process, run_pipeline, summary_lines
    from instagram_assets.cli.scrape import scrape_into_inbox

    with shell_runs.open_instance() as dagster, shell_runs.as_command(uuid4().hex):
        if scrape_arguments:
            scrape_into_inbox(dagster, *scrape_arguments)
        try:
            result = run_pipeline(dagster, days_back(back))
        except OlderPostsError:
            raise typer.Exit(continue_in_new_process(back)) from None
        for line in summary_lines(result):
            typer.echo(line)
    result.raise_errors()


def _scrape_arguments(name: str, days: int) -> "tuple[ScrapeRequest, list[str], date | None]":
    """The Apify request, the accounts, and the day of the oldest reel; raises errors that would prevent the scrape."""
    from datetime import timedelta

    from instagram_assets.calendar import today
    from instagram_assets.privacy.tombstones import load_tombstones
    from instagram_assets.settings import settings
    from instagram_assets.sources.apify_inputs import load_scrape_request
    from instagram_assets.sources.apify_scrape import check_token
    from instagram_assets.sources.scrape_names import names_from_registry, refuse_forgotten_names

    scrape_input = load_scrape_request(name, settings().apify.inputs_dir)
    forgotten = load_tombstones(settings().folder("privacy"))
    arguments = (scrape_input, settings().accounts_file, today(settings().zone), forgotten, typer.echo)
    names = [] if scrape_input.names_somebody else names_from_registry(*arguments)
    day = today(settings().zone) - timedelta(days=days) if scrape_input.takes_day else None
    refuse_forgotten_names(scrape_input.of(names, day, settings().zone), forgotten)
    check_token(settings().apify)
    return scrape_input, names, day


@commands.command()
@report_errors
def page(
    week: Annotated[
        str, typer.Option(help="The ISO week, such as 2026-W48; none: the newest of which there is one.")
    ] = "",
) -> None:
    """Write the report of a week: its reels, what distinguishes the viral ones, and how a model described them."""
    from functools import partial

    from instagram_assets.calendar import week_name
    from instagram_assets.cli.messages import relative_path
    from instagram_assets.errors import SettingsError
    from instagram_assets.reels.run_analysis import unanswered_usd
    from instagram_assets.reels.weekly_report import read_week, weeks_of
    from instagram_assets.reels.weekly_report_views import write_page
    from instagram_assets.settings import settings
    from instagram_assets.sources.account_registry import parse_week
    from instagram_assets.storage.lake import open_lake

    lake, chosen = open_lake(settings()), parse_week(week) if week else None
    weeks = weeks_of(lake)
    if not weeks:
        raise SettingsError(
            "No reel has been watched yet, so there is no page. Watch some with: instagram-assets reels"
        )
    if chosen and chosen not in weeks:
        known = ", ".join(week_name(each) for each in weeks[-_MOST_NAMED:])
        raise SettingsError(f"{week}: no reel of that week has been watched. The newest weeks are {known}.")
    unanswered = partial(unanswered_usd, settings=settings())
    shown = read_week(lake, chosen or weeks[-1], settings().folder("media"), unanswered=unanswered)
    typer.echo(relative_path(write_page(shown, settings().folder("reports"))))
