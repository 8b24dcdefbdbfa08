"""Selects from the registry the names for a scrape, for the command line, the UI and the daily schedule alike."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from instagram_assets.errors import ScrapeRequestError
from instagram_assets.privacy.forgotten_identifiers import NOTHING_FORGOTTEN, Forgotten
from instagram_assets.sources.accounts import load_registry, names_for_apify
from instagram_assets.sources.requests import ScrapeRequest


def registered(
    request: ScrapeRequest,
    file: Path,
    day: date,
    forgotten: Forgotten = NOTHING_FORGOTTEN,
    tell: Callable[[str], object] = lambda _: None,
) -> list[str]:
    """The names Apify collects in the ISO week of `day`: accounts or hashtags, depending on the request's input.

    Erased names are left out, and their number is reported through `tell`. Raises SettingsError for a registry `file`
    that cannot be read, ScrapeRequestError if it has no names for the request.
    """
    registry = load_registry(file, forgotten)
    kind = "hashtag" if request.takes_hashtags else "account"
    if not registry.entries:
        raise ScrapeRequestError(
            f'{file} names nobody yet. Write an entry, `[[accounts]]` and `name = "sun_diary"`, for each account.'
        )
    if gone := len(registry.forgotten_entries):
        tell(f"{file}: {gone} {'entry was' if gone == 1 else 'entries were'} forgotten and left out")
    if found := names_for_apify(registry, day, kind):
        return found
    raise ScrapeRequestError(f"{file} has no {kind} that Apify collects this week. See: instagram-assets accounts.")
