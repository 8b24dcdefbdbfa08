"""Whether files that are to be pseudonymous still hold a name or an id of the lake, in whatever form.

Searched are names of files and folders, empty ones too, all bytes of texts (UTF-8, UTF-16, escaped as JSON and as
addresses do, in base64), the columns, statistics and notes of Parquet files, and what is packed in zip, gzip, xz and
bzip2. A file is cut into words, and these are looked up, so that the number of names does not matter.

An account's name counts wherever it stands as a whole word; that of somebody who is only mentioned, unless it is
distinctive, and a name that is a word of our formats as well (`video`), behind an @. Ids of fewer than nine digits
count where they are a whole value: elsewhere they are numbers.
"""

import io
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

from instagram_assets.privacy.file_names import accounts_in_file_name
from instagram_assets.privacy.known import Known
from instagram_assets.privacy.masking import CODE
from instagram_assets.privacy.names_in_text import whole_words
from instagram_assets.privacy.personal import NAME, NO_NAME
from instagram_assets.privacy.texts_of_files import Text, UnreadableError, place_of, readings, texts_of_file
from instagram_assets.schemas.account_names import UNSEEN, vocabulary
from instagram_assets.storage.atomic import is_temporary

_AFTER_AT = re.compile(rf"[@＠﹫]{UNSEEN}*(?!{NO_NAME})({NAME})")
# Between quotes that end a value, and are none of its own signs: those are escaped in JSON and doubled in CSV.
_VALUE = re.compile(r'(?<![\\"])"(\d{1,8})"(?!")')
_LARGEST_NUMBER = 8
MOST = 20


NOT_OURS = "not made by this export"


class NamedFile(NamedTuple):
    """A file, or a folder, by its name as it is seen from the export, what opens it, and what is to be said of it."""

    name: str
    open: Callable[[], BinaryIO]
    note: str = ""


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
            where = f"{file.note}, {finding.where}" if file.note else finding.where
            found[finding._replace(where=where)] = None
            if len(found) >= most:
                return list(found)
    return list(found)


def without_names(names: Iterable[str], known: Known) -> list[str]:
    """Names of files in which no whole name of the lake stands, to be shown."""
    needles = _needles(known)
    return [_without(name, needles) for name in names]


def told(findings: list[Finding]) -> str:
    """Findings as a person reads them, one a line."""
    more = [f"These are the first {MOST}; there may be more."] if len(findings) >= MOST else []
    return "\n".join([*map(str, findings), *more])


def _needles(known: Known) -> _Needles:
    short = frozenset(each for each in known.ids if each.isdigit() and len(each) <= _LARGEST_NUMBER)
    codes = frozenset(each for each in known.ids - short if CODE.fullmatch(each))
    return _Needles(known.names, known.alone - vocabulary(), codes, short)


def files_of(paths: Iterable[Path], note: str = "") -> Iterator[NamedFile]:
    """These files, and all files of these folders, named as they are seen from above; what is not there is left out.

    A folder without anything counts for its name. What a link to a folder leads to is not read, and told.
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


def files_beside(folder: Path, ours: Collection[str]) -> Iterator[NamedFile]:
    """What else lies in the folder of an export than `ours`, the names of its files and folders."""
    return files_of(entries_beside(folder, ours), NOT_OURS)


def entries_beside(folder: Path, ours: Collection[str]) -> list[Path]:
    """The files and folders in a folder but these, and those that are being written."""
    known = {*ours, *(f".{name}.{state}" for name in ours for state in ("new", "old"))}
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    return [entry for entry in entries if entry.name not in known and not is_temporary(entry.name)]


def _open_file(path: Path) -> BinaryIO:
    # To open a pipe waits for whoever writes into it, for ever where nobody does.
    if not path.is_file() and path.exists():
        raise UnreadableError("is no file but a pipe, a socket or a device, which is not searched; take it away")
    return path.open("rb")


def _open_link() -> BinaryIO:
    raise UnreadableError("leads to another folder, which is not searched; put that folder itself in its place")


def _in_file(file: NamedFile, needles: _Needles) -> Iterator[Finding]:
    hidden = _without(file.name, needles)
    yield from _findings(hidden, Text("its name", file.name, path=True), needles)
    try:
        with file.open() as stream:
            for text in texts_of_file(stream):
                yield from _findings(hidden, text, needles)
    except UnreadableError as error:
        yield Finding(hidden, "all of it", str(error))
    except OSError as error:
        if not (file.note and isinstance(error, FileNotFoundError)):  # what lies beside may go meanwhile
            # The whole of what it says has the path, in which a name may stand.
            yield Finding(hidden, "all of it", f"cannot be read ({error.strerror or type(error).__name__})")


def _findings(file: str, text: Text, needles: _Needles) -> Iterator[Finding]:
    hits = chain.from_iterable(_hits(reading, needles) for reading in readings(text))
    for word, kind in chain(hits, _values(text, needles), _joined(text, needles)):
        yield Finding(file, place_of(word, text), f"{kind} {_beginning(word)}")


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


def _joined(text: Text, needles: _Needles) -> Iterator[tuple[str, str]]:
    """Names between words joined by `_`, where a file is called so."""
    if text.path:
        found = accounts_in_file_name(text.text, lambda part: part.casefold() in needles.alone)
        yield from ((word, "the name") for word in sorted(found))


def _beginning(word: str) -> str:
    """What tells which one was found to whoever knows the lake, and not the whole of it."""
    return f"{word[: min(3, len(word) - 1)]}…"


def _without(name: str, needles: _Needles) -> str:
    """The path of a file in which no whole name stands."""
    words = {word for reading in readings(Text("", name)) for word, _ in _hits(reading, needles)}
    words |= {word for word, _ in _joined(Text("", name, path=True), needles)}
    for word in sorted(words, key=len, reverse=True):
        name = re.sub(re.escape(word), lambda found: _beginning(found[0]), name, flags=re.IGNORECASE)
    return name
