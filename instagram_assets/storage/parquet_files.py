"""Parquet files with full integrity checks: pages by Parquet's checksums, the footer by a seal of our own.

Parquet protects the values, and neither the footer that says where they are, where a flipped bit can give wrong rows,
nor the headers of pages. So a seal of twelve bytes is before the footer, which every reader skips: a mark, the CRC-32
of everything before the seal, which only a full check compares, and the CRC-32 of the footer.
"""

import io
import json
import os
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.errors import DamagedError, StorageError
from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage.atomic import is_local, write_atomic
from instagram_assets.storage.object_store import read_object

_STATUSES = b"instagram_assets.status"
"""The footer key of the row counts by status (JSON), so that counting reads no rows."""

BY_HAND = frozenset({"overrides"})
"""Tables that no run creates: they contain manual decisions."""
_ROWS_AT_ONCE = 4_096
_MANY_ROWS = 200
"""Below it dictionaries and zstd cost more time than their bytes are worth: a month has few rows."""
_PRUNED = {column for contract in CONTRACTS.values() for column in contract.partitions}
"""Columns with min/max statistics, for file skipping; those of captions and URLs would be half of a small file."""
_SEAL = b"IAcs"
_SEALS = {_SEAL: 12, b"IAcr": 8}
"""Seal marks and seal lengths; in that of earlier files only the CRC-32 of the footer follows."""
_BYTES_AT_ONCE = 1 << 20
_END = 8  # the footer's length in four bytes, then PAR1


def to_bytes(table: pa.Table) -> bytes:
    """Returns a table as a Parquet file: the same bytes for the same rows."""
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    many = table.num_rows >= _MANY_ROWS
    bounded: Any = [name for name in table.column_names if name in _PRUNED]  # annotated as bool alone
    counted = _counted(table.combine_chunks())
    with pq.ParquetWriter(
        stream,
        counted.schema,
        compression="zstd" if many else "snappy",
        use_dictionary=many,
        write_statistics=bounded,
        store_schema=False,  # Parquet's own types are those of the contracts
        write_page_checksum=True,
    ) as writer:
        writer.write_table(counted)
        # Which a schema that is not stored would take along.
        writer.add_key_value_metadata(counted.schema.metadata or {})
    whole = stream.getbuffer()
    at = _footer_start(whole)
    return b"".join((whole[:at], _SEAL, _crc(whole[:at]), _crc(whole[at:]), whole[at:]))


def write_file(path: UPath | Path, table: pa.Table, *, sync_folder: bool = True) -> None:
    """Write a table to a file; `sync_folder` is as in `write_atomic`. Raises StorageError."""
    data = to_bytes(table)
    write_atomic(path, lambda stream: stream.write(data), sync_folder=sync_folder)


def read_file(path: UPath, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Returns the rows of one file of the asset `name`, all columns or those named. Raises StorageError if damaged."""
    try:
        data = Path(path.path).read_bytes() if is_local(path) else read_object(path)
        return from_bytes(data, columns)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, name, error) from error


def from_bytes(data: bytes, columns: Sequence[str] | None = None, *, sealed: bool = True) -> pa.Table:
    """Returns the rows of a file made by `to_bytes`, or with `sealed=False` of any other with page checksums.

    Raises ArrowInvalid, or OSError, when it is damaged.
    """
    import pyarrow.parquet as pq

    whole = memoryview(data)
    at = _footer_start(whole)
    if sealed:
        _read_seal(whole, at)
    parquet = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
    return parquet.read(columns=None if columns is None else list(columns), use_threads=False)


def check_table(stream: BinaryIO) -> None:
    """Verify all of a file made by `to_bytes`, in small pieces. Raises as `from_bytes` does."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(size - _END, 0))
    footer = int.from_bytes(stream.read(4), "little") + _END
    stream.seek(max(size - footer - max(_SEALS.values()), 0))
    tail = memoryview(stream.read())
    length, before = _read_seal(tail, _footer_start(tail))
    if before is not None:
        check_bytes(stream, before, size - footer - length)
    check_rows(stream)


def read_seal_of(stream: BinaryIO, size: int) -> bytes | None:
    """Returns the checksums of a file's rows and footer; null where it has none of the rows. `size` is in bytes.

    Raises ArrowInvalid when it does not end as a file of the lake does.
    """
    stream.seek(max(size - _END, 0))
    end = stream.read(_END)
    at = size - _END - int.from_bytes(end[:4], "little")
    if end[4:] != b"PAR1" or at < _SEALS[_SEAL]:
        raise pa.ArrowInvalid("it does not end as a Parquet file does")
    stream.seek(at - _SEALS[_SEAL])
    seal = stream.read(_SEALS[_SEAL])
    return seal[len(_SEAL) :] if seal.startswith(_SEAL) else None


def check_bytes(stream: BinaryIO, crc: int, length: int | None = None) -> None:
    """Compare the CRC-32 of a file, or of its first bytes. Raises ArrowInvalid when it differs."""
    if crc_of(stream, length) != crc:
        raise pa.ArrowInvalid("its bytes are not those that were written")


def crc_of(stream: BinaryIO, length: int | None = None) -> int:
    """Returns the CRC-32 of a file, or of its first bytes, reading it in small pieces."""
    left = stream.seek(0, os.SEEK_END) if length is None else length
    stream.seek(0)
    crc = 0
    while left and (data := stream.read(min(left, _BYTES_AT_ONCE))):
        crc, left = zlib.crc32(data, crc), left - len(data)
    return crc


def check_rows(stream: BinaryIO, rows: int | None = None) -> None:
    """Verify all of a Parquet file with page checksums, in small pieces.

    Raises ArrowInvalid, or OSError, when it is damaged or has another number of `rows`.
    """
    import pyarrow.parquet as pq

    stream.seek(0)
    parquet = pq.ParquetFile(stream, page_checksum_verification=True)
    found = sum(batch.num_rows for batch in parquet.iter_batches(_ROWS_AT_ONCE, use_threads=False))
    if rows is not None and found != rows:
        raise pa.ArrowInvalid(f"it has {found} rows in the place of {rows}")


def footer_counts(path: UPath, name: str) -> tuple[int, Counter[str]]:
    """Returns the number of rows of a file of the asset `name`, and the counts by status, without reading rows."""
    import pyarrow.parquet as pq

    try:
        footer = pq.read_metadata(path.path if is_local(path) else io.BytesIO(read_object(path)))
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, name, error) from error
    statuses = json.loads((footer.metadata or {}).get(_STATUSES, b"{}"))
    return footer.num_rows, Counter(statuses)


def damaged(path: UPath, name: str, error: Exception) -> StorageError:
    """Returns the error for an unreadable file; only for network storage it suggests a retry."""
    lasting = isinstance(error, pa.ArrowException) or is_local(path)
    remedy = (
        "Nothing can make it again: it is what people decided. Put it back from a backup: instagram-assets restore."
        if name in BY_HAND
        else f"Delete the file and make {name} again for its days: instagram-assets materialize {name}."
    )
    return (DamagedError if lasting else StorageError)(f"{path}: damaged or unreadable ({error}). {remedy}")


def as_table(obj: Any, name: str) -> pa.Table:
    """Returns a table, a reader or a data frame as a table with the schema of the contract `name`, where there is one.

    Raises ContractError when the columns are wrong.
    """
    if isinstance(obj, pa.RecordBatchReader):
        obj = obj.read_all()
    table = obj if isinstance(obj, pa.Table) else pa.Table.from_pandas(obj, preserve_index=False)
    contract = CONTRACTS.get(name)
    return contract.conform(table, name) if contract else table.replace_schema_metadata(None)


def _counted(table: pa.Table) -> pa.Table:
    if "status" not in table.column_names:
        return table
    counts = {row["values"]: row["counts"] for row in compute.value_counts(table["status"].drop_null()).to_pylist()}
    return table.replace_schema_metadata(
        {**(table.schema.metadata or {}), _STATUSES: json.dumps(counts, sort_keys=True)}
    )


def _footer_start(whole: memoryview) -> int:
    """Returns the offset of the footer. Raises ArrowInvalid when this cannot be a Parquet file."""
    at = len(whole) - _END - int.from_bytes(whole[-_END:-4], "little")
    if bytes(whole[-4:]) != b"PAR1" or at < 4:
        raise pa.ArrowInvalid("it does not end as a Parquet file does")
    return at


def _read_seal(whole: memoryview, at: int) -> tuple[int, int | None]:
    """Returns the length of the seal before a footer, and the CRC-32 of all before it; null in a footer-only seal.

    Raises ArrowInvalid when the footer is not the one that was sealed.
    """
    for mark, length in _SEALS.items():
        seal = bytes(whole[max(at - length, 0) : at])
        if seal.startswith(mark) and seal.endswith(_crc(whole[at:])):
            return length, int.from_bytes(seal[4:8], "little") if length == _SEALS[_SEAL] else None
    raise pa.ArrowInvalid("the footer is not the one that was written")


def _crc(data: memoryview) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")
