"""Who of those with a tombstone is named in texts: every word of them is asked, since a hash tells of no word."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from instagram_assets.privacy.forgotten import Identifiers, Kind
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
"""How many times over a text may be percent-encoded."""


class Recognised:
    """Hears texts, and knows afterwards the identifiers with a tombstone that stood in them as whole words."""

    def __init__(self, tombstones: Tombstones) -> None:
        self._tombstones = tombstones
        self._seen = set[tuple[Kind, str]]()
        self._found = set[tuple[Kind, str]]()

    def hear(self, text: str) -> None:
        """Ask of each word of a text whether it was forgotten; of one that was heard before, not again."""
        asked = {pair for form in _forms(text) for pair in _words(form)} - self._seen
        if len(self._seen) > _MOST_SEEN:
            self._seen.clear()
        self._seen |= asked
        self._found |= {(kind, word) for kind, word in asked if self._tombstones.has(kind, word)}

    @property
    def identifiers(self) -> Identifiers:
        """What was recognised, each account with its pseudonym."""
        names = self._of("account")
        return Identifiers(
            accounts={name: self._tombstones.pseudonym(name) for name in sorted(names)},
            bare=frozenset(filter(self._tombstones.is_bare, names)),
            profile_ids=self._of("profile_id"),
            post_ids=self._of("post_id"),
            shortcodes=self._of("shortcode"),
            images=self._of("image"),
        )

    def _of(self, kind: Kind) -> frozenset[str]:
        return frozenset(word.casefold() if kind == "account" else word for each, word in self._found if each == kind)


def _forms(text: str) -> Iterator[str]:
    """A text as it is, with its escapes of JSON read, and with its percent-encoding taken off."""
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    for _ in range(_DEEPEST):
        yield text
        if not _ENCODED.search(text):
            return
        text = unquote(text)


def _words(text: str) -> Iterator[tuple[Kind, str]]:
    """Each word with what it could be, by its look."""
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
