"""Finds erased accounts and posts that texts mention, by comparing the hash of every word with the tombstones."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from instagram_assets.privacy.forgotten_identifiers import IdentifierKind, Identifiers
from instagram_assets.privacy.names_in_text import whole_words
from instagram_assets.privacy.tombstones import Tombstones

_TAG = re.compile(r"#\w+")
_CODE = re.compile(r"[A-Za-z0-9_-]{5,}")
_PART = re.compile(r"[A-Za-z0-9]{5,}")
_HASH = re.compile(r"[0-9a-f]{32,}")
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
_ESCAPED = re.compile(r"\\+u([0-9A-Fa-f]{4})")
_MOST_SEEN = 1_000_000
_DEEPEST = 3
"""How many levels of percent-encoding are decoded."""


class TombstoneMatcher:
    """Scans texts and collects the whole words in them that are erased identifiers (have a tombstone)."""

    def __init__(self, tombstones: Tombstones) -> None:
        self._tombstones = tombstones
        self._seen = set[tuple[IdentifierKind, str]]()
        self._found = set[tuple[IdentifierKind, str]]()

    def scan(self, text: str) -> None:
        """Compares the hash of each word of a text with the tombstones; words of earlier texts are skipped."""
        words = {pair for form in _forms(text) for pair in _words(form)} - self._seen
        if len(self._seen) > _MOST_SEEN:
            self._seen.clear()
        self._seen |= words
        self._found |= {(kind, word) for kind, word in words if self._tombstones.has(kind, word)}

    @property
    def identifiers(self) -> Identifiers:
        """Returns the identifiers found so far, each account with its pseudonym."""
        names = self._of("account")
        return Identifiers(
            accounts={name: self._tombstones.pseudonym(name) for name in sorted(names)},
            bare=frozenset(filter(self._tombstones.is_bare, names)),
            profile_ids=self._of("profile_id"),
            post_ids=self._of("post_id"),
            shortcodes=self._of("shortcode"),
            images=self._of("image"),
        )

    def _of(self, kind: IdentifierKind) -> frozenset[str]:
        return frozenset(word.casefold() if kind == "account" else word for each, word in self._found if each == kind)


def _forms(text: str) -> Iterator[str]:
    """Yields a text with its JSON escapes decoded, then with each level of percent-encoding decoded."""
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    for _ in range(_DEEPEST):
        yield text
        if not _ENCODED.search(text):
            return
        text = unquote(text)


def _words(text: str) -> Iterator[tuple[IdentifierKind, str]]:
    """Yields each word of a text with the kinds of identifier that its characters allow."""
    for name in (*whole_words(text), *_TAG.findall(text)):
        yield "account", name
    for part in _PART.findall(text):
        if part.isdecimal():
            yield "post_id", part
            yield "profile_id", part
        if _HASH.fullmatch(part):
            yield "image", part
    for code in _CODE.findall(text):
        yield "shortcode", code
