"""The index opened for reading, by many threads at once; a newer version is taken up as soon as it is there."""

import os
import tempfile
import threading
import uuid
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from instagram_assets.errors import NotReadyError, QueryError, StorageError
from instagram_assets.lake_index.place import index_file, stamp_of
from instagram_assets.lake_index.tables import VERSION

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MEMORY, _THREADS = "1GB", 2
_TRIES = 5


class LakeIndex:
    """One version of the index. Safe to be asked by many threads, each by a cursor of its own.

    Raises NotReadyError where none was made yet, or one of another version of this program; StorageError for damage.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path, self.stamp, self._connection = _opened(folder)
        # Who asks holds it: it is closed when it was replaced and nobody asks any more.
        self._close = weakref.finalize(self, self._connection.close)

    def ask(self, sql: str, *values: Any) -> pa.Table:
        """The rows of a question, in which `$1`, `$2`, … stand for `values`; without rows where it is no question.

        Raises StorageError when the file is damaged or memory does not suffice, QueryError for other faults.
        """
        import duckdb

        with self.cursor() as cursor:
            try:
                relation = cursor.sql(sql, params=list(values))
                # Statements that are no question give no relation, whatever DuckDB's types say.
                return pa.table({}) if relation is None else relation.to_arrow_table()  # pyright: ignore[reportUnnecessaryComparison]
            except duckdb.Error as error:
                raise self._told(error) from error

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """As `ask`, as dictionaries."""
        return self.ask(sql, *values).to_pylist()

    @contextmanager
    def cursor(self) -> Generator["DuckDBPyConnection"]:
        """A connection of one's own to the same data, in which temporary tables may be made."""
        cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def fact(self, name: str) -> str:
        """A fact of this version, see `tables.SCHEMA`; empty where it is not said."""
        found = self.rows("SELECT value FROM facts WHERE name = $1", name)
        return found[0]["value"] if found else ""

    def close(self) -> None:
        """Let go of the file."""
        self._close()

    def _told(self, error: Exception) -> Exception:
        import duckdb

        reason = str(error).partition("\n")[0]
        if isinstance(error, duckdb.OutOfMemoryException):
            return StorageError(f"{self.path.name}: this does not fit into {_MEMORY} ({reason}). Ask for less at once.")
        if isinstance(error, duckdb.IOException | duckdb.FatalException | duckdb.SerializationException):
            return _damaged(self.path, error)
        return QueryError(f"{self.path.name}: {error}")


class Opened:
    """The newest version of an index that there is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._index: LakeIndex | None = None

    def newest(self) -> LakeIndex:
        """The index as it is now. Raises as `LakeIndex` does."""
        with self._lock:
            if self._index is None or self._index.stamp != stamp_of(index_file(self._folder)):
                self._index = None
                self._index = LakeIndex(self._folder)
            return self._index


def _opened(folder: Path) -> tuple[Path, str, "DuckDBPyConnection"]:
    """The newest file with its stamp, open. An older one may go between being found and being opened."""
    import duckdb

    for last in range(_TRIES - 1, -1, -1):
        path = index_file(folder)
        stamp = stamp_of(path)
        if not stamp:
            raise NotReadyError("The index of the lake is not made yet: `instagram-assets index` makes it.")
        try:
            return path, stamp, _connected(path)
        except duckdb.Error as error:
            if path.exists() or not last:
                raise _damaged(path, error) from error
    raise AssertionError


def _connected(path: Path) -> "DuckDBPyConnection":
    import duckdb

    connection = duckdb.connect(
        str(path),
        read_only=True,
        config={
            "memory_limit": _MEMORY,
            "threads": _THREADS,
            # DuckDB makes it when it needs it, and takes it away again.
            "temp_directory": os.path.join(tempfile.gettempdir(), f"instagram_assets-index-{uuid.uuid4().hex}"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    try:
        found = connection.execute("SELECT value FROM facts WHERE name = 'version'").fetchall()
        if found != [(str(VERSION),)]:
            raise NotReadyError(
                "The index is of another version of this program: `instagram-assets index` makes it anew."
            )
        for setting in (
            "TimeZone = 'UTC'",
            "python_enable_replacements = false",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            connection.execute(f"SET {setting}")
    except BaseException:
        connection.close()
        raise
    return connection


def _damaged(path: Path, error: Exception) -> StorageError:
    reason = str(error).partition("\n")[0]
    return StorageError(
        f"{path}: damaged or unreadable ({reason}). `instagram-assets index --rebuild` makes it anew from the lake."
    )
