"""Replaces erased names in values of Dagster's history: JSON, text or compressed bytes.

Dagster's values are JSON, often with nested JSON strings, some compressed by zlib and base64-encoded. They are decoded
down to their texts, and encoded again in the same format. References to code (origins: folders, modules, commands) are
kept. Written against dagster 1.13.27.
"""

import binascii
import gzip
import json
import re
import zlib
from base64 import b64decode, b64encode
from contextlib import suppress
from typing import Any

from instagram_assets.schemas.account_names import NAME_FIELDS
from instagram_assets.storage.dagster_history.embedded_images import KEEP_IMAGES, ImageRemover
from instagram_assets.storage.dagster_history.erased_cells import RANGE_END, RANGE_START, ErasedCells
from instagram_assets.storage.dagster_history.name_matcher import NameMatcher

# Fields with lists of partition keys, from which erased ones are removed.
_OF_KEYS = re.compile(r"subset|partition|^(?:names|accounts|keys)$")
# Fields whose whole text is a key: in them even a common word is an account name.
_OF_ONE_KEY = re.compile(r"partition(?!s_def|_set)|subset|^(?:account|search|names|accounts)$")
_BASE64 = re.compile(
    r"(?<![0-9A-Za-z+/_-])([0-9]?)((?:[0-9A-Za-z+/_-]{4}){2,}(?:[0-9A-Za-z+/_-]{2,3})?={0,2})(?![0-9A-Za-z+/=_-])"
)
_ZLIB_STARTS, _GZIP_START = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"), b"\x1f\x8b"
_UTF16_STARTS = (b"\xff\xfe", b"\xfe\xff")
_MOST_UNPACKED = 1 << 30
_DEEPEST = 12
_RANGES = ((RANGE_START, RANGE_END), ("start", "end"))


class ValueRewriter:
    """Erases names, identifiers, partition keys and images from values; a value without any is returned unchanged."""

    def __init__(self, words: NameMatcher, cells: ErasedCells, pictures: ImageRemover = KEEP_IMAGES) -> None:
        self.words = words
        self.cells = cells
        self.pictures = pictures

    def text(self, text: str, field: str = "") -> str:
        """Returns a text with erased names replaced, decoded if it is JSON; `field` is its column or JSON field."""
        return self._text(self._without_pictures(text), field, _DEEPEST)

    def data(self, content: bytes) -> bytes:
        """Returns bytes with erased names replaced: UTF-8 or UTF-16 text, zlib or gzip data, or other binary data."""
        return self._data(content, _DEEPEST)

    def value(self, value: Any, field: str = "") -> Any:
        """Returns a decoded JSON value with erased names replaced; `field` is its column or JSON field."""
        return self._value(value, field, _DEEPEST)

    def may_change(self, text: str) -> bool:
        """False if a text certainly contains no name, identifier or image to erase; fast, for very many texts."""
        return self.pictures.may_be_in(text) or self.words.mentions(text)

    def has_mention(self, text: str, field: str = "") -> bool:
        """Whether a text contains a name, identifier or image to erase."""
        return self.may_change(text) and self.text(text, field) != text

    def _without_pictures(self, text: str) -> str:
        """Returns a text without the images to remove; called on the whole value, which names the asset."""
        if not self.pictures.may_be_in(text):
            return text
        if text.lstrip()[:1] in ("{", "["):
            with suppress(ValueError, RecursionError):
                value = json.loads(text)
                shown = self.pictures.taken_from(value)
                return text if shown == value else json.dumps(shown, ensure_ascii=text.isascii())
        return self.pictures.taken_from(text)

    def _text(self, text: str, field: str, depth: int) -> str:
        if not text or depth == 0:
            return text
        if text.lstrip()[:1] in ("{", "[", '"'):
            with suppress(ValueError, RecursionError):
                value = json.loads(text)
                changed = self._value(value, field, depth - 1)
                return text if changed == value else json.dumps(changed, ensure_ascii=text.isascii())
        if text in self.words.names and (field in NAME_FIELDS or _OF_ONE_KEY.search(field)):
            return self.words.names[text]
        if len(text) > 8:
            text = _BASE64.sub(lambda match: self._base64(match, depth - 1), text)
        return self.words.replaced(text)

    def _value(self, value: Any, field: str, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value, field, depth)
        if isinstance(value, list):
            return self._list(value, field, depth)
        if isinstance(value, dict):
            return self._object(value, field, depth)
        return value

    def _list(self, values: list[Any], field: str, depth: int) -> list[Any]:
        if _OF_KEYS.search(field):
            kept = [each for each in values if not (isinstance(each, str) and self.cells.has(each))]
            # An empty list of names often means all, so a list of only erased names keeps their pseudonyms.
            values = kept if kept or field == "subset" else values
        values = [each for each in values if not self._is_gone(each)]
        return [self._value(each, field, depth) for each in values]

    def _is_surely_cell(self, key: str) -> bool:
        return self.cells.has(key) and key not in self.words.weak

    def _is_gone(self, value: Any) -> bool:
        """Whether a value is a partition range of which all keys are erased."""
        ends = _ends_of(value)
        return ends is not None and self.cells.left_of(*ends) is None

    def _object(self, value: dict[str, Any], field: str, depth: int) -> dict[str, Any]:
        name = value.get("__class__")
        if "__enum__" in value or (isinstance(name, str) and name.endswith("Origin")):
            return value
        if isinstance(pairs := value.get("__mapping_items__"), list):
            kept = [pair for pair in pairs if not (isinstance(pair[0], str) and self._is_surely_cell(pair[0]))]
            return {"__mapping_items__": [[self._value(each, field, depth) for each in pair] for pair in kept]}
        changed: dict[str, Any] = {}
        for key, inner in value.items():
            # Fields of Dagster's classes are not names; what a set contains follows from its field.
            own = field if key in ("__set__", "__frozenset__") else key
            changed[key if name else self._text(key, "", depth)] = self._value(inner, own, depth)
        return self._with_range(value, changed)

    def _with_range(self, value: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
        for start, end in _RANGES:
            first, last = value.get(start), value.get(end)
            if isinstance(first, str) and isinstance(last, str) and (left := self.cells.left_of(first, last)):
                changed[start], changed[end] = left
        return changed

    def _base64(self, match: re.Match[str], depth: int) -> str:
        # A leading digit can give the compression format, as in the cursors of Dagster's automation.
        for kept, packed in {"": match[0], match[1]: match[2]}.items():
            if (changed := self._unpacked(packed, depth)) != packed:
                return kept + changed
        return match[0]

    def _unpacked(self, text: str, depth: int) -> str:
        is_of_addresses = "-" in text or "_" in text
        padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
        try:
            content = b64decode(padded, altchars=b"-_" if is_of_addresses else None, validate=True)
        except (binascii.Error, ValueError):
            return text
        if not _is_packed(content) and not _is_text(content):
            return text
        changed = self._data(content, depth)
        if changed == content:
            return text
        packed = b64encode(changed, altchars=b"-_" if is_of_addresses else None).decode()
        return packed if text.endswith("=") or len(text) % 4 == 0 else packed.rstrip("=")

    def _data(self, content: bytes, depth: int) -> bytes:
        if not content or depth == 0:
            return content
        with suppress(zlib.error, OSError, EOFError):
            if content.startswith(_ZLIB_STARTS):
                return self._repacked(content, zlib.decompressobj(), zlib.compress, depth)
            if content.startswith(_GZIP_START):
                return self._repacked(
                    content, zlib.decompressobj(31), lambda plain: gzip.compress(plain, mtime=0), depth
                )
        if content.startswith(_UTF16_STARTS):
            with suppress(UnicodeDecodeError):
                text = content.decode("utf-16")
                changed = self._text(self._without_pictures(text), "", depth)
                return content if changed == text else changed.encode("utf-16")
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            return self.words.overwritten(content)
        changed = self._text(self._without_pictures(text), "", depth)
        return content if changed == text else changed.encode("utf-8")

    def _repacked(self, content: bytes, reader: Any, pack: Any, depth: int) -> bytes:
        plain: bytes = reader.decompress(content, _MOST_UNPACKED)
        if not reader.eof or reader.unused_data:
            return self.words.overwritten(content)
        changed = self._data(plain, depth - 1)
        return content if changed == plain else pack(changed)


def _ends_of(value: Any) -> tuple[str, str] | None:
    if not isinstance(value, dict) or value.get("__class__") != "PartitionKeyRange":
        return None
    start, end = value.get("start"), value.get("end")
    return (start, end) if isinstance(start, str) and isinstance(end, str) else None


def _is_packed(content: bytes) -> bool:
    return content.startswith((*_ZLIB_STARTS, _GZIP_START))


def _is_text(content: bytes) -> bool:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\r\n\t" for character in text)
