"""A search for names and identifiers in every byte of some folders: in files as they stand, and in what is packed in
them.

It looks into Parquet pages and footers, gzip, xz, zip and tar, and into the values of SQLite databases, compressed ones
too. It is the proof that what was forgotten is gone.
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
from instagram_assets.privacy.byte_needles import Needles
from instagram_assets.privacy.name_columns import cells_have, is_table, names_in_row
from instagram_assets.privacy.texts_of_tables import column_texts, has_texts, joined, texts_of
from instagram_assets.schemas.account_names import NAME_FIELDS

_PIECE = 8 << 20
_OVERLAP = 2048
"""Half of it is longer than any form of an identifier with what is looked at around one."""
_FILES = 4096
"""Files that one thread takes at a time."""
_BATCH = 256
_BATCH_BYTES = 16 << 20
_DEEPEST = 4
_SQLITE = b"SQLite format 3\0"
_PARQUET, _GZIP, _XZ, _ZIP = b"PAR1", b"\x1f\x8b", b"\xfd7zXZ\0", b"PK\x03\x04"
# A RuntimeError is what zipfile says of a password and of a way to pack that it does not know.
_UNREADABLE = (
    *(OSError, EOFError, ValueError, RuntimeError),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError),
)


class Place(NamedTuple):
    """Where something was found: the file, what of it (its name, its bytes, a column, a member), in what form."""

    path: str
    part: str
    form: str


@dataclass
class Searched:
    """What a search looked at, and where it found something."""

    files: int = 0
    bytes: int = 0
    found: list[Place] = field(default_factory=list[Place])


def search_folders(
    folders: Iterable[Path],
    needles: Needles,
    *,
    skip: Callable[[Path], bool] = lambda path: False,
    is_named: Callable[[Path], bool] = lambda path: False,
    on_file: Callable[[int], None] = lambda files: None,
) -> Searched:
    """Look into all files below these folders, with a thread for each core; `skip` names what is passed over.

    `is_named` tells whether a file or folder is called by a name that is an ordinary word.

    Raises StorageError when a file cannot be read.
    """
    tops = dict.fromkeys(path.absolute() for path in folders)
    paths = [path for top in tops for path in _paths_below(top, skip)]
    counter, lock = count(1), Lock()

    def told(files: int) -> None:
        with lock:
            on_file(next(counter))

    def look_at(some: Sequence[Path]) -> Searched:
        search = _Search(needles, told)
        for path in some:
            if is_named(path):
                search.searched.found.append(Place(str(path), "name", "utf-8"))
            search.look_at(path)
        search.finish()
        return search.searched

    # Neighbours together: tables of one schema are searched as one.
    parts = [paths[at : at + _FILES] for at in range(0, len(paths), _FILES)]
    whole = Searched()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for searched in pool.map(look_at, parts):
            whole.files += searched.files
            whole.bytes += searched.bytes
            whole.found += searched.found
    return whole


def search_streams(streams: Iterable[tuple[str, IO[bytes]]], needles: Needles) -> Searched:
    """Look into streams, each with its name, as into files: objects of a store."""
    search = _Search(needles, lambda files: None)
    for name, stream in streams:
        search.look_at_stream(name, stream)
    search.finish()
    return search.searched


def search_rows(rows: Iterable[tuple[str, str, Mapping[str, object]]], needles: Needles) -> Searched:
    """Look into rows of databases that are no files here, each with the name of its database and table."""
    search = _Search(needles, lambda files: None)
    databases = set[str]()
    for database, table, values in rows:
        databases.add(database)
        search.look_at_row(database, table, values)
    search.finish()
    search.searched.files = len(databases)
    return search.searched


def search_bytes(data: bytes, needles: Needles) -> list[Place]:
    """Look into some bytes as into a file."""
    search = _Search(needles, lambda files: None)
    search.look_into("", "bytes", io.BytesIO(data), 0)
    search.finish()
    return search.searched.found


class _Search:
    """Collects small pieces so that many are searched at once; where something is found, each by itself."""

    def __init__(self, needles: Needles, on_file: Callable[[int], None]) -> None:
        self._needles, self._on_file = needles, on_file
        self.searched = Searched()
        self._pieces: list[tuple[str, str, bytes]] = []
        self._size = 0
        self._tables: dict[str, list[tuple[str, pa.Table]]] = {}

    def look_at(self, path: Path) -> None:
        self._add(str(path), "name", os.fsencode(f"/{path.name}/"))
        if path.is_symlink() or (path.exists() and not path.is_file()):
            return  # of a link only the name is ours, and whoever opens a pipe waits for its other end
        self.searched.files += 1
        self._on_file(self.searched.files)
        try:
            with path.open("rb") as stream:
                self.searched.bytes += os.fstat(stream.fileno()).st_size
                self.look_into(str(path), "bytes", stream, 0)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(f"{path}: cannot be read ({error.strerror}). Give this user the right to.") from error

    def look_at_stream(self, name: str, stream: IO[bytes]) -> None:
        self._add(name, "name", f"/{name}/".encode())
        self.searched.files += 1
        self.searched.bytes += stream.seek(0, os.SEEK_END)
        stream.seek(0)
        self.look_into(name, "bytes", stream, 0)

    def look_at_row(self, database: str, table: str, row: Mapping[str, object]) -> None:
        self.searched.bytes += self._add_row(database, table, row)

    def look_into(self, path: str, part: str, stream: IO[bytes], depth: int) -> None:
        """Search what a stream gives, then what is packed in it."""
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
        if self._needles.meant and is_table(path):
            if cells_have(whole, self._needles.meant):
                self._found(Place(path, "a cell", "utf-8"))
            whole.seek(0)
        if depth < _DEEPEST:
            self._unpack(path, part, head, whole, depth)

    def finish(self) -> None:
        for schema in list(self._tables):
            self._search_tables(schema)
        self._search_pieces()

    def _unpack(self, path: str, part: str, head: bytes, whole: IO[bytes], depth: int) -> None:
        if head.startswith(_PARQUET):
            self._look_into_parquet(path, part, whole)
        elif head.startswith(_SQLITE) and depth == 0:
            self._look_into_database(path)
        elif head.startswith((_GZIP, _XZ)):
            opened: Any = gzip.open if head.startswith(_GZIP) else lzma.open
            with suppress(*_UNREADABLE), opened(whole, "rb") as unpacked:
                self._look_into_stream(path, f"{part}, unpacked", unpacked, depth)
        elif head.startswith(_ZIP):
            with suppress(*_UNREADABLE), zipfile.ZipFile(whole) as archive:
                for member in archive.infolist():
                    self._add(path, f"{part}, name of a member", f"/{member.filename}/".encode())
                    with suppress(*_UNREADABLE), archive.open(member) as unpacked:
                        self._look_into_stream(path, f"{part}, a member", unpacked, depth)
        elif head[257:262] == b"ustar":
            self._look_into_tar(path, part, whole, depth)

    def _look_into_stream(self, path: str, part: str, stream: IO[bytes], depth: int) -> None:
        """What can be read only once, and perhaps is large: spooled, since it may be packed again."""
        import tempfile

        with tempfile.SpooledTemporaryFile(max_size=_PIECE) as spool:
            while piece := stream.read(1 << 20):
                spool.write(piece)
            spool.seek(0)
            self.look_into(path, part, spool, depth + 1)

    def _look_into_tar(self, path: str, part: str, whole: IO[bytes], depth: int) -> None:
        with suppress(*_UNREADABLE), tarfile.open(fileobj=whole) as archive:
            for member in archive:
                self._add(path, f"{part}, name of a member", f"/{member.name}/".encode())
                if member.isfile() and (unpacked := archive.extractfile(member)):
                    self._look_into_stream(path, f"{part}, a member", unpacked, depth)

    def _look_into_parquet(self, path: str, part: str, whole: IO[bytes]) -> None:
        import pyarrow.parquet as pq

        # Arrow reads bytes in memory faster than a file of Python's.
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

    def _look_into_database(self, path: str) -> None:
        """Each value by itself: in the file they stand without anything between them."""
        # Where it has no log, it is opened as unchangeable: else the files of one would be made, and would stay.
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
        """The texts and bytes of a row; how many bytes."""
        if self._needles.meant and self._needles.are_in(pa.array(names_in_row(row), pa.string())):
            self._found(Place(path, f"table {table}", "utf-8"))
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
        if self._needles.find(b"\n".join(data for _, _, data in pieces)):
            for path, part, data in pieces:
                self._record(path, part, data)

    def _search_tables(self, schema: str) -> None:
        tables = self._tables.pop(schema)
        whole = joined([table for _, table in tables])
        columns = [name for name in whole.column_names if any(map(self._needles.may_stand_in, texts_of(whole, name)))]
        if columns:
            for path, table in tables:
                for column, text in column_texts([table.select(columns)]):
                    self._record(path, f"column {column}", text)
        for name in NAME_FIELDS.intersection(whole.column_names):
            if any(map(self._needles.are_in, texts_of(whole, name))):
                for path, table in tables:
                    if any(map(self._needles.are_in, texts_of(table, name))):
                        self._found(Place(path, f"column {name}", "utf-8"))

    def _record(self, path: str, part: str, data: bytes, own: range | None = None) -> None:
        for find in self._needles.find(data):
            if own is None or find.place in own:
                self._found(Place(path, part, find.form))

    def _found(self, place: Place) -> None:
        if place not in self.searched.found:
            self.searched.found.append(place)


def _pieces(stream: IO[bytes]) -> Iterator[tuple[bytes, range]]:
    """A long stream in pieces that overlap, each with the places of finds that count.

    A find near the end of a piece may be the beginning of a longer word: it counts in the piece after it.
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
