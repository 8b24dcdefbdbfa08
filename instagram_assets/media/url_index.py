"""The media store's SQLite index from URL identity to stored file; without it, files are downloaded again.

The URL identity is computed by `storage.fingerprints.url_identity`.
"""

import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import TypeVar

from instagram_assets.errors import StorageError

_T = TypeVar("_T")
_logger = logging.getLogger(__name__)

LOCK_TIMEOUT = 60.0
"""Seconds to wait for a write lock that another process holds."""
_BATCH = 500
_COLUMNS = "identity, image_id, ext, bytes, modified_ns, width, height, note"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS images (
    identity TEXT PRIMARY KEY,
    image_id TEXT NOT NULL,
    ext TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    note TEXT
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class StoredMedia:
    """The file stored for a URL identity: its size in bytes and pixels, and its mtime in nanoseconds."""

    identity: str
    image_id: str
    ext: str
    bytes: int
    modified_ns: int
    width: int
    height: int
    note: str | None

    @property
    def path(self) -> str:
        """Path of the file relative to the media folder."""
        return f"{self.image_id[:2]}/{self.image_id}.{self.ext}"


class UrlIndex:
    """An SQLite table of entries by URL identity, for several threads and processes.

    A damaged database is moved aside and replaced by an empty one, with a warning. Raises StorageError on an I/O error,
    or if another process holds the lock for longer than a minute.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = RLock()
        self._connection: sqlite3.Connection | None = None
        self._do(lambda connection: None)

    def find(self, identities: Iterable[str]) -> dict[str, StoredMedia]:
        """Returns identity → entry for the URL identities that are in the index."""
        wanted = list(identities)

        def read(connection: sqlite3.Connection) -> dict[str, StoredMedia]:
            found: dict[str, StoredMedia] = {}
            for start in range(0, len(wanted), _BATCH):
                some = wanted[start : start + _BATCH]
                marks = ",".join("?" * len(some))
                for row in connection.execute(f"SELECT {_COLUMNS} FROM images WHERE identity IN ({marks})", some):
                    found[row[0]] = StoredMedia(*row)
            return found

        return self._do(read)

    def record(self, entries: Sequence[StoredMedia]) -> None:
        """Insert or replace entries in one durable transaction."""
        rows = [(e.identity, e.image_id, e.ext, e.bytes, e.modified_ns, e.width, e.height, e.note) for e in entries]

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany(f"INSERT OR REPLACE INTO images ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?)", rows)

        self._do(write)

    def remove(self, identities: Iterable[str]) -> None:
        """Delete the entries of these URL identities."""
        rows = [(identity,) for identity in identities]

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany("DELETE FROM images WHERE identity = ?", rows)

        self._do(write)

    def remove_images(self, image_ids: Iterable[str]) -> None:
        """Delete all entries of these images, and overwrite the deleted bytes in the database file."""
        wanted = json.dumps(list(image_ids))

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("PRAGMA secure_delete = ON")
            with connection:  # one scan of all entries, which are not indexed by image
                connection.execute("DELETE FROM images WHERE image_id IN (SELECT value FROM json_each(?))", [wanted])
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

        self._do(write)

    def close(self) -> None:
        """Close the connection; the next call of another method opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _do(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        with self._lock:
            try:
                return work(self._open())
            except sqlite3.Error as error:
                if not _is_damage(error):
                    raise self._refusal(error) from error
                self._move_aside(error)
            try:
                return work(self._open())
            except sqlite3.Error as error:
                raise self._refusal(error) from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(self._file, timeout=LOCK_TIMEOUT, check_same_thread=False)
            try:
                _write_ahead(connection)
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(_SCHEMA)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _move_aside(self, error: sqlite3.Error) -> None:
        self.close()
        aside = self._file.with_name(f"{self._file.name}.damaged")
        _logger.warning("%s is damaged (%s). It was moved to %s and is made again.", self._file, error, aside.name)
        try:
            os.replace(self._file, aside)
            for ending in ("-wal", "-shm"):
                with suppress(FileNotFoundError):
                    os.unlink(f"{self._file}{ending}")
        except OSError as refusal:
            raise StorageError(
                f"{self._file}: damaged and cannot be moved ({refusal.strerror}). Take it away."
            ) from refusal

    def _refusal(self, error: sqlite3.Error) -> StorageError:
        code = _code(error)
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            remedy = "Another process has held it for a minute; wait until that ends"
        else:
            remedy = "Free space or fix access"
        return StorageError(f"{self._file}: {error}. {remedy}, then run again.")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch the database to WAL mode, with retries: SQLite's timeout does not apply if another process does it too."""
    end = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


def _is_damage(error: sqlite3.Error) -> bool:
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _code(error: sqlite3.Error) -> int:
    """Returns SQLite's primary result code; 0 for an error raised by Python's sqlite3 module."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
