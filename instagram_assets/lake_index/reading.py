"""The index opened for reading, by many threads at once; a newer version is taken up as soon as it is there."""

import threading
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from instagram_assets.errors import DamagedError, NotReadyError, QueryError, StorageError
from instagram_assets.lake_index.place import index_file, version_stamp
from instagram_assets.lake_index.spilling import release_spill_folder, spill_folder
from instagram_assets.lake_index.tables import VERSION

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MEMORY, _THREADS = "1GB", 2
_TRIES = 5


class LakeIndex:
    """One version of the index. Safe to be asked by many threads, each by a cursor of its own.

    Raises NotReadyError where none was made yet, or one of another version of this program; DamagedError for damage.
    What others remember of it they keep by `memory.PerIndex`, so that it goes with it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path, self.stamp, self._connection = _opened(folder)
        # Who asks holds it: it is closed when it was replaced and nobody asks any more.
        self._close = weakref.finalize(self, _close, self._connection, self.path)
        self.is_damaged = False
        """Whether a question met damage: this version has to be made anew."""

    def ask(self, sql: str, *values: Any) -> pa.Table:
        """The rows of a question, in which `$1`, `$2`, … stand for `values`; without rows where it is no question.

        Raises DamagedError when the file is damaged, StorageError when memory does not suffice, QueryError for others.
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
        if _is_full(error):
            return StorageError(
                f"{self.path.parent}: no room for what memory does not hold ({reason}). Free space there."
            )
        if isinstance(error, duckdb.IOException | duckdb.FatalException | duckdb.SerializationException):
            self.is_damaged = True
            return _damaged(self.path, error)
        return QueryError(f"{self.path.name}: {error}")


class IndexHandle:
    """The newest version of an index that there is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._index: LakeIndex | None = None
        self._damaged = ""

    def newest(self) -> LakeIndex:
        """The index as it is now. Raises as `LakeIndex` does."""
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
        """Close an index that was replaced or removed, with all that is remembered of it, though nobody asks again."""
        with self._lock:
            self._release()

    @property
    def is_damaged(self) -> bool:
        """Whether the version that is there was found to be damaged, by opening it or by a question."""
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
    """What this process has open in a folder, one for all who ask."""
    return IndexHandle(folder)


def _opened(folder: Path) -> tuple[Path, str, "DuckDBPyConnection"]:
    """The newest file with its stamp, open. An older one may go between being found and being opened."""
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
    """A file open for reading while the block runs, whatever version it is of. Raises DuckDB's errors."""
    connection = _connect(path)
    try:
        yield connection
    finally:
        _close(connection, path)


def _connect(path: Path) -> "DuckDBPyConnection":
    """Open a file for reading: always alike, as DuckDB wants it of all who have one open in a process."""
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
