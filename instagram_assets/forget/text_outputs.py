"""Our own CSV and JSON without what is forgotten: rows are taken apart only where something may be in them.

Those of a hundred thousand posts have a line for each. All other texts go the way of the files in the inbox.
"""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from instagram_assets.forget.suspicion import Suspicion
from instagram_assets.ingest.reader.tables import Header, table_in
from instagram_assets.ingest.scrub.documents import NotRewritableError, Tally, record_text
from instagram_assets.ingest.scrub.files import Scrubbed, scrub_file
from instagram_assets.ingest.scrub.records import Scrubber
from instagram_assets.ingest.scrub.tables import scrubbed_table
from instagram_assets.privacy.forgotten import Forgotten
from instagram_assets.storage.atomic import temporary_beside

_ERRORS = "surrogateescape"
_SMALL = 1 << 20
_PACKED = (b"\x1f\x8b", b"\xfd7zXZ", b"PK\x03\x04")
_USER_COLUMNS = frozenset(("username", "user_name", "account"))
_TABLES, _LINES = (".csv", ".tsv"), (".jsonl", ".ndjson")

Write = Callable[[bytes], object]


class _OtherFormError(Exception):
    """The file is not of the form that we write."""


def look_at(path: Path, forgotten: Forgotten) -> Scrubbed:
    """What scrubbing a file would come to; where it is no form of ours, a file is beside it for a moment."""
    try:
        return _by_lines(path, forgotten, lambda data: None)
    except _OtherFormError:
        if _is_clear(path, forgotten):
            return Scrubbed(0, False)
        temporary = temporary_beside(path)
        try:
            return scrub_file(path, temporary, forgotten)
        finally:
            temporary.unlink(missing_ok=True)


def _is_clear(path: Path, forgotten: Forgotten) -> bool:
    """True where one look at a small file tells that it holds nothing: most files of users have a few lines."""
    if path.stat().st_size > _SMALL:
        return False
    data = path.read_bytes()
    if data.startswith(_PACKED) or b"\0" in data or b"\\u" in data:
        return False
    try:
        return not Suspicion(forgotten)(data.decode())
    except UnicodeDecodeError:
        return False


def write_scrubbed(path: Path, target: Path, forgotten: Forgotten) -> Scrubbed:
    """As `scrub_file`; in rows that hold nothing of it no byte changes."""
    try:
        with target.open("xb") as stream:
            done = _by_lines(path, forgotten, stream.write)
    except _OtherFormError:
        target.unlink(missing_ok=True)
        return scrub_file(path, target, forgotten)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    if not done.changed:
        target.unlink(missing_ok=True)
    return done


def _by_lines(path: Path, forgotten: Forgotten, write: Write) -> Scrubbed:
    ending = path.suffix.lower()
    with path.open("rb") as stream:
        head = stream.read(1 << 16)
        stream.seek(0)
        if ending == ".json" and head.startswith(b"[\n"):
            return _array(stream, forgotten, write)
        if ending in _LINES and b"\0" not in head:
            return _records(stream, forgotten, write)
        if ending in _TABLES and b"\0" not in head:
            if header := table_in(head.removeprefix(b"\xef\xbb\xbf")):
                return _table(stream, header, forgotten, write)
            if column := _column_of_users(head):
                return _users(stream, column, forgotten, write)
    raise _OtherFormError


def _array(stream: BinaryIO, forgotten: Forgotten, write: Write) -> Scrubbed:
    """An array with a record in each line, as `datasets.json.write_json` writes it."""
    scrubber, suspects, tally = Scrubber(forgotten), Suspicion(forgotten), Tally()
    write(next(stream).rstrip(b"\n"))
    separator, is_closed = b"\n", False
    for line in stream:
        if is_closed:
            raise _OtherFormError
        if line == b"]\n":
            is_closed = True
            write(b"\n]\n")
            continue
        record = line.removesuffix(b"\n").removesuffix(b",")
        kept = _record(record, scrubber, suspects, tally)
        if kept is not None:
            write(separator + kept)
            separator = b",\n"
    if not is_closed:
        raise _OtherFormError
    return _outcome(tally)


def _records(stream: BinaryIO, forgotten: Forgotten, write: Write) -> Scrubbed:
    """A record in each line."""
    scrubber, suspects, tally = Scrubber(forgotten), Suspicion(forgotten), Tally()
    for line in stream:
        record = line.rstrip(b"\r\n")
        kept = _record(record, scrubber, suspects, tally) if record else record
        if kept is not None:
            write(kept + line[len(record) :])
    return _outcome(tally)


def _record(data: bytes, scrubber: Scrubber, suspects: Suspicion, tally: Tally) -> bytes | None:
    text = data.decode("utf-8", _ERRORS)
    if not suspects(text):
        return data
    try:
        kept = record_text(text, json.loads(text), scrubber, tally)
    except ValueError as error:
        raise _OtherFormError from error
    return None if kept is None else kept.encode("utf-8", _ERRORS)


def _table(stream: BinaryIO, header: Header, forgotten: Forgotten, write: Write) -> Scrubbed:
    """A CSV file; a row goes over several lines where a quote is open."""
    scrubber, suspects, tally = Scrubber(forgotten), Suspicion(forgotten), Tally()
    rows = _rows(stream)
    names = next(rows, "")
    write(names.encode("utf-8", _ERRORS))
    for row in rows:
        kept = row
        if suspects(row):
            try:
                text = "".join(scrubbed_table(iter([names + row]), header, scrubber, tally))
            except NotRewritableError as error:
                raise _OtherFormError from error
            if not text.startswith(names):
                raise _OtherFormError
            kept = text[len(names) :]
        write(kept.encode("utf-8", _ERRORS))
    return _outcome(tally)


class _Column(NamedTuple):
    """Where in a row the user's name stands, and what parts the cells."""

    place: int
    separator: str


def _column_of_users(head: bytes) -> _Column | None:
    """The column of a table that is no export: a label, or something else, for each user."""
    line = head.decode("utf-8", _ERRORS).lstrip("\ufeff").splitlines()[:1]
    for separator in ",;\t":
        names = next(csv.reader(line, delimiter=separator), [])
        found = [place for place, name in enumerate(names) if name.strip().casefold() in _USER_COLUMNS]
        if found:
            return _Column(found[0], separator)
    return None


def _users(stream: BinaryIO, column: _Column, forgotten: Forgotten, write: Write) -> Scrubbed:
    """A table with a row for each user: rows of the subject go, and in others it is called by its pseudonym."""
    scrubber, suspects, tally = Scrubber(forgotten), Suspicion(forgotten), Tally()
    for row in _rows(stream):
        if suspects(row):
            cells = next(csv.reader([row], delimiter=column.separator), [])
            name = cells[column.place].strip().removeprefix("@") if column.place < len(cells) else ""
            if forgotten.has("account", name):
                tally.gone += 1
                continue
        kept = scrubber.text(row) if suspects(row) else row
        tally.touched += kept != row
        write(kept.encode("utf-8", _ERRORS))
    return _outcome(tally)


def _rows(stream: BinaryIO) -> Iterator[str]:
    held: list[str] = []
    inside_quotes = False
    for line in stream:
        text = line.decode("utf-8", _ERRORS)
        held.append(text)
        inside_quotes ^= text.count('"') % 2 == 1
        if not inside_quotes:
            yield "".join(held)
            held.clear()
    if held:
        raise _OtherFormError


def _outcome(tally: Tally) -> Scrubbed:
    return Scrubbed(tally.gone + tally.touched, tally.changed)
