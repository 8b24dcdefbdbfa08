"""Where a home of Dagster still has a text: in the bytes of files and the values of tables, however packed."""

import gzip
import json
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

_BASE64 = re.compile(rb"[0-9A-Za-z+/_-]{8,}={0,2}")


def found_in_files(home: Path, *texts: str) -> list[str]:
    """Files in whose bytes one of the texts stands, or whose names have one."""
    needles = _needles(texts)
    return [
        str(path.relative_to(home))
        for path in sorted(home.rglob("*"))
        if any(text in str(path.relative_to(home)) for text in texts)
        or (path.is_file() and path.name != "dagster.yaml" and _holds(path.read_bytes(), needles))
    ]


def found_in_tables(url: str, *texts: str) -> list[str]:
    """Columns of a database in whose values one of the texts stands, however packed."""
    engine, needles = sa.create_engine(url, poolclass=NullPool), _needles(texts)
    metadata = sa.MetaData()
    with engine.connect() as connection:
        metadata.reflect(connection)
        return sorted(
            {
                f"{table.name}.{column}"
                for table in metadata.tables.values()
                for row in connection.execute(sa.select(table)).mappings()
                for column, value in row.items()
                if _holds(
                    value
                    if isinstance(value, bytes)
                    else bytes(value)
                    if isinstance(value, memoryview)
                    else str(value).encode(),
                    needles,
                )
            }
        )


def _needles(texts: tuple[str, ...]) -> set[bytes]:
    found: set[bytes] = set()
    for text in texts:
        escaped = json.dumps(text)[1:-1]
        found |= {text.encode(), escaped.encode(), quote(text).encode(), text.encode("utf-16-le")}
        found |= {json.dumps(escaped)[1:-1].encode(), quote(quote(text)).encode()}
    return {each for each in found if each}


def _holds(content: bytes, needles: set[bytes]) -> bool:
    return any(needle in each for each in _unpacked(content) for needle in needles)


def _unpacked(content: bytes) -> Iterator[bytes]:
    """Bytes as they are, and what is packed in them by zlib, gzip or base64, or by one of the first in the last."""
    yield content
    yield from _decompressed(content)
    for match in _BASE64.finditer(content):
        for skipped in (0, 1):
            text = match[0][skipped:].rstrip(b"=")
            with suppress(ValueError):
                plain = b64decode(text + b"=" * (-len(text) % 4), b"-_" if b"-" in text else None)
                yield plain
                yield from _decompressed(plain)


def _decompressed(content: bytes) -> Iterator[bytes]:
    if content[:1] == b"\x78":
        with suppress(zlib.error):
            yield zlib.decompress(content)
    if content[:2] == b"\x1f\x8b":
        with suppress(OSError, EOFError, zlib.error):
            yield gzip.decompress(content)


assert _holds(b64encode(zlib.compress(b"here is jane")), _needles(("jane",)))
