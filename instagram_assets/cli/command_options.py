"""Options that several commands share: parsing of `--accounts` and `--days`, and settings overridden by options."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instagram_assets.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from instagram_assets.settings import Settings

AccountsOption = Annotated[str, typer.Option(help="Accounts separated by commas, or a file with one per line.")]
DaysOption = Annotated[str, typer.Option(help="One day, or first..last, such as 2026-11-01..2026-11-14.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on the standard output, in place of tables.")]
ObservedAtOption = Annotated[str, typer.Option(help="When the numbers were read, such as 2026-11-02T09:00:00+09:00.")]


def settings_with_options(**sections: dict[str, Any]) -> "Settings":
    """The settings with command line options (by settings section) applied; options that are None are ignored.

    Raises SettingsError for an invalid value.
    """
    from instagram_assets.settings import load_settings

    given = {
        name: {key: value for key, value in values.items() if value is not None} for name, values in sections.items()
    }
    return load_settings(**given)


def parse_accounts(text: str, order: "Sequence[str]") -> list[str]:
    """Parse account names from a comma-separated list, or from a file with one per line.

    Comments, blank lines and duplicates are left out. Empty means all accounts, which `order` lists. Raises
    SettingsError for unknown accounts.
    """
    try:
        names = [line.split("#", 1)[0].strip() for line in Path(text or ".").read_text("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise SettingsError(f"--accounts {text}: not a text file in UTF-8") from error
    except OSError:  # no such file: it is a list of names
        names = [name.strip() for name in text.split(",")]
    names = list(dict.fromkeys(name.lower().removeprefix("@") for name in names if name))
    if text and not names:
        raise SettingsError(f"--accounts {text}: no account in it")
    if unknown := [name for name in names if name not in order]:
        raise SettingsError(f"--accounts: not a known account: {', '.join(unknown)}. Ingest a file that has it first.")
    return names or list(order)


def parse_days_in_lake(text: str) -> "tuple[date, date]":
    """Parse one day or `first..last` as the first and the last day; empty means all days of the lake.

    Raises SettingsError for an invalid day, or one outside the lake's range.
    """
    from instagram_assets.partitions import window

    if not text:
        return window()
    chosen = parse_days(text)
    start, end = window()
    if not start <= chosen[0] <= chosen[1] <= end:
        raise SettingsError(f"--days {text}: allowed are {start}..{end}, first day first.")
    return chosen


def parse_days(text: str) -> "tuple[date, date]":
    """Parse one day or `first..last` as the first and the last day. Raises SettingsError for an invalid day."""
    from datetime import date

    first, dots, last = text.partition("..")
    try:
        return date.fromisoformat(first), date.fromisoformat(last if dots else first)
    except ValueError as error:
        raise SettingsError(f"--days {text}: not a day. Use 2026-11-01 or 2026-11-01..2026-11-14.") from error
