"""Redaction of JSON values: records of erased accounts are removed, and mentions of them become pseudonyms."""

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
from instagram_assets.ingest.redact.forgotten_records import NAME_KEYS, ErasureMatcher
from instagram_assets.media.never_download import is_forgotten
from instagram_assets.privacy.forgotten_identifiers import ERASED_ID as FORGOTTEN_ID
from instagram_assets.privacy.forgotten_identifiers import ERASED_URL, Forgotten, IdentifierKind
from instagram_assets.privacy.names_in_file_names import scrub_file_name
from instagram_assets.privacy.table_scrub import CAPTION_COLUMN, CAPTION_HASH_COLUMN, rehash_scrubbed
from instagram_assets.schemas.account_names import LISTS_OF_NAMES, NAME_FIELDS


class Gone(Enum):
    """Sentinel for a value that is to be removed."""

    GONE = "gone"


GONE: Final = Gone.GONE
GoneType = Literal[Gone.GONE]

# Numbers, hashes and shortcodes as they occur in texts and URLs.
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
# Maximum number of keys of an object that only wraps a record: `{"node": …, "cursor": …}`, `{"media": …}`.
_MOST_AROUND = 3
_REMEMBERED, _MOST_REMEMBERED = 200, 20_000
_SEEN = datetime(2100, 1, 1, tzinfo=UTC)


class RecordRedactor:
    """Removes data erased on request from the records of one source.

    `source` gives the owner of records that do not name their owner.
    """

    def __init__(self, forgotten: Forgotten, source: RecordSource | None = None) -> None:
        self.forgotten = forgotten
        self.source = source or RecordSource("", "", _SEEN, ZoneInfo("UTC"))
        self._matcher = ErasureMatcher(forgotten, self.source)
        self._texts: dict[str, str] = {}

    def record(self, value: object) -> Any:
        """Return a record without erased data, the same object if it is unchanged; GONE if all of it is erased."""
        return stripped(self.marked(value), self.text)

    def marked(self, value: object) -> Any:
        """Return a record with erased names replaced, GONE in place of removed parts, and unchanged keys."""
        if not isinstance(value, dict):
            return self._walk(value, frozenset(), "")
        record: Record = value
        gone, is_gone = self._matcher.parts(record)
        return GONE if is_gone or self._matcher.is_about(record) else self._walk(record, gone, "")

    def may_hold(self, text: str) -> bool:
        """False if a quick search shows that a text, JSON or other, contains no erased data."""
        patterns = self.forgotten.patterns
        # The page of a hashtag has no # before its name.
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
        """Return a text with erased names replaced by pseudonyms, and other erased identifiers by a placeholder."""
        if len(text) < 2:
            return text
        known = self._texts.get(text) if len(text) <= _REMEMBERED else None
        if known is None:
            known = self._scrubbed(text)
            if len(text) <= _REMEMBERED:
                if len(self._texts) >= _MOST_REMEMBERED:
                    self._texts.clear()
                self._texts[text] = known
        # The same object if nothing was found, so that callers see it at once.
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
        return "_".join(FORGOTTEN_ID if self._matcher.is_id(part) else part for part in parts)

    def _walk(self, value: Any, gone: frozenset[int], key: str) -> Any:
        if isinstance(value, str):
            if _ID_KEY.search(key) and self._matcher.is_id(value):
                return FORGOTTEN_ID
            return self._of_field(key, value)
        if isinstance(value, dict):
            return self._walk_object(value, gone)  # pyright: ignore[reportUnknownArgumentType] keys are texts
        if isinstance(value, list):
            items: list[Any] = value
            return _same_or(items, [self._walk_item(item, gone, key) for item in items])
        is_number = isinstance(value, int) and not isinstance(value, bool)
        return FORGOTTEN_ID if is_number and _ID_KEY.search(key) and self._matcher.is_id(str(value)) else value

    def _of_field(self, key: str, value: str) -> str:
        """Redact the string `value` of field `key`; in fields of account names, every whole word counts as a name."""
        name = _LAST_PART.split(key)
        is_named = name[-1] in NAME_FIELDS or (len(name) > 1 and name[-1].isdecimal() and name[-2] in LISTS_OF_NAMES)
        if not is_named:
            return self.text(value)
        named = self.forgotten.named(value)
        return self.text(value if named == value else named)

    def _walk_item(self, item: Any, gone: frozenset[int], key: str) -> Any:
        """Redact an item of a list; an object that only wraps a removed record is removed, too."""
        walked = self._walk(item, gone, key)
        if isinstance(walked, dict) and walked is not item:
            around = cast(Record, walked)
            parts = [inner for inner in around.values() if isinstance(inner, dict | list) or inner is GONE]
            is_wrapper = bool(parts) and len(around) <= _MOST_AROUND
            if is_wrapper and all(part is GONE for part in parts) and not self._matcher.is_person(item):
                return GONE
        return walked

    def _walk_object(self, record: Record, gone: frozenset[int]) -> Any:
        if id(record) in gone or self._matcher.is_forgotten_record(record):
            return GONE
        if self._matcher.is_person(record):
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
        """Redact the objects in a flattened record, whose keys are paths such as `taggedUsers/0/username`."""
        groups: dict[str, Record] = {}
        for key, value in record.items():
            prefix, _, name = key.rpartition(SEPARATOR)
            if prefix:
                groups.setdefault(prefix, {})[name] = value
        changed: Record = {}
        for prefix, group in groups.items():
            filled = {name: value for name, value in group.items() if value not in (None, "")}
            if self._matcher.is_forgotten_record(filled):
                changed |= {key: GONE for key in record if key.startswith(f"{prefix}{SEPARATOR}")}
            elif self._matcher.is_person(filled):
                changed |= {
                    f"{prefix}{SEPARATOR}{name}": self._of_person(name, inner) for name, inner in filled.items()
                }
        return changed

    def _of_person(self, key: str, value: Any) -> Any:
        """Redact one field of an object that describes an erased account; only booleans, names and ids remain.

        Names become the account's pseudonym, ids a placeholder.
        """
        if isinstance(value, bool) or value is None or str(value).casefold() in ("true", "false"):
            return value  # in tables it is a text
        if isinstance(value, str) and key in NAME_KEYS:
            name = value.strip().removeprefix("@").casefold()
            if self.forgotten.has("account", name):
                return self.forgotten.named(name)
            return FORGOTTEN_ID
        return FORGOTTEN_ID if _ID_KEY.search(key) and isinstance(value, str | int) else GONE


def scrub_json(value: object, forgotten: Forgotten, source: RecordSource | None = None) -> Any:
    """Redact a JSON value: the same object if it contains no erased data, GONE if all of it is removed.

    The records of a list are removed one by one. In the remaining ones, erased names become pseudonyms, ids become
    FORGOTTEN_ID, and URLs of erased images become ERASED_URL. `source` gives the owner of records that do not name
    their owner.
    """
    redactor = RecordRedactor(forgotten, source)
    if not isinstance(value, list):
        return redactor.record(value)
    items: list[Any] = value
    kept = [redactor.record(item) for item in items]
    kept = [item for item in kept if item is not GONE]
    same = len(kept) == len(items) and all(new is old for new, old in zip(kept, items, strict=True))
    return items if same else kept


def scrubbed_record(record: Record | BadRecord, redactor: RecordRedactor) -> Record | BadRecord | None:
    """Redact a record from a reader; None if all of it is removed, or if it is a bad record with an erased name."""
    if not isinstance(record, BadRecord):
        found = redactor.record(record)
        if found is record or found is GONE:
            return None if found is GONE else record
        return PlacedRecord(found, record.place) if isinstance(record, PlacedRecord) else found
    content = record.content
    found = redactor.text(content) if isinstance(content, str) else redactor.record(content)
    # Unparsable text may be a fragment of an erased record.
    if found is GONE or (isinstance(content, str) and found != content):
        return None
    error = RecordError(record.error.field, redactor.text(record.error.reason))
    return BadRecord(error, found)


def stripped(value: Any, rename: Any) -> Any:
    """Return a value from `RecordRedactor.marked` without its GONE parts and with keys renamed by `rename`.

    Returns the same object if nothing changes.
    """
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
    """Return a file name, folder name or path in which erased names are replaced by pseudonyms."""
    return RecordRedactor(forgotten).text(scrub_file_name(name, forgotten)) if forgotten else name
