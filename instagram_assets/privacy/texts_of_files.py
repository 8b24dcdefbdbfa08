"""The texts in a file, whatever its form: what a person, or a program that searches for names, could read in it."""

import bz2
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa

from instagram_assets.privacy.readings import from_base64, from_broken_base64, spellings, unescaped

BLOCK = 4 << 20
_LISTS = (
    *(pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list),
    *(pa.types.is_list_view, pa.types.is_large_list_view),
)
_WORDS_IN_BYTES = re.compile(rb"[\x20-\x7e]{6,}")


class Text(NamedTuple):
    """A text and where it stands in its file; `whole` when each of its lines is one whole value, `json` when its
    letters may be escaped, `path` when a file or folder is called so.
    """

    where: str
    text: str
    whole: bool = False
    json: bool = False
    path: bool = False


class UnreadableError(Exception):
    """A file of which nobody can say what is in it."""


def texts_in(stream: BinaryIO) -> Iterator[Text]:
    """All texts in a file, in parts of some megabytes. Raises UnreadableError for a file that is damaged."""
    head = stream.read(16)
    stream.seek(0)
    try:
        if head[:4] == b"PAR1":
            yield from _of_parquet(stream)
        elif head[:4] == b"PK\x03\x04":
            yield from _of_zip(stream)
        elif head[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=stream) as inner:
                yield from texts_in(io.BytesIO(inner.read()))
        elif head[:6] == b"\xfd7zXZ\x00":
            with lzma.LZMAFile(stream) as inner:
                yield from texts_in(io.BytesIO(inner.read()))
        elif head[:3] == b"BZh":
            with bz2.BZ2File(stream) as inner:
                yield from texts_in(io.BytesIO(inner.read()))
        else:
            yield from _of_bytes(stream)
    except (pa.ArrowException, OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise UnreadableError(f"cannot be read ({type(error).__name__})") from error


def readings(text: Text) -> Iterator[str]:
    """A text in each way to read it; one of JSON is read without its escapes alone, of which none is a letter."""
    plain = unescaped(text.text) if text.json else text.text
    yield plain
    yield from spellings(plain)
    yield from (said for _, said in from_base64(plain))
    yield from (said for _, said in from_broken_base64(plain))


def _of_zip(stream: BinaryIO) -> Iterator[Text]:
    with zipfile.ZipFile(stream) as archive:
        yield Text("note on it", archive.comment.decode(errors="replace"))
        for member in archive.infolist():
            yield Text("name of a member", member.filename, path=True)
            yield Text("note on a member", member.comment.decode(errors="replace"))
            with archive.open(member) as inner:
                for text in texts_in(io.BytesIO(inner.read())):
                    yield text._replace(where=f"a member, {text.where}")


def _of_parquet(stream: BinaryIO) -> Iterator[Text]:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(stream)
    yield Text("names of columns", "\n".join(str(field) for field in file.schema_arrow))
    for key, value in (file.metadata.metadata or {}).items():
        yield Text("metadata of the file", f"{key.decode(errors='replace')}\n{value.decode(errors='replace')}")
    for field in file.schema_arrow:
        for key, value in (field.metadata or {}).items():
            yield Text(
                f"metadata of column {field.name}", f"{key.decode(errors='replace')} {value.decode(errors='replace')}"
            )
    for batch in file.iter_batches(batch_size=20_000):
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            for values in _leaves(column):
                # An empty line between, so that of two values nothing is read as one.
                yield Text(f"column {name}", "\n\n".join(values), whole=True)


def _leaves(column: Any) -> Iterator[list[str]]:
    """The different texts of a column, of lists and structs those inside."""
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


def _of_bytes(stream: BinaryIO) -> Iterator[Text]:
    line = 1
    codec, is_json = "", False
    while lines := stream.readlines(BLOCK):
        data = b"".join(lines)
        is_json = is_json if codec else data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
        codec = codec or _codec_of(data)
        if codec == "binary":
            yield Text("its bytes", "\n".join(_printable(data)))
            continue
        yield Text(f"line {line}", data.decode(codec, "replace"), json=is_json)
        line += len(lines)


def _codec_of(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:65_536]:
        return "binary"
    return "utf-8"


def _printable(data: bytes) -> Iterator[str]:
    """Runs of ASCII in bytes, as UTF-8 and as UTF-16 in both orders."""
    for found in _WORDS_IN_BYTES.findall(data):
        yield found.decode()
    for codec in ("utf-16-le", "utf-16-be"):
        for start in (0, 1):
            wide = data[start:].decode(codec, "replace")
            yield from re.findall(r"[\x20-\x7e]{4,}", wide)


def line_of(text: str, place: int, first: str) -> str:
    """Where a place of a text is: the line counted on from `first`, or `first` itself."""
    word, _, number = first.rpartition(" ")
    return f"line {int(number) + text.count(chr(10), 0, place)}" if word == "line" and number.isdigit() else first
