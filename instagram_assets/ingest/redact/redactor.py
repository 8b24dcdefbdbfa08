"""Redacts forgotten people from JSON values: their records go, and mentions of them become pseudonyms."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, Literal, cast
from zoneinfo import ZoneInfo

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.errors import RecordError
from instagram_assets.ingest.reader.json_values import BadRecord, PlacedRecord, Record
from instagram_assets.ingest.reader.unflatten import SEPARATOR
from instagram_assets.ingest.record_source import RecordSource
from instagram_assets.ingest.redact.forgotten_records import NAME_KEYS, Judge
from instagram_assets.media.excluded import is_forgotten
from instagram_assets.privacy.forgotten_identifiers import ERASED_ID as FORGOTTEN_ID
from instagram_assets.privacy.forgotten_identifiers import ERASED_URL, Forgotten, IdentifierKind
from instagram_assets.privacy.names_in_file_names import scrub_file_name
from instagram_assets.privacy.table_scrub import CAPTION_COLUMN, CAPTION_HASH_COLUMN, rehash_scrubbed
from instagram_assets.schemas.account_names import LISTS_OF_NAMES, NAME_FIELDS


class Gone(Enum):
    """What a value is that must not be there at all."""

    GONE = "gone"


GONE: Final = Gone.GONE
GoneType = Literal[Gone.GONE]

# Numbers, hashes and short codes as they stand in texts and addresses.
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])[0-9]{4,25}(?![A-Za-z0-9])"
    r"|(?<![A-Za-z0-9])[0-9a-f]{64}(?![A-Za-z0-9])"
    r"|(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{9,40}(?![A-Za-z0-9_-])"
)
_DIGIT = re.compile("[0-9A-Z_-]")
_ID_KEY = re.compile(r"(?:\A|_)(?:id|ids|pk|pks|fbid)(?:_|\Z)|Ids?\Z|ID\Z")
_ESCAPED = re.compile(r"\\u00([2-7][0-9A-Fa-f])")
_LAST_PART = re.compile(r"[/.]")
_ADDRESS = re.compile(r"(?:https?|archive)://\S+\Z")
# Keys of what only wraps a record: `{"node": …, "cursor": …}`, `{"media": …}`.
_MOST_AROUND = 3
_REMEMBERED, _MOST_REMEMBERED = 200, 20_000
_SEEN = datetime(2100, 1, 1, tzinfo=UTC)


class Scrubber:
    """Takes what is forgotten out of records of one source; `source` says whose they are where they do not say it."""

    def __init__(self, forgotten: Forgotten, source: RecordSource | None = None) -> None:
        self.forgotten = forgotten
        self.source = source or RecordSource("", "", _SEEN, ZoneInfo("UTC"))
        self._judge = Judge(forgotten, self.source)
        self._texts: dict[str, str] = {}

    def record(self, value: object) -> Any:
        """A record of a file without what is forgotten, the same object where nothing of it was; GONE for all of it."""
        return stripped(self.marked(value), self.text)

    def marked(self, value: object) -> Any:
        """As `record`, with GONE still standing in the place of each part that goes, and keys as they were."""
        if not isinstance(value, dict):
            return self._walk(value, frozenset(), "")
        record: Record = value
        gone, is_gone = self._judge.parts(record)
        return GONE if is_gone or self._judge.is_about(record) else self._walk(record, gone, "")

    def may_hold(self, text: str) -> bool:
        """False for JSON or another text of which it is quickly told that nothing of what is forgotten is in it."""
        patterns = self.forgotten.patterns
        # The page of a hashtag has no sign before its name.
        if patterns is None or ("/explore" in text and any("#" in pattern for pattern in patterns)):
            return True
        plain = text
        if "\\" in text:
            plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text).replace("\\/", "/")
        try:
            texts = pa.array([plain], pa.string())
        except (UnicodeEncodeError, pa.ArrowException):
            return True
        return any(compute.match_substring_regex(texts, pattern)[0].as_py() for pattern in patterns)

    def text(self, text: str) -> str:
        """A text with pseudonyms in the place of names, and `forgotten` in that of other identifiers."""
        if len(text) < 2:
            return text
        known = self._texts.get(text) if len(text) <= _REMEMBERED else None
        if known is None:
            known = self._scrubbed(text)
            if len(text) <= _REMEMBERED:
                if len(self._texts) >= _MOST_REMEMBERED:
                    self._texts.clear()
                self._texts[text] = known
        # The same object where nothing stands in it, by which others see that at once.
        return text if known == text else known

    def _scrubbed(self, text: str) -> str:
        if _ADDRESS.match(text) and is_forgotten(text, self.forgotten):
            return ERASED_URL
        return _TOKEN.sub(self._token, self.forgotten.scrub(text))

    def _token(self, found: re.Match[str]) -> str:
        word = found[0]
        if word.isdecimal():
            kinds: tuple[IdentifierKind, ...] = ("post_id", "profile_id", "shortcode")
        elif len(word) == 64:
            kinds = ("image",)
        elif _DIGIT.search(word):
            kinds = ("shortcode",)
        else:
            return word
        if any(self.forgotten.has(kind, word) for kind in kinds):
            return FORGOTTEN_ID
        # An underscore joins the ids of a post and of its owner.
        parts = word.split("_")
        if len(parts) == 1 or not all(part.isdecimal() for part in parts):
            return word
        return "_".join(FORGOTTEN_ID if self._judge.is_id(part) else part for part in parts)

    def _walk(self, value: Any, gone: frozenset[int], key: str) -> Any:
        if isinstance(value, str):
            if _ID_KEY.search(key) and self._judge.is_id(value):
                return FORGOTTEN_ID
            return self._of_field(key, value)
        if isinstance(value, dict):
            return self._walk_object(value, gone)  # pyright: ignore[reportUnknownArgumentType] keys are texts
        if isinstance(value, list):
            items: list[Any] = value
            return _same_or(items, [self._walk_item(item, gone, key) for item in items])
        is_number = isinstance(value, int) and not isinstance(value, bool)
        return FORGOTTEN_ID if is_number and _ID_KEY.search(key) and self._judge.is_id(str(value)) else value

    def _of_field(self, key: str, value: str) -> str:
        """A text by the field in which it stands: where that has names, each word that is one is meant."""
        name = _LAST_PART.split(key)
        is_named = name[-1] in NAME_FIELDS or (len(name) > 1 and name[-1].isdecimal() and name[-2] in LISTS_OF_NAMES)
        if not is_named:
            return self.text(value)
        named = self.forgotten.named(value)
        return self.text(value if named == value else named)

    def _walk_item(self, item: Any, gone: frozenset[int], key: str) -> Any:
        """What becomes of an item of a list; what only wraps what is gone goes with it."""
        walked = self._walk(item, gone, key)
        if isinstance(walked, dict) and walked is not item:
            around = cast(Record, walked)
            parts = [inner for inner in around.values() if isinstance(inner, dict | list) or inner is GONE]
            is_wrapper = bool(parts) and len(around) <= _MOST_AROUND
            if is_wrapper and all(part is GONE for part in parts) and not self._judge.is_person(item):
                return GONE
        return walked

    def _walk_object(self, record: Record, gone: frozenset[int]) -> Any:
        if id(record) in gone or self._judge.is_forgotten_record(record):
            return GONE
        if self._judge.is_person(record):
            return {key: self._of_person(key, inner) for key, inner in record.items()}
        walked = {key: self._walk(inner, gone, key) for key, inner in record.items()}
        if any(SEPARATOR in key for key in record):
            walked |= self._flattened(record)
        if CAPTION_HASH_COLUMN in record and walked.get(CAPTION_COLUMN) != record.get(CAPTION_COLUMN):
            walked[CAPTION_HASH_COLUMN] = rehash_scrubbed(
                record.get(CAPTION_COLUMN), walked[CAPTION_COLUMN], record[CAPTION_HASH_COLUMN]
            )
        same = all(walked[key] is inner for key, inner in record.items()) and all(
            self.text(key) == key for key in record
        )
        return record if same else walked

    def _flattened(self, record: Record) -> Record:
        """What becomes of the objects in a flattened record, as tables have them: `taggedUsers/0/username`."""
        groups: dict[str, Record] = {}
        for key, value in record.items():
            prefix, _, name = key.rpartition(SEPARATOR)
            if prefix:
                groups.setdefault(prefix, {})[name] = value
        changed: Record = {}
        for prefix, group in groups.items():
            filled = {name: value for name, value in group.items() if value not in (None, "")}
            if self._judge.is_forgotten_record(filled):
                changed |= {key: GONE for key in record if key.startswith(f"{prefix}{SEPARATOR}")}
            elif self._judge.is_person(filled):
                changed |= {
                    f"{prefix}{SEPARATOR}{name}": self._of_person(name, inner) for name, inner in filled.items()
                }
        return changed

    def _of_person(self, key: str, value: Any) -> Any:
        """What is left of one field where a forgotten account is mentioned: its pseudonym, and what is yes or no."""
        if isinstance(value, bool) or value is None or str(value).casefold() in ("true", "false"):
            return value  # in tables it is a text
        if isinstance(value, str) and key in NAME_KEYS:
            name = value.strip().removeprefix("@").casefold()
            if self.forgotten.has("account", name):
                return self.forgotten.named(name)
            return FORGOTTEN_ID
        return FORGOTTEN_ID if _ID_KEY.search(key) and isinstance(value, str | int) else GONE


def scrub_json(value: object, forgotten: Forgotten, source: RecordSource | None = None) -> Any:
    """A JSON value without what is forgotten: the same object where it held nothing of it, GONE where it is all of it.

    A list's records go one by one. In what stays, names are pseudonyms, ids are `forgotten`, and an address of a
    forgotten picture is FORGOTTEN_ADDRESS. `source` says whose records they are that do not say it.
    """
    scrubber = Scrubber(forgotten, source)
    if not isinstance(value, list):
        return scrubber.record(value)
    items: list[Any] = value
    kept = [scrubber.record(item) for item in items]
    kept = [item for item in kept if item is not GONE]
    same = len(kept) == len(items) and all(new is old for new, old in zip(kept, items, strict=True))
    return items if same else kept


def scrubbed_record(record: Record | BadRecord, scrubber: Scrubber) -> Record | BadRecord | None:
    """A record as a reader hands it out, without what is forgotten; null for all of it, also of a bad one."""
    if not isinstance(record, BadRecord):
        found = scrubber.record(record)
        if found is record or found is GONE:
            return None if found is GONE else record
        return PlacedRecord(found, record.place) if isinstance(record, PlacedRecord) else found
    content = record.content
    found = scrubber.text(content) if isinstance(content, str) else scrubber.record(content)
    # What cannot be taken apart may be the half of a record that is forgotten.
    if found is GONE or (isinstance(content, str) and found != content):
        return None
    error = RecordError(record.error.field, scrubber.text(record.error.reason))
    return BadRecord(error, found)


def stripped(value: Any, rename: Any) -> Any:
    """A marked value without what is GONE in it, its keys renamed; the same object where there is nothing to do."""
    if value is GONE:
        return GONE
    if isinstance(value, list):
        items: list[Any] = value
        kept = [stripped(item, rename) for item in items if item is not GONE]
        return _same_or(items, kept)
    if not isinstance(value, dict):
        return value
    record: Record = value
    kept_record = {rename(key): stripped(inner, rename) for key, inner in record.items() if inner is not GONE}
    same = kept_record.keys() == record.keys() and all(kept_record[key] is record[key] for key in record)
    return record if same else kept_record


def _same_or(items: list[Any], new: Iterable[Any]) -> list[Any]:
    kept = list(new)
    same = len(kept) == len(items) and all(one is other for one, other in zip(kept, items, strict=True))
    return items if same else kept


def scrubbed_name(name: str, forgotten: Forgotten) -> str:
    """A file's or folder's name, or a path of them, with pseudonyms in the place of names that stand in it."""
    return Scrubber(forgotten).text(scrub_file_name(name, forgotten)) if forgotten else name
