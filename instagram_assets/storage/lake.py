"""The lake: each asset's table as Parquet files, one per cell, each whole or not there.

A cell is one partition: an account, or an account on one day. It is one file, `<asset>/account=…/day=…/part.parquet`;
a cell without rows has no file. Readers of the whole lake use `read/<asset>/account=…/month=….parquet`, remade here,
because thousands of small files are slow to read.
"""

import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.errors import ContractError
from instagram_assets.schemas import CONTRACTS
from instagram_assets.settings import settings
from instagram_assets.storage import atomic
from instagram_assets.storage.parquet_files import as_table, read_file, widths_of, write_file

Cell = tuple[str, ...]

logger = logging.getLogger(__name__)

_FILE = "part.parquet"
# Enough to keep two cores busy while others wait for the disk; with 16 they mostly wait for each other.
_WRITERS = 4


def lake() -> UPath:
    """The root of the lake that the settings name."""
    return UPath(settings().lake_uri, **settings().lake_options)


def write_asset(root: UPath, name: str, obj: Any) -> int:
    """Replace the table of an asset without partitions; the number of its rows."""
    table = as_table(obj, name)
    write_file(root / name / _FILE, table)
    return table.num_rows


def write_cells(root: UPath, name: str, columns: Sequence[str], keys: Iterable[Cell], obj: Any) -> dict[Cell, int]:
    """Make the cells `keys` of one asset hold exactly the rows of `obj`; rows written per cell.

    `columns` are the columns that name a cell, in the order of the folders. `obj` is a table, a data frame, or a
    reader whose rows of one account stand together. Raises ContractError when rows belong to other cells or the
    columns are wrong, StorageError when the disk refuses.
    """
    wanted: dict[str, set[Cell]] = defaultdict(set)
    for cell in keys:
        wanted[cell[0]].add(cell)
    counts: dict[Cell, int] = {}
    changed: set[Path] = set()
    with ThreadPoolExecutor(_WRITERS) as pool:
        done: set[str] = set()
        for first, table in _by_first_column(obj, name, columns):
            slices = dict(_split(table, columns))
            if strangers := slices.keys() - wanted.get(first, set()):
                raise ContractError(f"{name}: rows outside the run's partitions, such as {sorted(strangers)[0]}")
            changed |= _replace(pool, root, name, columns, first, wanted[first], slices)
            counts |= {cell: rows.num_rows for cell, rows in slices.items()}
            done.add(first)
        for first in wanted.keys() - done:
            changed |= _replace(pool, root, name, columns, first, wanted[first], {})
        list(pool.map(lambda folder: atomic.sync_folders([folder]), changed))
    return counts


def existing_cells(root: UPath, name: str, columns: Sequence[str], cells: Iterable[Cell]) -> list[UPath]:
    """The files of those cells that have rows, found with one listing per account."""
    by_first: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        by_first[cell[0]].append(cell)
    paths: list[UPath] = []
    for first, group in by_first.items():
        present = _names_in(_folder(root, name, columns, (first,)))
        for cell in group:
            entry = _FILE if len(cell) == 1 else _entry(columns[1], cell[1])
            if entry in present:
                paths.append(_folder(root, name, columns, cell) / _FILE)
    return paths


def account_files(root: UPath, name: str, columns: Sequence[str], accounts: Iterable[str]) -> list[UPath]:
    """The files that together hold all rows of these accounts, the fewest there are, one account after another.

    The asset has several partition columns, and the first of them says the account.
    """
    folders = [root / "read" / name / _entry(columns[0], account) for account in accounts]
    with ThreadPoolExecutor(_WRITERS) as pool:
        months = list(pool.map(_names_in, folders))
    return [
        folder / month
        for folder, names in zip(folders, months, strict=True)
        for month in sorted(names)
        if not month.startswith(".")
    ]


def whole_asset(root: UPath, name: str, columns: Sequence[str]) -> list[UPath]:
    """The files that together hold all rows of one asset, the fewest there are; no columns: one without partitions."""
    if not columns:
        return [path for path in [root / name / _FILE] if path.exists()]
    if len(columns) == 1:
        folder = root / name
        return [folder / entry / _FILE for entry in sorted(_names_in(folder)) if not entry.startswith(".")]
    folder = root / "read" / name
    return [
        folder / first / month
        for first in sorted(_names_in(folder))
        for month in sorted(_names_in(folder / first))
        if not month.startswith(".")
    ]


def read_asset(root: UPath, name: str, columns: Sequence[str] = ()) -> pa.Table:
    """All rows of one asset; `columns` are those of its partitions, none when it has no partitions."""
    return read_files(whole_asset(root, name, columns), name)


def read_files(paths: Sequence[UPath], name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of many Parquet files as one table, of all columns or some; no files are zero rows by the contract."""
    with ThreadPoolExecutor(_WRITERS) as pool:
        tables = list(pool.map(lambda path: read_file(path, name, columns), paths))
    contract = CONTRACTS.get(name)
    if contract and columns is not None:
        contract = contract.only(columns)
    if not tables:
        if not contract:
            raise ContractError(f"{name}: nothing is stored and no contract says its columns")
        return contract.empty()
    if not contract or all(table.schema.equals(contract.schema) for table in tables):
        return pa.concat_tables(tables)
    whole = [contract.conform(table, f"{name} ({path})") for path, table in zip(paths, tables, strict=True)]
    return pa.concat_tables(_same_width(table, whole[0].schema, path) for path, table in zip(paths, whole, strict=True))


def read_batches(paths: Sequence[UPath], name: str, columns: Sequence[str] | None = None) -> pa.RecordBatchReader:
    """The rows of many Parquet files, of all columns or some, one file in memory at a time."""
    # The first file says how wide the vectors are; the contract cannot know.
    schema = read_files(paths[:1], name, columns).schema
    tables = (_same_width(read_files([path], name, columns), schema, path) for path in paths)
    return pa.RecordBatchReader.from_batches(schema, (batch for table in tables for batch in table.to_batches()))


def _by_first_column(obj: Any, name: str, columns: Sequence[str]) -> Iterator[tuple[str, pa.Table]]:
    """The rows of one account after another."""
    if not isinstance(obj, pa.RecordBatchReader):
        table = as_table(obj, name)
        yield from ((cell[0], rows) for cell, rows in _split(table, columns[:1]))
        return
    seen: set[str] = set()
    held: list[pa.Table] = []
    current: str | None = None
    for batch in obj:
        for cell, rows in _split(as_table(pa.Table.from_batches([batch]), name), columns[:1]):
            if cell[0] != current:
                if cell[0] in seen:
                    raise ContractError(f"{name}: the rows of {columns[0]} {cell[0]} do not stand together")
                if current is not None:
                    yield current, pa.concat_tables(held)
                current, held = cell[0], []
                seen.add(cell[0])
            held.append(rows)
    if current is not None:
        yield current, pa.concat_tables(held)


def _split(table: pa.Table, columns: Sequence[str]) -> Iterator[tuple[Cell, pa.Table]]:
    """Slices of the table, one per distinct value of the columns, sorted by value; rows keep their order."""
    if table.num_rows == 0:
        return
    order = compute.sort_indices(table, sort_keys=[(column, "ascending") for column in columns])
    table = table.take(order)
    texts = [[str(value) for value in table[column].to_pylist()] for column in columns]
    cells = list(zip(*texts, strict=True))
    start = 0
    for place in range(1, len(cells) + 1):
        if place == len(cells) or cells[place] != cells[start]:
            yield cells[start], table.slice(start, place - start)
            start = place


def _replace(
    pool: ThreadPoolExecutor,
    root: UPath,
    name: str,
    columns: Sequence[str],
    first: str,
    wanted: set[Cell],
    slices: Mapping[Cell, pa.Table],
) -> set[Path]:
    """Write one account's cells and take away those left empty; the folders whose names changed."""
    folder = _folder(root, name, columns, (first,))
    present = _names_in(folder)
    _sweep(folder)
    _sweep(root / "read" / name / _entry(columns[0], first))
    files = {_folder(root, name, columns, cell) / _FILE: rows for cell, rows in slices.items()}
    if len(columns) > 1:
        gone = {cell for cell in wanted - slices.keys() if _entry(columns[1], cell[1]) in present}
        removed = [_folder(root, name, columns, cell) / _FILE for cell in gone]
        files |= _months(root, name, columns, first, present, wanted, slices)
    else:
        removed = [folder / _FILE] if not slices else []
    list(
        pool.map(
            lambda item: write_file(*item, sync_folder=False),
            ((path, rows) for path, rows in files.items() if rows.num_rows),
        )
    )
    removed += [path for path, rows in files.items() if not rows.num_rows]
    for path in removed:
        _remove(path)
    if not atomic.is_local(root):
        return set()
    folders = {path.path.rsplit("/", 1)[0] for path in [*files, *removed]}
    parents = [folder, root / "read" / name / _entry(columns[0], first), root / name, root / "read" / name]
    above = [Path(path.path) for path in [*parents, root / "read", root, root.parent]]
    return {path for path in [*map(Path, folders), *above] if path.is_dir()}


def _months(
    root: UPath,
    name: str,
    columns: Sequence[str],
    first: str,
    present: set[str],
    wanted: set[Cell],
    slices: Mapping[Cell, pa.Table],
) -> dict[UPath, pa.Table]:
    """The month files for readers of the whole lake: this run's rows and those of the month's other days."""
    touched = {cell[1][:7] for cell in wanted if cell in slices or _entry(columns[1], cell[1]) in present}
    months: dict[str, list[tuple[str, pa.Table]]] = {month: [] for month in touched}
    for cell, rows in slices.items():
        months[cell[1][:7]].append((cell[1], rows))
    prefix = _entry(columns[1], "")
    for entry in present:
        day = entry.removeprefix(prefix)
        if day[:7] in touched and (first, day) not in wanted:
            path = _folder(root, name, columns, (first, day)) / _FILE
            if path.exists():
                months[day[:7]].append((day, read_file(path, name)))
    widths = {widths_of(table.schema) for table in slices.values()}
    target = root / "read" / name / _entry(columns[0], first)
    empty = CONTRACTS[name].empty() if name in CONTRACTS else pa.table({})
    return {
        target / f"month={month}.parquet": pa.concat_tables(_of_one_model(days, widths, name)) if days else empty
        for month, days in months.items()
    }


def _of_one_model(days: list[tuple[str, pa.Table]], widths: set[tuple[int, ...]], name: str) -> list[pa.Table]:
    """The tables in the order of their days, without those whose vectors have another width than this run's.

    They cannot stand in one file, nor be compared; they return when their days are made again.
    """
    widths = widths or {widths_of(days[0][1].schema)}
    if left_out := sorted(day for day, table in days if widths_of(table.schema) not in widths):
        logger.warning("%s: %s hold vectors of another model; materialize them again", name, ", ".join(left_out))
    return [table for _, table in sorted(days, key=lambda item: item[0]) if widths_of(table.schema) in widths]


def _folder(root: UPath, name: str, columns: Sequence[str], cell: Cell) -> UPath:
    return root.joinpath(name, *(_entry(column, value) for column, value in zip(columns, cell, strict=False)))


def _entry(column: str, value: str) -> str:
    return f"{column}={quote(value, safe='')}"


def _names_in(folder: UPath) -> set[str]:
    if atomic.is_local(folder):
        try:
            return set(os.listdir(folder.path))
        except FileNotFoundError:
            return set()
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def _sweep(folder: UPath) -> None:
    if atomic.is_local(folder):
        atomic.sweep(Path(folder.path))


def _remove(path: UPath) -> None:
    """Take a file away, and its folder when nothing else is in it."""
    path.unlink(missing_ok=True)
    if atomic.is_local(path) and path.name == _FILE and not _names_in(path.parent):
        Path(path.parent.path).rmdir() if path.parent.exists() else None


def _same_width(table: pa.Table, schema: pa.Schema, path: UPath) -> pa.Table:
    """The table, when its vectors are as wide as those before; else they are of different models."""
    if widths_of(table.schema) != widths_of(schema):
        raise ContractError(
            f"{path}: holds vectors of another width than the files before it, made by another model. "
            "Materialize that asset again for all partitions."
        )
    return table
