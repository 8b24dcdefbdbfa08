"""Whom a scrape is about when the registry says it: one answer by hand, from the UI and every morning."""

from datetime import date
from pathlib import Path

from instagram_assets.errors import ScrapeRequestError
from instagram_assets.sources.accounts import load_registry, names_for_apify
from instagram_assets.sources.requests import ScrapeRequest


def registered(request: ScrapeRequest, file: Path, day: date) -> list[str]:
    """Whom Apify collects by the registry in `file` in the ISO week of `day`, accounts or hashtags as the input takes.

    Raises SettingsError for a registry that cannot be read, ScrapeRequestError when it names nobody for it.
    """
    registry = load_registry(file)
    kind = "hashtag" if request.takes_hashtags else "account"
    if not registry.entries:
        raise ScrapeRequestError(
            f'{file} names nobody yet. Write an entry, `[[accounts]]` and `name = "sun_diary"`, for each account.'
        )
    if found := names_for_apify(registry, day, kind):
        return found
    raise ScrapeRequestError(f"{file} has no {kind} that Apify collects this week. See: instagram-assets accounts.")
