"""Reading of the lake: each asset's table in Parquet files, one per account and month.

A partition (`cell` in names) is an account, or an account on one day; a month's file has the rows of all its days. The
directory layout is described in `layout`; `lake_writer` replaces the partitions of a run.
"""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from typing import Any

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.errors import ContractError, SettingsError
from instagram_assets.schemas import CONTRACTS, Contract
from instagram_assets.settings import Settings
from instagram_assets.storage import atomic, object_store
from instagram_assets.storage.layout import folder_name, value_of
from instagram_assets.storage.parquet_files import read_file

Days = tuple[date, date]
"""The first and the last day of a range, both included."""

FILE_OF_ALL_DAYS = "part.parquet"
_THREADS = 8

MapFunction = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]
"""The type of the built-in `map`, and of a thread pool's `map`."""


def open_lake(settings: Settings) -> UPath:
    """Returns the root of the lake in the settings; a lake with an older layout is migrated first.

    Raises SettingsError for an unsupported URL, StorageError if the migration fails.
    """
    from instagram_assets.storage.migration import migrate

    root = lake_root(settings)
    migrate(root)
    return root


def lake_root(settings: Settings) -> UPath:
    """Returns the root of the lake in the settings, without migration. Raises SettingsError for an unsupported URL."""
    try:
        return UPath(settings.lake_uri, **settings.lake_options)
    except (ValueError, TypeError, ImportError) as error:
        raise SettingsError(
            f"INSTAGRAM_ASSETS_LAKE={settings.lake_uri}: {error}. Use a folder, or s3://… with "
            "`pip install 'instagram_assets[s3]'`."
        ) from error


def read_table(
    root: UPath,
    name: str,
    accounts: Iterable[str] | None = None,
    days: Days | None = None,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Returns the rows of one asset.

    The rows are in the order of `accounts`; None selects all accounts (or searches), in alphabetical order. `days`
    (first and last, inclusive) and `columns` restrict the result. A partition that was never written has no rows.
    Raises StorageError for a damaged file.
    """
    paths = files(root, name, accounts, days)
    schema = _schema(name, columns)
    with parallel_map(root) as each:
        parts = each(lambda path: read_rows(path, name, days, columns), paths)
        return pa.concat_tables([schema.empty_table(), *parts])


def read_batches(
    root: UPath,
    name: str,
    accounts: Iterable[str] | None = None,
    days: Days | None = None,
    columns: Sequence[str] | None = None,
) -> pa.RecordBatchReader:
    """Returns the rows of one asset as a reader of record batches, with one file in memory at a time.

    Rows, their order, parameters and errors are those of `read_table`.
    """
    paths = files(root, name, accounts, days)
    batches = (batch for path in paths for batch in read_rows(path, name, days, columns).to_batches())
    return pa.RecordBatchReader.from_batches(_schema(name, columns), batches)


def months(
    root: UPath,
    names: Sequence[str],
    columns: Mapping[str, Sequence[str]] | None = None,
    *,
    accounts: Iterable[str] | None = None,
    days: Days | None = None,
) -> Iterator[dict[str, pa.Table]]:
    """Yields asset name → rows for each account (sorted by name) and month (ascending).

    An asset without a file for the month has zero rows. `columns` maps an asset's name to the columns to read.
    Together the yielded tables contain every row of the assets once, or every row of `accounts` and `days`. Raises
    StorageError if a file is damaged.
    """
    chosen = columns or {}
    of_each = {name: files(root, name, accounts, days) for name in names}
    found = {name: {(path.parent.name, path.name): path for path in paths} for name, paths in of_each.items()}
    places = sorted(
        {place for paths in found.values() for place in paths}, key=lambda place: (value_of(place[0]), place[1])
    )
    for place in places:
        yield {
            name: read_rows(found[name][place], name, days, chosen.get(name))
            if place in found[name]
            else _schema(name, chosen.get(name)).empty_table()
            for name in names
        }


def read_rows(path: UPath, name: str, days: Days | None = None, columns: Sequence[str] | None = None) -> pa.Table:
    """Returns the rows of one file of an asset, of all days or of a range. Raises StorageError if it is damaged."""
    wanted = columns if columns is None or not days or "day" in columns else [*columns, "day"]
    rows = contract_of(name).filled(read_file(path, name, wanted))
    if wanted is None:
        rows = contract_of(name).conform(rows, f"{name} ({path})")
    else:
        rows = rows.select(list(wanted)).cast(_schema(name, wanted))
    if days:
        rows = rows.filter(rows_within(rows, days))
    return rows.select(list(columns)) if columns is not None else rows


def files(root: UPath, name: str, accounts: Iterable[str] | None = None, days: Days | None = None) -> list[UPath]:
    """Returns the paths of an asset's Parquet files, by account, then by month.

    With `days` these are the files of the months that contain the days; they can have rows of other days.
    """
    folder = root / name
    if not contract_of(name).partitions:
        return [folder / name for name in names_in(folder) if name == FILE_OF_ALL_DAYS]
    if accounts is None:
        folders = sorted(names_in(folder, hidden=False), key=value_of)
    else:
        folders = [folder_name(account) for account in dict.fromkeys(accounts)]
    with parallel_map(root) as each:
        places = [folder / each for each in folders]
        listed = each(lambda place: sorted(parquet_names(place)), places)
        return [
            place / file
            for place, names in zip(places, listed, strict=True)
            for file in names
            if has_days_of(file, days)
        ]


def values_in(root: UPath, name: str) -> set[str]:
    """Returns the accounts (or searches) for which an asset has a folder."""
    return {value_of(folder) for folder in names_in(root / name, hidden=False)}


def contract_of(name: str) -> Contract:
    """Returns the contract (schema) of a table. Raises ContractError if there is no table with this name."""
    if name not in CONTRACTS:
        raise ContractError(f"{name}: no contract in `schemas` says its columns")
    return CONTRACTS[name]


def names_in(folder: UPath, *, hidden: bool = True) -> set[str]:
    """Returns the names of files and folders in a folder; empty if it does not exist.

    With `hidden=False` names that begin with a dot or an underscore are left out, as readers of Parquet datasets do.
    """
    try:
        names = os.listdir(folder.path) if atomic.is_local(folder) else object_store.object_names(folder)
    except (FileNotFoundError, NotADirectoryError):  # object stores raise the latter
        return set()
    return {name for name in names if hidden or not name.startswith((".", "_"))}


@contextmanager
def parallel_map(root: UPath) -> Generator[MapFunction]:
    """Context manager that yields a `map` over many files: in threads on object stores, sequential on a disk.

    On a disk, reading small files is limited by the processor and the GIL: four threads take twice the time of one.
    """
    if atomic.is_local(root):
        yield map
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        yield pool.map


def _schema(name: str, columns: Sequence[str] | None) -> pa.Schema:
    whole = contract_of(name).schema
    return whole if columns is None else pa.schema([whole.field(column) for column in columns])


def rows_within(table: pa.Table, days: Days) -> Any:
    """Returns a boolean mask, shape (rows,), of the rows whose `day` is in a range of days."""
    first, last = (pa.scalar(day, pa.date32()) for day in days)
    return compute.and_(compute.greater_equal(table["day"], first), compute.less_equal(table["day"], last))


def parquet_names(folder: UPath) -> set[str]:
    """Returns the names of the Parquet files in a folder; empty if it does not exist."""
    return {name for name in names_in(folder, hidden=False) if name.endswith(".parquet")}


def has_days_of(file: str, days: Days | None) -> bool:
    """Returns whether the month in a file's name (`2026-01.parquet`) overlaps a range of days (None: all days)."""
    return days is None or f"{days[0]:%Y-%m}" <= file.removesuffix(".parquet") <= f"{days[1]:%Y-%m}"
