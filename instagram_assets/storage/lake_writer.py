"""Writing of the lake: replaces the partitions (`cells`) of a run in the monthly files, and keeps all other rows.

Concurrent runs do not lose each other's rows: on a disk they wait for a lock on the account's folder, on an object
store writes are conditional.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.errors import ContractError, StorageError
from instagram_assets.schemas import Contract
from instagram_assets.storage import atomic, object_store
from instagram_assets.storage.lake import (
    FILE_OF_ALL_DAYS,
    Days,
    MapFunction,
    contract_of,
    has_days_of,
    names_in,
    parallel_map,
    parquet_names,
    rows_within,
)
from instagram_assets.storage.layout import folder_name, set_up
from instagram_assets.storage.locks import folder_lock
from instagram_assets.storage.parquet_files import as_table, damaged, from_bytes, to_bytes

LARGEST_FILE = 1 << 30
"""Maximum size of a file on a disk in bytes; `object_store.LARGEST` is the maximum on object stores."""


class Written(NamedTuple):
    """The result of writing partitions. A partition's key is `(account,)`, `(search,)` or `(account, "2026-01-31")`.

    `rows` is the row count of each partition that has rows; `emptied` are the keys of partitions that had rows before
    and have none now.
    """

    rows: dict[tuple[str, ...], int]
    emptied: set[tuple[str, ...]]


def write_asset(root: UPath, name: str, obj: Any) -> int:
    """Replace the table of an unpartitioned asset by `obj`, a table, data frame or record batch reader.

    Returns the number of rows. Raises ContractError if the columns are wrong, StorageError on an I/O error.
    """
    set_up(root)
    table, folder = as_table(obj, name), root / name
    with alone(folder):
        replace_file(folder / FILE_OF_ALL_DAYS, name, lambda _: table)
    return table.num_rows


def write_cells(root: UPath, name: str, accounts: Iterable[str], days: Days | None, obj: Any) -> Written:
    """Replace the rows of these accounts on these days by the rows of `obj`.

    `obj` is a table, a data frame, or a record batch reader in which each account's rows are adjacent. `days` is None
    for a table with one partition per account or search. Raises ContractError if rows belong to other partitions or the
    columns are wrong, StorageError on an I/O error.
    """
    set_up(root)
    return replace_cells(root, name, accounts, days, obj)


def replace_cells(root: UPath, name: str, accounts: Iterable[str], days: Days | None, obj: Any) -> Written:
    """Replace the rows of these accounts on these days, in a lake that has its layout file (`_layout.json`) already.

    Parameters, result and errors are those of `write_cells`.
    """
    contract, wanted = contract_of(name), dict.fromkeys(accounts)
    written = Written({}, set())
    with parallel_map(root) as each:
        for account, table in rows_by_account(obj, name, contract):
            _check_cells(name, account, wanted, days, table)
            del wanted[account]
            _write_account(root, name, account, days, table, written, each)
        nothing = contract.empty()
        for account in wanted:
            _write_account(root, name, account, days, nothing, written, each)
    return written


def change_rows(root: UPath, name: str, account: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Replace the rows of an account or search by the result of `change` on them, in a table that has no days.

    Safe with concurrent writers: on a disk they wait for each other, and on an object store `change` is called again if
    another writer was first. Raises StorageError for a damaged file and on an I/O error.
    """
    set_up(root)
    folder, nothing = root / name / folder_name(account), contract_of(name).empty()

    def changed(read_old: Callable[[], pa.Table | None]) -> pa.Table:
        old = read_old()
        return change(nothing if old is None else old)

    with alone(folder):
        replace_file(folder / FILE_OF_ALL_DAYS, name, changed)


def as_stored(name: str, accounts: Iterable[str], obj: Any) -> pa.Table:
    """Returns the rows of `obj` in the order and types in which `read_table` returns them once they are written.

    Rows of accounts that are not in `accounts`, which `write_cells` rejects, are last.
    """
    contract = contract_of(name)
    of_account = dict(rows_by_account(obj, name, contract))
    order = [account for account in dict.fromkeys(accounts) if account in of_account]
    return pa.concat_tables([contract.empty(), *(of_account[each] for each in dict.fromkeys([*order, *of_account]))])


def _write_account(
    root: UPath, name: str, account: str, days: Days | None, table: pa.Table, written: Written, each: MapFunction
) -> None:
    """Write one account's files while holding its folder's lock, and add the counts to `written`."""
    folder = root / name / folder_name(account)
    if not table.num_rows and not names_in(folder):
        return
    if days is None:
        tables = {FILE_OF_ALL_DAYS: table}
    else:
        slices = dict(split_rows(table, "day", lambda day: f"{day:%Y-%m}.parquet"))
        present = {file for file in parquet_names(folder) if has_days_of(file, days)}
        tables = {file: slices.get(file, table.slice(0, 0)) for file in sorted(slices.keys() | present)}
    with alone(folder):
        outcomes = each(lambda file: _write_file(folder / file, name, account, days, tables[file]), tables)
        for rows, emptied in outcomes:
            written.rows.update(rows)
            written.emptied.update(emptied)


@contextmanager
def alone(folder: UPath) -> Generator[None]:
    """Context manager for writing into a folder: on a disk it holds the folder's lock, and fsyncs it at the end.

    A folder that is empty at the end is removed, since its name discloses an account. On object stores it does nothing:
    writes there are conditional.
    """
    if not atomic.is_local(folder):
        yield
        return
    path = Path(folder.path)
    with folder_lock(path):
        atomic.sweep(path)
        yield
        atomic.sync_folders([path.parent if _is_removed(path) else path])


def _is_removed(folder: Path) -> bool:
    """Remove a folder if it is empty, and return whether it was; writers that wait for its lock recreate it."""
    with suppress(OSError):
        folder.rmdir()
        return True
    return False


def _check_cells(name: str, account: str, wanted: Mapping[str, None], days: Days | None, table: pa.Table) -> None:
    """Raise ContractError if rows belong to a partition that this call does not write: another account or day."""
    outside = table.slice(0, 0)
    if days and not compute.all(inside := rows_within(table, days)).as_py():
        outside = table.filter(compute.invert(inside))
    if account not in wanted or outside.num_rows:
        day = f", {outside['day'][0]}" if outside.num_rows else ""
        raise ContractError(f"{name}: rows outside the run's partitions, such as {account}{day}")


def _write_file(path: UPath, name: str, account: str, days: Days | None, table: pa.Table) -> Written:
    """Replace the rows of these days in one file, or all its rows if `days` is None."""
    if days is None:
        there = bool(names_in(path.parent) & {path.name})
        replace_file(path, name, lambda _: table)
        cell = (account,)
        rows = {cell: table.num_rows} if table.num_rows else {}
        return Written(rows, {cell} if there and not rows else set())
    gone: set[date] = set()

    def merged(read_old: Callable[[], pa.Table | None]) -> pa.Table:
        gone.clear()
        old = read_old()
        if old is None:
            return table
        # Files are sorted by day, so the new rows belong between two slices of the old ones.
        start, end = _range_of(old, days)
        gone.update(old["day"][start:end].unique().to_pylist())
        return pa.concat_tables([old[:start], table, old[end:]])

    replace_file(path, name, merged)
    counts = {row["values"]: row["counts"] for row in compute.value_counts(table["day"]).to_pylist()}
    rows = {(account, day.isoformat()): count for day, count in counts.items()}
    return Written(rows, {(account, day.isoformat()) for day in gone - counts.keys()})


def replace_file(path: UPath, name: str, change: Callable[[Callable[[], pa.Table | None]], pa.Table]) -> None:
    """Replace a file's rows by the result of `change`, whose argument is a function that reads the present rows.

    That function returns None if the file does not exist. If `change` does not call it, the old file is not decoded, so
    that a damaged file can be overwritten. On a disk the caller must hold the folder's lock.
    """
    contract = contract_of(name)

    def new(data: bytes | None) -> bytes:
        def old() -> pa.Table | None:
            try:
                return contract.conform(from_bytes(data), f"{name} ({path})") if data else None
            except (pa.ArrowException, OSError) as error:
                raise damaged(path, name, error) from error

        table = change(old)
        return to_bytes(table) if table.num_rows or not local or not contract.partitions else b""

    local = atomic.is_local(path)
    if not local:
        object_store.change_object(path, new)
        return
    before = Path(path.path).read_bytes() if path.exists() else None
    after = new(before)
    if len(after) > LARGEST_FILE:
        raise StorageError(
            f"{path}: it would have {len(after) >> 20} MB, and {LARGEST_FILE >> 20} MB is the most for one account and "
            "month. Split the account's posts over two accounts."
        )
    if not after:
        path.unlink(missing_ok=True)
    elif after != before:
        atomic.write_atomic(path, lambda stream: stream.write(after), sync_folder=False)


def _range_of(table: pa.Table, days: Days) -> tuple[int, int]:
    """Returns the half-open range of row indices of these days, in a table sorted by day."""
    first, last = (pa.scalar(day, pa.date32()) for day in days)
    before, through = compute.less(table["day"], first), compute.less_equal(table["day"], last)
    return compute.sum(before, min_count=0).as_py(), compute.sum(through, min_count=0).as_py()


def rows_by_account(obj: Any, name: str, contract: Contract) -> Iterator[tuple[str, pa.Table]]:
    """Yields (account, rows) for each account once, with the rows sorted as in the files.

    Raises ContractError if `obj` is a reader in whose batches an account's rows are not adjacent.
    """
    column = contract.partitions[0]
    if not isinstance(obj, pa.RecordBatchReader):
        yield from split_rows(sort_by_cell(as_table(obj, name), contract), column, str)
        return
    seen: set[str] = set()
    held: list[pa.Table] = []
    current: str | None = None
    for batch in obj:
        for account, rows in split_rows(as_table(pa.Table.from_batches([batch]), name), column, str):
            if account != current:
                if account in seen:
                    raise ContractError(f"{name}: the rows of {column} {account} do not stand together")
                if current is not None:
                    yield current, sort_by_cell(pa.concat_tables(held), contract)
                current, held = account, []
                seen.add(account)
            held.append(rows)
    if current is not None:
        yield current, sort_by_cell(pa.concat_tables(held), contract)


def sort_by_cell(table: pa.Table, contract: Contract) -> pa.Table:
    """Returns the table sorted by account, day and key; tables without days keep the order of each account's rows.

    A sorted table is not copied.
    """
    keys = contract.sort_columns if "day" in contract.partitions else contract.partitions
    order = compute.sort_indices(table, sort_keys=[(name, "ascending") for name in keys])
    return table if np.array_equal(order.to_numpy(), np.arange(len(order))) else table.take(order)


def split_rows(table: pa.Table, column: str, key: Callable[[Any], str]) -> Iterator[tuple[str, pa.Table]]:
    """Yields (key, slice) for each group of adjacent rows whose values in `column` have the same `key`."""
    if not table.num_rows:
        return
    runs = compute.run_end_encode(table[column].combine_chunks())
    start, current = 0, key(runs.values[0].as_py())
    ends = runs.run_ends.to_pylist()
    for value, end in zip(runs.values.to_pylist()[1:], ends[:-1], strict=True):
        if (following := key(value)) != current:
            yield current, table.slice(start, end - start)
            start, current = end, following
    yield current, table.slice(start)
