"""Searches pseudonymous exports for names and ids of the lake that leaked into them, in any encoding.

It searches names of files and folders, empty ones too, all bytes of texts (UTF-8, UTF-16, JSON and URL escapes,
base64), the columns, statistics and metadata of Parquet files, and the contents of zip, gzip, xz and bzip2. Text is
split into words, which are looked up in a set, so that run time does not depend on the number of names.

The name of an account that was collected or posted counts as a leak wherever it is a whole word. The name of an account
that is only mentioned, unless it is distinctive, and a name that is also a word of our file formats (`video`) count
only after an @. Ids of fewer than nine digits count only as a whole value: elsewhere they are ordinary numbers.
"""

import io
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

from instagram_assets.privacy.file_texts import FileText, UnsearchableError, location_of, text_variants, texts_of_file
from instagram_assets.privacy.lake_names import LakeNames
from instagram_assets.privacy.masking import ID_PATTERN
from instagram_assets.privacy.names_in_file_names import accounts_in_file_name
from instagram_assets.privacy.names_in_text import whole_words
from instagram_assets.privacy.pii_patterns import ACCOUNT_NAME, NOT_A_NAME
from instagram_assets.schemas.account_names import UNSEEN, vocabulary
from instagram_assets.storage.atomic import is_temporary

_AFTER_AT = re.compile(rf"[@＠﹫]{UNSEEN}*(?!{NOT_A_NAME})({ACCOUNT_NAME})")
# Between quotes that end a value and are not part of it: those inside are escaped in JSON and doubled in CSV.
_VALUE = re.compile(r'(?<![\\"])"(\d{1,8})"(?!")')
_LARGEST_NUMBER = 8
MAX_LEAKS = 20


FOREIGN_FILE_NOTE = "not made by this export"


class NamedFile(NamedTuple):
    """A file or folder to search: its path below the export folder, a function that opens it, a note for messages."""

    name: str
    open: Callable[[], BinaryIO]
    note: str = ""


class IdentifierLeak(NamedTuple):
    """A leaked name or id: the file, the location in it, and the first characters of the name or id."""

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


def find_identifier_leaks(
    files: Iterable[NamedFile], known: LakeNames, *, most: int = MAX_LEAKS
) -> list[IdentifierLeak]:
    """Returns the identifiers that leaked into files or file names, at most `most` of them.

    Results never contain a complete name. An unreadable file is reported as well, since its content is unknown.
    """
    needles = _needles(known)
    found: dict[IdentifierLeak, None] = {}
    for file in files:
        for finding in _in_file(file, needles):
            where = f"{file.note}, {finding.where}" if file.note else finding.where
            found[finding._replace(where=where)] = None
            if len(found) >= most:
                return list(found)
    return list(found)


def mask_file_names(names: Iterable[str], known: LakeNames) -> list[str]:
    """Returns the file names for display, with leaked names cut to their first characters."""
    needles = _needles(known)
    return [_without(name, needles) for name in names]


def format_leaks(findings: list[IdentifierLeak]) -> str:
    """Returns the leaks as text, one per line."""
    more = [f"These are the first {MAX_LEAKS}; there may be more."] if len(findings) >= MAX_LEAKS else []
    return "\n".join([*map(str, findings), *more])


def _needles(known: LakeNames) -> _Needles:
    short = frozenset(each for each in known.ids if each.isdigit() and len(each) <= _LARGEST_NUMBER)
    codes = frozenset(each for each in known.ids - short if ID_PATTERN.fullmatch(each))
    return _Needles(known.names, known.alone - vocabulary(), codes, short)


def named_files(paths: Iterable[Path], note: str = "") -> Iterator[NamedFile]:
    """Yields the files to search: these files, and all files of these folders, with relative paths.

    Missing paths are left out. The name of an empty folder is searched too. Symbolic links to folders are reported,
    not followed.
    """
    for path in paths:
        if path.is_dir():
            for parent, folders, names in sorted(os.walk(path)):
                seen = Path(parent).relative_to(path.parent).as_posix()
                for name in sorted(names):
                    yield NamedFile(f"{seen}/{name}", partial(_open_file, Path(parent, name)), note)
                for name in sorted(folders):
                    if Path(parent, name).is_symlink():
                        yield NamedFile(f"{seen}/{name}/", _open_link, note)
                if not folders and not names:
                    yield NamedFile(f"{seen}/", io.BytesIO, note)
        elif path.exists():
            yield NamedFile(path.name, partial(_open_file, path), note)


def foreign_files(folder: Path, ours: Collection[str]) -> Iterator[NamedFile]:
    """Yields the files to search in an export's folder that are not in `ours` (names of the export's own entries)."""
    return named_files(foreign_entries(folder, ours), FOREIGN_FILE_NOTE)


def foreign_entries(folder: Path, ours: Collection[str]) -> list[Path]:
    """Returns the entries of a folder whose names are not in `ours`, without temporary files of running writes."""
    known = {*ours, *(f".{name}.{state}" for name in ours for state in ("new", "old"))}
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    return [entry for entry in entries if entry.name not in known and not is_temporary(entry.name)]


def _open_file(path: Path) -> BinaryIO:
    # Opening a pipe waits for a writer, possibly forever.
    if not path.is_file() and path.exists():
        raise UnsearchableError("is no file but a pipe, a socket or a device, which is not searched; take it away")
    return path.open("rb")


def _open_link() -> BinaryIO:
    raise UnsearchableError("leads to another folder, which is not searched; put that folder itself in its place")


def _in_file(file: NamedFile, needles: _Needles) -> Iterator[IdentifierLeak]:
    hidden = _without(file.name, needles)
    yield from _findings(hidden, FileText("its name", file.name, path=True), needles)
    try:
        with file.open() as stream:
            for text in texts_of_file(stream):
                yield from _findings(hidden, text, needles)
    except UnsearchableError as error:
        yield IdentifierLeak(hidden, "all of it", str(error))
    except OSError as error:
        if not (file.note and isinstance(error, FileNotFoundError)):  # files may vanish meanwhile
            # The complete error message contains the path, which may contain a name.
            yield IdentifierLeak(hidden, "all of it", f"cannot be read ({error.strerror or type(error).__name__})")


def _findings(file: str, text: FileText, needles: _Needles) -> Iterator[IdentifierLeak]:
    hits = chain.from_iterable(_hits(reading, needles) for reading in text_variants(text))
    for word, kind in chain(hits, _values(text, needles), _joined(text, needles)):
        yield IdentifierLeak(file, location_of(word, text), f"{kind} {_beginning(word)}")


def _hits(text: str, needles: _Needles) -> Iterator[tuple[str, str]]:
    behind = {name.casefold() for name in _AFTER_AT.findall(text)}
    yield from ((word, "the name") for word in sorted(needles.names & behind))
    yield from ((word, "the name") for word in sorted(needles.alone & whole_words(text)))
    yield from ((code, "the id") for code in sorted(needles.codes.intersection(ID_PATTERN.findall(text))))


def _values(text: FileText, needles: _Needles) -> Iterator[tuple[str, str]]:
    """Yields leaked ids that are a complete value; without decoding, since decoded quotes would look like values."""
    if needles.numbers:
        values = text.text.split("\n") if text.whole else _VALUE.findall(text.text)
        yield from ((number, "the id") for number in sorted(needles.numbers.intersection(values)))


def _joined(text: FileText, needles: _Needles) -> Iterator[tuple[str, str]]:
    """Yields the leaked account names that `_` joins to other words in a file name."""
    if text.path:
        found = accounts_in_file_name(text.text, lambda part: part.casefold() in needles.alone)
        yield from ((word, "the name") for word in sorted(found))


def _beginning(word: str) -> str:
    """Returns the first characters of a name or id and an ellipsis, for messages that must not contain all of it."""
    return f"{word[: min(3, len(word) - 1)]}…"


def _without(name: str, needles: _Needles) -> str:
    """Returns the path of a file with leaked names and ids cut to their first characters."""
    words = {word for reading in text_variants(FileText("", name)) for word, _ in _hits(reading, needles)}
    words |= {word for word, _ in _joined(FileText("", name, path=True), needles)}
    for word in sorted(words, key=len, reverse=True):
        name = re.sub(re.escape(word), lambda found: _beginning(found[0]), name, flags=re.IGNORECASE)
    return name
