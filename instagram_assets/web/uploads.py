"""Uploads of export files into the inbox: streamed into a hidden file, which is renamed when it is complete."""

import asyncio
import codecs
import errno
import hashlib
import os
import shutil
import unicodedata
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import BinaryIO, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from instagram_assets.automation.forget_requests import refuse_while_paused
from instagram_assets.errors import DiskFullError, FileError, InstagramAssetsError, StorageError
from instagram_assets.ingest.folder_scan import is_ignored, is_named_as_export, is_named_as_table
from instagram_assets.ingest.reader.file_types import TYPE_HEAD_BYTES, data_kind, text_kind
from instagram_assets.media.format_detection import is_binary, text_format
from instagram_assets.report.safe_text import first_control_character
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import make_folder, refusal, sweep_in, sync_folders, temporary_beside
from instagram_assets.storage.fingerprints import file_sha256
from instagram_assets.storage.locks import folder_lock

ENDINGS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".xlsx", ".xlsm", ".zip", ".gz", ".xz")
"""File extensions that the browser's file dialog offers; `.gz` and `.xz` only as packed files of the first five."""
TAKEN = "JSON (.json, .jsonl, .ndjson), tables (.csv, .tsv, .xlsx), these packed (.gz, .xz), and ZIP"

_ZIP = ".zip"
_LONGEST_NAME = 200
_BUFFER = 1 << 20
_SECONDS_WITHOUT_A_BYTE = 60
_PACKED = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"\x1f\x8b", b"\xfd7zXZ\x00")
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class NotTakenError(InstagramAssetsError):
    """An uploaded file has a format that the inbox cannot read."""


class TooLargeError(InstagramAssetsError):
    """An uploaded file is larger than the setting `web.max_upload_mb` allows."""


@dataclass(frozen=True)
class Uploaded:
    """An uploaded file in the inbox: its name there, its size in bytes, and the SHA-256 of its bytes in hexadecimal.

    `is_new` is false when a file of that name with these bytes was there already.
    """

    name: str
    bytes: int
    sha256: str
    is_new: bool


async def take(
    name: str,
    chunks: AsyncIterator[bytes],
    settings: Settings,
    announced: int | None = None,
    modified: datetime | None = None,
) -> Uploaded:
    """Stream an upload into a file of the inbox; if another file has that name, a number is appended to it.

    `announced` is the size in bytes that the client announced. `modified` is when the file was last written at its
    source; it becomes the file's mtime, which is the observation time of records that have none. Memory use is
    constant, and the file appears in the inbox only when it is complete and synced to disk. Raises FileError for an
    invalid name or an incomplete upload, NotTakenError for an unsupported format, PausedError during an erasure,
    TooLargeError, DiskFullError, and StorageError if the file cannot be written; no files are left behind then.
    """
    name, inbox = plain_name(name), settings.folder("inbox")
    most = settings.web.max_upload_mb << 20
    _refuse_large(name, announced or 0, most, settings)
    temporary = await run_in_threadpool(_prepare, inbox, name, announced or 0)
    try:
        written = await _write(name, chunks, temporary, most, settings)
        if announced is not None and written.bytes != announced:
            raise FileError(name, f"{written.bytes:,} of {announced:,} bytes came", "Send it again")
        return await run_in_threadpool(_publish, temporary, inbox / name, written, modified)
    except OSError as error:
        raise _refused(inbox / name, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def plain_name(name: str) -> str:
    """Returns the file name in Unicode NFC.

    Raises FileError for a path, a hidden file, a name with control characters or one that is too long, and
    NotTakenError for an unsupported file extension.
    """
    name = unicodedata.normalize("NFC", name)
    problem = ""
    if "/" in name or "\\" in name:
        problem = "a path"
    elif not name or name.startswith("."):
        problem = "a hidden name" if name else "an empty name"
    elif first_control_character(name):
        problem = "a name with control signs"
    elif len(name.encode()) > _LONGEST_NAME:
        problem = f"a name of more than {_LONGEST_NAME} bytes"
    if problem:
        shown = ascii(name[:80])[1:-1].replace("\\\\", "\\")
        raise FileError(shown, f"this is {problem}", "Give the file one plain name, such as posts.json")
    if is_ignored(name) or not (name.lower().endswith(_ZIP) or is_named_as_export(name) or is_named_as_table(name)):
        raise NotTakenError(f"{name}: files of this ending are not read. Taken are {TAKEN}.")
    return name


def refuse_kind(name: str, head: bytes) -> None:
    """Raise NotTakenError if a file's first bytes show an unsupported format; the rest is checked when it is read."""
    if head.startswith((*_PACKED, *_WIDE_MARKS)):
        return
    kind = data_kind(head)
    if kind is None and (is_binary(head) or text_format(head) in ("HTML", "XML", "SVG")):
        kind = text_kind(head)
    if kind:
        raise NotTakenError(f"{name}: this is {kind.name}. {kind.remedy}.")


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


@dataclass(frozen=True)
class _Written:
    bytes: int
    sha256: str


def _refuse_large(name: str, size: int, most: int, settings: Settings) -> None:
    if size > most:
        raise TooLargeError(
            f"{name}: larger than {settings.web.max_upload_mb:,} MB. Put it into {settings.folder('inbox')} yourself, "
            "or set INSTAGRAM_ASSETS_WEB__MAX_UPLOAD_MB higher."
        )


def _prepare(inbox: Path, name: str, size: int) -> Path:
    """Returns the path of the hidden file; checks the free disk space, and deletes leftovers of aborted uploads.

    Raises DiskFullError if `size` bytes do not fit.
    """
    try:
        make_folder(inbox)
        sweep_in(inbox)
        free = shutil.disk_usage(inbox).free
    except OSError as error:
        raise refusal(inbox, error) from error
    if size > free:
        raise DiskFullError(
            f"{name}: {size >> 20:,} MB do not fit, {free >> 20:,} MB are free. Free space on that disk."
        )
    return temporary_beside(inbox / name)


async def _write(name: str, chunks: AsyncIterator[bytes], to: Path, most: int, settings: Settings) -> _Written:
    """Writes the chunks to a file; checks the format before the first write, and the size limit with every chunk.

    `most` is the size limit in bytes. Raises FileError for an empty or incomplete upload, NotTakenError for an
    unsupported format, TooLargeError above the limit, PausedError during an erasure, and OSError.
    """
    digest, buffer, total = hashlib.sha256(), bytearray(), 0
    stream: BinaryIO | None = None
    try:
        async for chunk in _in_time(name, chunks):
            buffer += chunk
            _refuse_large(name, total + len(buffer), most, settings)
            if len(buffer) >= _BUFFER or (stream is None and len(buffer) >= TYPE_HEAD_BYTES):
                if stream is None:
                    refuse_kind(name, bytes(buffer[:TYPE_HEAD_BYTES]))
                    stream = await run_in_threadpool(open, to, "xb")
                await run_in_threadpool(refuse_while_paused)  # an erasure may have begun since the first byte
                await run_in_threadpool(_append, stream, bytes(buffer), digest)
                total += len(buffer)
                buffer.clear()
        if not total and not buffer:
            raise FileError(name, "the file is empty", "Export it again")
        if stream is None:
            refuse_kind(name, bytes(buffer))
            stream = await run_in_threadpool(open, to, "xb")
        await run_in_threadpool(_append, stream, bytes(buffer), digest, is_last=True)
        return _Written(total + len(buffer), digest.hexdigest())
    finally:
        if stream is not None:
            with suppress(OSError):  # the first error is the one to report
                stream.close()


async def _in_time(name: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yields the non-empty chunks; raises FileError if none arrives for a minute or the connection is lost."""
    while True:
        try:
            async with asyncio.timeout(_SECONDS_WITHOUT_A_BYTE):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except ClientDisconnect:
            raise FileError(name, "the connection broke off", "Send it again") from None
        except TimeoutError:
            problem = f"nothing more came for {_SECONDS_WITHOUT_A_BYTE} seconds"
            raise FileError(name, problem, "Send it again") from None
        if chunk:
            yield chunk


def _append(stream: BinaryIO, data: bytes, digest: _Digest, *, is_last: bool = False) -> None:
    stream.write(data)
    digest.update(data)
    if is_last:
        stream.flush()
        os.fsync(stream.fileno())


def _publish(temporary: Path, final: Path, written: _Written, modified: datetime | None) -> Uploaded:
    """Renames the complete file to its final name, or to a numbered name if that is taken; never overwrites a file."""
    refuse_while_paused()
    now = datetime.now(UTC)
    if modified is not None and 0 < modified.timestamp() < now.timestamp():
        os.utime(temporary, (now.timestamp(), modified.timestamp()))
    with folder_lock(final.parent):  # if two uploads choose the same name at once
        path, is_new = next(filter(None, (_placed(temporary, final, number, written) for number in count(1))))
    sync_folders([final.parent])
    return Uploaded(path.name, written.bytes, written.sha256, is_new)


def _placed(temporary: Path, final: Path, number: int, written: _Written) -> tuple[Path, bool] | None:
    """Tries to rename the file to `final` with `number` appended; returns the path and whether the file is new.

    If a file with the same content has that name, it is not written again. Returns None if one with other content has
    it.
    """
    path = final if number == 1 else _numbered(final, number)
    if _has(path, written):
        return path, False
    return (path, True) if _named(temporary, path) else None


def _numbered(path: Path, number: int) -> Path:
    """Returns the path with a number: `posts-2.json` for `posts.json`, `posts-2.json.gz` for `posts.json.gz`."""
    stem, dot, ending = path.name.partition(".")
    if len(ending) > len(".jsonl.gz"):
        stem, dot, ending = path.name.rpartition(".")
    return path.with_name(f"{stem}-{number}{dot}{ending}")


def _has(path: Path, written: _Written) -> bool:
    """Whether a file with this path and the same content exists already."""
    try:
        return path.is_file() and path.stat().st_size == written.bytes and file_sha256(path) == written.sha256
    except OSError:  # it was landed meanwhile, or is not readable
        return False


def _named(temporary: Path, path: Path) -> bool:
    """Renames a file unless the new name is taken; returns whether it did.

    It creates a hard link, which fails for a name that is taken, whereas renaming would overwrite the file.
    """
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        if os.path.lexists(path):  # a file system without hard links
            return False
        os.rename(temporary, path)
        return True
    os.unlink(temporary)
    return True


def _refused(path: Path, error: OSError) -> StorageError:
    problem = refusal(path, error)
    return DiskFullError(str(problem)) if error.errno in _FULL else problem
