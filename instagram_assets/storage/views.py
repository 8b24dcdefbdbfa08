"""The lake's views: tables that nobody stores, computed by DuckDB from those that are.

The files are read by our own readers, which check them and know every kind of lake; DuckDB gets record batches, and may
open no file itself but those in which it sets aside what does not fit into its memory. An account's rows are made of
that account's alone, so some accounts are worked on after others, and memory does not grow with the lake.
"""

import tempfile
from collections import defaultdict
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
from upath import UPath

from instagram_assets.errors import StorageError
from instagram_assets.schemas import CONTRACTS, VIEWS, View
from instagram_assets.storage.lake import Days, files, read_rows
from instagram_assets.storage.layout import value_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MEMORY = "512MB"
# Accounts are worked on together until they have as many files: few enough for memory, enough to be worth a query.
_FILES = 100


class Query(Protocol):
    """From SQL, with `$1`, `$2`, … for the values, to its rows."""

    def __call__(self, sql: str, *values: Any) -> pa.Table: ...


def read_view(root: UPath, name: str, accounts: Collection[str] | None = None, days: Days | None = None) -> pa.Table:
    """The rows of a view, in its order: of these accounts, from the first to the last of `days`; None means all.

    Raises StorageError when a file that it reads is damaged, or there is no room for what memory does not hold.
    """
    view = VIEWS[name]
    sources = _sources(view)
    with _connected(name, sources) as query:
        # Every order begins with the account, so that sorted parts follow one another.
        parts = [
            view.contract.conform(query(f"{_select(view, days)} ORDER BY {view.order}"), name)
            for _ in _each_part(sources, root, view, accounts, days)
        ]
    return pa.concat_tables([view.contract.empty(), *parts])


@contextmanager
def open_view(
    root: UPath, name: str, accounts: Collection[str] | None = None, days: Days | None = None
) -> Generator[Query]:
    """Ask a view several questions: it is computed once, and its rows need not fit into memory.

    Yields a function from SQL, in which the view has its name, to rows. Accounts, days and errors are `read_view`'s.
    """
    view = VIEWS[name]
    sources = _sources(view)
    with _connected(name, sources) as query:
        query(f"CREATE TEMP TABLE {name} AS {_select(view, days)}")
        for _ in _each_part(sources, root, view, accounts, days):
            query(f"INSERT INTO {name} {_select(view, days)}")
        yield query


def accounts_of(root: UPath, name: str) -> list[str]:
    """The accounts that have rows in the tables that a view reads, sorted."""
    return list(_by_account(root, VIEWS[name], None, None))


@dataclass
class _Source:
    """Files of a table, which DuckDB reads from the first each time that a query names the table."""

    table: str
    columns: Sequence[str]
    files: Sequence[UPath] = ()
    error: Exception | None = None

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        types = CONTRACTS[self.table].schema
        schema = pa.schema([types.field(column) for column in self.columns])
        return pa.RecordBatchReader.from_batches(schema, self._read()).__arrow_c_stream__(requested_schema)

    def _read(self) -> Iterator[pa.RecordBatch]:
        self.error = None
        try:
            for path in self.files:
                yield from read_rows(path, self.table, columns=self.columns).to_batches()
        except Exception as error:
            self.error = error
            raise


def _sources(view: View) -> dict[str, _Source]:
    """The tables that a view reads, without files yet."""
    return {table: _Source(table, columns) for table, columns in view.reads.items()}


def _select(view: View, days: Days | None) -> str:
    where = f"WHERE day BETWEEN DATE '{days[0]}' AND DATE '{days[1]}'" if days else ""
    return f"SELECT * FROM ({view.sql}) {where}"


def _each_part(
    sources: Mapping[str, _Source], root: UPath, view: View, accounts: Collection[str] | None, days: Days | None
) -> Iterator[None]:
    """Give the sources the files of some accounts after those of others, in the accounts' order."""
    waiting: dict[str, list[UPath]] = {table: [] for table in sources}
    by_account = list(_by_account(root, view, accounts, days).values())
    for number, of_account in enumerate(by_account, 1):
        for table, paths in of_account.items():
            waiting[table] += paths
        if number == len(by_account) or sum(map(len, waiting.values())) >= _FILES:
            for table, source in sources.items():
                source.files, waiting[table] = waiting[table], []
            yield


def _by_account(
    root: UPath, view: View, accounts: Collection[str] | None, days: Days | None
) -> dict[str, dict[str, list[UPath]]]:
    """The files of each account, by table, that hold the rows which a view needs for these days."""
    found: dict[str, dict[str, list[UPath]]] = defaultdict(lambda: defaultdict(list))
    for table in view.reads:
        for path in files(root, table, accounts, days if view.by_day else None):
            found[value_of(path.parent.name)][table].append(path)
    return {account: found[account] for account in sorted(found)}


@contextmanager
def _connected(what: str, sources: Mapping[str, _Source]) -> Generator[Query]:
    """A DuckDB of its own that knows these tables and nothing else of this machine or the network."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="instagram_assets-sql-") as folder:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": _MEMORY,
            "threads": 1,  # the files are read in Python, by one: a second thread waits, and costs half as much again
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
                # Else a name in SQL may mean a variable of Python's.
                "python_enable_replacements = false",
                "enable_external_access = false",
                "lock_configuration = true",
            ):
                connection.execute(f"SET {setting}")
            yield lambda sql, *values: _run(connection, what, sources, folder, sql, values)


def _run(
    connection: "DuckDBPyConnection",
    what: str,
    sources: Mapping[str, _Source],
    folder: str,
    sql: str,
    values: Sequence[Any],
) -> pa.Table:
    """The rows of one statement. What our own readers raise comes out as itself, not in DuckDB's words."""
    import duckdb

    try:
        relation = connection.sql(sql, params=list(values))
        # Statements that are no question give no relation, whatever DuckDB's types say.
        return pa.table({}) if relation is None else relation.to_arrow_table()  # pyright: ignore[reportUnnecessaryComparison]
    except duckdb.Error as error:
        for source in sources.values():
            if source.error:
                raise source.error from None
        if isinstance(error, (duckdb.OutOfMemoryException, duckdb.IOException)):
            reason = str(error).partition("\n")[0]
            remedy = f"Make room in {Path(folder).parent}, or set TMPDIR to a folder on a larger disk"
            raise StorageError(f"{what}: does not fit into memory and {folder} ({reason}). {remedy}.") from error
        raise
