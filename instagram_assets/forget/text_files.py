"""Redacts CSV and JSON files that this program wrote, by line: only lines that may mention the subject are parsed.

Files in any other format are redacted like files of the inbox (`ingest.redact.file_redaction`).
"""

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from instagram_assets.ingest.reader.csv_tables import Header, table_in
from instagram_assets.ingest.redact.csv_redaction import scrubbed_table
from instagram_assets.ingest.redact.file_redaction import Scrubbed, scrub_file
from instagram_assets.ingest.redact.json_documents import NotRewritableError, Tally, record_text
from instagram_assets.ingest.redact.redactor import RecordRedactor
from instagram_assets.privacy.forgotten_identifiers import Forgotten, IdentifierKind, Identifiers
from instagram_assets.storage.atomic import temporary_beside

_RUN = re.compile(r"[A-Za-z0-9]+")
_IDS: tuple[IdentifierKind, ...] = ("profile_id", "post_id", "shortcode", "image", "url")


class MentionFilter:
    """A fast prefilter: whether a text may mention an erased identifier. No false negatives.

    If identifiers are known only as hashes (tombstones), every text passes.
    """

    def __init__(self, forgotten: Forgotten) -> None:
        self._words: frozenset[str] | None = None
        if isinstance(forgotten, Identifiers):
            # Identifiers are delimited by characters that are neither letters nor digits, and so are their parts.
            longest = (max(_RUN.findall(value), key=len, default="") for kind in _IDS for value in forgotten.of(kind))
            self._words = frozenset(word for word in longest if word)
            names = sorted(re.escape(name) for name in forgotten.of("account"))
            self._names = re.compile("|".join(names), re.IGNORECASE) if names else None

    def __call__(self, text: str) -> bool:
        if self._words is None or (self._names is not None and self._names.search(text)):
            return True
        return not self._words.isdisjoint(_RUN.findall(text))


_ERRORS = "surrogateescape"
_SMALL = 1 << 20
_PACKED = (b"\x1f\x8b", b"\xfd7zXZ", b"PK\x03\x04")
_USER_COLUMNS = frozenset(("username", "user_name", "account"))
_TABLES, _LINES = (".csv", ".tsv"), (".jsonl", ".ndjson")

Write = Callable[[bytes], object]


class _OtherFormError(Exception):
    """The file is not in the format that this program writes."""


def preview_scrub(path: Path, forgotten: Forgotten) -> Scrubbed:
    """Returns what erasing from a file would change; the file itself is not changed."""
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
    """Whether a small file certainly mentions no erased identifier, judged by the prefilter alone."""
    if path.stat().st_size > _SMALL:
        return False
    data = path.read_bytes()
    if data.startswith(_PACKED) or b"\0" in data or b"\\u" in data:
        return False
    try:
        return not MentionFilter(forgotten)(data.decode())
    except UnicodeDecodeError:
        return False


def write_scrubbed(path: Path, target: Path, forgotten: Forgotten) -> Scrubbed:
    """Writes a copy of a file without erased data to `target`, unless the file contains no such data.

    Rows that do not mention an erased identifier keep their bytes.
    """
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
    """Redacts a JSON array with one record per line, as `datasets.json.write_json` writes it."""
    redactor, may_mention, tally = RecordRedactor(forgotten), MentionFilter(forgotten), Tally()
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
        kept = _record(record, redactor, may_mention, tally)
        if kept is not None:
            write(separator + kept)
            separator = b",\n"
    if not is_closed:
        raise _OtherFormError
    return _outcome(tally)


def _records(stream: BinaryIO, forgotten: Forgotten, write: Write) -> Scrubbed:
    """Redacts a JSON Lines file: one record per line."""
    redactor, may_mention, tally = RecordRedactor(forgotten), MentionFilter(forgotten), Tally()
    for line in stream:
        record = line.rstrip(b"\r\n")
        kept = _record(record, redactor, may_mention, tally) if record else record
        if kept is not None:
            write(kept + line[len(record) :])
    return _outcome(tally)


def _record(data: bytes, redactor: RecordRedactor, may_mention: MentionFilter, tally: Tally) -> bytes | None:
    text = data.decode("utf-8", _ERRORS)
    if not may_mention(text):
        return data
    try:
        kept = record_text(text, json.loads(text), redactor, tally)
    except ValueError as error:
        raise _OtherFormError from error
    return None if kept is None else kept.encode("utf-8", _ERRORS)


def _table(stream: BinaryIO, header: Header, forgotten: Forgotten, write: Write) -> Scrubbed:
    """Redacts a CSV file of records; a row spans several lines if a quoted field does."""
    redactor, may_mention, tally = RecordRedactor(forgotten), MentionFilter(forgotten), Tally()
    rows = _rows(stream)
    names = next(rows, "")
    write(names.encode("utf-8", _ERRORS))
    for row in rows:
        kept = row
        if may_mention(row):
            try:
                text = "".join(scrubbed_table(iter([names + row]), header, redactor, tally))
            except NotRewritableError as error:
                raise _OtherFormError from error
            if not text.startswith(names):
                raise _OtherFormError
            kept = text[len(names) :]
        write(kept.encode("utf-8", _ERRORS))
    return _outcome(tally)


class _Column(NamedTuple):
    """The index of the column with the user name, and the field separator of the CSV file."""

    position: int
    separator: str


def _column_of_users(head: bytes) -> _Column | None:
    """Returns the user name column of a CSV file that is not an export, such as a file of labels; None if none."""
    line = head.decode("utf-8", _ERRORS).lstrip("\ufeff").splitlines()[:1]
    for separator in ",;\t":
        names = next(csv.reader(line, delimiter=separator), [])
        found = [index for index, name in enumerate(names) if name.strip().casefold() in _USER_COLUMNS]
        if found:
            return _Column(found[0], separator)
    return None


def _users(stream: BinaryIO, column: _Column, forgotten: Forgotten, write: Write) -> Scrubbed:
    """Redacts a CSV file with a row per user: removes rows of erased accounts, replaces mentions by pseudonyms."""
    redactor, may_mention, tally = RecordRedactor(forgotten), MentionFilter(forgotten), Tally()
    for row in _rows(stream):
        if may_mention(row):
            cells = next(csv.reader([row], delimiter=column.separator), [])
            name = cells[column.position].strip().removeprefix("@") if column.position < len(cells) else ""
            if forgotten.has("account", name):
                tally.gone += 1
                continue
        kept = redactor.text(row) if may_mention(row) else row
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
