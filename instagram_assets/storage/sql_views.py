"""Views of the lake: tables that are not stored but computed by DuckDB from stored ones.

A view's rows of an account depend only on that account's rows in the stored tables. So accounts are processed in
groups, and memory use does not grow with the lake.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

import pyarrow as pa
from upath import UPath

from instagram_assets.schemas import CONTRACTS, VIEWS, View
from instagram_assets.storage.duckdb_connection import Query, Source, connected
from instagram_assets.storage.lake import Days, files
from instagram_assets.storage.layout import value_of

# A group of accounts has about this many files: few enough for memory, and enough that few queries are needed.
_FILES = 100


def read_view(root: UPath, name: str, accounts: Collection[str] | None = None, days: Days | None = None) -> pa.Table:
    """Returns the rows of a view, in the view's order, of these accounts and days (first and last); None selects all.

    Raises StorageError if a file of the tables that it reads is damaged, or if there is no space for temporary files.
    """
    view = VIEWS[name]
    sources = _sources(view)
    with connected(name, sources) as query:
        # Every sort order begins with the account, so that sorted groups can be concatenated.
        parts = [
            view.contract.conform(query(f"{_select(view, days)} ORDER BY {view.order}"), name)
            for _ in _each_part(sources, root, view, accounts, days)
        ]
    return pa.concat_tables([view.contract.empty(), *parts])


@contextmanager
def open_view(
    root: UPath, name: str, accounts: Collection[str] | None = None, days: Days | None = None
) -> Generator[Query]:
    """Context manager for several SQL queries over one view, which is computed once and need not fit into memory.

    Yields a query function, in whose SQL the view's name is a table. Accounts, days and errors are as in `read_view`.
    """
    view = VIEWS[name]
    sources = _sources(view)
    with connected(name, sources) as query:
        query(f"CREATE TEMP TABLE {name} AS {_select(view, days)}")
        for _ in _each_part(sources, root, view, accounts, days):
            query(f"INSERT INTO {name} {_select(view, days)}")
        yield query


def query_lake(root: UPath, sql: str, *values: Any) -> pa.Table:
    """Returns the rows of an SQL query, in which the lake's tables and views have their names; `values` are `$1`, ….

    Tables in the query are read with all columns, and the tables that a view reads only with the columns it needs. Sums
    of integers are int64 if they fit. A duplicate column name gets a suffix (`count_1`). Raises QueryError for invalid
    SQL, StorageError as in `read_view`.
    """
    named = {name for name in CONTRACTS if re.search(rf"\b{name}\b", sql, re.IGNORECASE)}
    views = [name for name in VIEWS if name in named]
    columns: dict[str, dict[str, None]] = defaultdict(dict)
    for name in views:
        for table, needed in VIEWS[name].reads.items():
            columns[table] |= dict.fromkeys(needed)
    for name in named - VIEWS.keys():
        columns[name] = dict.fromkeys(CONTRACTS[name].schema.names)
    sources = {name: Source(name, list(needed), files(root, name)) for name, needed in sorted(columns.items())}
    with connected("SQL", sources) as query:
        for name in views:
            query(f"CREATE TEMP VIEW {name} AS {VIEWS[name].sql}")
        return _plain(query(sql, *values))


def _plain(rows: pa.Table) -> pa.Table:
    """Returns the rows with unique column names, and DuckDB's decimal sums as integers if they have no fraction."""
    names: list[str] = []
    for name in rows.column_names:
        number = next(n for n in count() if (f"{name}_{n}" if n else name) not in names)
        names.append(f"{name}_{number}" if number else name)
    return pa.table([_as_integers(column) for column in rows.columns], names=names)


def _as_integers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_decimal(column.type) or column.type.scale:
        return column
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:  # beyond 64 bits
        return column


def accounts_of(root: UPath, name: str) -> list[str]:
    """Returns the sorted names of the accounts that have files in the tables that a view reads."""
    return list(_by_account(root, VIEWS[name], None, None))


def _sources(view: View) -> dict[str, Source]:
    """Returns the tables that a view reads as DuckDB sources, without files yet."""
    return {table: Source(table, columns) for table, columns in view.reads.items()}


def _select(view: View, days: Days | None) -> str:
    where = f"WHERE day BETWEEN DATE '{days[0]}' AND DATE '{days[1]}'" if days else ""
    return f"SELECT * FROM ({view.sql}) {where}"


def _each_part(
    sources: Mapping[str, Source], root: UPath, view: View, accounts: Collection[str] | None, days: Days | None
) -> Iterator[None]:
    """Sets `files` of the sources to the files of one group of accounts at a time; yields once per group."""
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
    """Returns account → table → files that a view needs for these days, sorted by account."""
    found: dict[str, dict[str, list[UPath]]] = defaultdict(lambda: defaultdict(list))
    for table in view.reads:
        for path in files(root, table, accounts, days if view.by_day else None):
            found[value_of(path.parent.name)][table].append(path)
    return {account: found[account] for account in sorted(found)}
