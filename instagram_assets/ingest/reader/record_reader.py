"""Reads a file's records in batches, for files of any size.

Records are parsed in bulk if their text is regular (`bulk_json`), else one by one in a sliding window (`json_window`):
one bad record does not stop the file, and NaN, huge numbers and excessive nesting are detected.
"""

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from instagram_assets.errors import FileError, RecordError
from instagram_assets.ingest.formats.ads import NEEDED
from instagram_assets.ingest.reader.bulk_json import UNREAD, quick_value
from instagram_assets.ingest.reader.byte_streams import looks_like, utf8_chunks, wrong_encoding
from instagram_assets.ingest.reader.csv_tables import table_in, table_records, unknown_columns, unread_separator
from instagram_assets.ingest.reader.file_types import PLAIN, refusal, text_kind
from instagram_assets.ingest.reader.json_values import BadRecord, Record, json_type_name, parse
from instagram_assets.ingest.reader.json_window import SPACE, SPLIT, TRY_AGAIN, Window, explain
from instagram_assets.ingest.reader.pandas_tables import OF_TABLES, named, records_of_tables
from instagram_assets.ingest.reader.xlsx_sheets import Passed, is_workbook, workbook_records
from instagram_assets.settings import IngestSettings

WRAPPERS = ("data", "items")

SNIFFED_BYTES = 1 << 20
_SCALAR = re.compile(rb"\s*(?:null|true|false|NaN|-?Infinity|-?[0-9][0-9.eE+-]*)\s*\Z")
_STRING = re.compile(rb'\s*"[^"\\]*+(?:\\.[^"\\]*+)*+"\s*\Z', re.DOTALL)
# A document that is a JSON string of records is longer than the head of its file.
_RECORDS_IN_A_STRING = re.compile(rb'\s*"\s*[{\[]')
BATCH_TEXT = 4 << 20
BATCH_RECORDS = 2_000

_NO_OBJECT = " instead of an object"


Batch = list[tuple[int, Record | BadRecord]]
# A record with the length of its text.
_Item = tuple[Record | BadRecord, int]


def read_batches(path: Path, limits: IngestSettings, passed: Passed = lambda _: None) -> Iterator[Batch]:
    """Yield the records of a file with their positions, from 0, a few MB of text at a time, in bounded memory.

    The file is a JSON array, one record per line (NDJSON), an object {"data": […]} or {"items": […]}, one record, or a
    table as CSV, each also compressed with gzip or xz; or a workbook (XLSX). The type is detected from the content. A
    bad record becomes a BadRecord and reading continues; `passed` is called with each sheet that is not read. Raises
    FileError, with the line and column or the byte, when the file as a whole cannot be used: unreadable, other
    encoding, broken JSON, a record above `limits.max_record_mb`, or not an export.
    """
    if is_workbook(path):
        return _batches(workbook_records(path, passed))
    chunks = utf8_chunks(path, limits)
    head = _head(chunks)
    chunks = chain([head], chunks)
    if not head.lstrip().startswith((b"{", b"[")):
        if header := table_in(head):
            return _batches(table_records(chunks, header, path, limits))
        _refuse_others(head, path)
    return _batches(records_of_tables(_from_text(head, chunks, path, limits), path))


def read_records(path: Path, limits: IngestSettings) -> Iterator[tuple[int, Record | BadRecord]]:
    """Yield the records of a file with their positions, from 0, one at a time; bad ones as BadRecord."""
    return chain.from_iterable(read_batches(path, limits))


def bare_text(record: BadRecord) -> str | None:
    """Return the string if a record is only a JSON string, for callers that accept lists of strings; else None."""
    if isinstance(record.content, str) and record.error.reason == f"{json_type_name(record.content)}{_NO_OBJECT}":
        return record.content
    return None


def _batches(items: Iterator[_Item]) -> Iterator[Batch]:
    """Group records into batches, limited by number of records and length of their texts."""
    batch: Batch = []
    length = 0
    for index, (record, characters) in enumerate(items):
        batch.append((index, record))
        length += characters
        if length >= BATCH_TEXT or len(batch) >= BATCH_RECORDS:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


def _from_text(head: bytes, chunks: Iterator[bytes], path: Path, limits: IngestSettings) -> Iterator[_Item]:
    if is_lines(head):
        return _from_lines(chunks, path, limits)
    return _from_document(Window(chunks, path, limits), limits)


def _refuse_others(head: bytes, path: Path) -> None:
    """Raise FileError for a text that is neither JSON nor a known table; an empty text is left to the caller."""
    is_json = any(value.match(head) for value in (_SCALAR, _STRING, _RECORDS_IN_A_STRING))
    if not head.strip() or is_json or is_lines(head):
        return
    kind = text_kind(head)
    if kind == PLAIN and (separator := unread_separator(head)):
        problem = f"this looks like a table whose cells are parted by {separator!r}"
        raise FileError(str(path), problem, "Save it with commas, semicolons or tabs between them")
    if kind == PLAIN and (names := unknown_columns(head)):
        remedy = f"Give one whose first line has the names of the export's columns; {NEEDED}"
        raise FileError(str(path), f"this is a table without a column that we know (its columns: {names})", remedy)
    raise refusal(kind, path)


def _head(chunks: Iterator[bytes]) -> bytes:
    """Return the start of the file, enough to detect its type, without leading chunks of white space."""
    head = b""
    for chunk in chunks:
        head += chunk if head or chunk.strip() else b""
        if len(head) >= SNIFFED_BYTES:
            break
    return head


def is_lines(head: bytes) -> bool:
    """True if the start of a file is one JSON object per line, and not a wrapper object around an array of records."""
    lines = head.lstrip().split(b"\n", 2)
    # In a single document, a bracket or comma comes before a line that begins with an object. So one bad character
    # in the first of several lines spoils only that line, and not the file.
    second = len(lines) > 1 and _is_object(lines[1]) and not lines[0].rstrip().endswith((b"[", b",", b":"))
    if lines[0][:1] != b"{":
        return second
    if is_wrapper(head):
        return second or (len(lines) > 1 and _is_object(lines[0]) and lines[1].lstrip().startswith(b"{"))
    return (len(lines) == 1 and len(head) >= SNIFFED_BYTES) or any(_is_object(line) for line in lines[:2])


def _is_object(line: bytes) -> bool:
    text = line.strip()
    if not text.startswith(b"{") or not text.endswith(b"}"):
        return False
    try:
        decoded = text.decode("utf-8", "replace")
        return parse(decoded, 0)[1] == len(decoded)
    except json.JSONDecodeError:
        return False


def is_wrapper(head: bytes) -> bool:
    text = head.decode("utf-8", "replace").lstrip()
    at = 1
    try:
        while True:
            key, at = parse(text, _skip(text, at))
            at = _skip(text, at)
            if text[at] != ":":
                return False
            at = _skip(text, at + 1)
            if key in WRAPPERS and text[at] == "[":
                return True
            at = _skip(text, parse(text, at)[1])
            if text[at] != ",":
                return False
            at += 1
    except (json.JSONDecodeError, IndexError):
        return False


def _skip(text: str, at: int) -> int:
    space = SPACE.match(text, at)
    return space.end() if space else at


def _from_document(window: Window, limits: IngestSettings, *, wrapped: bool = False) -> Iterator[_Item]:
    first = window.peek()
    if first == "":
        raise FileError(str(window.path), "the file is empty", TRY_AGAIN)
    if first == "[":
        yield from _elements(window)
    elif first != "{":
        value = window.value()
        if isinstance(value, str) and value.lstrip().startswith(("{", "[")) and not wrapped:
            yield from _from_string(value, window.path, limits)
            return
        what = "null" if value is None else f"one {json_type_name(value)}"
        raise window.error(f"the file holds {what} instead of records", "Give an array of records")
    elif is_wrapper(window.text[window.at :].encode("utf-8", "replace")):
        yield from _members(window)
    else:
        yield _checked(window.value()), window.length
    if window.peek():
        raise window.error("something stands after the end of the JSON value", "Give one array, or one record a line")


def _from_string(text: str, path: Path, limits: IngestSettings) -> Iterator[_Item]:
    """Yield the records of JSON that was encoded as a JSON string."""
    data = text.encode("utf-8", "surrogatepass")
    if is_lines(data[:SNIFFED_BYTES]):
        yield from _from_lines(iter([data]), path, limits)
    else:
        yield from _from_document(Window(iter([data]), path, limits), limits, wrapped=True)


def _elements(window: Window) -> Iterator[_Item]:
    window.take("[", "an array should start here")
    if window.peek() == "]":
        window.at += 1
        return
    while True:
        if window.peek() == "]":
            raise window.error("there is a comma before the end of the array")
        found = window.values()
        for value, length in found:
            yield _checked(value), length
        if not found:
            yield _checked(window.value()), window.length
        following = window.peek()
        if following == "":
            raise window.error("the file ends in the middle of the array", TRY_AGAIN)
        if following not in ",]":
            raise window.error("a comma or the end of the array should stand here")
        window.at += 1
        if following == "]":
            return


def _members(window: Window) -> Iterator[_Item]:
    """Yield the records of the arrays in a wrapper object; other members are skipped, except a table's column names."""
    window.take("{", "an object should start here")
    window.peek()
    found, table = "", Record()
    while True:
        key = window.value()
        window.take(":", "a colon should stand here")
        if key in WRAPPERS and found in ("", key) and window.peek() == "[":
            found = key
            yield from named(_elements(window), table)
        else:
            window.peek()
            value = window.value()
            table |= {key: value} if key in OF_TABLES else {}
        following = window.peek()
        if following not in (",", "}"):
            raise window.error("a comma or the end of the object should stand here")
        window.at += 1
        if following == "}":
            return
        window.peek()


def _from_lines(chunks: Iterator[bytes], path: Path, limits: IngestSettings) -> Iterator[_Item]:
    start = 0
    for number, line in enumerate(_lines(chunks, path, limits), 1):
        text = line.strip()
        if text:
            yield _from_line(text, path, f"line {number}, byte {start}"), len(text)
        start += len(line) + 1


def _from_line(line: bytes, path: Path, where: str) -> Record | BadRecord:
    if (quick := quick_value(line)) is not UNREAD:
        return _checked(quick)
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        if guess := looks_like(line):
            raise wrong_encoding(path, guess, where) from error
        return BadRecord(
            RecordError("", f"not UTF-8 at byte {error.start} of the line"), line.decode("utf-8", "replace")
        )
    try:
        value, end = parse(text, 0)
    except json.JSONDecodeError as error:
        return BadRecord(RecordError("", f"not JSON: {explain(error)}, column {error.pos + 1}"), text)
    if end < len(text):
        return BadRecord(RecordError("", f"something stands after the record, column {end + 1}"), text)
    return _checked(value)


def _lines(chunks: Iterator[bytes], path: Path, limits: IngestSettings) -> Iterator[bytes]:
    limit = limits.max_record_mb << 20
    parts: list[bytes] = []
    held = 0
    for number, chunk in enumerate(chunks):
        first, *others = chunk.split(b"\n")
        parts.append(first)
        held += len(first)
        if held > limit:
            problem = f"a record is larger than {limits.max_record_mb} MB"
            raise FileError(str(path), problem, SPLIT, f"in MB {number + 1} of the text")
        if others:
            yield b"".join(parts)
            yield from others[:-1]
            parts, held = [others[-1]], len(others[-1])
    yield b"".join(parts)


def _checked(value: Any) -> Record | BadRecord:
    if isinstance(value, dict | BadRecord):
        return value  # pyright: ignore[reportUnknownVariableType] keys of JSON objects are strings
    return BadRecord(RecordError("", f"{json_type_name(value)}{_NO_OBJECT}"), value)
