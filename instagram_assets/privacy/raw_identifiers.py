"""Whether files that are to be pseudonymous still hold a name or an id of the lake, in whatever form.

Searched are names of files and folders, all bytes of texts (UTF-8, UTF-16, escaped as JSON and as addresses do, in
base64), the columns, statistics and notes of Parquet files, and what is packed in zip, gzip and xz. A file is cut into
words, and these are looked up, so that the number of names does not matter.

An account's name counts wherever it stands as a whole word; that of somebody who is only mentioned, unless it is
distinctive, and a name that is a word of our formats as well (`video`), behind an @. Ids of fewer than nine digits
count where they are a whole value: elsewhere they are numbers.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

from instagram_assets.account_words import UNSEEN, vocabulary
from instagram_assets.privacy.known import Known
from instagram_assets.privacy.masking import CODE
from instagram_assets.privacy.names_in_text import whole_words
from instagram_assets.privacy.personal import NAME
from instagram_assets.privacy.texts_of_files import Text, UnreadableError, line_of, readings, texts_in

_AFTER_AT = re.compile(rf"[@＠﹫]{UNSEEN}*({NAME})")
# Between quotes that end a value, and are none of its own signs: those are escaped in JSON and doubled in CSV.
_VALUE = re.compile(r'(?<![\\"])"(\d{1,8})"(?!")')
_LARGEST_NUMBER = 8
MOST = 20


class NamedFile(NamedTuple):
    """A file by its name, seen from the export, and what opens it."""

    name: str
    open: Callable[[], BinaryIO]


class Finding(NamedTuple):
    """A name or id that stands in a file: which file, where in it, and the beginning of what was found."""

    file: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}, {self.where}: {self.what}"


class _Needles(NamedTuple):
    names: frozenset[str]
    alone: frozenset[str]
    codes: frozenset[str]
    numbers: frozenset[str]


def raw_identifiers(files: Iterable[NamedFile], known: Known, *, most: int = MOST) -> list[Finding]:
    """The first findings in files and in their names; at most `most`, none when all is well.

    Nothing that is given back tells a whole name. A file that cannot be read is a finding: nobody knows what is in it.
    """
    needles = _needles(known)
    found: dict[Finding, None] = {}
    for file in files:
        for finding in _in_file(file, needles):
            found[finding] = None
            if len(found) >= most:
                return list(found)
    return list(found)


def told(findings: list[Finding]) -> str:
    """Findings as a person reads them, one a line."""
    more = [f"These are the first {MOST}; there may be more."] if len(findings) >= MOST else []
    return "\n".join([*map(str, findings), *more])


def _needles(known: Known) -> _Needles:
    short = frozenset(each for each in known.ids if each.isdigit() and len(each) <= _LARGEST_NUMBER)
    codes = frozenset(each for each in known.ids - short if CODE.fullmatch(each))
    return _Needles(known.names, known.alone - vocabulary(), codes, short)


def files_of(paths: Iterable[Path]) -> Iterator[NamedFile]:
    """These files, and all files of these folders, named as they are seen from above; what is not there is left out."""
    for path in paths:
        if path.is_dir():
            for folder, _, names in sorted(os.walk(path)):
                for file in (Path(folder, name) for name in sorted(names)):
                    yield NamedFile(file.relative_to(path.parent).as_posix(), partial(open, file, "rb"))
        elif path.exists():
            yield NamedFile(path.name, partial(open, path, "rb"))


def _in_file(file: NamedFile, needles: _Needles) -> Iterator[Finding]:
    hidden = _without(file.name, needles)
    yield from _findings(hidden, Text("its name", file.name), needles)
    try:
        with file.open() as stream:
            for text in texts_in(stream):
                yield from _findings(hidden, text, needles)
    except (UnreadableError, OSError) as error:
        yield Finding(hidden, "all of it", str(error))


def _findings(file: str, text: Text, needles: _Needles) -> Iterator[Finding]:
    hits = chain.from_iterable(_hits(reading, needles) for reading in readings(text))
    for word, kind in chain(hits, _values(text, needles)):
        place = max(text.text.casefold().find(word.casefold()), 0)
        yield Finding(file, line_of(text.text, place, text.where), f"{kind} {_beginning(word)}")


def _hits(text: str, needles: _Needles) -> Iterator[tuple[str, str]]:
    behind = {name.casefold() for name in _AFTER_AT.findall(text)}
    yield from ((word, "the name") for word in sorted(needles.names & behind))
    yield from ((word, "the name") for word in sorted(needles.alone & whole_words(text)))
    yield from ((code, "the id") for code in sorted(needles.codes.intersection(CODE.findall(text))))


def _values(text: Text, needles: _Needles) -> Iterator[tuple[str, str]]:
    """Ids that are a whole value; what a text quotes looks like one as soon as escapes are undone."""
    if needles.numbers:
        values = text.text.split("\n") if text.whole else _VALUE.findall(text.text)
        yield from ((number, "the id") for number in sorted(needles.numbers.intersection(values)))


def _beginning(word: str) -> str:
    """What tells which one was found to whoever knows the lake, and not the whole of it."""
    return f"{word[: min(3, len(word) - 1)]}…"


def _without(name: str, needles: _Needles) -> str:
    """The path of a file in which no whole name stands."""
    words = {word for reading in readings(Text("", name)) for word, _ in _hits(reading, needles)}
    for word in sorted(words, key=len, reverse=True):
        name = re.sub(re.escape(word), lambda found: _beginning(found[0]), name, flags=re.IGNORECASE)
    return name
