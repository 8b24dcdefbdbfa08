"""Lossless reading and writing of a file's text in the file's own compression and encoding."""

import codecs
import gzip
import lzma
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from instagram_assets.ingest.reader.byte_streams import looks_like

_CHUNK = 1 << 20
_GZIP, _XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
# Offsets of the zero bytes of an ASCII character in UTF-16 and UTF-32.
_ZEROS = {"x0x0": "utf-16-le", "0x0x": "utf-16-be", "x000": "utf-32-le", "000x": "utf-32-be"}


class Coding:
    """Compression and encoding of a text file, detected from its content.

    The argument `encoding` applies to files that are neither UTF-8 nor UTF-16/32. `is_data` is True if the file is
    binary.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        with path.open("rb") as stream:
            head = stream.read(8)
        self.open: Callable[..., Any] = open
        if head.startswith(_GZIP):
            self.open = gzip.open
        elif head.startswith(_XZ):
            self.open = lzma.open
        self.path = path
        self.is_data = False
        self.encoding, self.errors = self._encoding(encoding)

    def _encoding(self, wanted: str) -> tuple[str, str]:
        with self._opened() as stream:
            head = stream.read(_CHUNK)
        for mark, name in _MARKS:
            if head.startswith(mark):
                return name, "surrogatepass"
        zeros = "".join("0" if byte == 0 else "x" for byte in head[:4])
        if zeros in _ZEROS:
            return _ZEROS[zeros], "surrogatepass"
        # Text in a byte encoding has no zero bytes: a file with some is binary and cannot be rewritten.
        self.is_data = b"\0" in head
        if codecs.lookup(wanted).name.replace("utf-8-sig", "utf-8") != "utf-8":
            return wanted, "surrogateescape"
        try:
            codecs.getincrementaldecoder("utf-8")().decode(head)
        except UnicodeDecodeError:
            # Bytes that are not UTF-8 are preserved.
            return looks_like(head) or "utf-8", "surrogateescape"
        return "utf-8", "surrogateescape"

    @contextmanager
    def _opened(self) -> Generator[IO[bytes]]:
        with self.open(self.path, "rb") as stream:
            yield cast(IO[bytes], stream)

    def chunks(self) -> Iterator[str]:
        """Yield the file's text, about 1 MiB at a time; a byte order mark is its first character."""
        decoder = codecs.getincrementaldecoder(self.encoding)(self.errors)
        with self._opened() as stream:
            while data := stream.read(_CHUNK):
                yield decoder.decode(data)
        yield decoder.decode(b"", True)

    def write(self, target: Path, pieces: Iterator[str]) -> None:
        """Write a text to `target` with the compression and encoding of the original file."""
        with target.open("xb") as raw, self._packing(raw) as stream:
            for piece in pieces:
                stream.write(piece.encode(self.encoding, self.errors))

    @contextmanager
    def _packing(self, raw: BinaryIO) -> Generator[Any]:
        if self.open is gzip.open:
            # The gzip header must not contain the temporary file's name or the current time.
            with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
                yield packed
        elif self.open is lzma.open:
            with lzma.open(raw, "wb") as packed:
                yield packed
        else:
            yield raw
