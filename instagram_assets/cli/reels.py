"""Reels watched, from a shell."""

from typing import Annotated

import typer

from instagram_assets.cli.errors import clear_errors

_MOST_NAMED = 5

commands = typer.Typer(no_args_is_help=True, help="Reels watched: why some go viral.")


@commands.command()
@clear_errors
def page(
    week: Annotated[
        str, typer.Option(help="The ISO week, such as 2026-W48; none: the newest of which there is one.")
    ] = "",
) -> None:
    """Write the page of a week: its reels, what sets the viral ones apart, and what a model saw in them."""
    from instagram_assets.calendar import week_name
    from instagram_assets.cli.tables import near
    from instagram_assets.errors import SettingsError
    from instagram_assets.reels.week_page import read_week, weeks_of
    from instagram_assets.reels.week_views import write_page
    from instagram_assets.settings import settings
    from instagram_assets.sources.accounts import parse_week
    from instagram_assets.storage.lake import open_lake

    lake, chosen = open_lake(settings()), parse_week(week) if week else None
    weeks = weeks_of(lake)
    if not weeks:
        raise SettingsError(
            "No reel has been watched yet, so there is no page. It begins with INSTAGRAM_ASSETS_REELS__ENABLED=true."
        )
    if chosen and chosen not in weeks:
        known = ", ".join(week_name(each) for each in weeks[-_MOST_NAMED:])
        raise SettingsError(f"{week}: no reel of that week has been watched. The newest weeks are {known}.")
    shown = read_week(lake, chosen or weeks[-1], settings().folder("media"))
    typer.echo(near(write_page(shown, settings().folder("reports"))))
