"""Options that several commands share, and the settings with command line options applied."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from instagram_assets.settings import Settings

Accounts = Annotated[str, typer.Option(help="Accounts separated by commas, or a file with one per line.")]
Days = Annotated[str, typer.Option(help="One day, or first..last, such as 2026-11-01..2026-11-14.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on the standard output, in place of tables.")]
ObservedAt = Annotated[str, typer.Option(help="When the numbers were read, such as 2026-11-02T09:00:00+09:00.")]


def chosen_settings(**sections: dict[str, Any]) -> "Settings":
    """The settings with command line options applied; options not given are null. Raises SettingsError."""
    from instagram_assets.settings import load_settings

    given = {
        name: {key: value for key, value in values.items() if value is not None} for name, values in sections.items()
    }
    return load_settings(**given)


def say(line: str) -> None:
    """Print a progress line on stderr."""
    typer.echo(line, err=True)
