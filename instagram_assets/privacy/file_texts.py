"""Extracts all texts of a file that can contain a name: plain text, Parquet, and compressed archives."""

import bz2
import gzip
import io
import lzma
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.privacy.text_decodings import (
    decode_base64_runs,
    decode_wrapped_base64,
    decoded_variants,
    unescape_json,
)

_BLOCK = 4 << 20
_ENCRYPTED = 0x1
_LISTS = (
    *(pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list),
    *(pa.types.is_list_view, pa.types.is_large_list_view),
)
_WORDS_IN_BYTES = re.compile(rb"[\x20-\x7e]{6,}")
_BITS_OF_ID = 64
_SHORTEST_ID = 10**8
"""Numbers below this are not searched for as ids in arbitrary text, since they are too short."""
_DAMAGE = (
    *(pa.ArrowException, OSError, EOFError, ValueError, RuntimeError, struct.error),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)
# Formats with compressed or otherwise encoded texts, by their first bytes (magic numbers).
_NOT_SEARCHED: tuple[tuple[bytes, str], ...] = (
    *((bytes((0x80, protocol)), "pickle") for protocol in range(2, 6)),
    *((begin, "Arrow IPC (Feather)") for begin in (b"ARROW1", b"FEA1", b"\xff\xff\xff\xff")),
    (b"\x93NUMPY", "NumPy"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"Obj\x01", "Avro"),
    (b"ORC", "ORC"),
    (b"PARE", "Parquet with a password"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "LZ4"),
)


class FileText(NamedTuple):
    """A text and its location (`where`) in a file.

    `whole` is true if each line of the text is one complete value, `json` if the text may contain JSON escapes, `path`
    if it is a file name.
    """

    where: str
    text: str
    whole: bool = False
    json: bool = False
    path: bool = False


class UnsearchableError(Exception):
    """Raised for a file that cannot be searched; the message says why."""


def texts_of_file(stream: BinaryIO) -> Iterator[FileText]:
    """Yields all texts of a file, in chunks of some megabytes.

    Raises UnsearchableError for a file that is damaged, encrypted with a password, or in an unsupported format.
    """
    head = stream.read(16)
    stream.seek(0)
    if form := next((form for begin, form in _NOT_SEARCHED if head.startswith(begin)), None):
        raise UnsearchableError(f"is {form}, which is not searched; write it as CSV, JSON or Parquet, or take it away")
    try:
        if head[:4] == b"PAR1":
            yield from _of_parquet(stream)
        elif head[:4] == b"PK\x03\x04":
            yield from _of_zip(stream)
        elif head[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=stream) as inner:
                yield from texts_of_file(io.BytesIO(inner.read()))
        elif head[:6] == b"\xfd7zXZ\x00":
            with lzma.LZMAFile(stream) as inner:
                yield from texts_of_file(io.BytesIO(inner.read()))
        elif head[:3] == b"BZh":
            with bz2.BZ2File(stream) as inner:
                yield from texts_of_file(io.BytesIO(inner.read()))
        else:
            yield from _of_bytes(stream)
    except _DAMAGE as error:
        raise UnsearchableError(f"cannot be read ({type(error).__name__})") from error


def text_variants(text: FileText) -> Iterator[str]:
    """Yields the text and all its decodings; for JSON, the text with its escapes decoded."""
    plain = unescape_json(text.text) if text.json else text.text
    yield plain
    yield from decoded_variants(plain)
    yield from (said for _, said in decode_base64_runs(plain))
    yield from (said for _, said in decode_wrapped_base64(plain))


def _of_zip(stream: BinaryIO) -> Iterator[FileText]:
    with zipfile.ZipFile(stream) as archive:
        yield FileText("note on it", archive.comment.decode(errors="replace"))
        for member in archive.infolist():
            yield FileText("name of a member", member.filename, path=True)
            yield FileText("note on a member", member.comment.decode(errors="replace"))
            for text in texts_of_file(io.BytesIO(_unpacked(archive, member))):
                yield text._replace(where=f"a member, {text.where}")


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Returns the bytes of a zip member; zipfile's errors are replaced, since they contain the member's name."""
    if member.flag_bits & _ENCRYPTED:
        raise UnsearchableError("has a member with a password, which cannot be searched; unpack it, or take it away")
    try:
        with archive.open(member) as inner:
            return inner.read()
    except NotImplementedError as error:
        raise UnsearchableError(
            "has a member that is packed in a way that cannot be searched; unpack it, or take it away"
        ) from error


def _of_parquet(stream: BinaryIO) -> Iterator[FileText]:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(stream)
    yield FileText("names of columns", "\n".join(str(field) for field in file.schema_arrow))
    for key, value in (file.metadata.metadata or {}).items():
        yield FileText("metadata of the file", f"{key.decode(errors='replace')}\n{value.decode(errors='replace')}")
    for field in file.schema_arrow:
        for key, value in (field.metadata or {}).items():
            yield FileText(
                f"metadata of column {field.name}", f"{key.decode(errors='replace')} {value.decode(errors='replace')}"
            )
    for batch in file.iter_batches(batch_size=20_000):
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            for values in _leaves(column):
                # An empty line between values, so that no match spans two of them.
                yield FileText(f"column {name}", "\n\n".join(values), whole=True)


def _leaves(column: Any) -> Iterator[list[str]]:
    """Yields the distinct texts of an Arrow array, including those in lists and structs."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        yield from _leaves(column.dictionary)
    elif any(is_one(kind) for is_one in _LISTS):
        yield from _leaves(column.flatten())
    elif pa.types.is_map(kind):
        yield from _leaves(column.keys)
        yield from _leaves(column.items)
    elif pa.types.is_struct(kind):
        for inner in column.flatten():
            yield from _leaves(inner)
    elif pa.types.is_string_view(kind):
        yield from _leaves(column.cast(pa.large_string()))
    elif pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        yield from _leaves(column.cast(pa.large_binary()))
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        yield column.unique().drop_null().to_pylist()
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        yield [value.decode(errors="replace") for value in column.unique().drop_null().to_pylist()]
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        yield _long_numbers(column)


def _long_numbers(column: Any) -> list[str]:
    """Returns, as strings, the distinct integers of a column that have enough digits to be an id."""
    if pa.types.is_decimal(column.type):
        different = [number for number in set(column.drop_null().to_pylist()) if number >= _SHORTEST_ID]
    elif column.type.bit_width < _BITS_OF_ID and not pa.types.is_integer(column.type):
        return []  # no number of this type has that many digits
    else:
        different = column.filter(compute.greater_equal(column, _SHORTEST_ID)).unique().drop_null().to_pylist()
    return [str(int(number)) for number in different if math.isfinite(number)]


def _of_bytes(stream: BinaryIO) -> Iterator[FileText]:
    line = 1
    codec, is_json = "", False
    while lines := stream.readlines(_BLOCK):
        data = b"".join(lines)
        is_json = is_json if codec else data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
        codec = codec or _codec_of(data)
        if codec == "binary":
            yield FileText("its bytes", "\n".join(_printable(data)))
            continue
        yield FileText(f"line {line}", data.decode(codec, "replace"), json=is_json)
        line += len(lines)


def _codec_of(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:65_536]:
        return "binary"
    return "utf-8"


def _printable(data: bytes) -> Iterator[str]:
    """Yields runs of printable ASCII in bytes, decoded as UTF-8 and as UTF-16 in both byte orders."""
    for found in _WORDS_IN_BYTES.findall(data):
        yield found.decode()
    for codec in ("utf-16-le", "utf-16-be"):
        for start in (0, 1):
            wide = data[start:].decode(codec, "replace")
            yield from re.findall(r"[\x20-\x7e]{4,}", wide)


def location_of(word: str, text: FileText) -> str:
    """Returns the location of a word in a text: the line of the word, or of the encoded run that contains it.

    If the text has no line numbers, the location of the text itself; `one of its lines` if the line is unknown.
    """
    begin, _, number = text.where.rpartition(" ")
    if begin != "line" or not number.isdigit():
        return text.where
    place = _place_in(word, text)
    return "one of its lines" if place is None else f"line {int(number) + text.text.count(chr(10), 0, place)}"


def _place_in(word: str, text: FileText) -> int | None:
    whole = re.compile(
        rf"(?<![A-Za-z0-9_])(?<![A-Za-z0-9_]\.){re.escape(word)}(?![A-Za-z0-9_])", re.IGNORECASE | re.ASCII
    )
    if found := whole.search(text.text):
        return found.start()
    plain = unescape_json(text.text) if text.json else text.text
    for run, said in chain(decode_base64_runs(plain), decode_wrapped_base64(plain)):
        if whole.search(said) and (place := text.text.find(run)) >= 0:
            return place
    begin = 0
    for line in text.text.splitlines(keepends=True):
        read = unescape_json(line) if text.json else line
        if any(map(whole.search, chain((read,), decoded_variants(read)))):
            return begin
        begin += len(line)
    return None
