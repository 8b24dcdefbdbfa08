"""One table as one Parquet file: whole or not there, checked when it is read, with the columns of its contract."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.errors import StorageError
from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage.atomic import write_atomic

STATUS_KEY = b"instagram_assets.status"
"""Key of a file's footer under which stands how many rows have which `status`, as JSON."""


class FooterCounts(NamedTuple):
    """The rows of a file, and how many of them have which status; no statuses where its footer does not say."""

    rows: int
    statuses: Counter[str]


def write_file(path: UPath | Path, table: pa.Table, *, sync_folder: bool = True) -> None:
    """Write a table with page checksums; `sync_folder` is as in `write_atomic`. Raises StorageError.

    The footer says how many rows have which `status`, where there is such a column.
    """
    import pyarrow.parquet as pq

    table = _with_statuses(table)
    write_atomic(
        path,
        lambda stream: pq.write_table(table, stream, compression="zstd", write_page_checksum=True),
        sync_folder=sync_folder,
    )


def read_file(path: UPath, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of one file of the asset `name`, as they were written; of all columns, or of some in any order.

    Raises StorageError when the file is damaged.
    """
    import pyarrow.parquet as pq

    chosen = None if columns is None else list(columns)
    try:
        with path.open("rb") as stream:
            table = pq.ParquetFile(stream, page_checksum_verification=True).read(chosen, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, name, error) from error
    return _without_statuses(table)


def footer_counts(path: UPath, name: str) -> FooterCounts:
    """What the footer of a file of the asset `name` says; its rows are not read. Raises StorageError as `read_file`."""
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as stream:
            footer = pq.read_metadata(stream)
            told = json.loads((footer.metadata or {}).get(STATUS_KEY, b"{}"))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, name, error) from error
    return FooterCounts(footer.num_rows, Counter(told))


def as_table(obj: Any, name: str) -> pa.Table:
    """A table, a reader or a data frame as a table of the contract `name`, where there is one.

    Raises ContractError when the columns are wrong.
    """
    if isinstance(obj, pa.RecordBatchReader):
        obj = obj.read_all()
    table = obj if isinstance(obj, pa.Table) else pa.Table.from_pandas(obj, preserve_index=False)
    contract = CONTRACTS.get(name)
    return contract.conform(table, name) if contract else table


def widths_of(schema: pa.Schema) -> tuple[int, ...]:
    """The widths of its columns of vectors: only tables in which they are equal can stand together."""
    return tuple(field.type.list_size for field in schema if pa.types.is_fixed_size_list(field.type))


def _with_statuses(table: pa.Table) -> pa.Table:
    """The table with the counts of its statuses among its metadata, which Parquet keeps in the footer."""
    table = _without_statuses(table)
    if "status" not in table.schema.names:
        return table
    counts = {item["values"] or "": item["counts"] for item in compute.value_counts(table["status"]).to_pylist()}
    told = json.dumps(counts, sort_keys=True, ensure_ascii=False).encode()
    return table.replace_schema_metadata({**(table.schema.metadata or {}), STATUS_KEY: told})


def _without_statuses(table: pa.Table) -> pa.Table:
    """The table without the counts, which are not those of other rows that it may be joined with."""
    metadata = table.schema.metadata or {}
    if STATUS_KEY not in metadata:
        return table
    return table.replace_schema_metadata({key: value for key, value in metadata.items() if key != STATUS_KEY} or None)


def _damaged(path: UPath, name: str, error: Exception) -> StorageError:
    remedy = f"Materialize {name} for this partition again"
    return StorageError(f"{path}: damaged or unreadable ({error}). {remedy}.")
