"""A file's JSON records one after the other, whatever the file's size.

The standard library's C scanner runs over a sliding window of the text. It is as flat in memory as ijson and
takes a third more time, but one bad record does not end the file, and it sees what ijson hides: repeated keys,
NaN, huge numbers.
"""

import codecs
import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from instagram_assets.errors import FileError, RecordError
from instagram_assets.ingest.blocks import Block, read_columns
from instagram_assets.ingest.parsing import BadRecord, Record, kind_of, parse
from instagram_assets.ingest.streams import looks_like, utf8_chunks, wrong_encoding
from instagram_assets.settings import IngestSettings

WRAPPERS = ("data", "items")

HEAD = 1 << 20
BATCH_TEXT = 1 << 20
BATCH_RECORDS = 2_000
# After a guess that was wrong.
_LEAST_CAREFULLY = 100
_TRY_AGAIN = "Fetch or export it again"
_SPLIT = "Split the file, or raise INSTAGRAM_ASSETS_INGEST__MAX_RECORD_MB"
_WHITE = " \t\r\n"
_NEXT = re.compile(r'[ \t\r\n]*\{[ \t\r\n]*"[^"\\]{1,100}"')
_SPACE = re.compile(r"[ \t\r\n]*")


class _Neighbours(NamedTuple):
    text: bytes
    between: bytes
    columns: pa.Table


Batch = list[tuple[int, Record | BadRecord]]
# A record with the length of its text, or neighbours read at once.
_Item = tuple[Record | BadRecord, int] | _Neighbours


def read_batches(path: Path, limits: IngestSettings) -> Iterator[Batch | Block]:
    """The records of a JSON file with their places, from 0, a few MB of text at a time, in bounded memory.

    The file is an array, one record per line (NDJSON), an object {"data": […]} or {"items": […]}, or one
    record, each also packed with gzip or xz; which of them is found from the content.
    A bad record is handed out as BadRecord and the file goes on. Raises FileError, with the line and column
    or the byte, when the file as a whole cannot be used: unreadable, other encoding, broken JSON, a
    record above `limits.max_record_mb`.
    """
    chunks = utf8_chunks(path, limits)
    head = _head(chunks)
    chunks = chain([head], chunks)
    if _is_lines(head):
        return _batches(_from_lines(chunks, path, limits))
    return _batches(_from_document(_Window(chunks, path, limits)))


def read_records(path: Path, limits: IngestSettings) -> Iterator[tuple[int, Record | BadRecord]]:
    """As `read_batches`, one record at a time."""
    return chain.from_iterable(read_batches(path, limits))


def _batches(items: Iterator[_Item]) -> Iterator[Batch | Block]:
    """Records in groups that are small in number and in text."""
    batch: Batch = []
    index = length = 0
    for item in items:
        if isinstance(item, _Neighbours):
            yield Block(index, *item)
            index += item.columns.num_rows
            continue
        record, characters = item
        batch.append((index, record))
        index += 1
        length += characters
        if length >= BATCH_TEXT or len(batch) >= BATCH_RECORDS:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


class _Window:
    """The part of the text that is being looked at, the place in it, and the length of the value read last."""

    def __init__(self, chunks: Iterator[bytes], path: Path, limits: IngestSettings) -> None:
        self.path = path
        self.limit = limits.max_record_mb << 20
        self.text = ""
        self.at = 0
        self.length = 0
        self._chunks = chunks
        self._taken = 0
        self._undecoded = b""
        self._between = b""
        self._carefully = 0
        self._lines = 0
        self._column = 0

    def more(self) -> bool:
        """Take in at least as much again as is still unread; False at the end of the file."""
        unread = len(self.text) - self.at
        if unread > self.limit:
            problem = f"a record is larger than {self.limit >> 20} MB"
            raise self.error(problem, _SPLIT)
        self._count_lines()
        parts = [self.text[self.at :]]
        taken = 0
        for chunk in chain(self._chunks, [b""]):
            self._taken += len(chunk)
            parts.append(self._decoded(self._undecoded + chunk, final=not chunk))
            taken += len(parts[-1])
            if taken and taken >= unread:
                break
        self.text, self.at = "".join(parts), 0
        return taken > 0

    def peek(self) -> str:
        """The next character that is not white space; empty at the end of the file."""
        if self.at < len(self.text) and (character := self.text[self.at]) not in _WHITE:
            return character
        while True:
            self.at = _SPACE.match(self.text, self.at).end()  # pyright: ignore[reportOptionalMemberAccess] matches always
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def take(self, expected: str, problem: str) -> None:
        if self.peek() != expected:
            raise self.error(problem)
        self.at += 1

    def value(self) -> Any:
        """The JSON value that starts here, or a BadRecord when only this value is unusable."""
        while True:
            try:
                value, end = parse(self.text, self.at)
            except json.JSONDecodeError as error:
                place = error.pos - self.at
                if _may_be_cut(error, self.text):
                    if self.more():
                        continue
                    raise self.error("the file ends in the middle of a record", _TRY_AGAIN) from error
                raise self.error(_explain(error), at=self.at + place) from error
            except RecordError as error:
                raise self.error(error.reason) from error
            # A number at the very end of the window may go on in the next chunk.
            if end == len(self.text) and self.text[end - 1] not in '}]"' and self.more():
                continue
            self.at, self.length = end, end - self.at
            return value

    def neighbours(self) -> _Neighbours | None:
        """The records from here on, about 1 MiB of them, when they can be read at once.

        Where one ends is guessed: where the same text stands as before. `read_columns` tells if that was right.
        """
        if not self._between or self._carefully:
            self._carefully = max(0, self._carefully - 1)
            return None
        self._count_lines()
        chunk = next(self._chunks, b"") if len(self.text) - self.at < HEAD else b""
        self._taken += len(chunk)
        data = self.text[self.at :].encode() + self._undecoded + chunk
        records = data[: data.rfind(self._between) + 1]
        columns = read_columns(records, self._between)
        if columns is None:
            self._carefully = max(records.count(self._between), _LEAST_CAREFULLY)
            records = b""
        self._lines += records.count(b"\n")
        last = records[records.rfind(b"\n") + 1 :].decode()
        self._column = len(last) if b"\n" in records else self._column + len(last)
        self.text, self.at = self._decoded(data[len(records) :]), 0
        return columns and _Neighbours(records, self._between, columns)

    def learn(self) -> None:
        """After a record's comma: remember what stands between two records, up to the first key of the next."""
        if not self._between and (found := _NEXT.match(self.text, self.at)):
            self._between = b"}," + found[0].encode()

    def error(self, problem: str, remedy: str = "Mend the file or export it again", at: int | None = None) -> FileError:
        """A FileError with the line and column of `at`, else of the current place."""
        at = self.at if at is None else at
        before = self.text[:at]
        line = self._lines + before.count("\n") + 1
        column = at - before.rfind("\n") if "\n" in before else self._column + at + 1
        return FileError(str(self.path), problem, remedy, f"line {line}, column {column}")

    def _decoded(self, data: bytes, *, final: bool = False) -> str:
        """The text of the bytes taken last; the beginning of a character at their end waits for the rest of it."""
        try:
            text, used = codecs.utf_8_decode(data, "strict", final)
        except UnicodeDecodeError as error:
            start = self._taken - len(data) + error.start
            around = data[max(0, error.start - 200) : error.start + 2000]
            raise wrong_encoding(self.path, looks_like(around), f"byte {start}") from error
        self._undecoded = data[used:]
        return text

    def _count_lines(self) -> None:
        self._lines += self.text.count("\n", 0, self.at)
        last = self.text.rfind("\n", 0, self.at)
        self._column = self.at - last - 1 if last >= 0 else self._column + self.at


def _head(chunks: Iterator[bytes]) -> bytes:
    """The beginning of the file, enough to tell what it is; chunks of white space before it are passed over."""
    head = b""
    for chunk in chunks:
        head += chunk if head or chunk.strip() else b""
        if len(head) >= HEAD:
            break
    return head


def _is_lines(head: bytes) -> bool:
    """True when the first or second line is a whole object, and the file is not one wrapper around an array."""
    if head.lstrip()[:1] != b"{":
        return False
    lines = head.lstrip().split(b"\n", 2)
    if _is_wrapper(head):
        return len(lines) > 1 and _is_object(lines[0]) and lines[1].lstrip().startswith(b"{")
    return (len(lines) == 1 and len(head) >= HEAD) or any(_is_object(line) for line in lines[:2])


def _is_object(line: bytes) -> bool:
    text = line.strip()
    if not text.startswith(b"{") or not text.endswith(b"}"):
        return False
    try:
        decoded = text.decode("utf-8", "replace")
        return parse(decoded, 0)[1] == len(decoded)
    except (json.JSONDecodeError, RecordError):
        return False


def _is_wrapper(head: bytes) -> bool:
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
    except (json.JSONDecodeError, RecordError, IndexError):
        return False


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _from_document(window: _Window) -> Iterator[_Item]:
    first = window.peek()
    if first == "":
        raise FileError(str(window.path), "the file is empty", _TRY_AGAIN)
    if first == "[":
        yield from _elements(window)
    elif first != "{":
        value = window.value()
        what = "null" if value is None else f"one {kind_of(value)}"
        raise window.error(f"the file holds {what} instead of records", "Give an array of records")
    elif _is_wrapper(window.text[window.at :].encode("utf-8", "replace")):
        yield from _members(window)
    else:
        yield _checked(window.value()), window.length
    if window.peek():
        raise window.error("something stands after the end of the JSON value", "Give one array, or one record a line")


def _elements(window: _Window) -> Iterator[_Item]:
    window.take("[", "an array should start here")
    if window.peek() == "]":
        window.at += 1
        return
    while True:
        if window.peek() == "]":
            raise window.error("there is a comma before the end of the array")
        if neighbours := window.neighbours():
            yield neighbours
        else:
            yield _checked(window.value()), window.length
        following = window.peek()
        if following == "":
            raise window.error("the file ends in the middle of the array", _TRY_AGAIN)
        if following not in ",]":
            raise window.error("a comma or the end of the array should stand here")
        window.at += 1
        if following == "]":
            return
        window.learn()


def _members(window: _Window) -> Iterator[_Item]:
    """The records of the first array under a wrapper's key; its other members are passed over."""
    window.take("{", "an object should start here")
    found = False
    while True:
        key = window.value()
        window.take(":", "a colon should stand here")
        if not found and key in WRAPPERS and window.peek() == "[":
            found = True
            yield from _elements(window)
        else:
            window.peek()
            window.value()
        following = window.peek()
        if following not in (",", "}"):
            raise window.error("a comma or the end of the object should stand here")
        window.at += 1
        if following == "}":
            return
        window.peek()


def _from_lines(
    chunks: Iterator[bytes], path: Path, limits: IngestSettings
) -> Iterator[_Item]:
    start = 0
    for number, line in enumerate(_lines(chunks, path, limits), 1):
        text = line.strip()
        if text:
            yield _from_line(text, path, f"line {number}, byte {start}"), len(text)
        start += len(line) + 1


def _from_line(line: bytes, path: Path, where: str) -> Record | BadRecord:
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
        return BadRecord(RecordError("", f"not JSON: {_explain(error)}, column {error.pos + 1}"), text)
    except RecordError as error:
        return BadRecord(error, text)
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
            raise FileError(str(path), problem, _SPLIT, f"in MB {number + 1} of the text")
        if others:
            yield b"".join(parts)
            yield from others[:-1]
            parts, held = [others[-1]], len(others[-1])
    yield b"".join(parts)


def _checked(value: Any) -> Record | BadRecord:
    if isinstance(value, dict | BadRecord):
        return value  # pyright: ignore[reportUnknownVariableType] keys of JSON objects are strings
    return BadRecord(RecordError("", f"{kind_of(value)} instead of an object"), value)


def _may_be_cut(error: json.JSONDecodeError, text: str) -> bool:
    """True when the text may only have stopped too early: the longest token besides a string is -Infinity."""
    return error.msg.startswith("Unterminated") or error.pos >= len(text) - len("-Infinity")


def _explain(error: json.JSONDecodeError) -> str:
    return error.msg[0].lower() + error.msg[1:]
