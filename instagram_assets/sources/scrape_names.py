"""Selects the names that a scrape collects: the registry's names for this week, without those erased on request."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from instagram_assets.errors import ScrapeRequestError
from instagram_assets.ingest.post_ids import account_from_url, shortcode_from_url
from instagram_assets.privacy.forgotten_identifiers import NOTHING_FORGOTTEN, Forgotten
from instagram_assets.sources.account_registry import load_registry, names_for_apify
from instagram_assets.sources.apify_inputs import ScrapeRequest


def refuse_forgotten_names(request: ScrapeRequest, forgotten: Forgotten) -> None:
    """Raises ScrapeRequestError if a request names an account, hashtag or post that was erased on request.

    The message has the position of that name instead of the name itself, since messages are logged.
    """
    if not forgotten:
        return
    named = request.input.get(request.names_field) if request.names_field else None
    places = [number for number, name in enumerate(_list(named), 1) if is_forgotten_name(name, forgotten, request)]
    if places:
        which = ", ".join(map(str, places))
        are = "name {} was" if len(places) == 1 else "names {} were"
        raise ScrapeRequestError(
            f"{request.name}: {are.format(which)} forgotten, and {'is' if len(places) == 1 else 'are'} not collected "
            "again. Leave it out."
        )
    if any(is_forgotten_name(text, forgotten, request) for text in _texts(dict(request.input))):
        raise ScrapeRequestError(
            f"{request.name}: {request.file} asks for what was forgotten. Take it out of that file."
        )


def is_forgotten_name(text: object, forgotten: Forgotten, request: ScrapeRequest | None = None) -> bool:
    """Whether `text` is the name or URL of an account, hashtag or post that was erased on request."""
    if not isinstance(text, str):
        return False
    if request and request.takes_hashtags and forgotten.has("account", f"#{text.removeprefix('#').casefold()}"):
        return True
    tag = unquote(text.partition("/explore/tags/")[2].partition("/")[0]) if "/explore/tags/" in text else ""
    names = (text, text.removeprefix("@"), account_from_url(text), f"#{tag.casefold()}" if tag else None)
    return any(forgotten.has("account", name) for name in names) or forgotten.has("shortcode", shortcode_from_url(text))


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownArgumentType]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for inner in value.values() for text in _texts(inner))  # pyright: ignore[reportUnknownVariableType]
    elif isinstance(value, list):
        yield from (text for inner in value for text in _texts(inner))  # pyright: ignore[reportUnknownVariableType]


def names_from_registry(
    request: ScrapeRequest,
    file: Path,
    day: date,
    forgotten: Forgotten = NOTHING_FORGOTTEN,
    tell: Callable[[str], object] = lambda _: None,
) -> list[str]:
    """Returns the accounts or hashtags that, by the registry, Apify collects in the ISO week that contains `day`.

    They are in the form that the request's input expects. Names erased on request are left out, and their number is
    logged through `tell`. Raises SettingsError for a registry `file` that cannot be read, ScrapeRequestError if it has
    no names for the request.
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
