"""Finds account names in texts as whole names, and replaces them.

`jane` is found in `@jane.`, `instagram.com/jane/`, `jane님` and `jane.jpg`, but not in `jane_doe`, `xjane` or `jane.b`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

# What may precede a name although it ends in a letter or digit: `%40jane`, and in JSON `\u0040jane`, `\njane`.
_BEFORE = r"(?:(?<![A-Za-z0-9_])(?<![A-Za-z0-9_]\.)|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\[nrt]))"
# The same for other identifiers, which contain neither dot nor _.
_BEFORE_WORD = r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\[nrt]))"
FILE_ENDINGS = "jpe?g|png|webp|gif|heic|mp4|mov|json|jsonl|ndjson|csv|tsv|txt|xz|gz|zip|html?|xlsx?|md|parquet"
# A dot belongs to a name if more of the name follows, except a file suffix.
_AFTER = rf"(?![A-Za-z0-9_])(?!\.(?!(?:{FILE_ENDINGS})(?![A-Za-z0-9_]))[A-Za-z0-9_])"
_ESCAPE = r"%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\[nrt]"
_TOKEN = re.compile(rf"(?:{_ESCAPE})|(?P<word>[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)")

_LONGEST = 100
_NEAR = 200
_WORD = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*")
_ENDING = re.compile(FILE_ENDINGS, re.IGNORECASE)


class WordContext(NamedTuple):
    """A word's position in a text (start and end offsets), with access to the text before and after it."""

    text: str
    start: int
    end: int

    @property
    def before(self) -> str:
        return self.text[max(self.start - _NEAR, 0) : self.start]

    @property
    def after(self) -> str:
        return self.text[self.end : self.end + _NEAR]


ReplaceWord = Callable[[str, WordContext], str | None]
"""Type of a function that returns the replacement of a word in its context; None keeps the word."""


def names_pattern(names: Iterable[str]) -> re.Pattern[str] | None:
    """Returns a pattern that matches each of these names as a whole name, ignoring case; None if there are none."""
    # The longest first, so that of two names with a common prefix the whole one is found.
    found = sorted((re.escape(name) for name in names if name), key=len, reverse=True)
    return re.compile(rf"{_BEFORE}(?:{'|'.join(found)}){_AFTER}", re.IGNORECASE | re.ASCII) if found else None


def words_pattern(words: Iterable[str]) -> re.Pattern[str] | None:
    """Returns a pattern that matches each of these identifiers as a whole word; None if there are none."""
    found = sorted((re.escape(word) for word in words if word), key=len, reverse=True)
    return re.compile(rf"{_BEFORE_WORD}(?:{'|'.join(found)})(?![A-Za-z0-9])", re.ASCII) if found else None


def replace_names(text: str, pattern: re.Pattern[str], replace: ReplaceWord) -> str:
    """Returns a text with the matches of a pattern replaced; a match is kept if `replace` returns None."""

    def word(found: re.Match[str]) -> str:
        answer = replace(found[0], WordContext(text, found.start(), found.end()))
        return found[0] if answer is None else answer

    return pattern.sub(word, text)


def whole_words(text: str) -> set[str]:
    """Returns all words that could be account names, in lower case: `jane.Then` gives `jane.then` and `jane`."""
    words = {word.casefold() for word in _WORD.findall(text)}
    for word in [word for word in words if "." in word or len(word) > _LONGEST]:
        words.remove(word)
        words.update(_starts(word))
    return words


def replace_known(text: str, replace: Callable[[str], str | None]) -> str:
    """Returns a text with each possible account name, the longest first, replaced by `replace`; None keeps it."""

    def word(found: re.Match[str]) -> str:
        for start in _starts(found[0]):
            if (answer := replace(start)) is not None:
                return answer + found[0][len(start) :]
        return found[0]

    return _WORD.sub(word, text)


def _starts(word: str) -> Iterator[str]:
    if len(word) > _LONGEST:  # not a name, but it may begin with one
        word = word[: _LONGEST + 1].rpartition(".")[0]
    while word:
        yield word
        word = word.rpartition(".")[0]


def replace_words(text: str, is_name: Callable[[str], bool], replace: ReplaceWord) -> str:
    """Returns a text in which `replace` replaces every whole word for which `is_name` is true."""

    def word(found: re.Match[str]) -> str:
        whole = found["word"]
        if whole is None:
            return found[0]
        if is_name(whole):
            return replace(whole, WordContext(text, found.start(), found.end())) or whole
        stem, _, ending = whole.rpartition(".")
        if not stem or not _ENDING.fullmatch(ending) or not is_name(stem):
            return whole
        return f"{replace(stem, WordContext(text, found.start(), found.start() + len(stem))) or stem}.{ending}"

    return _TOKEN.sub(word, text)
