"""The texts in a file, whatever its form: what a person, or a program that searches for names, could read in it."""

import base64
import binascii
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import unquote

import pyarrow as pa

BLOCK = 4 << 20
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}")
_ESCAPED = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|([nrtbf\"\\/]))")
_WORDS_IN_BYTES = re.compile(rb"[\x20-\x7e]{6,}")
_MOST_TRIES = 200_000


class Text(NamedTuple):
    """A text and where it stands in its file; `whole` when each of its lines is one whole value."""

    where: str
    text: str
    whole: bool = False


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
        else:
            yield from _of_bytes(stream)
    except (pa.ArrowException, OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise UnreadableError(f"cannot be read ({type(error).__name__})") from error


def readings(text: str) -> Iterator[str]:
    """A text as it is, and as it reads once escapes, percent signs and base64 are undone."""
    yield text
    if "\\" in text and (plain := _ESCAPED.sub(_unescaped, text)) != text:
        yield plain
        text = plain
    if "%" in text and (plain := unquote(text, errors="replace")) != text:
        yield plain
    yield from _from_base64(text)


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else {"n": "\n", "r": "\n", "t": "\t"}.get(found[2], found[2])


def _from_base64(text: str) -> Iterator[str]:
    tried = set[str]()
    for run in _BASE64.findall(text):
        if run in tried or len(tried) > _MOST_TRIES:
            continue
        tried.add(run)
        standard = run.replace("-", "+").replace("_", "/")
        for start in range(4):
            part = standard[start : start + (len(standard) - start) // 4 * 4]
            try:
                data = base64.b64decode(part)
            except binascii.Error:
                continue
            for codec in ("utf-8", "utf-16-le"):
                plain = data.decode(codec, "ignore")
                # Other texts that look like base64 decode to noise.
                if len(plain) * (1 if codec == "utf-8" else 2) > len(data) // 4 and _is_readable(plain):
                    yield plain


def _is_readable(text: str) -> bool:
    return text.isprintable() or sum(map(str.isprintable, text)) > 0.95 * len(text)


def _of_zip(stream: BinaryIO) -> Iterator[Text]:
    with zipfile.ZipFile(stream) as archive:
        for member in archive.infolist():
            yield Text("name of a member", member.filename)
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
                yield Text(f"column {name}", "\n".join(values), whole=True)


def _leaves(column: Any) -> Iterator[list[str]]:
    """The different texts of a column, of lists and structs those inside."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        yield from _leaves(column.dictionary)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _leaves(column.flatten())
    elif pa.types.is_map(kind):
        yield from _leaves(column.keys)
        yield from _leaves(column.items)
    elif pa.types.is_struct(kind):
        for inner in column.flatten():
            yield from _leaves(inner)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        yield column.unique().drop_null().to_pylist()
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        yield [value.decode(errors="replace") for value in column.unique().drop_null().to_pylist()]


def _of_bytes(stream: BinaryIO) -> Iterator[Text]:
    line = 1
    codec = ""
    while lines := stream.readlines(BLOCK):
        data = b"".join(lines)
        codec = codec or _codec_of(data)
        if codec == "binary":
            yield Text("its bytes", "\n".join(_printable(data)))
            continue
        yield Text(f"line {line}", data.decode(codec, "replace"))
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
