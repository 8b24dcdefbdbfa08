"""Sandboxed DuckDB connections over the lake: SQL can use only the tables that are passed to the connection.

The lake's own readers read the Parquet files, since they verify checksums and support object stores; DuckDB receives
record batches. It writes only temporary files, for data that do not fit into memory.
"""

import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
from upath import UPath

from instagram_assets.errors import QueryError, StorageError
from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage.lake import read_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MEMORY = "512MB"


class Query(Protocol):
    """A function that runs an SQL statement and returns its rows; `values` are the parameters `$1`, `$2`, and so on."""

    def __call__(self, sql: str, *values: Any) -> pa.Table: ...


@dataclass
class Source:
    """The Parquet files of a lake table as an Arrow stream, which DuckDB reads again for each query.

    `error` is the exception that the last read raised, or None.
    """

    table: str
    columns: Sequence[str]
    files: Sequence[UPath] = ()
    error: BaseException | None = None

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        types = CONTRACTS[self.table].schema
        schema = pa.schema([types.field(column) for column in self.columns])
        return pa.RecordBatchReader.from_batches(schema, self._read()).__arrow_c_stream__(requested_schema)

    def _read(self) -> Iterator[pa.RecordBatch]:
        self.error = None
        try:
            for path in self.files:
                yield from read_rows(path, self.table, columns=self.columns).to_batches()
        except (Exception, KeyboardInterrupt) as error:
            self.error = error
            raise


@contextmanager
def connected(what: str, sources: Mapping[str, Source]) -> Generator[Query]:
    """Context manager that yields a query function over these tables; `what` names the caller in error messages.

    `sources` maps table names to their files. The query function raises QueryError for invalid SQL, and StorageError
    if the data fit neither into memory (512 MB) nor on the disk for temporary files. Read errors of the lake are
    raised unchanged.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="instagram_assets-sql-") as folder:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": _MEMORY,
            "threads": 1,  # one Python thread reads the files: a second DuckDB thread only waits, and costs 50 % more
            "temp_directory": folder,
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        with duckdb.connect(":memory:", config=config) as connection:
            for name, source in sources.items():
                connection.register(name, source)
            for setting in (
                "TimeZone = 'UTC'",
                # Otherwise a table name in SQL could refer to a Python variable.
                "python_enable_replacements = false",
                "enable_external_access = false",
                "lock_configuration = true",
            ):
                connection.execute(f"SET {setting}")
            yield lambda sql, *values: _run(connection, what, sources, folder, sql, values)


def _run(
    connection: "DuckDBPyConnection",
    what: str,
    sources: Mapping[str, Source],
    folder: str,
    sql: str,
    values: Sequence[Any],
) -> pa.Table:
    """Returns the rows of one SQL statement; errors of the lake's readers are raised unchanged."""
    import duckdb

    try:
        relation = connection.sql(sql, params=list(values))
        # Statements other than queries return no relation, contrary to DuckDB's types.
        return pa.table({}) if relation is None else relation.to_arrow_table()  # pyright: ignore[reportUnnecessaryComparison]
    except RuntimeError as error:
        if str(error) == "Query interrupted":  # DuckDB's message for Ctrl-C
            raise KeyboardInterrupt from error
        raise
    except duckdb.Error as error:
        for source in sources.values():
            if source.error:
                raise source.error from None
        if isinstance(error, (duckdb.OutOfMemoryException, duckdb.IOException)):
            reason = str(error).partition("\n")[0]
            remedy = f"Make room in {Path(folder).parent}, or set TMPDIR to a folder on a larger disk"
            raise StorageError(f"{what}: does not fit into memory and {folder} ({reason}). {remedy}.") from error
        raise QueryError(f"{what}: {error}") from error
