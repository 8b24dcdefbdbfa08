"""The registry of accounts and hashtags to collect, a TOML file edited by people.

[[accounts]]
name = "sun_diary"            # or a hashtag: "#육아일기"
group = "cats"
tags = ["seoul", "own"]
from = 2026-11-02             # first day; without it, always
to = 2027-03-31               # last day; without it, until further notice
source = "apify"

[rotation.cats]               # collects 20 entries of the group per ISO week in turn; else all, every week
per_week = 20
from = 2026-11-02
"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from instagram_assets.errors import SettingsError
from instagram_assets.privacy.forgotten_identifiers import NOTHING_FORGOTTEN, Forgotten
from instagram_assets.privacy.pseudonyms import is_forgotten_pseudonym
from instagram_assets.report.safe_text import printable
from instagram_assets.sources.account_and_hashtag_names import is_hashtag, parse_account_name, parse_hashtag
from instagram_assets.sources.rotation import RotationMember, members_in_turn, monday_of

EntryKind = Literal["account", "hashtag"]
EntryState = Literal["collected", "waits", "not begun", "ended", "forgotten"]
EntrySource = Literal["apify", "graph_api", "instagram", "files"]
"""Who collects an entry: Apify's actors, Meta's Graph API, this program from the site, or people who bring files."""

_TABLES = ("accounts", "rotation")
_SHOWN = 60
_IN_WORDS = {
    "string_pattern_mismatch": "take away the blanks around it",
    "string_type": "no text; put it in quotes",
    "tuple_type": 'no list; write it as ["seoul", "own"]',
}


def _day(value: object) -> object:
    if type(value) is date:
        return value
    try:
        return date.fromisoformat(value)  # pyright: ignore[reportArgumentType]  what is no text is refused as well
    except (ValueError, TypeError) as error:
        raise ValueError("not a day; write it as 2026-11-02, without a time") from error


_EntryDay = Annotated[date, BeforeValidator(_day)]
_Word = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^\S(.*\S)?$")]


class RegistryEntry(BaseModel):
    """One account or hashtag to collect: `name` as in the lake, hashtags with `#`; days are inclusive."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)

    name: str
    group: _Word | None = None
    tags: tuple[_Word, ...] = Field(default=(), strict=False)
    begins: _EntryDay | None = Field(default=None, alias="from")
    ends: _EntryDay | None = Field(default=None, alias="to")
    source: EntrySource | None = None

    @property
    def kind(self) -> EntryKind:
        return "hashtag" if self.name.startswith("#") else "account"

    @field_validator("name")
    @classmethod
    def _as_in_the_lake(cls, text: str) -> str:
        return f"#{parse_hashtag(text)}" if is_hashtag(text) else parse_account_name(text)

    @field_validator("tags")
    @classmethod
    def _each_once(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(tags))

    @model_validator(mode="after")
    def _site_has_no_hashtags(self) -> Self:
        if self.kind == "hashtag" and self.source == "instagram":
            raise ValueError('the site shows hashtags to nobody without a login; write source = "graph_api"')
        return self

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.begins and self.ends and self.ends < self.begins:
            raise ValueError(f"its last day {self.ends} is before its first, {self.begins}; exchange `from` and `to`")
        return self


class Rotation(BaseModel):
    """How many entries of a group are collected per ISO week (`per_week`), and from which week on."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)

    per_week: int = Field(ge=1, le=100_000)
    begins: _EntryDay = Field(alias="from")


@dataclass(frozen=True)
class Registry:
    """The entries of a registry file in order, and the rotations of their groups.

    Entries whose data was erased on request (`forgotten`) are never collected and take no turn in a rotation.
    """

    file: Path
    entries: tuple[RegistryEntry, ...]
    rotations: Mapping[str, Rotation]
    forgotten: Forgotten = NOTHING_FORGOTTEN

    @property
    def names(self) -> frozenset[str]:
        return frozenset(entry.name for entry in self.entries)

    def states(self, week: date) -> dict[str, EntryState]:
        """Returns the state of each entry, by name in file order, in the ISO week that contains the day `week`.

        A state says whether the entry is collected in that week, or why it is not.
        """
        monday = monday_of(week)
        in_turn = {group: frozenset(self.in_turn(group, monday)) for group in self.rotations}
        gone = self.forgotten_entries
        return {
            entry.name: "forgotten" if entry in gone else _state(entry, monday, in_turn.get(entry.group or ""))
            for entry in self.entries
        }

    @property
    def forgotten_entries(self) -> tuple[RegistryEntry, ...]:
        """The entries erased on request, including those whose name was replaced by a pseudonym."""
        return tuple(
            entry
            for entry in self.entries
            if self.forgotten.has("account", entry.name) or is_forgotten_pseudonym(entry.name)
        )

    def collected(self, week: date) -> tuple[RegistryEntry, ...]:
        """Returns the entries to collect in the ISO week that contains the day `week`.

        Of a group with a rotation, only those whose turn it is.
        """
        states = self.states(week)
        return tuple(entry for entry in self.entries if states[entry.name] == "collected")

    def in_turn(self, group: str, week: date) -> tuple[str, ...]:
        """Returns the names of the entries of a rotated group whose turn it is in the ISO week that contains a day."""
        rotation = self.rotations[group]
        gone = self.forgotten_entries
        members = [entry for entry in self.entries if entry.group == group and entry not in gone]
        turns = [RotationMember(entry.name, entry.begins, entry.ends) for entry in members]
        return members_in_turn(turns, rotation.per_week, rotation.begins, week)


def names_for_apify(registry: Registry, week: date, kind: EntryKind) -> list[str]:
    """Returns the names that Apify collects in the ISO week that contains the day `week`: hashtags without `#`.

    `kind` selects accounts or hashtags. Entries without a `source` are included.
    """
    found = (entry for entry in registry.collected(week) if entry.kind == kind and entry.source in (None, "apify"))
    return [entry.name.removeprefix("#") for entry in found]


def load_registry(file: Path, forgotten: Forgotten = NOTHING_FORGOTTEN) -> Registry:
    """Loads a registry from a TOML file; entries in `forgotten` (erased on request) will not be collected.

    Raises SettingsError naming the file, every invalid entry, and what to do.
    """
    content = _read(file)
    problems = [
        f"{_shown(key)} is no table of a registry. {_nearest(key, _TABLES)}" for key in content if key not in _TABLES
    ]
    listed = _entries(content, problems)
    entries = list[RegistryEntry]()
    for number, found in enumerate(listed, 1):
        label = f"entry {number} ({_name_of(found)})"
        try:
            entries.append(RegistryEntry.model_validate(found))
        except ValidationError as error:
            problems += [f"{label}: {message}" for message in _validation_messages(error, RegistryEntry)]
    rotations = _rotations(content, problems)
    problems += [*_twice(listed), *_without_members(listed, rotations)]
    if problems:
        raise SettingsError("\n".join(f"{file}, {_ended(problem)}" for problem in problems))
    return Registry(file, tuple(entries), rotations, forgotten)


def _ended(problem: str) -> str:
    return problem if problem.endswith((".", "?")) else f"{problem}."


def parse_week(text: str) -> date:
    """Returns the Monday of an ISO week such as `2026-W48`. Raises SettingsError if `text` is not in that format."""
    year, _, number = text.upper().partition("-W")
    try:
        return date.fromisocalendar(int(year), int(number), 1)
    except (ValueError, OverflowError) as error:
        raise SettingsError(f"{text}: not an ISO week. Use the form 2026-W48.") from error


def _state(entry: RegistryEntry, monday: date, in_turn: frozenset[str] | None) -> EntryState:
    if entry.ends and entry.ends < monday:
        return "ended"
    if entry.begins and monday_of(entry.begins) > monday:
        return "not begun"
    return "collected" if in_turn is None or entry.name in in_turn else "waits"


def _read(file: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(file.read_text("utf-8-sig"))
    except FileNotFoundError as error:
        raise SettingsError(
            f'{file}: there is no registry of accounts. Write one, with `[[accounts]]` and `name = "sun_diary"` for '
            "each account; INSTAGRAM_ASSETS_ACCOUNTS__FILE names another place."
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: cannot be read as TOML: {_encoding(error)}. Save it as UTF-8.") from error
    except (OSError, tomllib.TOMLDecodeError) as error:
        hint = "Mend it; names stand in quotes, days do not"
        raise SettingsError(f"{file}: cannot be read as TOML ({error}). {hint}.") from error
    return content


def _encoding(error: UnicodeDecodeError) -> str:
    """Guesses the encoding of a file that is not UTF-8, for the error message: Windows in Korea writes CP949."""
    try:
        error.object.decode("cp949")
    except UnicodeDecodeError:
        return f"it is no UTF-8 (byte {error.start + 1})"
    return f"it is no UTF-8 (byte {error.start + 1}) but likely CP949"


def _entries(content: dict[str, Any], problems: list[str]) -> list[Any]:
    entries = content.get("accounts", [])
    if isinstance(entries, list):
        return entries
    problems.append("accounts is no list. Begin each entry with [[accounts]], in two brackets")
    return []


def _rotations(content: dict[str, Any], problems: list[str]) -> dict[str, Rotation]:
    found = content.get("rotation", {})
    if not isinstance(found, dict) or not all(isinstance(value, dict) for value in found.values()):
        problems.append("a rotation names no group. Begin it with [rotation.GROUP]")
        return {}
    rotations = dict[str, Rotation]()
    for group, values in found.items():
        try:
            rotations[group] = Rotation.model_validate(values)
        except ValidationError as error:
            problems += [f"[rotation.{_shown(group)}]: {message}" for message in _validation_messages(error, Rotation)]
    return rotations


def _twice(listed: Iterable[Any]) -> list[str]:
    """Returns an error message for each entry name that occurs twice, even if other fields of the entry are invalid."""
    first: dict[str, int] = {}
    problems: list[str] = []
    for number, found in enumerate(listed, 1):
        try:
            name = RegistryEntry.model_validate({"name": found["name"]}).name
        except (ValidationError, TypeError, KeyError, IndexError):
            continue
        if (before := first.setdefault(name, number)) != number:
            problems.append(f"entry {number} ({name}): stands at entry {before} already; keep one of the two")
    return problems


def _without_members(listed: Iterable[Any], rotations: Iterable[str]) -> list[str]:
    found = (entry.get("group") for entry in listed if isinstance(entry, dict))
    groups = dict.fromkeys(group for group in found if isinstance(group, str) and group)
    return [
        f"[rotation.{_shown(group)}]: no entry is of that group. {_nearest(group, groups)}"
        for group in rotations
        if group not in groups
    ]


def _validation_messages(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Returns one message per Pydantic validation error, with the name of the field and what to do."""
    known = [field.alias or name for name, field in model.model_fields.items()]
    messages: list[str] = []
    for problem in error.errors():
        field = ".".join(str(part + 1 if isinstance(part, int) else part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            messages.append(f"{_shown(field)} is no key of it. {_nearest(field, known)}")
        elif problem["type"] == "missing":
            messages.append(f"it has no {field}; add it")
        elif problem["type"] == "model_type":
            messages.append("it is no table; begin it with [[accounts]], in two brackets")
        elif problem["type"] in _IN_WORDS:
            messages.append(f"{field} = {_shown(problem['input'])}: {_IN_WORDS[problem['type']]}")
        else:
            words = problem["msg"].removeprefix("Value error, ")
            value = f" = {_shown(problem['input'])}" if field and not isinstance(problem["input"], dict) else ""
            messages.append(f"{field}{value}: {words[0].lower()}{words[1:]}" if field else words)
    return messages


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names) or 'none'}."


def _name_of(found: object) -> str:
    return _shown(found["name"]) if isinstance(found, dict) and "name" in found else "without a name"


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return printable(text, _SHOWN) or '""'
