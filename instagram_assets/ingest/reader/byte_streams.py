"""Streams of a file's text as UTF-8 chunks: safely opened, decompressed and decoded in constant memory."""

import codecs
import errno
import lzma
import os
import re
import stat
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Protocol

from instagram_assets.errors import BusyFileError, FileError, SettingsError
from instagram_assets.ingest.reader.file_types import TYPE_HEAD_BYTES, refusal, refuse_data, text_kind
from instagram_assets.media.format_detection import is_binary
from instagram_assets.settings import ENV_NESTED, ENV_PREFIX, IngestSettings
from instagram_assets.storage.atomic import remedy

Identity = tuple[int, int, int]

CHUNK = 2 << 20
ENCODING_SETTING = f"{ENV_PREFIX}INGEST{ENV_NESTED}ENCODING"

_NOT_THE_FILES_FAULT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE, errno.ETIMEDOUT)
_GZIP = b"\x1f\x8b"
_XZ = b"\xfd7zXZ\x00"
_OTHER_COMPRESSION = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z",
}
_WIDE_MARKS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
# Offsets of the zero bytes of an ASCII character in UTF-16 and UTF-32.
_WIDE_ZEROS = {"x0x0": "utf-16-le", "0x0x": "utf-16-be", "x000": "utf-32-le", "000x": "utf-32-be"}
# JSON compresses 5 to 30 times; only a decompression bomb far exceeds that, and small files are not checked.
UNPACKED_FREE = 64 << 20
UNPACKED_RATIO = 200
# The largest dictionary that `xz -9` needs is 64 MiB.
XZ_MEMORY = 80 << 20


def utf8_chunks(path: Path, limits: IngestSettings) -> Iterator[bytes]:
    """Yield the file's text as UTF-8 bytes without a byte order mark, about 2 MiB at a time.

    UTF-8 itself is not validated here, so that the reader can report which record is invalid. Raises FileError when the
    file cannot be read, has an unsupported compression, is in another encoding than `limits.encoding`, or changes while
    it is read.
    """
    chunks = _joined(file_chunks(path), TYPE_HEAD_BYTES)
    head = next(chunks, b"")
    chunks = chain([head], chunks)
    if head.startswith((_GZIP, _XZ)):
        packed = _Gzip if head.startswith(_GZIP) else _Xz
        chunks = _joined(_unpacked(chunks, packed, path), TYPE_HEAD_BYTES)
        head = next(chunks, b"")
        chunks = chain([head], chunks)
    refuse_data(head, path)
    _refuse_compression(head, path)
    codec = _codec(limits.encoding)
    if codec == "utf-8":
        _refuse_wide(head, path)
        # The byte order mark becomes spaces, which keeps all byte offsets.
        yield head.replace(codecs.BOM_UTF8, b"   ", 1) if head.startswith(codecs.BOM_UTF8) else head
        next(chunks)
        yield from chunks
    else:
        yield from _transcoded(chunks, limits.encoding, path)


def file_chunks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a regular file, about 2 MiB at a time. Raises FileError for any other, or if it changes."""
    check_regular(path)
    try:
        with open(path, "rb") as stream:
            before = os.fstat(stream.fileno())
            total = 0
            while chunk := stream.read(CHUNK):
                total += len(chunk)
                yield chunk
        after = os.stat(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    if total != before.st_size or identity(before) != identity(after):
        raise changed(path)


def check_regular(path: Path) -> os.stat_result:
    """Return the file's `os.stat_result`. Raises FileError unless it is a regular file, or a link within its folder."""
    try:
        status = os.stat(path)
        mode = status.st_mode
        inside = path.resolve().is_relative_to(path.parent.resolve())
    except (OSError, RuntimeError) as error:
        raise _unreadable(path, error) from error
    if stat.S_ISDIR(mode):
        raise FileError(str(path), "this is a folder", "Name the files in it")
    if not stat.S_ISREG(mode):
        raise FileError(str(path), "this is a pipe or a device, not a file", "Save the records to a file first")
    if not inside:
        raise FileError(str(path), "this link points out of its folder", "Copy the file itself here")
    return status


def identity(status: os.stat_result) -> Identity:
    """Return inode, size in bytes and mtime in ns of a file, which show whether it was changed or replaced."""
    return status.st_ino, status.st_size, status.st_mtime_ns


def changed(path: Path) -> FileError:
    """Return the error for a file that changed while it was read, probably because it is still being written."""
    return BusyFileError(str(path), "the file changed while it was read", "Wait until it is complete, then run again")


def looks_like(data: bytes) -> str | None:
    """Return the probable encoding of bytes that are not UTF-8; None if it is unknown."""
    try:
        # The bytes may stop in the middle of a character, so decoding is not final.
        text = codecs.getincrementaldecoder("cp949")().decode(data)
    except UnicodeDecodeError:
        return None
    # cp949 includes euc-kr. Stray bytes rarely form two syllables; sometimes two bytes of one are valid UTF-8.
    syllables = len(re.findall("[가-힣]", text))
    in_utf8 = len(re.findall("[^\x00-\x7f\ufffd]", data.decode("utf-8", "replace")))
    return "cp949" if syllables >= 2 and syllables > in_utf8 else None


def wrong_encoding(path: Path, guess: str | None, where: str, problem: str = "this is not UTF-8") -> FileError:
    """Return the error for a file in another encoding, with the setting to change; `guess` is the probable encoding."""
    if guess is None:
        return FileError(str(path), problem, f"Convert the file to UTF-8, or set {ENCODING_SETTING}", where)
    problem = f"{problem} but looks like {guess}"
    return FileError(str(path), problem, f"Convert the file to UTF-8, or set {ENCODING_SETTING}={guess}", where)


def _unreadable(path: Path, error: Exception) -> FileError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, OSError) and error.errno in _NOT_THE_FILES_FAULT:
        return BusyFileError(str(path), f"cannot be read ({reason})", f"{remedy(error)}, then run again")
    return FileError(str(path), f"cannot be read ({reason})", "Check that it exists and that you may read it")


def _joined(chunks: Iterator[bytes], least: int) -> Iterator[bytes]:
    """Yield the bytes of `chunks`; the first chunk has at least `least` bytes, enough to detect the file type."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= least:
            break
    yield head
    yield from chunks


def _refuse_compression(head: bytes, path: Path) -> None:
    if head.startswith((_GZIP, _XZ)):
        raise FileError(str(path), "it is packed twice", "Unpack it once")
    for magic, name in _OTHER_COMPRESSION.items():
        if head.startswith(magic):
            raise FileError(str(path), f"it is packed with {name}", "Unpack it first, or pack it with gzip")


def _refuse_wide(head: bytes, path: Path) -> None:
    for mark, name in _WIDE_MARKS.items():
        if head.startswith(mark):
            raise wrong_encoding(path, name, "byte 0")
    zeros = "".join("0" if byte == 0 else "x" for byte in head[:4])
    if "0" in zeros:
        name = _WIDE_ZEROS.get(zeros)
        if name is None or not _is_text(head[: len(head) // 4 * 4], name):
            raise refusal(text_kind(head), path)
        raise wrong_encoding(path, name, f"byte {zeros.index('0')}")


def _is_text(data: bytes, encoding: str) -> bool:
    """True if bytes are plausibly the start of a text in this encoding: most encodings can decode any bytes."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return False
    return not is_binary(text.encode("utf-8", "surrogatepass"))


def _codec(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name.replace("utf-8-sig", "utf-8")
    except LookupError as error:
        raise SettingsError(f"{ENCODING_SETTING}={encoding!r}: no such encoding; use a name such as cp949") from error


def _transcoded(chunks: Iterator[bytes], encoding: str, path: Path) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    consumed = 0
    first = True
    for chunk in chain(chunks, [b""]):
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            start = max(0, consumed + len(chunk) - len(error.object)) + error.start
            raise wrong_encoding(path, None, f"byte {start}", f"this is not {encoding}") from error
        consumed += len(chunk)
        if text:
            yield text.removeprefix("\ufeff" if first else "").encode("utf-8", "surrogatepass")
            first = False


class _Unpacker(Protocol):
    """Decompressor for one stream of a compressed file; `rest` is the input after the end of the stream."""

    name: str

    def __init__(self) -> None: ...
    @property
    def done(self) -> bool: ...
    @property
    def rest(self) -> bytes: ...
    def unpack(self, data: bytes) -> bytes:
        """Return up to CHUNK more decompressed bytes, after adding `data` to the input."""
        ...

    def has_more(self) -> bool:
        """True if more output is available without more input."""
        ...


class _Gzip:
    name = "gzip"

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=31)

    @property
    def done(self) -> bool:
        return self._inflate.eof

    @property
    def rest(self) -> bytes:
        return self._inflate.unused_data

    def unpack(self, data: bytes) -> bytes:
        return self._inflate.decompress(self._inflate.unconsumed_tail + data, CHUNK)

    def has_more(self) -> bool:
        return bool(self._inflate.unconsumed_tail)


class _Xz:
    name = "xz"

    def __init__(self) -> None:
        self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)

    @property
    def done(self) -> bool:
        return self._decompressor.eof

    @property
    def rest(self) -> bytes:
        return self._decompressor.unused_data.lstrip(b"\0")  # streams are padded with zeros

    def unpack(self, data: bytes) -> bytes:
        return self._decompressor.decompress(data, CHUNK)

    def has_more(self) -> bool:
        return not self._decompressor.needs_input and not self._decompressor.eof


def _unpacked(chunks: Iterator[bytes], packing: type[_Unpacker], path: Path) -> Iterator[bytes]:
    packed = unpacked = 0
    stream = packing()
    try:
        for chunk in chunks:
            packed += len(chunk)
            while chunk or stream.has_more():
                if stream.done:
                    stream = packing()
                data = stream.unpack(chunk)
                unpacked += len(data)
                if unpacked > max(UNPACKED_FREE, packed * UNPACKED_RATIO):
                    problem = f"it unpacks to more than {UNPACKED_RATIO} times its size"
                    raise FileError(str(path), problem, "If you trust it, unpack it first")
                if data:
                    yield data
                chunk = stream.rest if stream.done else b""
    except (zlib.error, lzma.LZMAError) as error:
        raise FileError(str(path), f"the {stream.name} data is damaged ({error})", "Fetch it again") from error
    if not stream.done:
        raise FileError(str(path), f"the {stream.name} data ends too early", "Fetch it again", f"byte {packed}")
