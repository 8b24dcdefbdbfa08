"""A sliding window over a JSON text, from which values are parsed one by one or many at once."""

import codecs
import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from instagram_assets.errors import FileError
from instagram_assets.ingest.reader.bulk_json import UNREAD, quick_value, split_values
from instagram_assets.ingest.reader.byte_streams import looks_like, wrong_encoding
from instagram_assets.ingest.reader.file_types import is_printed_by_python, python_refusal
from instagram_assets.ingest.reader.json_values import parse
from instagram_assets.settings import IngestSettings

TRY_AGAIN = "Fetch or export it again"
SPLIT = "Split the file, or raise INSTAGRAM_ASSETS_INGEST__MAX_RECORD_MB"
SPACE = re.compile(r"[ \t\r\n]*")

# Number of records to parse one by one after bulk parsing failed; doubled after each further failure.
_LEAST_CAREFULLY, _MOST_CAREFULLY = 100, 1_000_000
_WHITE = " \t\r\n"


class Window:
    """A buffered part of a JSON text, the current offset in it, and the length of the value parsed last."""

    def __init__(self, chunks: Iterator[bytes], path: Path, limits: IngestSettings) -> None:
        self.path = path
        self.limit = limits.max_record_mb << 20
        self.text = ""
        self.at = 0
        self.length = 0
        self._chunks = chunks
        self._taken = 0
        self._undecoded = b""
        self._carefully = 0
        self._next_carefully = _LEAST_CAREFULLY
        self._lines = 0
        self._column = 0

    def more(self) -> bool:
        """Read more text, at least as much as is still unread; returns False at the end of the file."""
        unread = len(self.text) - self.at
        if unread > self.limit:
            problem = f"a record is larger than {self.limit >> 20} MB"
            raise self.error(problem, SPLIT)
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
        """Return the next character that is not white space, without consuming it; empty at the end of the file."""
        if self.at < len(self.text) and (character := self.text[self.at]) not in _WHITE:
            return character
        while True:
            self.at = SPACE.match(self.text, self.at).end()  # pyright: ignore[reportOptionalMemberAccess] matches always
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def take(self, expected: str, problem: str) -> None:
        if self.peek() != expected:
            raise self.error(problem)
        self.at += 1

    def value(self) -> Any:
        """Parse the JSON value at the current offset; a BadRecord if only this value is unusable."""
        while True:
            try:
                value, end = parse(self.text, self.at)
            except json.JSONDecodeError as error:
                if is_printed_by_python(self.text, error.pos):
                    raise python_refusal(self.path, self.where(error.pos)) from error
                place = error.pos - self.at
                if _may_be_cut(error, self.text):
                    if self.more():
                        continue
                    raise self.error("the file ends in the middle of a record", TRY_AGAIN) from error
                raise self.error(explain(error), at=self.at + place) from error
            # A number at the very end of the window may continue in the next chunk.
            if end == len(self.text) and self.text[end - 1] not in '}]"' and self.more():
                continue
            self.at, self.length = end, end - self.at
            return value

    def values(self) -> list[tuple[Any, int]]:
        """Parse some MiB of an array's values from the current offset on, each with the length of its text.

        Empty if they must be parsed one by one: near the end, and if one of them needs special handling.
        """
        if self._carefully:
            self._carefully -= 1
            return []
        self._count_lines()
        chunk = next(self._chunks, b"")
        self._taken += len(chunk)
        data = self.text[self.at :].encode() + self._undecoded + chunk
        texts, end = split_values(data)
        found = [(_value(text), len(text)) for text in texts]
        if any(value is UNREAD for value, _ in found):
            found, end = [], 0
        if found:
            self._next_carefully = _LEAST_CAREFULLY
            self._pass_over(data[:end])
        else:
            self._carefully = self._next_carefully
            self._next_carefully = min(2 * self._next_carefully, _MOST_CAREFULLY)
        self.text, self.at = self._decoded(data[end:]), 0
        return found

    def error(self, problem: str, remedy: str = "Mend the file or export it again", at: int | None = None) -> FileError:
        """Return a FileError with the line and column of offset `at`, by default the current offset."""
        return FileError(str(self.path), problem, remedy, self.where(self.at if at is None else at))

    def where(self, at: int) -> str:
        """Return the line and column of an offset in the text."""
        before = self.text[:at]
        line = self._lines + before.count("\n") + 1
        column = at - before.rfind("\n") if "\n" in before else self._column + at + 1
        return f"line {line}, column {column}"

    def _decoded(self, data: bytes, *, final: bool = False) -> str:
        """Decode the bytes read last; an incomplete character at their end is kept for the next call."""
        try:
            text, used = codecs.utf_8_decode(data, "strict", final)
        except UnicodeDecodeError as error:
            start = self._taken - len(data) + error.start
            around = data[max(0, error.start - 200) : error.start + 2000]
            raise wrong_encoding(self.path, looks_like(around), f"byte {start}") from error
        self._undecoded = data[used:]
        return text

    def _pass_over(self, data: bytes) -> None:
        self._lines += data.count(b"\n")
        last = data[data.rfind(b"\n") + 1 :].decode()
        self._column = len(last) if b"\n" in data else self._column + len(last)

    def _count_lines(self) -> None:
        self._lines += self.text.count("\n", 0, self.at)
        last = self.text.rfind("\n", 0, self.at)
        self._column = self.at - last - 1 if last >= 0 else self._column + self.at


def _value(text: bytes) -> Any:
    """Parse the text of a value; UNREAD when it is invalid, so that the parser of single values reports the error."""
    value = quick_value(text)
    if value is not UNREAD:
        return value
    try:
        return parse(text.decode().strip(_WHITE), 0)[0]
    except ValueError:  # not UTF-8, or not JSON
        return UNREAD


def _may_be_cut(error: json.JSONDecodeError, text: str) -> bool:
    """True if the parse error may only be due to the end of the buffer.

    The longest token that the buffer can cut off, except strings, is -Infinity.
    """
    return error.msg.startswith("Unterminated") or error.pos >= len(text) - len("-Infinity")


def explain(error: json.JSONDecodeError) -> str:
    """Return why a text is not JSON, as part of a message."""
    return error.msg[0].lower() + error.msg[1:]
