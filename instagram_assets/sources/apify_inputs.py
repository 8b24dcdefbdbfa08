"""Scrape requests: an actor with its input, read from a JSON file, for given accounts or hashtags and a first day.

    {"actor": "apify/instagram-reel-scraper", "names_field": "username", "input": {"username": [], "resultsLimit": 50}}

`names_field` is the input field that lists the accounts or hashtags; `max_items` and `max_total_charge_usd` are limits;
limits in the settings apply as well. `"takes_day": false` says that the actor has no input field for the day of the
oldest post.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import UnionType
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from instagram_assets.errors import FileError, ScrapeRequestError
from instagram_assets.settings import ApifySettings
from instagram_assets.sources.account_and_hashtag_names import page_url, parse_account_name, parse_hashtag
from instagram_assets.sources.user_files import read_json_object

EXAMPLES_FOLDER = Path(__file__).with_name("examples")
NEWER_THAN = "onlyPostsNewerThan"
"""The input field of Apify's Instagram actors for the day of the oldest post to collect."""

FIRST_POSTS = date(2010, 10, 6)
"""The day on which Instagram started."""

_ACTOR = re.compile(r"[A-Za-z0-9][\w.-]*(?:[/~][\w.-]+)?")
_NAME = re.compile(r"\w[\w.-]*")
_FIELDS = ("actor", "input", "names_field", "takes_day", "max_items", "max_total_charge_usd")
_REMEDY = 'Mend that file; such as {"actor": "apify/instagram-reel-scraper", "input": {"username": ["sun_diary"]}}'


@dataclass(frozen=True)
class ScrapeRequest:
    """The input for one Apify actor, with limits on the items and the cost of its run.

    `names_field` is the input field that lists accounts or hashtags, `takes_day` whether the actor has an input field
    for the first day. `newer_than` is the day of the oldest post to collect, None if only the input decides.
    """

    name: str
    file: Path
    actor: str
    input: Mapping[str, Any]
    names_field: str = ""
    takes_day: bool = True
    max_items: int | None = None
    max_total_charge_usd: float | None = None
    newer_than: date | None = None

    def limits(self, options: ApifySettings) -> tuple[int, float]:
        """Returns the maximum number of items and the maximum cost of a run in US dollars.

        Each is the lower one of the limit in the request's file and the limit in the settings (`options`).
        """
        items = min(self.max_items or options.max_items, options.max_items)
        return items, min(self.max_total_charge_usd or options.max_total_charge_usd, options.max_total_charge_usd)

    def capped(self, options: ApifySettings) -> list[str]:
        """Returns a warning for each limit in the request's file that is higher than the limit in the settings."""
        own = {"max_items": self.max_items, "max_total_charge_usd": self.max_total_charge_usd}
        return [
            f"{field} of {self.file} is above INSTAGRAM_ASSETS_APIFY__{field.upper()}, "
            f"so that {getattr(options, field):,} counts"
            for field, value in own.items()
            if value is not None and value > getattr(options, field)
        ]

    @property
    def digest(self) -> str:
        """SHA-256 hex digest of actor and input; it does not depend on the order and spelling of account names."""
        run_input = dict(self.input)
        if isinstance(names := run_input.get(self.names_field), list):
            run_input[self.names_field] = sorted({self._canonical_name(name) for name in names})  # pyright: ignore[reportUnknownVariableType]
        text = json.dumps([self.actor, run_input], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def names_somebody(self) -> bool:
        """Whether the input already contains names of accounts or hashtags."""
        return bool(self.names_field and self.input.get(self.names_field))

    @property
    def takes_hashtags(self) -> bool:
        """Whether the input field for names expects hashtags, not accounts."""
        return "hashtag" in self.names_field.casefold()

    @property
    def takes_addresses(self) -> bool:
        """Whether the input field for names expects URLs of profile or hashtag pages, as the field `directUrls`."""
        return "url" in self.names_field.casefold()

    def _normalise_name(self, given: str) -> str:
        """Returns a name in the form the actor expects. Raises ScrapeRequestError for an invalid name."""
        try:
            rule = page_url if self.takes_addresses else parse_hashtag if self.takes_hashtags else parse_account_name
            return rule(given)
        except ValueError as error:
            raise ScrapeRequestError(f"{given!r}: {error}.") from error

    def _canonical_name(self, name: object) -> str:
        """Returns an account or hashtag name in a form that is the same for all its spellings."""
        try:
            return self._normalise_name(name) if isinstance(name, str) else json.dumps(name, sort_keys=True)
        except ScrapeRequestError:
            return str(name)

    def of(self, names: Sequence[str], newer_than: date | None, zone: ZoneInfo) -> "ScrapeRequest":
        """Returns a copy of the request for the accounts or hashtags `names`; without any, those in its file are kept.

        Posts are collected from the start of the day `newer_than` in the time zone `zone`; None sets no first day.
        Raises ScrapeRequestError for an invalid name, if neither `names` nor the file has any, or if the actor accepts
        no names or no first day.
        """
        run_input = dict(self.input)
        if names:
            if not self.names_field:
                raise ScrapeRequestError(
                    f"{self.file} does not say which field of its input takes {', '.join(names)}. Add "
                    '"names_field": "username", or what the actor calls it.'
                )
            run_input[self.names_field] = list(dict.fromkeys(map(self._normalise_name, names)))
        elif self.names_field and not self.names_somebody:
            raise ScrapeRequestError(
                f"{self.name}: nobody is named to be scraped. Name accounts or hashtags, such as "
                f"`instagram-assets scrape {self.name} sun_diary`, those of the registry by --registered, or put "
                f"them into {self.names_field} of {self.file}."
            )
        if newer_than and not self.takes_day:
            raise ScrapeRequestError(f"{self.name}: {self.actor} takes no day, says {self.file}. Leave it out.")
        if newer_than:
            # The actors use UTC: take the UTC day at the moment this day begins in the time zone.
            begins = datetime.combine(newer_than, time(), zone).astimezone(UTC)
            run_input[NEWER_THAN] = begins.date().isoformat()
        return replace(self, input=run_input, newer_than=newer_than)


def load_scrape_request(name: str, folder: str = "") -> ScrapeRequest:
    """Loads a scrape request from NAME.json in a folder, or in the package's examples if `folder` is empty.

    Raises ScrapeRequestError if there is no such file, FileError if it is invalid.
    """
    inputs = Path(folder).expanduser().absolute() if folder else EXAMPLES_FOLDER
    known = sorted(path.stem for path in inputs.glob("*.json"))
    if not _NAME.fullmatch(name) or name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        existing = f"There are {', '.join(known)}" if known else "There is none"
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ScrapeRequestError(f"{inputs} has no input {name}. {existing}.{hint}")
    file = inputs / f"{name}.json"
    content = read_json_object(file, _REMEDY)
    if unknown := [field for field in content if field not in _FIELDS]:
        near = difflib.get_close_matches(unknown[0], _FIELDS, n=1, cutoff=0)[0]
        raise FileError(str(file), f"{unknown[0]} is no field of it. Did you mean {near}?", _REMEDY)
    return ScrapeRequest(
        name,
        file,
        actor=_actor(content, file),
        input=_input(content, file),
        names_field=_text(content.get("names_field", ""), "names_field", file),
        takes_day=_yes_or_no(content.get("takes_day", True), file),
        max_items=_limit(content, "max_items", int, file),
        max_total_charge_usd=_limit(content, "max_total_charge_usd", int | float, file),
    )


def parse_day(text: str) -> date | None:
    """Parses an ISO date; None for an empty text. Raises ScrapeRequestError for an invalid or future one."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise ScrapeRequestError(f"{text!r}: not a day. Use the form 2026-11-20.") from error
    if not FIRST_POSTS <= day <= date.today() + timedelta(days=1):  # tomorrow has begun in some time zone
        raise ScrapeRequestError(f"{text}: there are no posts of that day. Allowed: {FIRST_POSTS} to today.")
    return day


def _actor(content: dict[str, Any], file: Path) -> str:
    actor = _text(content.get("actor", ""), "actor", file)
    if not _ACTOR.fullmatch(actor):
        problem = "names no actor" if not actor else f"{actor!r} cannot be the name of an actor"
        raise FileError(str(file), problem, 'Give "actor": one such as apify/instagram-reel-scraper')
    return actor.replace("~", "/")


def _input(content: dict[str, Any], file: Path) -> dict[str, Any]:
    run_input = content.get("input")
    if not isinstance(run_input, dict):
        raise FileError(str(file), "has no input: an object with what the actor takes", _REMEDY)
    return run_input


def _text(value: object, field: str, file: Path) -> str:
    if not isinstance(value, str):
        raise FileError(str(file), f"{field} is not a text", _REMEDY)
    return value


def _yes_or_no(value: object, file: Path) -> bool:
    if not isinstance(value, bool):
        raise FileError(str(file), "takes_day is neither true nor false", _REMEDY)
    return value


def _limit(content: Mapping[str, Any], field: str, kinds: UnionType | type[int], file: Path) -> Any:
    """Returns the limit `field` (maximum items or cost) from the content of a request's file; None if it is missing.

    `kinds` are the accepted types. Raises FileError for another type or a value out of range.
    """
    value = content.get(field)
    if value is None:
        return None
    is_number = isinstance(value, kinds) and not isinstance(value, bool)
    try:
        return getattr(ApifySettings.model_validate({field: value if is_number else None}), field)
    except ValidationError as error:
        raise FileError(str(file), f"{field} is not {_allowed(field)}", _REMEDY) from error


def _allowed(field: str) -> str:
    bounds = ApifySettings.model_json_schema()["properties"][field]
    what = "a whole number" if bounds["type"] == "integer" else "a number"
    least = f"from {bounds['minimum']:,}" if "minimum" in bounds else f"above {bounds['exclusiveMinimum']:,}"
    return f"{what} {least} to {bounds['maximum']:,}"
