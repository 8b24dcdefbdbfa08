"""The lake: each asset's table as Parquet files, one per account and month, the only copy there is.

A cell is one partition: an account, or an account on one day; it is the rows of its day in the file of its month. How
the files lie is said in `layout`. Writing replaces the cells of a run and keeps all others; two runs that write one
file wait for each other, on a disk by a lock on the account's folder, on an object store by conditional writes.
"""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.errors import ContractError, SettingsError, StorageError
from instagram_assets.schemas import CONTRACTS, Contract
from instagram_assets.settings import Settings
from instagram_assets.storage import atomic, objects
from instagram_assets.storage.layout import folder_name, set_up, value_of
from instagram_assets.storage.locks import alone_in
from instagram_assets.storage.parquet_files import as_table, damaged, from_bytes, read_file, to_bytes
from instagram_assets.storage.slices import by_account, split

Days = tuple[date, date]
"""The first and the last day of a stretch, both included."""

LARGEST_FILE = 1 << 30

_WHOLE = "part.parquet"
_THREADS = 8

_Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]
"""As `map`, or the `map` of a pool of threads."""


class Written(NamedTuple):
    """What writing did to cells, each named by the values of its partition columns as texts.

    `rows` counts the rows of each cell that has some; `emptied` had rows before and has none now.
    """

    rows: dict[tuple[str, ...], int]
    emptied: set[tuple[str, ...]]


def open_lake(settings: Settings) -> UPath:
    """The root of the lake that the settings name; one of an older layout is rewritten first."""
    from instagram_assets.storage.migration import migrate

    root = lake_root(settings)
    migrate(root)
    return root


def lake_root(settings: Settings) -> UPath:
    """As `open_lake`, of whatever layout. Raises SettingsError for an address that no file system here knows."""
    try:
        return UPath(settings.lake_uri, **settings.lake_options)
    except (ValueError, TypeError, ImportError) as error:
        raise SettingsError(
            f"INSTAGRAM_ASSETS_LAKE={settings.lake_uri}: {error}. Use a folder, or s3://… with "
            "`pip install 'instagram_assets[s3]'`."
        ) from error


def write_asset(root: UPath, name: str, obj: Any) -> int:
    """Replace the table of an asset without partitions; the number of its rows."""
    set_up(root)
    table, folder = as_table(obj, name), root / name
    with alone(folder):
        replace_file(folder / _WHOLE, name, lambda _: table)
    return table.num_rows


def write_cells(root: UPath, name: str, accounts: Iterable[str], days: Days | None, obj: Any) -> Written:
    """Make the cells of these accounts, on these days, hold exactly the rows of `obj`.

    `obj` is a table, a data frame, or a reader whose rows of one account stand together. Without `days` a cell is all
    that an account, or a search, has. Raises ContractError when rows belong to other cells or the columns are wrong,
    StorageError when the disk refuses.
    """
    set_up(root)
    return replace_cells(root, name, accounts, days, obj)


def replace_cells(root: UPath, name: str, accounts: Iterable[str], days: Days | None, obj: Any) -> Written:
    """As `write_cells`, in a lake that is set up."""
    contract, wanted = contract_of(name), dict.fromkeys(accounts)
    written = Written({}, set())
    with _many(root) as each:
        for account, table in by_account(obj, name, contract):
            _refuse_other_cells(name, account, wanted, days, table)
            del wanted[account]
            _write_account(root, name, account, days, table, written, each)
        nothing = contract.empty()
        for account in wanted:
            _write_account(root, name, account, days, nothing, written, each)
    return written


def change_rows(root: UPath, name: str, account: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Make what an account, or a search, has in a table without days what `change` makes of it.

    Who does so at the same time waits, or does it again: nobody's change is lost. On an object store `change` may be
    called several times. Raises StorageError for damage, and when the disk refuses.
    """
    set_up(root)
    folder, nothing = root / name / folder_name(account), contract_of(name).empty()

    def changed(read_old: Callable[[], pa.Table | None]) -> pa.Table:
        old = read_old()
        return change(nothing if old is None else old)

    with alone(folder):
        replace_file(folder / _WHOLE, name, changed)


def as_read(name: str, accounts: Iterable[str], obj: Any) -> pa.Table:
    """A table or data frame as `read_table` gives it back after it was written as the cells of these accounts.

    Rows of other accounts, which writing refuses, stand at the end.
    """
    contract = contract_of(name)
    of_account = dict(by_account(obj, name, contract))
    order = [account for account in dict.fromkeys(accounts) if account in of_account]
    return pa.concat_tables([contract.empty(), *(of_account[each] for each in dict.fromkeys([*order, *of_account]))])


def read_table(
    root: UPath,
    name: str,
    accounts: Iterable[str] | None = None,
    days: Days | None = None,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """The rows of one asset: of all accounts in the order of their names or of those given in theirs, of all days or
    some, with all columns or those named; what was never written is zero rows. Raises StorageError for damage.
    """
    paths = files(root, name, accounts, days)
    schema = _schema(name, columns)
    with _many(root) as each:
        parts = each(lambda path: read_rows(path, name, days, columns), paths)
        return pa.concat_tables([schema.empty_table(), *parts])


def read_batches(
    root: UPath,
    name: str,
    accounts: Iterable[str] | None = None,
    days: Days | None = None,
    columns: Sequence[str] | None = None,
) -> pa.RecordBatchReader:
    """As `read_table`, with one file in memory at a time."""
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
    """For each account (by name) and month (ascending): the rows of each named asset in that account and month.

    An asset without a file there has zero rows; of an asset in `columns` only these are read. Together the months hold
    every row of the assets, or of these accounts and days, once. Raises StorageError when a file is damaged.
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
    """The rows of one file of an asset, of all days or some. Raises StorageError when it is damaged."""
    wanted = columns if columns is None or not days or "day" in columns else [*columns, "day"]
    rows = read_file(path, name, wanted)
    if wanted is None:
        rows = contract_of(name).conform(rows, f"{name} ({path})")
    else:
        rows = rows.select(list(wanted)).cast(_schema(name, wanted))
    if days:
        rows = rows.filter(_inside(rows, days))
    return rows.select(list(columns)) if columns is not None else rows


def files(root: UPath, name: str, accounts: Iterable[str] | None = None, days: Days | None = None) -> list[UPath]:
    """The files that hold the rows of one asset, account by account and month by month.

    They may also hold rows of other days of their months.
    """
    folder = root / name
    if not contract_of(name).partitions:
        return [folder / name for name in names_in(folder) if name == _WHOLE]
    if accounts is None:
        folders = sorted(names_in(folder, hidden=False), key=value_of)
    else:
        folders = [folder_name(account) for account in dict.fromkeys(accounts)]
    with _many(root) as each:
        places = [folder / each for each in folders]
        listed = each(lambda place: sorted(_tables_in(place)), places)
        return [
            place / file
            for place, names in zip(places, listed, strict=True)
            for file in names
            if _is_within(file, days)
        ]


def values_in(root: UPath, name: str) -> set[str]:
    """The accounts, or the searches, of which an asset has files."""
    return {value_of(folder) for folder in names_in(root / name, hidden=False)}


def contract_of(name: str) -> Contract:
    """The contract of a table. Raises ContractError when there is none of this name."""
    if name not in CONTRACTS:
        raise ContractError(f"{name}: no contract in `schemas` says its columns")
    return CONTRACTS[name]


def names_in(folder: UPath, *, hidden: bool = True) -> set[str]:
    """What is in a folder; nothing when it is not there. Without `hidden`, only what readers do not skip."""
    try:
        names = os.listdir(folder.path) if atomic.is_local(folder) else objects.names_below(folder)
    except (FileNotFoundError, NotADirectoryError):  # object stores say the latter
        return set()
    return {name for name in names if hidden or not name.startswith((".", "_"))}


def _write_account(
    root: UPath, name: str, account: str, days: Days | None, table: pa.Table, written: Written, each: _Map
) -> None:
    """Write one account's files, by itself in its folder."""
    folder = root / name / folder_name(account)
    if not table.num_rows and not names_in(folder):
        return
    if days is None:
        tables = {_WHOLE: table}
    else:
        slices = dict(split(table, "day", lambda day: f"{day:%Y-%m}.parquet"))
        present = {file for file in _tables_in(folder) if _is_within(file, days)}
        tables = {file: slices.get(file, table.slice(0, 0)) for file in sorted(slices.keys() | present)}
    with alone(folder):
        outcomes = each(lambda file: _write_file(folder / file, name, account, days, tables[file]), tables)
        for rows, emptied in outcomes:
            written.rows.update(rows)
            written.emptied.update(emptied)


@contextmanager
def _many(root: UPath) -> Generator[_Map]:
    """How one thing is done to many files: in threads where each request takes its time, else one after another.

    On a disk small files keep the processor busy and Python's lock held: four threads take twice the time of one.
    """
    if atomic.is_local(root):
        yield map
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        yield pool.map


@contextmanager
def alone(folder: UPath) -> Generator[None]:
    """Change files of a folder on a disk by oneself, and durably; on an object store each write looks after itself.

    A folder in which nothing is left goes as well: its name is that of an account.
    """
    if not atomic.is_local(folder):
        yield
        return
    path = Path(folder.path)
    with alone_in(path):
        atomic.sweep(path)
        yield
        atomic.sync_folders([path.parent if _is_removed(path) else path])


def _is_removed(folder: Path) -> bool:
    """Take a folder away where nothing is in it; who waits for its lock makes it anew."""
    with suppress(OSError):
        folder.rmdir()
        return True
    return False


def _refuse_other_cells(
    name: str, account: str, wanted: Mapping[str, None], days: Days | None, table: pa.Table
) -> None:
    """Raises ContractError when rows belong to cells that are not written."""
    outside = table.slice(0, 0)
    if days and not compute.all(inside := _inside(table, days)).as_py():
        outside = table.filter(compute.invert(inside))
    if account not in wanted or outside.num_rows:
        day = f", {outside['day'][0]}" if outside.num_rows else ""
        raise ContractError(f"{name}: rows outside the run's partitions, such as {account}{day}")


def _write_file(path: UPath, name: str, account: str, days: Days | None, table: pa.Table) -> Written:
    """Put rows in the place of those that a file has of these days."""
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
        # Files are in the order of days, so the new rows belong between two slices of the old ones.
        start, end = _place_of(old, days)
        gone.update(old["day"][start:end].unique().to_pylist())
        return pa.concat_tables([old[:start], table, old[end:]])

    replace_file(path, name, merged)
    counts = {row["values"]: row["counts"] for row in compute.value_counts(table["day"]).to_pylist()}
    rows = {(account, day.isoformat()): count for day, count in counts.items()}
    return Written(rows, {(account, day.isoformat()) for day in gone - counts.keys()})


def replace_file(path: UPath, name: str, change: Callable[[Callable[[], pa.Table | None]], pa.Table]) -> None:
    """Make a file hold what `change` makes of its rows, which it may ask for; on a disk, with the folder's lock held.

    A file that is replaced whole is not read, so that a damaged one can be made anew.
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
        objects.change_object(path, new)
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


def _schema(name: str, columns: Sequence[str] | None) -> pa.Schema:
    whole = contract_of(name).schema
    return whole if columns is None else pa.schema([whole.field(column) for column in columns])


def _inside(table: pa.Table, days: Days) -> Any:
    first, last = (pa.scalar(day, pa.date32()) for day in days)
    return compute.and_(compute.greater_equal(table["day"], first), compute.less_equal(table["day"], last))


def _place_of(table: pa.Table, days: Days) -> tuple[int, int]:
    """Where the rows of these days begin and end in a table that is in the order of days."""
    first, last = (pa.scalar(day, pa.date32()) for day in days)
    before, through = compute.less(table["day"], first), compute.less_equal(table["day"], last)
    return compute.sum(before, min_count=0).as_py(), compute.sum(through, min_count=0).as_py()


def _tables_in(folder: UPath) -> set[str]:
    return {name for name in names_in(folder, hidden=False) if name.endswith(".parquet")}


def _is_within(file: str, days: Days | None) -> bool:
    """True when the month of a file has one of these days."""
    return days is None or f"{days[0]:%Y-%m}" <= file.removesuffix(".parquet") <= f"{days[1]:%Y-%m}"
