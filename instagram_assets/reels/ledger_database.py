"""The SQLite file of the call ledger: access from several threads and processes, durable at each step."""

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from instagram_assets.errors import StorageError
from instagram_assets.storage.atomic import make_folder

T = TypeVar("T")

LOCK_TIMEOUT = 60.0
"""Seconds to wait for another process that writes."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    id INTEGER PRIMARY KEY,
    day TEXT NOT NULL,
    at TEXT NOT NULL,
    video_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    model TEXT NOT NULL,
    prompt TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    answer_tokens INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    seconds REAL,
    status TEXT NOT NULL,
    reason TEXT,
    answer TEXT
)
"""
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS calls_by_day ON calls (day)",
    "CREATE INDEX IF NOT EXISTS calls_by_video ON calls (video_id)",
    "CREATE INDEX IF NOT EXISTS calls_with_answers ON calls (prompt) WHERE answer IS NOT NULL",
)


class LedgerFile:
    """The SQLite file of the call ledger. Raises StorageError on a disk error or if the file is damaged.

    A damaged file is not recreated automatically, since it would be unknown how much was spent.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        make_folder(file.parent)
        self.do(lambda connection: None)

    def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Returns the result of `work` on the connection, serialized among the threads of this process."""
        with self._lock:
            try:
                return work(self._open())
            except sqlite3.Error as error:
                raise StorageError(f"{self._file}: {error}. {_remedy(error)}, then run again.") from error

    def alone(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Returns the result of `work` in an exclusive write transaction; durable when this returns."""
        return self.do(lambda connection: _alone(connection, work))

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(
                self._file, timeout=LOCK_TIMEOUT, check_same_thread=False, isolation_level=None
            )
            try:
                _write_ahead(connection)
                connection.execute("PRAGMA synchronous = FULL")
                for statement in (_SCHEMA, *_INDEXES):
                    connection.execute(statement)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection


def _alone(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switches the database to WAL mode, with retries: SQLite fails at once while another process does the same."""
    end = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            with closing(connection.execute("PRAGMA journal_mode = WAL")):
                return
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)


def _remedy(error: sqlite3.Error) -> str:
    code = _code(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "Another process has held it for a minute; wait until that ends"
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return "It says what was spent: put a copy in its place, or move it away to begin at nothing"
    return "Free space or fix access"


def _code(error: sqlite3.Error) -> int:
    """Returns SQLite's primary result code; 0 for errors that Python's sqlite3 module raised itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
