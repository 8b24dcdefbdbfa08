"""Files to be stored, where they lie, and how they are read."""

import hashlib
import io
import os
import re
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Self

from upath import UPath

from instagram_assets.backups.databases import copy_of, is_sqlite, log_stamp
from instagram_assets.backups.manifest import portable
from instagram_assets.errors import StorageError
from instagram_assets.storage import objects
from instagram_assets.storage.atomic import is_local, is_temporary

_DATABASE = re.compile(r"\.(sqlite|db)$")
_BESIDE_DATABASE = re.compile(r"\.(sqlite|db)-(wal|shm|journal)$")


class UnreadableError(Exception):
    """A file cannot be read; the message says why."""


class GoneError(Exception):
    """A file is not there any more: it was moved, folded with others, or taken away. Look again."""


@dataclass(frozen=True)
class Found:
    """A file to be stored: its place in the backup, what tells that it changed, and how it is opened.

    Opening raises GoneError or UnreadableError, and so does reading what was opened.
    """

    path: str
    size: int
    modified_ns: int
    stamp: str
    open: Callable[[], "Reading"]


class Reading:
    """The bytes of one file. What goes wrong with it is told apart from what goes wrong where it is stored.

    `is_changed` says, once it is closed, that somebody wrote in the file while it was read.
    """

    def __init__(self, stream: BinaryIO, size: int, modified_ns: int, before: os.stat_result | None = None) -> None:
        self._stream, self.size, self.modified_ns = stream, size, modified_ns
        self._before = before
        self.is_changed = False

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._stream.read(size)
        except OSError as error:
            raise UnreadableError(error.strerror or str(error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._before:
            now = os.fstat(self._stream.fileno())
            self.is_changed = (now.st_size, now.st_mtime_ns) != (self._before.st_size, self._before.st_mtime_ns)
        self._stream.close()


def below(root: UPath, prefix: str, leaves: Callable[[str], bool] = lambda path: False) -> Iterator[Found]:
    """The files below a folder or an address, in the order of their names; `leaves` says which paths are left out.

    Sockets, temporary files and what belongs to a database that is not at rest are left out, too.
    """
    if not is_local(root):
        yield from _objects_below(root, prefix, leaves)
        return
    yield from _files_below(root.path, prefix, "", leaves)


def file_at(file: UPath | Path, place: str) -> Iterator[Found]:
    """One file, where it is there."""
    path = UPath(file)
    if not is_local(path):
        yield from (found for found in _objects_below(path, place, lambda inner: inner != ""))
        return
    try:
        told = os.stat(path.path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        yield _unreadable(place, error)
        return
    if stat.S_ISREG(told.st_mode):
        yield _file(path.path, place, told)


def made(path: str, content: bytes, modified_ns: int = 0) -> Found:
    """A file that only is in the backup."""
    stamp = hashlib.sha256(content).hexdigest()[:16]
    return Found(
        path, len(content), modified_ns, stamp, lambda: Reading(io.BytesIO(content), len(content), modified_ns)
    )


def stamp_of(told: os.stat_result) -> str:
    """What is another text when a file has been replaced or written to."""
    return f"{told.st_size:x}-{told.st_mtime_ns:x}-{told.st_ctime_ns:x}-{told.st_ino:x}"


def _files_below(folder: str, prefix: str, inner: str, leaves: Callable[[str], bool]) -> Iterator[Found]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        yield _unreadable(prefix + inner, error)
        return
    for entry in found:
        path = f"{inner}{entry.name}"
        if is_temporary(entry.name) or _BESIDE_DATABASE.search(entry.name) or leaves(path):
            continue
        try:
            if entry.is_dir(follow_symlinks=not inner):  # a whole part may lie on another disk
                yield from _files_below(entry.path, prefix, f"{path}/", leaves)
            elif entry.is_file():
                yield _file(entry.path, prefix + path, entry.stat())
        except FileNotFoundError:
            continue
        except OSError as error:
            yield _unreadable(prefix + path, error)


def _file(path: str, place: str, told: os.stat_result) -> Found:
    is_database = _DATABASE.search(path) is not None
    stamp = stamp_of(told) + (log_stamp(path) if is_database else "")
    opened = partial(_open_database if is_database else _open_file, path)
    return Found(portable(place), told.st_size, told.st_mtime_ns, stamp, opened)


def _open_database(path: str) -> Reading:
    """A copy of a database as it is at one moment, whoever writes in it; what only is named like one is a file."""
    with _open_file(path) as begin:
        if not is_sqlite(begin.read(16)):
            return _open_file(path)
        modified_ns = begin.modified_ns
    try:
        copy = copy_of(path)
    except (sqlite3.Error, OSError) as error:
        raise UnreadableError(f"the database cannot be copied: {error}") from error
    size = copy.seek(0, os.SEEK_END)
    copy.seek(0)
    return Reading(copy, size, modified_ns)


def _open_file(path: str) -> Reading:
    try:
        stream = open(path, "rb", buffering=0)  # noqa: SIM115
    except FileNotFoundError as error:
        raise GoneError from error
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from error
    told = os.fstat(stream.fileno())
    return Reading(io.BufferedReader(stream, 1 << 17), told.st_size, told.st_mtime_ns, told)


def _objects_below(root: UPath, prefix: str, leaves: Callable[[str], bool]) -> Iterator[Found]:
    store: Any = root.fs
    store.invalidate_cache()  # s3fs remembers listings, and other processes write, too
    base = root.path.rstrip("/")
    try:
        found = store.find(base, detail=True)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"{root}: cannot be read ({error}). Run again when the store answers.") from error
    for name, told in sorted(found.items()):
        path = name.removeprefix(base).removeprefix("/")
        if leaves(path) or name.endswith("/"):
            continue
        modified = told.get("LastModified")
        modified_ns = int(modified.timestamp() * 1_000_000_000) if modified else 0
        tag = str(told.get("ETag", "")).strip('"')
        opened = partial(_open_object, root / path if path else root, told["size"], modified_ns)
        yield Found(prefix + path, told["size"], modified_ns, f"{told['size']:x}-{tag}" if tag else "", opened)


def _open_object(path: UPath, size: int, modified_ns: int) -> Reading:
    """One version of an object: small ones by one request, large ones are never written a second time."""
    try:
        if size <= objects.LARGEST:
            data = objects.read_object(path)
            return Reading(io.BytesIO(data), len(data), modified_ns)
        return Reading(path.open("rb"), size, modified_ns)  # pyright: ignore[reportArgumentType] it acts as a file
    except FileNotFoundError as error:
        raise GoneError from error
    except OSError as error:
        raise UnreadableError(str(error)) from error


def _unreadable(place: str, error: OSError) -> Found:
    """A file, or a whole folder, that cannot even be looked at: it is named with those that are missing."""

    def refused() -> Reading:
        raise UnreadableError(error.strerror or str(error))

    return Found(portable(place.rstrip("/")), 0, 0, "", refused)
