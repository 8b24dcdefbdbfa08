"""The Parquet files of a Delta table and how they are written: one file per month and group of accounts.

One file per account and month would be 2,400 files a year for 200 accounts, each of about forty rows, and each file
costs readers time. So accounts that are adjacent by name share a file. Group boundaries depend on the account names
only: a new account is added to the group of its neighbours, and no other file is rewritten.
"""

import io
import json
import time
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.datasets.delta.locations import FolderLocation, TableLocation, local_folder, table_location
from instagram_assets.datasets.pseudonymous import Check
from instagram_assets.errors import StorageError
from instagram_assets.privacy.identifier_leaks import NamedFile, foreign_files, named_files
from instagram_assets.privacy.pseudonyms import Pseudonymizer
from instagram_assets.schemas import CONTRACTS
from instagram_assets.schemas.contract import BY_CELL
from instagram_assets.storage.fingerprints import combined, is_current
from instagram_assets.storage.lake import read_rows
from instagram_assets.storage.layout import value_of

if TYPE_CHECKING:
    from deltalake.transaction import AddAction

MONTH = "month"
ACCOUNTS_OF_FILE, ACCOUNTS_OF_LARGE_FILE = 8, 256
"""The average number of accounts in a data file: when it is first written, and after `optimize`."""

_FORMAT = "1"
_BOUNDED = (*BY_CELL, "taken_at")
"""Columns with min/max statistics in the Delta log, by which readers skip files; others would only make it longer.

Every file must have them all: if statistics of a column are missing, pyarrow assumes that no row of the file matches.
"""
_ANY_TIME = {"min": datetime(1970, 1, 1, tzinfo=UTC), "max": datetime(9999, 1, 1, tzinfo=UTC)}


class SourceFile(NamedTuple):
    """A Parquet file of the lake, its stamp (content fingerprint), and its account as named in the Delta table."""

    path: UPath
    stamp: str
    account: str

    @property
    def month(self) -> str:
        return self.path.name.removesuffix(".parquet")


class FileGroup(NamedTuple):
    """The lake files whose rows are one data file of a Delta table; `month` is None in an unpartitioned table."""

    month: str | None
    stamp: str
    sources: tuple[SourceFile, ...]


class TableSpec(NamedTuple):
    """The specification of a Delta table: its name, the lake table that it copies, and which rows of it.

    `asset` is the name of the lake table. `kind` restricts the rows to posts or reels; None for all rows. `pseudonyms`
    replaces account names (None: names are kept). `check` is called with the new files before they are committed, and
    raises an error to reject them.
    """

    name: str
    asset: str
    kind: str | None = None
    pseudonyms: Pseudonymizer | None = None
    check: Check | None = None

    def source(self, path: UPath, stamp: str) -> SourceFile:
        """Returns a file of the lake, with its stamp, as a source of this table."""
        account = value_of(path.parent.name)
        return SourceFile(path, stamp, self.pseudonyms.person(account) if self.pseudonyms else account)

    @property
    def by_month(self) -> bool:
        return bool(CONTRACTS[self.asset].partitions)

    @property
    def bounded(self) -> list[str]:
        """The columns with min/max statistics in the Delta log, for file skipping; none for an unpartitioned table."""
        return [name for name in _BOUNDED if self.by_month and name in CONTRACTS[self.asset].schema.names]

    @property
    def schema(self) -> pa.Schema:
        """The table's columns, with their meanings as Delta column comments; `month`, the partition column, is last."""
        columns = CONTRACTS[self.asset].columns
        fields = [pa.field(each.name, each.type, metadata={"comment": each.meaning}) for each in columns]
        if self.by_month:
            meaning = {"comment": "Month of `day`, as 2026-01; the table is partitioned by it"}
            fields.append(pa.field(MONTH, pa.string(), metadata=meaning))
        return pa.schema(fields)


def groups(spec: TableSpec, sources: Iterable[SourceFile], accounts: int = ACCOUNTS_OF_FILE) -> list[FileGroup]:
    """Returns the groups of lake files, one per data file of the table, each with on average `accounts` accounts.

    `accounts` is a power of two.
    """
    pseudonymous = (spec.pseudonyms.version,) if spec.pseudonyms else ()
    marks = (_FORMAT, str(CONTRACTS[spec.asset].schema), spec.kind or "", *pseudonymous)
    if not spec.by_month:
        return [FileGroup(None, combined([*marks, *(each.stamp for each in sources)]), tuple(sources))]
    made: list[FileGroup] = []
    ordered = sorted(sources, key=lambda each: (each.month, each.account))
    for month, of_month in groupby(ordered, key=lambda each: each.month):
        for part in _neighbours(list(of_month), accounts):
            named = (text for each in part for text in (each.account, each.stamp))
            made.append(FileGroup(month, combined([*marks, month, *named]), tuple(part)))
    return made


def _neighbours(sources: Sequence[SourceFile], accounts: int) -> Iterator[list[SourceFile]]:
    held: list[SourceFile] = []
    for each in sources:
        held.append(each)
        if zlib.crc32(each.account.encode()) % accounts == 0:
            yield held
            held = []
    if held:
        yield held


def stamp_in(path: str) -> str:
    """Returns the stamp (fingerprint of the source files) in a data file's name.

    For a file of another program, returns a string that equals no stamp.
    """
    return path.rpartition("/")[2].removesuffix(".parquet").rpartition("-")[0]


class LakeChangedError(Exception):
    """Raised if a lake file changed after its stamp was read: the whole table has to be compared again."""


def write_group(location: TableLocation, spec: TableSpec, group: FileGroup) -> "AddAction | None":
    """Write a group's rows as a data file of the table; returns the log's `add` action for it, None if there is no row.

    Memory holds the rows of the group. Raises LakeChangedError if a lake file changed after its stamp was read.
    """
    table = _rows_of(spec, group)
    return write_rows(location, spec, table, group.month, group.stamp) if table.num_rows else None


def write_rows(location: TableLocation, spec: TableSpec, table: pa.Table, month: str | None, stamp: str) -> "AddAction":
    """Write rows as a data file named after the stamp of its source files; returns the log's `add` action for it."""
    from deltalake.transaction import AddAction

    folder = f"{MONTH}={month}/" if month else ""
    # A new name on each attempt, so that no two versions of the table use one name for different files.
    name = f"{folder}{stamp}-{uuid.uuid4().hex[:12]}.parquet"
    size = location.write(name, _writes(table))
    partition: Mapping[str, str | None] = {MONTH: month} if month else {}
    return AddAction(name, size, partition, int(time.time() * 1000), True, json.dumps(_bounds(table, spec.bounded)))


def _rows_of(spec: TableSpec, group: FileGroup) -> pa.Table:
    try:
        tables = [_of_kind(read_rows(each.path, spec.asset), spec.kind) for each in group.sources]
    except StorageError:
        _check_unchanged(spec, group)
        raise
    # The stamp in a file's name must match its rows.
    _check_unchanged(spec, group)
    table = pa.concat_tables([CONTRACTS[spec.asset].schema.empty_table(), *tables]).combine_chunks()
    if spec.pseudonyms is None:
        return table
    # Sorted by pseudonym: the order of the names would reveal them.
    return spec.pseudonyms.table(table).sort_by([(name, "ascending") for name in CONTRACTS[spec.asset].key])


def _check_unchanged(spec: TableSpec, group: FileGroup) -> None:
    if not all(is_current(each.path, spec.asset, each.stamp) for each in group.sources):
        raise LakeChangedError


def _of_kind(table: pa.Table, kind: str | None) -> pa.Table:
    return table if kind is None else table.filter(compute.equal(table["kind"], kind))


def _writes(table: pa.Table) -> Callable[[BinaryIO], object]:
    import pyarrow.parquet as pq

    def write(stream: BinaryIO) -> None:
        # Parquet's types are those of the contracts; the Arrow schema would only be read by pyarrow.
        pq.write_table(table, stream, compression="zstd", write_page_checksum=True, store_schema=False)

    return write


def _bounds(table: pa.Table, columns: Sequence[str]) -> dict[str, Any]:
    """Returns a data file's statistics for the Delta log: number of rows, and min, max and null count of `columns`.

    A column that has only nulls gets the lowest possible min and the highest possible max.
    """
    known = {name: table[name].null_count < table.num_rows for name in columns}  # account and day always are
    found = {name: compute.min_max(table[name]).as_py() if known[name] else _ANY_TIME for name in columns}
    return {
        "numRecords": table.num_rows,
        "minValues": {name: _text(bounds["min"]) for name, bounds in found.items()},
        "maxValues": {name: _text(bounds["max"], up=True) for name, bounds in found.items()},
        "nullCount": {name: table[name].null_count for name in columns},
    }


def _text(value: Any, *, up: bool = False) -> str:
    """Returns a column's min or max as a string for the Delta log.

    Timestamps are truncated to milliseconds; with `up` they are rounded up.
    """
    if not isinstance(value, datetime):
        return str(value)
    moment = value + timedelta(microseconds=-value.microsecond % 1000 if up else 0)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def files_of_tables(
    root: UPath, target: str, options: Mapping[str, str], tables: Iterable[TableSpec]
) -> Iterator[NamedFile]:
    """Yields all data and log files of these tables below `target`; if that is a local folder, empty folders too."""
    for spec in tables:
        location = table_location(target, spec.name, options, root.storage_options)
        if isinstance(location, FolderLocation):
            yield from named_files([location.path])
            continue
        for name in location.names():
            yield named_file(location, spec.name, name)


def named_file(location: TableLocation, table: str, name: str) -> NamedFile:
    """Returns a file of a table in the form that leak checks take: its name and a function that opens it."""
    return NamedFile(f"{table}/{name}", partial(_open, location, name))


def files_beside_tables(target: str, tables: Iterable[TableSpec]) -> Iterator[NamedFile]:
    """Yields the files in the local folder `target` that belong to none of `tables`; nothing for an object store."""
    if folder := local_folder(target):
        yield from foreign_files(folder, [spec.name for spec in tables])


def _open(location: TableLocation, name: str) -> io.BytesIO:
    return io.BytesIO(location.read(name))
