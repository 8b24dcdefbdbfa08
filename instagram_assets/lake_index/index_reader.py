"""Opens the index read-only for many threads, and switches to a newer version as soon as one is published."""

import threading
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from instagram_assets.errors import DamagedError, NotReadyError, QueryError, StorageError
from instagram_assets.lake_index.index_files import index_file, version_stamp
from instagram_assets.lake_index.index_tables import VERSION
from instagram_assets.lake_index.spill_folders import release_spill_folder, spill_folder

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MEMORY, _THREADS = "1GB", 2
_TRIES = 5


class LakeIndex:
    """One version of the index, open for reading. Thread-safe: each query uses a cursor of its own.

    Raises NotReadyError if no index was built yet or if its format is that of another program version, and DamagedError
    for a damaged file. Values cached with `caches.PerIndex` are dropped when the index is closed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path, self.stamp, self._connection = _opened(folder)
        # Callers hold a reference: a replaced index is closed as soon as no query uses it any more.
        self._close = weakref.finalize(self, _close, self._connection, self.path)
        self.is_damaged = False
        """Whether a query found damage: this version has to be rebuilt."""

    def query(self, sql: str, *values: Any) -> pa.Table:
        """Runs a SQL query and returns its rows; `$1`, `$2`, … stand for `values`.

        Statements without rows return an empty table. Raises DamagedError if the file is damaged, StorageError if
        memory or the disk for temporary files is exhausted, and QueryError for other errors.
        """
        import duckdb

        with self.cursor() as cursor:
            try:
                relation = cursor.sql(sql, params=list(values))
                # Statements other than queries return no relation, whatever DuckDB's types say.
                return pa.table({}) if relation is None else relation.to_arrow_table()  # pyright: ignore[reportUnnecessaryComparison]
            except duckdb.Error as error:
                raise self._translated_error(error) from error

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Runs a SQL query as `query` does and returns its rows as dictionaries."""
        return self.query(sql, *values).to_pylist()

    @contextmanager
    def cursor(self) -> Generator["DuckDBPyConnection"]:
        """Context manager that yields a new connection to the same index, in which temporary tables can be created."""
        cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def fact(self, name: str) -> str:
        """Returns a metadata value of this version (table `facts` of `index_tables.SCHEMA`); empty if it is not set."""
        found = self.rows("SELECT value FROM facts WHERE name = $1", name)
        return found[0]["value"] if found else ""

    def close(self) -> None:
        """Close the index file."""
        self._close()

    def _translated_error(self, error: Exception) -> Exception:
        import duckdb

        reason = str(error).partition("\n")[0]
        if isinstance(error, duckdb.OutOfMemoryException):
            return StorageError(f"{self.path.name}: this does not fit into {_MEMORY} ({reason}). Ask for less at once.")
        if _is_full(error):
            return StorageError(
                f"{self.path.parent}: no room for what memory does not hold ({reason}). Free space there."
            )
        if isinstance(error, duckdb.IOException | duckdb.FatalException | duckdb.SerializationException):
            self.is_damaged = True
            return _damaged(self.path, error)
        return QueryError(f"{self.path.name}: {error}")


class IndexHandle:
    """Gives access to the newest version of the index in a folder, and keeps it open until a newer one is published."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._index: LakeIndex | None = None
        self._damaged = ""

    def newest(self) -> LakeIndex:
        """Returns the newest version of the index; opens it if necessary. Raises NotReadyError, DamagedError."""
        with self._lock:
            self._release()
            if self._index is None:
                stamp = version_stamp(index_file(self._folder))
                try:
                    self._index = LakeIndex(self._folder)
                except DamagedError:
                    self._damaged = stamp
                    raise
            return self._index

    def release(self) -> None:
        """Drop the reference to an index that was replaced or removed, which frees its caches before the next query."""
        with self._lock:
            self._release()

    @property
    def is_damaged(self) -> bool:
        """Whether the newest version was found to be damaged, either on opening or by a query."""
        with self._lock:
            self._release()
            if self._index is not None:
                return self._index.is_damaged
            return bool(self._damaged) and self._damaged == version_stamp(index_file(self._folder))

    def _release(self) -> None:
        if self._index is not None and self._index.stamp != version_stamp(index_file(self._folder)):
            self._index = None


@lru_cache(maxsize=8)
def index_handle(folder: Path) -> IndexHandle:
    """Returns the handle on the index in a folder that all threads of this process share."""
    return IndexHandle(folder)


def _opened(folder: Path) -> tuple[Path, str, "DuckDBPyConnection"]:
    """Opens the newest index file, again if it was replaced meanwhile; returns path, version stamp and connection."""
    import duckdb

    for last in range(_TRIES - 1, -1, -1):
        path = index_file(folder)
        stamp = version_stamp(path)
        if not stamp:
            raise NotReadyError("The index of the lake is not made yet: `instagram-assets index` makes it.")
        try:
            return path, stamp, _connected(path)
        except duckdb.Error as error:
            if path.exists() or not last:
                raise _damaged(path, error) from error
    raise AssertionError


@contextmanager
def open_read_only(path: Path) -> Generator["DuckDBPyConnection"]:
    """Context manager that yields a read-only connection to an index of any format version. Raises DuckDB errors."""
    connection = _connect(path)
    try:
        yield connection
    finally:
        _close(connection, path)


def _connect(path: Path) -> "DuckDBPyConnection":
    """Opens an index file read-only, always with the same options, as DuckDB requires within one process."""
    import duckdb

    try:
        return duckdb.connect(
            str(path),
            read_only=True,
            config={
                "memory_limit": _MEMORY,
                "threads": _THREADS,
                "temp_directory": spill_folder(path),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
    except BaseException:
        release_spill_folder(path)
        raise


def _close(connection: "DuckDBPyConnection", path: Path) -> None:
    connection.close()
    release_spill_folder(path)


def _connected(path: Path) -> "DuckDBPyConnection":
    connection = _connect(path)
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
        ):
            connection.execute(f"SET {setting}")
    except BaseException:
        _close(connection, path)
        raise
    return connection


def _is_full(error: Exception) -> bool:
    return "No space left" in str(error) or "max_temp_directory_size" in str(error)


def _damaged(path: Path, error: Exception) -> DamagedError:
    reason = str(error).partition("\n")[0]
    return DamagedError(
        f"{path}: damaged or unreadable ({reason}). `instagram-assets index --rebuild` makes it anew from the lake."
    )
