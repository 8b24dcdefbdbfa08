"""A file's text line by line, for the readers of tables."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from instagram_assets.errors import FileError
from instagram_assets.settings import IngestSettings


class Lines:
    """The lines of UTF-8 chunks with their ends, each at most as long as a record may be.

    `number` is that of the last line, `ended` is true behind it. What is not UTF-8 becomes surrogates, or, with
    `errors` for halves of characters alone, raises UnicodeDecodeError.
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
    """Chunks of bytes as a stream."""

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
