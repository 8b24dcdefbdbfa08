"""What is forgotten: identifiers of accounts, posts and images, and what stands in the place of a name."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol

from instagram_assets.privacy.names_in_text import Around, names_pattern, replace_names, words_pattern
from instagram_assets.schemas.account_names import counts_alone, is_meant

if TYPE_CHECKING:
    from instagram_assets.privacy.byte_needles import LongWords

Kind = Literal["account", "profile_id", "post_id", "shortcode", "image", "url"]
"""Kinds of identifiers: an account's name or `#tag`, Instagram's id of a profile, the id and the shortcode of a post,
the SHA-256 of an image's or video's bytes, and what its address stands for (`url_identity`)."""

GONE = "forgotten"
"""What stands in the place of an identifier that is no name."""
FORGOTTEN_ADDRESS = "https://forgotten.invalid/"
"""What stands in the place of the address of a forgotten picture: a host that is never given out (RFC 2606)."""

_WORDS: tuple[Kind, ...] = ("post_id", "shortcode", "profile_id", "image")
_LONGEST = 4_000
"""Letters of one pattern: of 20,000 RE2 no longer makes a table in its memory, and takes a thousand times as long."""


class Forgotten(Protocol):
    """Tells whether an identifier is forgotten, and takes forgotten names out of a text."""

    @property
    def patterns(self) -> Sequence[str] | None:
        """Regular expressions of RE2: a text that none of them finds anything in has nothing of what is forgotten.

        Null where the identifiers are not known in clear.
        """
        ...

    def __bool__(self) -> bool: ...

    def has(self, kind: Kind, value: str | None) -> bool:
        """True when this identifier is forgotten; accounts in any case."""
        ...

    def scrub(self, text: str) -> str:
        """The text with a pseudonym in the place of every account's name that is forgotten, where one is meant."""
        ...

    def named(self, text: str) -> str:
        """As `scrub`, of a value that is a name or names: there each whole word is meant."""
        ...


class _Nothing:
    """Nothing is forgotten."""

    @property
    def patterns(self) -> Sequence[str]:
        return ()

    def __bool__(self) -> bool:
        return False

    def has(self, kind: Kind, value: str | None) -> bool:
        return False

    def scrub(self, text: str) -> str:
        return text

    def named(self, text: str) -> str:
        return text


NOTHING: Forgotten = _Nothing()
"""For whoever has no tombstones."""


@dataclass(frozen=True)
class Identifiers:
    """All identifiers of what is being forgotten, in clear: known only while it is under way.

    `accounts` are names in lower case, and `#tag` for a hashtag whose collection is forgotten, each with its pseudonym;
    the rows of these accounts, owners, posts and images go, and where others mention an account its pseudonym stands.
    `bare` are those of them that are taken out as bare words though they are ordinary ones.
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

    def of(self, kind: Kind) -> Iterable[str]:
        """All identifiers of a kind."""
        return self._by_kind[kind]

    def has(self, kind: Kind, value: str | None) -> bool:
        """True when this identifier is one of them; accounts in any case."""
        if not value:
            return False
        return (value.casefold() if kind == "account" else value) in self._by_kind[kind]

    def scrub(self, text: str) -> str:
        """The text with pseudonyms in the place of accounts' names, and `forgotten` in that of other identifiers."""
        if self._names is not None:
            text = replace_names(text, self._names, self._where_meant)
        return text if self._others is None else self._others.sub(_instead, text)

    def named(self, text: str) -> str:
        """As `scrub`, of a value that is a name or names: there each whole word is meant."""
        if self._names is not None:
            text = replace_names(text, self._names, self._of_a_name)
        return self.scrub(text)

    def counts_alone(self, name: str) -> bool:
        """Whether one of the names is taken out, and looked for, wherever it stands as a whole word."""
        return counts_alone(name) or name in self.bare

    def _where_meant(self, word: str, around: Around) -> str | None:
        name = word.casefold()
        is_it = self.counts_alone(name) or is_meant(name, around.before, around.after)
        return self.accounts[name] if is_it else None

    def _of_a_name(self, word: str, around: Around) -> str | None:
        return instead_of_name(self.accounts[word.casefold()], around)

    @property
    def patterns(self) -> Sequence[str]:
        """Regular expressions of RE2, of which one finds something in each text that names one of them."""
        return self._patterns

    @cached_property
    def _by_kind(self) -> dict[Kind, Iterable[str]]:
        return {
            "account": self.accounts,
            "profile_id": self.profile_ids,
            "post_id": self.post_ids,
            "shortcode": self.shortcodes,
            "image": self.images,
            "url": self.urls,
        }

    @cached_property
    def long_words(self) -> "LongWords":
        """All identifiers but names and short ones, for a search whose time does not grow with their number."""
        from instagram_assets.privacy.byte_needles import TAIL, LongWords

        words = (word.encode() for word in self._exact)
        return LongWords({word: ("", "utf-8") for word in words if len(word) >= TAIL})

    @cached_property
    def short_patterns(self) -> Sequence[str]:
        """As `patterns`, of what is not in `long_words`."""
        from instagram_assets.privacy.byte_needles import TAIL

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
        """Post ids, shortcodes and hashes: whole words, since a longer number is another id."""
        return words_pattern(word for kind in _WORDS for word in self.of(kind))


def instead_of_name(pseudonym: str, around: Around) -> str | None:
    """The pseudonym in a value that is a name; null behind a #, where the word is a hashtag that has the same name."""
    return None if around.before.endswith("#") else pseudonym


def is_search_of(query: str, forgotten: Forgotten) -> bool:
    """Whether an image search was for a forgotten account: one for an ordinary word is, where it has an @ before it."""
    said = query.strip()
    return forgotten.has("account", said.removeprefix("@")) and forgotten.scrub(said) != said


def _instead(found: re.Match[str]) -> str:
    """What stands in the place of an identifier; 0 where it may be a number of JSON, which stays JSON."""
    text = found.string
    before, after = text[: found.start()].rstrip()[-1:], text[found.end() :].lstrip()[:1]
    return "0" if found[0].isdecimal() and before in tuple(":[,") and after in tuple(",]}") else GONE


def _alternatives(words: Iterable[str], flags: str) -> list[str]:
    """Patterns that find any of these words."""
    patterns: list[str] = []
    some: list[str] = []
    for word in sorted(re.escape(word) for word in words):
        if some and sum(map(len, some)) + len(word) > _LONGEST:
            patterns.append(flags + "|".join(some))
            some = []
        some.append(word)
    return [*patterns, flags + "|".join(some)] if some else patterns
