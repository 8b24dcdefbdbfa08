"""Parquet files with full integrity checks: pages by Parquet's checksums, the footer by a seal of our own.

Parquet's checksums cover the values, but neither page headers nor the footer with the offsets of the values, in which a
flipped bit can give wrong rows. So twelve bytes, the seal, are written before the footer, and all Parquet readers skip
them: a magic number, the CRC-32 of all bytes before the seal (compared by full checks only), and the CRC-32 of the
footer.
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
"""Tables that no run can recreate, because they contain decisions of users."""
_ROWS_AT_ONCE = 4_096
_MANY_ROWS = 200
"""Tables with fewer rows are written without dictionaries and with snappy: zstd would cost more time than it saves."""
_PRUNED = {column for contract in CONTRACTS.values() for column in contract.partitions}
"""Columns with min/max statistics, for file skipping; those of captions and URLs would be half of a small file."""
_SEAL = b"IAcs"
_SEALS = {_SEAL: 12, b"IAcr": 8}
"""Magic number → length of the seal in bytes; the seal of files by earlier versions has only the footer's CRC-32."""
_BYTES_AT_ONCE = 1 << 20
_END = 8  # the footer's length in four bytes, then PAR1


def to_bytes(table: pa.Table) -> bytes:
    """Returns a table as the bytes of a Parquet file; deterministic."""
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    many = table.num_rows >= _MANY_ROWS
    bounded: Any = [name for name in table.column_names if name in _PRUNED]  # pyarrow's type stubs allow only bool
    counted = _counted(table.combine_chunks())
    with pq.ParquetWriter(
        stream,
        counted.schema,
        compression="zstd" if many else "snappy",
        use_dictionary=many,
        write_statistics=bounded,
        store_schema=False,  # the contracts only have types that Parquet itself can represent
        write_page_checksum=True,
    ) as writer:
        writer.write_table(counted)
        # With `store_schema=False` the metadata is not written, so it is added here.
        writer.add_key_value_metadata(counted.schema.metadata or {})
    whole = stream.getbuffer()
    at = _footer_start(whole)
    return b"".join((whole[:at], _SEAL, _crc(whole[:at]), _crc(whole[at:]), whole[at:]))


def write_file(path: UPath | Path, table: pa.Table, *, sync_folder: bool = True) -> None:
    """Write a table to a Parquet file atomically; with `sync_folder=False` the caller fsyncs the folder.

    Raises StorageError on an I/O error.
    """
    data = to_bytes(table)
    write_atomic(path, lambda stream: stream.write(data), sync_folder=sync_folder)


def read_file(path: UPath, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Returns the rows of one file of the asset `name`, with all columns or `columns`.

    Raises StorageError if the file is damaged or cannot be read.
    """
    try:
        data = Path(path.path).read_bytes() if is_local(path) else read_object(path)
        return from_bytes(data, columns)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, name, error) from error


def from_bytes(data: bytes, columns: Sequence[str] | None = None, *, sealed: bool = True) -> pa.Table:
    """Returns the rows of a Parquet file made by `to_bytes`; `sealed=False` accepts a file without a seal.

    Raises ArrowInvalid or OSError if it is damaged.
    """
    import pyarrow.parquet as pq

    whole = memoryview(data)
    at = _footer_start(whole)
    if sealed:
        _read_seal(whole, at)
    parquet = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
    return parquet.read(columns=None if columns is None else list(columns), use_threads=False)


def check_table(stream: BinaryIO) -> None:
    """Verify all bytes and rows of a file made by `to_bytes`, in small chunks.

    Raises ArrowInvalid or OSError if it is damaged.
    """
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
    """Returns the two checksums in a file's seal, 8 bytes; None if the seal is missing or has only the footer's.

    `size` is the file's size in bytes. Raises ArrowInvalid if the file does not end as a sealed Parquet file.
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
    """Compare the CRC-32 of a file, or of its first `length` bytes, with `crc`. Raises ArrowInvalid if it differs."""
    if crc_of(stream, length) != crc:
        raise pa.ArrowInvalid("its bytes are not those that were written")


def crc_of(stream: BinaryIO, length: int | None = None) -> int:
    """Returns the CRC-32 of a file, or of its first `length` bytes, reading it in chunks."""
    left = stream.seek(0, os.SEEK_END) if length is None else length
    stream.seek(0)
    crc = 0
    while left and (data := stream.read(min(left, _BYTES_AT_ONCE))):
        crc, left = zlib.crc32(data, crc), left - len(data)
    return crc


def check_rows(stream: BinaryIO, rows: int | None = None) -> None:
    """Verify all pages of a Parquet file by their checksums, in small batches.

    Raises ArrowInvalid or OSError if it is damaged, or if its row count is not `rows`.
    """
    import pyarrow.parquet as pq

    stream.seek(0)
    parquet = pq.ParquetFile(stream, page_checksum_verification=True)
    found = sum(batch.num_rows for batch in parquet.iter_batches(_ROWS_AT_ONCE, use_threads=False))
    if rows is not None and found != rows:
        raise pa.ArrowInvalid(f"it has {found} rows in the place of {rows}")


def footer_counts(path: UPath, name: str) -> tuple[int, Counter[str]]:
    """Returns (number of rows, row counts by `status`) of a file of the asset `name`, from its footer only.

    Raises StorageError if the footer is damaged or cannot be read.
    """
    import pyarrow.parquet as pq

    try:
        footer = pq.read_metadata(path.path if is_local(path) else io.BytesIO(read_object(path)))
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, name, error) from error
    statuses = json.loads((footer.metadata or {}).get(_STATUSES, b"{}"))
    return footer.num_rows, Counter(statuses)


def damaged(path: UPath, name: str, error: Exception) -> StorageError:
    """Returns the error to raise for an unreadable file of the asset `name`, with a remedy in its message.

    It is a DamagedError for local files and decoding errors, for which a retry cannot help, and otherwise a
    StorageError.
    """
    lasting = isinstance(error, pa.ArrowException) or is_local(path)
    remedy = (
        "Nothing can make it again: it is what people decided. Put it back from a backup: instagram-assets restore."
        if name in BY_HAND
        else f"Delete the file and make {name} again for its days: instagram-assets materialize {name}."
    )
    return (DamagedError if lasting else StorageError)(f"{path}: damaged or unreadable ({error}). {remedy}")


def as_table(obj: Any, name: str) -> pa.Table:
    """Returns a table, a record batch reader or a data frame as a table with the schema of the contract `name`.

    If there is no contract with this name, the columns are unchanged. Raises ContractError if the columns are wrong.
    """
    if isinstance(obj, pa.RecordBatchReader):
        obj = obj.read_all()
    table = obj if isinstance(obj, pa.Table) else pa.Table.from_pandas(obj, preserve_index=False)
    contract = CONTRACTS.get(name)
    return contract.conform(table, name) if contract else table.replace_schema_metadata(None)


def _counted(table: pa.Table) -> pa.Table:
    """Returns the table with its row counts by `status`, if it has this column, in its metadata."""
    if "status" not in table.column_names:
        return table
    counts = {row["values"]: row["counts"] for row in compute.value_counts(table["status"].drop_null()).to_pylist()}
    return table.replace_schema_metadata(
        {**(table.schema.metadata or {}), _STATUSES: json.dumps(counts, sort_keys=True)}
    )


def _footer_start(whole: memoryview) -> int:
    """Returns the offset of the footer. Raises ArrowInvalid if the bytes do not end as a Parquet file."""
    at = len(whole) - _END - int.from_bytes(whole[-_END:-4], "little")
    if bytes(whole[-4:]) != b"PAR1" or at < 4:
        raise pa.ArrowInvalid("it does not end as a Parquet file does")
    return at


def _read_seal(whole: memoryview, at: int) -> tuple[int, int | None]:
    """Returns (length of the seal, CRC-32 of all bytes before it: None in a seal of earlier versions).

    Raises ArrowInvalid if the footer's CRC-32 is not the one in the seal.
    """
    for mark, length in _SEALS.items():
        seal = bytes(whole[max(at - length, 0) : at])
        if seal.startswith(mark) and seal.endswith(_crc(whole[at:])):
            return length, int.from_bytes(seal[4:8], "little") if length == _SEALS[_SEAL] else None
    raise pa.ArrowInvalid("the footer is not the one that was written")


def _crc(data: memoryview) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")
