"""Retention in the landing zone: deletes rows of imported files by the time at which they were observed.

If all rows of a file have expired, only its hash is kept, so that it is not imported again. Every intermediate state is
readable: first the manifest is rewritten without table sizes, or without any content; then tables are replaced or
deleted; last the manifest is written with the new counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.errors import StorageError
from instagram_assets.ingest.landing import spool_folder
from instagram_assets.ingest.landing_writer import ROW_GROUP
from instagram_assets.ingest.manifests import (
    LANDING_CONTRACTS,
    LANDING_TABLES,
    LandedFile,
    manifest_path,
    manifest_versions,
    pending_files,
    read_manifest,
    table_path,
    write_manifest,
)
from instagram_assets.retention.expired_items import LANDING_PLACE, ExpiredItem
from instagram_assets.storage.atomic import is_local, refusal, remove_durably, sweep, write_atomic
from instagram_assets.storage.lake import names_in
from instagram_assets.storage.locks import folder_lock
from instagram_assets.storage.parquet_files import crc_of

_MOMENT = "observed_at"


@dataclass(frozen=True)
class ExpiredRows:
    """The expired rows of one table of a landed file: `past` of its `rows` rows, observed from `first` to `last`.

    `bytes` is the size of the whole table.
    """

    table: str
    past: int
    rows: int
    bytes: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class ExpiredFile:
    """A landed file with expired rows; `superseded` are the names of its manifests by older versions of the parser."""

    file: LandedFile
    parts: tuple[ExpiredRows, ...]
    superseded: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether all rows of the file have expired."""
        return sum(part.past for part in self.parts) == sum(map(self.file.rows, LANDING_TABLES))


def expired_files(lake: UPath, before: datetime) -> Iterator[ExpiredFile]:
    """Yields the landed files with rows observed before a timestamp, or with an interrupted deletion.

    Files whose rows are not materialized in the lake yet are left out.
    """
    waiting = {file.sha256 for file in pending_files(lake)}
    for sha256, names in sorted(manifest_versions(lake).items()):
        if sha256 in waiting or (file := read_manifest(lake, names[-1])) is None or file.is_past:
            continue
        look = ExpiredFile(file, tuple(_parts(lake, file, before)), tuple(names[:-1]))
        if look.parts or _is_open(file):
            yield look


def count_waiting_files(lake: UPath, before: datetime) -> int:
    """Returns the number of landed files with expired rows that are kept because they are not materialized yet."""
    return sum(any(_parts(lake, file, before)) for file in pending_files(lake) if not file.is_past)


def expired_landing_rows(lake: UPath, before: datetime) -> Iterator[ExpiredItem]:
    """Yields the expired rows in the landing zone, and the tables that interrupted runs or imports left behind."""
    for look in expired_files(lake, before):
        # The first item deletes all expired rows of the file; the others only have the counts of their tables.
        act = partial(_take, lake, look.file.name, look.superseded, before)
        for part in look.parts:
            share = part.bytes * part.past // max(part.rows, 1)
            yield ExpiredItem(LANDING_PLACE, part.table, look.file.name, part.past, share, part.first, part.last, act)
            act = _nothing
        if not look.parts:
            yield ExpiredItem(LANDING_PLACE, "manifests", look.file.name, 0, 0, None, None, act)
    yield from _leftovers(lake, before)


def _parts(lake: UPath, file: LandedFile, before: datetime) -> Iterator[ExpiredRows]:
    for table in LANDING_TABLES:
        if not file.rows(table):
            continue
        if _MOMENT not in LANDING_CONTRACTS[table].schema.names:
            # A quarantined record has no observation time: it expires by the observation time of its file.
            if file.observed_at < before:
                rows = file.rows(table)
                yield ExpiredRows(table, rows, rows, file.sizes.get(table, 0), file.observed_at, file.observed_at)
            continue
        moments = _moments(table_path(lake, table, file.name), before)
        if moments is None:
            continue
        found, rows, size = moments
        if len(found):
            yield ExpiredRows(table, len(found), rows, size, compute.min(found).as_py(), compute.max(found).as_py())


def _moments(path: UPath, before: datetime) -> tuple[Any, int, int] | None:
    """Returns (observation times of a table's expired rows, number of all its rows, its size in bytes).

    Returns None if the file is missing, or if its column statistics show that no row has expired. Row groups without
    expired rows are not read. Raises StorageError if the file is damaged or cannot be read.
    """
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as stream:
            parquet = pq.ParquetFile(stream)
            groups = [n for n in range(parquet.num_row_groups) if _may_be_past(parquet.metadata.row_group(n), before)]
            if not groups:
                return None
            column = parquet.read_row_groups(groups, columns=[_MOMENT], use_threads=False)[_MOMENT]
            size = stream.seek(0, 2)
            rows = parquet.metadata.num_rows
    except FileNotFoundError:
        return None
    except (OSError, pa.ArrowException) as error:
        raise StorageError(
            f"{path}: cannot be read ({error}). Run `instagram-assets doctor --deep`, and mend it as that says."
        ) from error
    return column.filter(compute.less(column, pa.scalar(before, column.type))), rows, size


def _may_be_past(group: Any, before: datetime) -> bool:
    """Returns whether a row group can have rows observed before a timestamp, by its column statistics."""
    for place in range(group.num_columns):
        column = group.column(place)
        if column.path_in_schema == _MOMENT:
            statistics = column.statistics
            return statistics is None or not statistics.has_min_max or statistics.min < before
    return False


def _is_open(file: LandedFile) -> bool:
    """Returns whether a retention run was interrupted while it replaced the tables of a file."""
    return file.past_before is not None and not file.sizes and any(map(file.rows, LANDING_TABLES))


def _take(lake: UPath, name: str, superseded: Sequence[str], before: datetime) -> None:
    """Deletes the rows of the landed file `name` that were observed before a timestamp.

    Also deletes the manifests `superseded`, by older versions of the parser, with their tables.
    """
    spool = spool_folder(lake)
    try:
        with folder_lock(spool):
            sweep(spool)
            file = read_manifest(lake, name)
            if file is None:
                return
            look = ExpiredFile(file, tuple(_parts(lake, file, before)), ())
            if look.is_whole:
                write_manifest(lake, _only_known(file, before))
                left: set[str] = set()
            else:
                left = _shorten(lake, look, before)
            for older in superseded:
                remove_durably(manifest_path(lake, older))
            for table in LANDING_TABLES:
                for each in (*superseded, *([name] if table not in left else [])):
                    remove_durably(table_path(lake, table, each))
    except OSError as error:
        raise refusal(lake / "landing", error) from error


def _only_known(file: LandedFile, before: datetime) -> LandedFile:
    """Returns a manifest with only a file's hash, version and times; file names can contain account names."""
    return LandedFile(
        file="",
        sha256=file.sha256,
        parser_version=file.parser_version,
        format="",
        records=0,
        **dict.fromkeys(("posts", "reels", "profiles", "quarantined", "duplicates", "warnings"), 0),
        unknown_fields=(),
        accounts=(),
        profile_accounts=(),
        days={},
        first_seen=file.first_seen,
        observed_at=file.observed_at,
        past_before=before,
    )


def _shorten(lake: UPath, look: ExpiredFile, before: datetime) -> set[str]:
    """Replaces the tables that have expired rows; returns the names of the tables that still have rows."""
    open_ended = replace(look.file, past_before=before, sizes={}, checksums={})
    write_manifest(lake, open_ended)
    for part in look.parts:
        _rewrite(table_path(lake, part.table, look.file.name), part.table, before)
    landed = _as_it_is(lake, open_ended)
    write_manifest(lake, landed)
    return {table for table in LANDING_TABLES if landed.rows(table)}


def _rewrite(path: UPath, table: str, before: datetime) -> None:
    """Rewrites a table without its expired rows, batch by batch."""
    import pyarrow.parquet as pq

    schema = LANDING_CONTRACTS[table].schema
    with path.open("rb") as stream:
        old = pq.ParquetFile(stream, page_checksum_verification=True)
        repeated: Any = [name for name in schema.names if _has_dictionary(old, name)]

        def write(target: Any) -> None:
            options: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True, "use_dictionary": repeated}
            with pq.ParquetWriter(target, schema, **options) as writer:
                for batch in old.iter_batches(ROW_GROUP, use_threads=False):
                    if _MOMENT not in schema.names:
                        continue  # a table without observation times expires as a whole
                    rows = pa.Table.from_batches([batch])
                    recent = rows.filter(compute.greater_equal(rows[_MOMENT], pa.scalar(before, rows[_MOMENT].type)))
                    if recent.num_rows:
                        writer.write_table(recent.cast(schema))

        write_atomic(path, write, sweep_folder=False)


def _has_dictionary(parquet: Any, name: str) -> bool:
    schema = parquet.metadata.schema
    for place in range(len(schema)):
        if schema.column(place).path == name and parquet.num_row_groups:
            return parquet.metadata.row_group(0).column(place).has_dictionary_page
    return False


def _as_it_is(lake: UPath, file: LandedFile) -> LandedFile:
    """Returns a file's manifest with counts, accounts, days, sizes and checksums recomputed from its tables."""
    counts: dict[str, int] = {}
    sizes: dict[str, int] = {}
    checksums: dict[str, int] = {}
    tables: dict[str, Any] = {}
    import pyarrow.parquet as pq

    for table in LANDING_TABLES:
        counts[table] = 0
        path = table_path(lake, table, file.name)
        if not file.rows(table) or not path.exists():
            continue
        with path.open("rb") as stream:
            parquet = pq.ParquetFile(stream)
            counts[table] = parquet.metadata.num_rows
            columns = list(LANDING_CONTRACTS[table].partitions)
            tables[table] = parquet.read(columns=columns, use_threads=False)
            if counts[table]:
                sizes[table], checksums[table] = stream.seek(0, 2), crc_of(stream)
    posts = [tables[name]["day"] for name in ("posts", "reels") if name in tables]
    named = {name: tables[name]["account"].to_pylist() for name in ("posts", "reels", "profiles") if name in tables}
    return replace(
        file.with_rows(counts),
        accounts=tuple(sorted({account for accounts in named.values() for account in accounts})),
        profile_accounts=tuple(sorted(set(named.get("profiles", ())))),
        days=_counted(posts),
        sizes=sizes,
        checksums=checksums,
    )


def _counted(days: list[Any]) -> dict[str, int]:
    """Returns day (ISO format) → number of rows, from `day` columns."""
    values = [day.isoformat() for column in days for day in column.to_pylist()]
    names, counts = np.unique(np.array(values, dtype=str), return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def _leftovers(lake: UPath, before: datetime) -> Iterator[ExpiredItem]:
    """Yields the tables of fully expired files, and tables without a manifest last modified before `before`."""
    waiting = {file.sha256 for file in pending_files(lake)}
    known = manifest_versions(lake)
    past = {sha256 for sha256, names in known.items() if (file := read_manifest(lake, names[-1])) and file.is_past}
    for table in LANDING_TABLES:
        for found in sorted(names_in(lake / "landing" / table, hidden=False)):
            sha256 = found.rpartition("-")[0]
            path = table_path(lake, table, found.removesuffix(".parquet"))
            if sha256 in past or (sha256 not in known and sha256 not in waiting and _is_older(path, before)):
                size = path.stat().st_size
                yield ExpiredItem(LANDING_PLACE, table, found, 0, size, None, None, partial(_remove_table, lake, path))


def _is_older(path: UPath, before: datetime) -> bool:
    """Returns whether a local file was last modified before a timestamp."""
    try:
        return is_local(path) and Path(path.path).stat().st_mtime < before.timestamp()
    except FileNotFoundError:
        return False


def _remove_table(lake: UPath, path: UPath) -> None:
    with folder_lock(spool_folder(lake)):
        remove_durably(path)


def _nothing() -> None:
    """Does nothing: the first item of the same file deletes all its expired rows."""
