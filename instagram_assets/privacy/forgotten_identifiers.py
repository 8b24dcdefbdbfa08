"""Identifiers of erased accounts, posts and images: the matcher protocol `Forgotten`, and replacements in texts."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol

from instagram_assets.privacy.names_in_text import WordContext, names_pattern, replace_names, words_pattern
from instagram_assets.schemas.account_names import counts_alone, is_meant

if TYPE_CHECKING:
    from instagram_assets.privacy.byte_patterns import LongPatterns

IdentifierKind = Literal["account", "profile_id", "post_id", "shortcode", "image", "url"]
"""Kinds of identifiers: an account's name or `#tag`, Instagram's id of a profile, the id and the shortcode of a post,
the SHA-256 of an image's or video's bytes, and the stable key of its URL (`url_identity`)."""

ERASED_ID = "forgotten"
"""The replacement of an erased identifier that is not a name."""
ERASED_URL = "https://forgotten.invalid/"
"""The replacement of an erased image's URL: a host that is never assigned (RFC 2606)."""

_WORDS: tuple[IdentifierKind, ...] = ("post_id", "shortcode", "profile_id", "image")
_LONGEST = 4_000
"""Characters of one pattern: with 20,000, RE2 exceeds its DFA memory and becomes a thousand times slower."""


class Forgotten(Protocol):
    """A matcher of erased identifiers, which also replaces erased names in texts."""

    @property
    def patterns(self) -> Sequence[str] | None:
        """RE2 regular expressions: a text that matches none of them contains no erased identifier.

        Null if the identifiers are known only as hashes.
        """
        ...

    def __bool__(self) -> bool: ...

    def has(self, kind: IdentifierKind, value: str | None) -> bool:
        """Whether an identifier is erased; account names are compared ignoring case."""
        ...

    def scrub(self, text: str) -> str:
        """Returns the text with erased account names replaced by pseudonyms, where an account is meant."""
        ...

    def named(self, text: str) -> str:
        """Returns a text of account names with the erased ones replaced: every whole word in it counts as a name."""
        ...


class _Nothing:
    """A `Forgotten` matcher without erased identifiers: matches and replaces nothing."""

    @property
    def patterns(self) -> Sequence[str]:
        return ()

    def __bool__(self) -> bool:
        return False

    def has(self, kind: IdentifierKind, value: str | None) -> bool:
        return False

    def scrub(self, text: str) -> str:
        return text

    def named(self, text: str) -> str:
        return text


NOTHING_FORGOTTEN: Forgotten = _Nothing()
"""For callers without tombstones."""


@dataclass(frozen=True)
class Identifiers:
    """All identifiers of a running erasure, in clear text.

    `accounts` maps account names in lower case (and `#tag` for an erased hashtag) to their pseudonyms. Rows of these
    accounts, owners, posts and images are removed; mentions in other rows are replaced by the pseudonym. `bare` are
    account names that are ordinary words but are erased wherever they are a whole word.
    """

    accounts: Mapping[str, str] = field(default_factory=dict[str, str])
    profile_ids: frozenset[str] = frozenset()
    post_ids: frozenset[str] = frozenset()
    shortcodes: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()
    bare: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return any(getattr(self, part.name) for part in fields(self))

    def of(self, kind: IdentifierKind) -> Iterable[str]:
        """Returns all identifiers of a kind."""
        return self._by_kind[kind]

    def has(self, kind: IdentifierKind, value: str | None) -> bool:
        """Whether an identifier is erased; account names are compared ignoring case."""
        if not value:
            return False
        return (value.casefold() if kind == "account" else value) in self._by_kind[kind]

    def scrub(self, text: str) -> str:
        """Returns the text with erased account names replaced by pseudonyms, other identifiers by `forgotten`."""
        if self._names is not None:
            text = replace_names(text, self._names, self._where_meant)
        return text if self._others is None else self._others.sub(_instead, text)

    def named(self, text: str) -> str:
        """Returns a text of account names with the erased ones replaced: every whole word in it counts as a name."""
        if self._names is not None:
            text = replace_names(text, self._names, self._of_a_name)
        return self.scrub(text)

    def counts_alone(self, name: str) -> bool:
        """Whether every whole-word occurrence of an account name is erased, even without an @ before it."""
        return counts_alone(name) or name in self.bare

    def _where_meant(self, word: str, around: WordContext) -> str | None:
        name = word.casefold()
        is_it = self.counts_alone(name) or is_meant(name, around.before, around.after)
        return self.accounts[name] if is_it else None

    def _of_a_name(self, word: str, around: WordContext) -> str | None:
        return replacement_of_name(self.accounts[word.casefold()], around)

    @property
    def patterns(self) -> Sequence[str]:
        """RE2 regular expressions: each text that mentions an identifier matches at least one of them."""
        return self._patterns

    @cached_property
    def _by_kind(self) -> dict[IdentifierKind, Iterable[str]]:
        return {
            "account": self.accounts,
            "profile_id": self.profile_ids,
            "post_id": self.post_ids,
            "shortcode": self.shortcodes,
            "image": self.images,
            "url": self.urls,
        }

    @cached_property
    def long_patterns(self) -> "LongPatterns":
        """A matcher of the long identifiers except names; its run time does not depend on their number."""
        from instagram_assets.privacy.byte_patterns import TAIL, LongPatterns

        words = (word.encode() for word in self._exact)
        return LongPatterns({word: ("", "utf-8") for word in words if len(word) >= TAIL})

    @cached_property
    def short_patterns(self) -> Sequence[str]:
        """RE2 regular expressions of the names and short identifiers, which `long_patterns` does not match."""
        from instagram_assets.privacy.byte_patterns import TAIL

        short = [word for word in self._exact if len(word.encode()) < TAIL]
        return [*_alternatives(self.accounts, "(?i)"), *_alternatives(short, "")]

    @cached_property
    def _exact(self) -> set[str]:
        files = {url.rpartition("/")[2] if url.startswith("instagram:") else url for url in self.urls}
        return files.union(*(self.of(kind) for kind in _WORDS))

    @cached_property
    def _patterns(self) -> list[str]:
        return [*_alternatives(self.accounts, "(?i)"), *_alternatives(self._exact, "")]

    @cached_property
    def _names(self) -> re.Pattern[str] | None:
        return names_pattern(name for name in self.accounts if not name.startswith("#"))

    @cached_property
    def _others(self) -> re.Pattern[str] | None:
        """A pattern of post ids, shortcodes and hashes as whole words, since a longer number is a different id."""
        return words_pattern(word for kind in _WORDS for word in self.of(kind))


def replacement_of_name(pseudonym: str, around: WordContext) -> str | None:
    """Returns the pseudonym for an account name in a text; None if a # precedes it: the word is then a hashtag."""
    return None if around.before.endswith("#") else pseudonym


def is_search_of(query: str, forgotten: Forgotten) -> bool:
    """Whether an image search was for an erased account; an ordinary word counts only with an @ before it."""
    said = query.strip()
    return forgotten.has("account", said.removeprefix("@")) and forgotten.scrub(said) != said


def _instead(found: re.Match[str]) -> str:
    """Returns the placeholder for a matched identifier; 0 if it could be a JSON number, so that JSON stays valid."""
    text = found.string
    before, after = text[: found.start()].rstrip()[-1:], text[found.end() :].lstrip()[:1]
    return "0" if found[0].isdecimal() and before in tuple(":[,") and after in tuple(",]}") else ERASED_ID


def _alternatives(words: Iterable[str], flags: str) -> list[str]:
    """Returns regular expressions, each of limited length, that together match all of these words."""
    patterns: list[str] = []
    some: list[str] = []
    for word in sorted(re.escape(word) for word in words):
        if some and sum(map(len, some)) + len(word) > _LONGEST:
            patterns.append(flags + "|".join(some))
            some = []
        some.append(word)
    return [*patterns, flags + "|".join(some)] if some else patterns
