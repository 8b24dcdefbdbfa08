"""Searches every byte of folders for names and identifiers: raw bytes, and the contents of compressed formats.

Unpacks Parquet pages and footers, gzip, xz, zip and tar, and (also compressed) values of SQLite databases. Used to
verify that erased data is gone.
"""

import gzip
import io
import lzma
import os
import sqlite3
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Lock
from typing import IO, Any, NamedTuple
from urllib.parse import quote

import pyarrow as pa

from instagram_assets.errors import StorageError
from instagram_assets.privacy.byte_patterns import BytePatterns
from instagram_assets.privacy.table_texts import (
    column_texts,
    concat_tables,
    has_name_cell,
    has_texts,
    is_text_table,
    names_in_row,
    texts_of,
)
from instagram_assets.schemas.account_names import NAME_FIELDS

_PIECE = 8 << 20
_OVERLAP = 2048
"""Bytes by which two consecutive chunks overlap; half of it is longer than any encoded identifier with its context."""
_FILES = 4096
"""Files per thread task."""
_BATCH = 256
_BATCH_BYTES = 16 << 20
_DEEPEST = 4
_SQLITE = b"SQLite format 3\0"
_PARQUET, _GZIP, _XZ, _ZIP = b"PAR1", b"\x1f\x8b", b"\xfd7zXZ\0", b"PK\x03\x04"
# zipfile raises RuntimeError for passwords and unknown compression methods.
_UNREADABLE = (
    *(OSError, EOFError, ValueError, RuntimeError),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError),
)


class FileMatch(NamedTuple):
    """The location of a match: the file, the part of it (name, bytes, column, archive member), and the encoding."""

    path: str
    part: str
    form: str


@dataclass
class ByteSearchResult:
    """The number of files and bytes that were searched, and the matches."""

    files: int = 0
    bytes: int = 0
    found: list[FileMatch] = field(default_factory=list[FileMatch])


def search_folders(
    folders: Iterable[Path],
    patterns: BytePatterns,
    *,
    skip: Callable[[Path], bool] = lambda path: False,
    is_named: Callable[[Path], bool] = lambda path: False,
    on_file: Callable[[int], None] = lambda files: None,
) -> ByteSearchResult:
    """Searches all files below these folders, with a thread per core; paths are left out if `skip` is true.

    `is_named` tells whether a file or folder is named after an account whose name is an ordinary word; it counts as a
    match. `on_file` is called with the number of files searched so far. Raises StorageError when a file cannot be read.
    """
    tops = dict.fromkeys(path.absolute() for path in folders)
    paths = [path for top in tops for path in _paths_below(top, skip)]
    counter, lock = count(1), Lock()

    def count_file(files: int) -> None:
        with lock:
            on_file(next(counter))

    def search_path(some: Sequence[Path]) -> ByteSearchResult:
        search = _Search(patterns, count_file)
        for path in some:
            if is_named(path):
                search.searched.found.append(FileMatch(str(path), "name", "utf-8"))
            search.search_path(path)
        search.finish()
        return search.searched

    # Neighbouring files go together: tables of one schema are searched as one.
    parts = [paths[at : at + _FILES] for at in range(0, len(paths), _FILES)]
    whole = ByteSearchResult()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for searched in pool.map(search_path, parts):
            whole.files += searched.files
            whole.bytes += searched.bytes
            whole.found += searched.found
    return whole


def search_streams(streams: Iterable[tuple[str, IO[bytes]]], patterns: BytePatterns) -> ByteSearchResult:
    """Searches streams, given as (name, stream), such as objects of an object store, and their names."""
    search = _Search(patterns, lambda files: None)
    for name, stream in streams:
        search.search_stream(name, stream)
    search.finish()
    return search.searched


def search_rows(rows: Iterable[tuple[str, str, Mapping[str, object]]], patterns: BytePatterns) -> ByteSearchResult:
    """Searches rows of database servers, given as (database, table, row)."""
    search = _Search(patterns, lambda files: None)
    databases = set[str]()
    for database, table, values in rows:
        databases.add(database)
        search.search_row(database, table, values)
    search.finish()
    search.searched.files = len(databases)
    return search.searched


def search_bytes(data: bytes, patterns: BytePatterns) -> list[FileMatch]:
    """Searches bytes as if they were the content of a file, compressed formats included."""
    search = _Search(patterns, lambda files: None)
    search.search_contents("", "bytes", io.BytesIO(data), 0)
    search.finish()
    return search.searched.found


class _Search:
    """A search that collects small pieces of data into batches and searches each batch at once.

    If a batch contains a match, its pieces are searched again one by one, to locate the match.
    """

    def __init__(self, patterns: BytePatterns, on_file: Callable[[int], None]) -> None:
        self._patterns, self._on_file = patterns, on_file
        self.searched = ByteSearchResult()
        self._pieces: list[tuple[str, str, bytes]] = []
        self._size = 0
        self._tables: dict[str, list[tuple[str, pa.Table]]] = {}

    def search_path(self, path: Path) -> None:
        self._add(str(path), "name", os.fsencode(f"/{path.name}/"))
        if path.is_symlink() or (path.exists() and not path.is_file()):
            return  # a link has only its name searched, and opening a pipe would block
        self.searched.files += 1
        self._on_file(self.searched.files)
        try:
            with path.open("rb") as stream:
                self.searched.bytes += os.fstat(stream.fileno()).st_size
                self.search_contents(str(path), "bytes", stream, 0)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(f"{path}: cannot be read ({error.strerror}). Give this user the right to.") from error

    def search_stream(self, name: str, stream: IO[bytes]) -> None:
        self._add(name, "name", f"/{name}/".encode())
        self.searched.files += 1
        self.searched.bytes += stream.seek(0, os.SEEK_END)
        stream.seek(0)
        self.search_contents(name, "bytes", stream, 0)

    def search_row(self, database: str, table: str, row: Mapping[str, object]) -> None:
        self.searched.bytes += self._add_row(database, table, row)

    def search_contents(self, path: str, part: str, stream: IO[bytes], depth: int) -> None:
        """Searches the bytes of a stream, then its unpacked contents."""
        head = stream.read(_PIECE)
        rest = stream.read(1)
        if not rest:
            self._add(path, part, head)
            whole: IO[bytes] = io.BytesIO(head)
        else:
            whole = stream
            whole.seek(0)
            for piece, own in _pieces(whole):
                self._record(path, part, piece, own)
            whole.seek(0)
        if self._patterns.meant and is_text_table(path):
            if has_name_cell(whole, self._patterns.meant):
                self._found(FileMatch(path, "a cell", "utf-8"))
            whole.seek(0)
        if depth < _DEEPEST:
            self._unpack(path, part, head, whole, depth)

    def finish(self) -> None:
        for schema in list(self._tables):
            self._search_tables(schema)
        self._search_pieces()

    def _unpack(self, path: str, part: str, head: bytes, whole: IO[bytes], depth: int) -> None:
        if head.startswith(_PARQUET):
            self._search_parquet(path, part, whole)
        elif head.startswith(_SQLITE) and depth == 0:
            self._search_database(path)
        elif head.startswith((_GZIP, _XZ)):
            opened: Any = gzip.open if head.startswith(_GZIP) else lzma.open
            with suppress(*_UNREADABLE), opened(whole, "rb") as unpacked:
                self._search_stream(path, f"{part}, unpacked", unpacked, depth)
        elif head.startswith(_ZIP):
            with suppress(*_UNREADABLE), zipfile.ZipFile(whole) as archive:
                for member in archive.infolist():
                    self._add(path, f"{part}, name of a member", f"/{member.filename}/".encode())
                    with suppress(*_UNREADABLE), archive.open(member) as unpacked:
                        self._search_stream(path, f"{part}, a member", unpacked, depth)
        elif head[257:262] == b"ustar":
            self._search_tar(path, part, whole, depth)

    def _search_stream(self, path: str, part: str, stream: IO[bytes], depth: int) -> None:
        """Searches a stream that can be read only once, spooled to a temporary file; it may contain archives again."""
        import tempfile

        with tempfile.SpooledTemporaryFile(max_size=_PIECE) as spool:
            while piece := stream.read(1 << 20):
                spool.write(piece)
            spool.seek(0)
            self.search_contents(path, part, spool, depth + 1)

    def _search_tar(self, path: str, part: str, whole: IO[bytes], depth: int) -> None:
        with suppress(*_UNREADABLE), tarfile.open(fileobj=whole) as archive:
            for member in archive:
                self._add(path, f"{part}, name of a member", f"/{member.name}/".encode())
                if member.isfile() and (unpacked := archive.extractfile(member)):
                    self._search_stream(path, f"{part}, a member", unpacked, depth)

    def _search_parquet(self, path: str, part: str, whole: IO[bytes]) -> None:
        import pyarrow.parquet as pq

        # Arrow reads memory faster than Python file objects.
        source = pa.BufferReader(whole.getbuffer()) if isinstance(whole, io.BytesIO) else whole
        with suppress(pa.ArrowException, *_UNREADABLE), pq.ParquetFile(source) as file:
            for key, value in (file.metadata.metadata or {}).items():
                self._add(path, f"{part}, its metadata", key + b"\n" + value)
            texts = [column.name for column in file.schema_arrow if has_texts(column.type)]
            if not texts:
                return
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=texts, use_threads=False)
                held = self._tables.setdefault(str(table.schema), [])
                held.append((path, table))
                if len(held) >= _BATCH or table.nbytes > _BATCH_BYTES:
                    self._search_tables(str(table.schema))

    def _search_database(self, path: str) -> None:
        """Searches an SQLite file value by value, since its values are stored without separators."""
        # Without a write-ahead log it is opened as immutable: otherwise SQLite would create one.
        how = "mode=ro" if os.path.exists(f"{path}-wal") else "immutable=1"
        address = f"file:{quote(path)}?{how}"
        with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(address, uri=True)) as database:
            names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in names:
                rows = database.execute(f'SELECT * FROM "{name}"')
                columns = [each[0] for each in rows.description]
                for row in rows:
                    self._add_row(path, name, dict(zip(columns, row, strict=True)))

    def _add_row(self, path: str, table: str, row: Mapping[str, object]) -> int:
        """Adds the texts and bytes of a database row to the batch; returns the number of bytes."""
        if self._patterns.meant and self._patterns.are_in(pa.array(names_in_row(row), pa.string())):
            self._found(FileMatch(path, f"table {table}", "utf-8"))
        values = [value for value in row.values() if isinstance(value, str | bytes)]
        plain = [value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value for value in values]
        self._add(path, f"table {table}", b"\n".join(plain))
        for value in plain:
            if value[:1] == b"\x78":
                with suppress(zlib.error):
                    self._add(path, f"table {table}, unpacked", zlib.decompress(value))
        return sum(map(len, plain))

    def _add(self, path: str, part: str, data: bytes) -> None:
        self._pieces.append((path, part, data))
        self._size += len(data)
        if self._size >= _PIECE:
            self._search_pieces()

    def _search_pieces(self) -> None:
        pieces, self._pieces, self._size = self._pieces, [], 0
        if self._patterns.find(b"\n".join(data for _, _, data in pieces)):
            for path, part, data in pieces:
                self._record(path, part, data)

    def _search_tables(self, schema: str) -> None:
        tables = self._tables.pop(schema)
        whole = concat_tables([table for _, table in tables])
        columns = [name for name in whole.column_names if any(map(self._patterns.may_stand_in, texts_of(whole, name)))]
        if columns:
            for path, table in tables:
                for column, text in column_texts([table.select(columns)]):
                    self._record(path, f"column {column}", text)
        for name in NAME_FIELDS.intersection(whole.column_names):
            if any(map(self._patterns.are_in, texts_of(whole, name))):
                for path, table in tables:
                    if any(map(self._patterns.are_in, texts_of(table, name))):
                        self._found(FileMatch(path, f"column {name}", "utf-8"))

    def _record(self, path: str, part: str, data: bytes, own: range | None = None) -> None:
        for find in self._patterns.find(data):
            if own is None or find.offset in own:
                self._found(FileMatch(path, part, find.form))

    def _found(self, place: FileMatch) -> None:
        if place not in self.searched.found:
            self.searched.found.append(place)


def _pieces(stream: IO[bytes]) -> Iterator[tuple[bytes, range]]:
    """Yields a long stream in overlapping pieces, each with the range of offsets at which matches count.

    A match near the end of a piece can be the beginning of a longer word, so it counts in the next piece.
    """
    before, data = b"", stream.read(_PIECE)
    while data:
        following = stream.read(_PIECE)
        piece = before + data
        first = max(len(before) - _OVERLAP // 2, 0)
        yield piece, range(first, max(len(piece) - _OVERLAP // 2, 0) if following else len(piece))
        before, data = piece[-_OVERLAP:], following


def _paths_below(folder: Path, skip: Callable[[Path], bool]) -> Iterator[Path]:
    if folder.is_file() and not skip(folder):
        yield folder
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in sorted(folders) if not skip(Path(parent, name))]
        yield from (Path(parent, name) for name in folders)
        yield from (path for name in sorted(names) if not skip(path := Path(parent, name)))
