"""The index opened for reading, by many threads at once; a newer version is taken up as soon as it is there."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from instagram_assets.errors import NotReadyError
from instagram_assets.lake_index.place import index_file, stamp_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class LakeIndex:
    """One version of the index. Safe to be asked by many threads, each by a cursor of its own."""

    def __init__(self, folder: Path) -> None:
        import duckdb

        self.folder = folder
        self.path = index_file(folder)
        self.stamp = stamp_of(self.path)
        if not self.stamp:
            raise NotReadyError(f"{self.path}: the index is not made yet. `instagram-assets index` makes it.")
        self._connection: DuckDBPyConnection = duckdb.connect(str(self.path), read_only=True)
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("SET enable_external_access = false")

    def ask(self, sql: str, *values: Any) -> pa.Table:
        """The rows of a question, in which `$1`, `$2`, … stand for `values`."""
        with self.cursor() as cursor:
            return cursor.sql(sql, params=list(values)).to_arrow_table()

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

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


class Opened:
    """The newest version of an index that there is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._index: LakeIndex | None = None

    def newest(self) -> LakeIndex:
        """The index as it is now. Raises NotReadyError where none was made yet."""
        with self._lock:
            if self._index is None or self._index.stamp != stamp_of(self._index.path):
                # Who still asks the older one goes on: it is closed when nobody holds it.
                self._index = LakeIndex(self._folder)
            return self._index
