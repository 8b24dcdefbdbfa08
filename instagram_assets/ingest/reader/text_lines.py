"""Iterator over the lines of a file's text, for the readers of tables."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from instagram_assets.errors import FileError
from instagram_assets.settings import IngestSettings


class Lines:
    """Iterator over the lines of UTF-8 chunks, with their line ends; a line longer than a record's limit is an error.

    `number` is the number of the last line that was read, from 1; `ended` is True at the end of the text. Bytes that
    are not UTF-8 become surrogates, or raise UnicodeDecodeError if `errors` is "surrogatepass".
    """

    def __init__(
        self,
        chunks: Iterator[bytes],
        path: Path,
        limits: IngestSettings,
        errors: Literal["surrogateescape", "surrogatepass"] = "surrogateescape",
    ) -> None:
        self.number = 0
        self.ended = False
        self._path = path
        self._longest = limits.max_record_mb << 20
        self._text = io.TextIOWrapper(io.BufferedReader(_Bytes(chunks)), encoding="utf-8", errors=errors, newline="")

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = self._text.readline(self._longest)
        if not line:
            self.ended = True
            raise StopIteration
        self.number += 1
        if len(line) == self._longest:
            problem = f"a line is longer than {self._longest >> 20} million characters"
            raise FileError(str(self._path), problem, "Is this a table? Mend or split it", f"line {self.number}")
        return line


class _Bytes(io.RawIOBase):
    """A raw byte stream over chunks of bytes."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride] buffers vary
        self._held = self._held or next((chunk for chunk in self._chunks if chunk), b"")
        taken = self._held[: len(buffer)]
        buffer[: len(taken)] = taken
        self._held = self._held[len(taken) :]
        return len(taken)
