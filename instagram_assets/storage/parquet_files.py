"""One table as one Parquet file: whole or not there, checked when it is read, with the columns of its contract."""

from pathlib import Path
from typing import Any

import pyarrow as pa
from upath import UPath

from instagram_assets.errors import StorageError
from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage.atomic import write_atomic


def write_file(path: UPath | Path, table: pa.Table, *, sync_folder: bool = True) -> None:
    """Write a table with page checksums; `sync_folder` is as in `write_atomic`. Raises StorageError."""
    import pyarrow.parquet as pq

    write_atomic(
        path,
        lambda stream: pq.write_table(table, stream, compression="zstd", write_page_checksum=True),
        sync_folder=sync_folder,
    )


def read_file(path: UPath, name: str) -> pa.Table:
    """The rows of one file of the asset `name`, as they were written. Raises StorageError when it is damaged."""
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as stream:
            return pq.ParquetFile(stream, page_checksum_verification=True).read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        remedy = f"Materialize {name} for this partition again"
        raise StorageError(f"{path}: damaged or unreadable ({error}). {remedy}.") from error


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
