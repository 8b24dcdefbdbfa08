"""Lists the files to back up on disk or in an object store, and reads each of them consistently."""

import hashlib
import io
import os
import re
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

from upath import UPath

from instagram_assets.backups.database_copies import copy_of, is_sqlite, log_stamp
from instagram_assets.backups.manifest import portable
from instagram_assets.errors import StorageError
from instagram_assets.storage import object_store
from instagram_assets.storage.atomic import is_local, is_temporary

_DATABASE = re.compile(r"\.(sqlite|db)$")
_BESIDE_DATABASE = re.compile(r"\.(sqlite|db)-(wal|shm|journal)$")
# Also the usual names of copies: `pseudonyms (1).key`, `tombstones.jsonl~`.
_OF_KEYS = re.compile(r"(pseudonyms.*\.key|tombstones.*\.(key|jsonl)).*")
_SIZES_OF_KEYS = (64, 65)
"""Sizes of a key file in bytes: 64 hexadecimal digits, with or without a newline."""
_IS_LINK = "a link; what it leads to is stored where it lies, or is not part of the data folder"
_IS_KEY = "a key or tombstones, or named like them"


class UnreadableFileError(Exception):
    """Raised for a file that cannot be read; the message says why."""


class VanishedError(Exception):
    """Raised for a listed file that was moved, merged or removed since: the caller must list the folder again."""


@dataclass(frozen=True)
class FileToStore:
    """A file to back up: its path in the backup, a stamp that changes with its content, and a function that opens it.

    The function, and reading from its result, raise VanishedError or UnreadableFileError.
    """

    path: str
    size: int
    modified_ns: int
    stamp: str
    open: Callable[[], "FileReading"]


class FileReading:
    """The content of one file as a stream; reading raises UnreadableFileError if the file cannot be read.

    `is_changed` is true, once the stream is closed, if the file was written to while it was read.
    """

    def __init__(self, stream: BinaryIO, size: int, modified_ns: int, before: os.stat_result | None = None) -> None:
        self._stream, self.size, self.modified_ns = stream, size, modified_ns
        self._before = before
        self.is_changed = False

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._stream.read(size)
        except OSError as error:
            raise UnreadableFileError(error.strerror or str(error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._before:
            now = os.fstat(self._stream.fileno())
            self.is_changed = (now.st_size, now.st_mtime_ns) != (self._before.st_size, self._before.st_mtime_ns)
        self._stream.close()


def no_file(path: str) -> bool:
    """Always false: a path filter that matches no path."""
    return False


@dataclass(frozen=True)
class NeverStored:
    """The exclusion rules of all backups: the folder of the secret keys, copies of keys, and symbolic links.

    `left_out` maps the path of each excluded copy and link to the reason.
    """

    folder: str
    keys: frozenset[bytes]
    left_out: dict[str, str] = field(default_factory=dict[str, str])

    def has(self, entry: "os.DirEntry[str]", place: str, real: str) -> bool:
        """Whether a directory entry, whose real path is `real` and backup path is `place`, is excluded."""
        if real == self.folder:
            return True
        if entry.is_symlink():
            # A link's target belongs to somebody else, or is stored or excluded under its own path.
            return self.notes(place, _IS_LINK)
        is_key = _OF_KEYS.fullmatch(entry.name) is not None and not entry.is_dir()
        return (is_key or self._is_copy(entry)) and self.notes(place, _IS_KEY)

    def has_link(self, path: UPath, place: str) -> bool:
        """Whether a folder is excluded because it is a symbolic link, which only a user can have created."""
        return os.path.islink(path.path) and self.notes(place, _IS_LINK)

    def has_object(self, path: str, place: str) -> bool:
        """Whether an object of an object store is excluded, because it is named like a file with keys."""
        return _OF_KEYS.fullmatch(path.rpartition("/")[2]) is not None and self.notes(place, _IS_KEY)

    def _is_copy(self, entry: "os.DirEntry[str]") -> bool:
        if not self.keys or not entry.is_file() or entry.stat().st_size not in _SIZES_OF_KEYS:
            return False
        return Path(entry.path).read_bytes().strip() in self.keys

    def notes(self, place: str, what: str) -> bool:
        """Records an excluded path with the reason (`what`); always true."""
        self.left_out[portable(place)] = what
        return True


def files_below(
    root: UPath,
    prefix: str,
    never: NeverStored,
    leaves: Callable[[str], bool] = no_file,
    own: Callable[[str], bool] = no_file,
) -> Iterator[FileToStore]:
    """Yields the files below a folder or an address, sorted by name; paths for which `leaves` is true are left out.

    Sockets, temporary files and the journals of open databases are left out, too. The folder itself can be a link, e.g.
    to another disk, and so can the folders directly in it for which `own` is true (the program's own).
    """
    if not is_local(root):
        found = _objects_below(root, prefix, leaves)
        yield from (each for each in found if not never.has_object(each.path, each.path))
        return
    real = os.path.realpath(root.path)
    if not Path(real).is_relative_to(never.folder):
        yield from _files_below(_Folder(root.path, real, ""), prefix, never, leaves, own)


def stored_file_at(file: UPath | Path, place: str) -> Iterator[FileToStore]:
    """Yields the file to back up, if it exists; `place` is its path in the backup."""
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


def file_from_bytes(path: str, content: bytes, modified_ns: int = 0) -> FileToStore:
    """Returns a file of the backup with content from memory."""
    stamp = hashlib.sha256(content).hexdigest()[:16]
    return FileToStore(
        path, len(content), modified_ns, stamp, lambda: FileReading(io.BytesIO(content), len(content), modified_ns)
    )


def _change_stamp(told: os.stat_result) -> str:
    """Returns a stamp that changes when a file is replaced or written to."""
    return f"{told.st_size:x}-{told.st_mtime_ns:x}-{told.st_ctime_ns:x}-{told.st_ino:x}"


class _Folder(NamedTuple):
    """A folder: the path by which it is accessed, its real path, and its path below the root."""

    path: str
    real: str
    inner: str


def _files_below(
    folder: _Folder, prefix: str, never: NeverStored, leaves: Callable[[str], bool], own: Callable[[str], bool]
) -> Iterator[FileToStore]:
    try:
        with os.scandir(folder.path) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        yield _unreadable(prefix + folder.inner, error)
        return
    for entry in found:
        path = f"{folder.inner}{entry.name}"
        if is_temporary(entry.name) or _BESIDE_DATABASE.search(entry.name) or leaves(path):
            continue
        try:
            is_own = not folder.inner and entry.is_symlink() and entry.is_dir() and own(entry.name)
            real = os.path.realpath(entry.path) if is_own else os.path.join(folder.real, entry.name)
            if is_own and Path(real).is_relative_to(never.folder):
                continue
            if not is_own and never.has(entry, prefix + path, real):
                continue
            if entry.is_dir():
                yield from _files_below(_Folder(entry.path, real, f"{path}/"), prefix, never, leaves, no_file)
            elif entry.is_file():
                yield _file(entry.path, prefix + path, entry.stat())
        except FileNotFoundError:
            continue
        except OSError as error:
            yield _unreadable(prefix + path, error)


def _file(path: str, place: str, told: os.stat_result) -> FileToStore:
    is_database = _DATABASE.search(path) is not None
    stamp = _change_stamp(told) + (log_stamp(path) if is_database else "")
    opened = partial(_open_database if is_database else _open_file, path)
    return FileToStore(portable(place), told.st_size, told.st_mtime_ns, stamp, opened)


def _open_database(path: str) -> FileReading:
    """Opens a consistent copy of an SQLite database, even while in use; other files are opened as they are."""
    with _open_file(path) as begin:
        if not is_sqlite(begin.read(16)):
            return _open_file(path)
        modified_ns = begin.modified_ns
    try:
        copy = copy_of(path)
    except (sqlite3.Error, OSError) as error:
        raise UnreadableFileError(f"the database cannot be copied: {error}") from error
    size = copy.seek(0, os.SEEK_END)
    copy.seek(0)
    return FileReading(copy, size, modified_ns)


def _open_file(path: str) -> FileReading:
    try:
        stream = open(path, "rb", buffering=0)  # noqa: SIM115
    except FileNotFoundError as error:
        raise VanishedError from error
    except OSError as error:
        raise UnreadableFileError(error.strerror or str(error)) from error
    told = os.fstat(stream.fileno())
    return FileReading(io.BufferedReader(stream, 1 << 17), told.st_size, told.st_mtime_ns, told)


def _objects_below(root: UPath, prefix: str, leaves: Callable[[str], bool]) -> Iterator[FileToStore]:
    store: Any = root.fs
    store.invalidate_cache()  # s3fs caches listings, and other processes write, too
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
        yield FileToStore(prefix + path, told["size"], modified_ns, f"{told['size']:x}-{tag}" if tag else "", opened)


def _open_object(path: UPath, size: int, modified_ns: int) -> FileReading:
    """Opens one version of an object: a small one is read by one request; large ones are never overwritten anyway."""
    try:
        if size <= object_store.LARGEST:
            data = object_store.read_object(path)
            return FileReading(io.BytesIO(data), len(data), modified_ns)
        return FileReading(path.open("rb"), size, modified_ns)  # pyright: ignore[reportArgumentType] it acts as a file
    except FileNotFoundError as error:
        raise VanishedError from error
    except OSError as error:
        raise UnreadableFileError(str(error)) from error


def _unreadable(place: str, error: OSError) -> FileToStore:
    """Returns an entry for a file or folder that cannot be read, and will be reported as missing."""

    def refused() -> FileReading:
        raise UnreadableFileError(error.strerror or str(error))

    return FileToStore(portable(place.rstrip("/")), 0, 0, "", refused)
