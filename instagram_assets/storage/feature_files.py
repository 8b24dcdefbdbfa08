"""Immutable Parquet files of a feature store, with checksums in their names that are verified on reading.

Parquet's page checksums cover the values but not the footer, which contains their offsets; so the footer's CRC-32 is in
the file name. When every single bit of a small file was flipped in turn, 2 flips gave a wrong row without this
checksum, and none with it. The name also has the CRC-32 of the whole file, for a full check.
"""

import fcntl
import io
import logging
import os
import re
import uuid
import zlib
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
from upath import UPath

from instagram_assets.errors import ContractError, StorageError
from instagram_assets.storage import atomic
from instagram_assets.storage.parquet_files import check_bytes, check_rows, crc_of

if TYPE_CHECKING:
    import pyarrow.parquet as pq

ROW_GROUP = 1024
"""The number of rows in a row group; the last row group of a file can have fewer."""

_logger = logging.getLogger(__name__)

_NAME = re.compile(
    r"(?P<written>\d{20})-(?P<rows>\d+)-(?P<footer>[0-9a-f]{8})-"
    r"(?:(?P<whole>[0-9a-f]{8})-)?"  # file names of earlier versions lack it
    r"[0-9a-f]{32}\.parquet"
)
_FOOTER_END = 8


@dataclass(frozen=True, slots=True, order=True)
class File:
    """A stored file: Unix time of its newest row (ns), name, row count, CRC-32 of the footer and of the whole file.

    `whole` is None for files of earlier versions, whose names lack it.
    """

    written: int
    name: str
    rows: int
    footer: int
    whole: int | None = None


class FeatureFileGoneError(Exception):
    """Raised if a listed file was merged, or was damaged and moved aside; the caller should list the files again."""


def list_files(folder: UPath) -> list[File]:
    """Returns the stored files, oldest first, ignoring other files in the folder."""
    matches = filter(None, map(_NAME.fullmatch, _names(folder)))
    return sorted(
        File(int(m["written"]), m[0], int(m["rows"]), int(m["footer"], 16), int(m["whole"], 16) if m["whole"] else None)
        for m in matches
    )


def write_feature_file(folder: UPath, rows: pa.Table, written: int) -> None:
    """Write rows as one new file with a unique name; durable on return. `written` is the newest row's Unix time in ns.

    Raises StorageError on an I/O error.
    """
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(
        rows.combine_chunks(),
        stream,
        row_group_size=ROW_GROUP,
        compression="zstd",
        compression_level=1,
        use_dictionary=False,
        write_statistics=False,
        write_page_checksum=True,
    )
    footer, whole = _footer_crc(stream), crc_of(stream)
    name = f"{written:020}-{rows.num_rows}-{footer:08x}-{whole:08x}-{uuid.uuid4().hex}.parquet"
    atomic.write_atomic(folder / name, lambda target: target.write(stream.getbuffer()))


@contextmanager
def open_feature_file(folder: UPath, file: File, columns: pa.Schema) -> Generator["pq.ParquetFile"]:
    """Context manager that opens a stored file for reading.

    A damaged file, detected on opening or while it is read, is moved to the folder `damaged` with a warning. Raises
    FeatureFileGoneError in this case and if the file no longer exists, ContractError if its columns are not `columns`,
    StorageError on an I/O error.
    """
    import pyarrow.parquet as pq

    path = folder / file.name
    try:
        with path.open("rb") as stream:
            if _footer_crc(stream) != file.footer:
                raise pa.ArrowInvalid("the footer is not the one that was written")
            parquet = pq.ParquetFile(stream, page_checksum_verification=True)
            _check_columns(parquet.schema_arrow, columns, path)
            yield parquet
    except FileNotFoundError as error:
        raise FeatureFileGoneError from error
    except (pa.ArrowException, OSError) as error:
        # Arrow's decoding errors have no errno; disk and network errors have one.
        if isinstance(error, OSError) and error.errno is not None:
            raise StorageError(f"{path}: cannot be read ({error.strerror}). Fix access, then run again.") from error
        _move_aside(folder, file, error)
        raise FeatureFileGoneError from error


def check_features(stream: BinaryIO, file: File) -> None:
    """Verify all bytes and rows of a stored file, in small chunks. Raises ArrowInvalid or OSError if it is damaged."""
    if _footer_crc(stream) != file.footer:
        raise pa.ArrowInvalid("the footer is not the one that was written")
    if file.whole is not None:
        check_bytes(stream, file.whole)
    check_rows(stream, file.rows)


def remove_feature_files(folder: UPath, files: Iterable[File]) -> None:
    """Delete files; those already deleted by another process are ignored."""
    for file in files:
        (folder / file.name).unlink(missing_ok=True)
    if atomic.is_local(folder):
        atomic.sync_folders([Path(folder.path)])


@contextmanager
def try_folder_lock(folder: UPath) -> Generator[bool]:
    """Context manager that tries to lock a folder without waiting; yields whether it did (on object stores: true)."""
    if not atomic.is_local(folder):
        yield True
        return
    descriptor = os.open(folder.path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def _names(folder: UPath) -> list[str]:
    if atomic.is_local(folder):
        try:
            return os.listdir(folder.path)
        except FileNotFoundError:
            return []
    # fsspec caches listings, and another process can have changed the folder since.
    folder.fs.invalidate_cache(folder.path)
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def _check_columns(found: pa.Schema, expected: pa.Schema, path: UPath) -> None:
    if not found.equals(expected):
        raise ContractError(
            f"{path}: has the columns {found.names}, not {expected.names}, or other types. "
            "Columns that change need a new fingerprint; take the folder away to compute it again."
        )


def _move_aside(folder: UPath, file: File, error: Exception) -> None:
    _logger.warning(
        "%s is damaged (%s). It was moved to the folder `damaged` beside it; its %d rows are computed again.",
        folder / file.name,
        error,
        file.rows,
    )
    aside = folder / "damaged"
    try:
        if atomic.is_local(folder):
            atomic.make_folder(Path(aside.path))
        folder.fs.mv((folder / file.name).path, (aside / file.name).path)
        if atomic.is_local(folder):
            atomic.sync_folders([Path(aside.path), Path(folder.path)])
    except FileNotFoundError:
        return  # another process has moved it already
    except OSError as refusal:
        raise StorageError(f"{folder / file.name}: damaged and cannot be moved ({refusal}). Take it away.") from refusal


def _footer_crc(stream: BinaryIO) -> int:
    """Returns the CRC-32 of a Parquet file's footer; 0 if the file has no valid footer length."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _FOOTER_END))
    length = int.from_bytes(stream.read(4), "little") + _FOOTER_END
    if length > size:
        return 0
    stream.seek(size - length)
    return zlib.crc32(stream.read(length))
