"""Atomic and durable file writes.

As in restic and SQLite: write a temporary file in the same folder, fsync it, rename it to the final name, fsync the
folder. An object store publishes an object only when its upload is complete, so there a plain write is atomic.
"""

import errno
import glob
import hashlib
import os
import re
import socket
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from upath import UPath

from instagram_assets.errors import StorageError

_TEMPORARY = re.compile(r"^\..*\.(?P<host>[^.]*)\.(?P<pid>\d+)\.[0-9a-f]{32}\.tmp$")

# File names are limited to 255 bytes; the host name, the process id and 32 hexadecimal digits need the rest.
_LONGEST_STEM = 110
_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "Free space on that disk"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "Allow more open files (`ulimit -n 4096`)"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "Give this user the right to write there"),
    **dict.fromkeys((errno.ENOTDIR, errno.EEXIST), "Move the file away that lies where a folder belongs"),
    errno.EROFS: "Mount that disk for writing, or set INSTAGRAM_ASSETS_DATA_DIR to another",
    errno.EFBIG: "Allow larger files (`ulimit -f unlimited`)",
    errno.ENAMETOOLONG: "Give it a shorter name",
    errno.EIO: "Look after that disk: it reports errors",
}


def is_local(path: UPath) -> bool:
    """Returns whether a path is on a local file system, not in an object store."""
    return path.protocol in ("", "file")


def write_atomic(
    path: UPath | Path,
    write: Callable[[BinaryIO], object],
    *,
    sync_folder: bool = True,
    sweep_folder: bool = True,
    private: bool = False,
) -> None:
    """Create or replace the file `path` atomically with the bytes that the callback `write` writes.

    Until the new file is complete the old one is kept. With `sync_folder=False` the caller fsyncs the folder and new
    parent folders itself, once for many files. Temporary files of `path` that dead processes left are removed too,
    unless `sync_folder` or `sweep_folder` is false; this lists the folder. With `private` the file's mode is 0600; an
    object store ignores it. Raises StorageError on an I/O error.
    """
    target = UPath(path)
    try:
        if not is_local(target):
            with target.open("wb") as stream:
                write(stream)
            return
        final = Path(target.path)
        make_folder(final.parent, sync=sync_folder)
        temporary = temporary_beside(final)
        try:
            with open(temporary, "xb", opener=_for_owner if private else None) as stream:
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, final)
        except BaseException:
            with suppress(FileNotFoundError):
                temporary.unlink()
            raise
        if sync_folder:
            sync_folders([final.parent])
            if sweep_folder:
                sweep_beside(final)
    except OSError as error:
        raise refusal(target, error) from error


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def refusal(path: UPath | Path, error: OSError) -> StorageError:
    """Returns the StorageError, with a remedy, for a file or folder that could not be written."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    name = str(path).encode("utf-8", "replace").decode()
    return StorageError(f"{name}: cannot be written ({reason}). {remedy(error)}, then run again.")


def remedy(error: OSError) -> str:
    """Returns what the user can do about an error of the operating system, as a phrase without a full stop."""
    return _REMEDIES.get(error.errno or 0, "Free space or fix access")


def temporary_beside(final: Path) -> Path:
    """Returns a unique temporary path in the folder of `final`; its name contains the host and the process id."""
    return final.parent / f".{_stem(final)}.{_host()}.{os.getpid()}.{uuid.uuid4().hex}.tmp"


def shortened(name: str, limit: int) -> str:
    """Returns a file name cut to at most `limit` bytes, never inside a character."""
    while name and len(os.fsencode(name)) > limit:
        name = name[:-1]
    return name


def _stem(final: Path) -> str:
    """Returns the first part of the names of a file's temporary files, short enough for a name of 255 bytes."""
    name = os.fsencode(final.name)
    if len(name) <= _LONGEST_STEM:
        return final.name
    return f"{shortened(final.name, _LONGEST_STEM - 17)}-{hashlib.sha256(name).hexdigest()[:16]}"


def is_temporary(name: str) -> bool:
    """Whether a file name has the form that `temporary_beside` creates."""
    return _TEMPORARY.match(name) is not None


def make_folder(folder: Path, *, sync: bool = True) -> None:
    """Create a folder and its missing parents; with `sync` they are durable on return."""
    missing: list[Path] = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
    if sync:
        sync_folders({path.parent for path in missing})


def sync_folders(folders: Iterable[Path]) -> None:
    """Fsync folders, so that added and removed file names survive a power cut."""
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_durably(path: UPath | Path) -> bool:
    """Delete a file durably; returns whether it existed."""
    target = UPath(path)
    try:
        target.unlink()
    except FileNotFoundError:
        return False
    if is_local(target):
        sync_folders([Path(target.path).parent])
    return True


def sweep(folder: Path) -> int:
    """Remove the temporary files of dead processes of this host below `folder`; returns their number."""
    return sum(
        _remove_if_dead(Path(parent, name))
        for parent, _, names in os.walk(folder)
        for name in names
        if _TEMPORARY.match(name)  # creating path objects for thousands of files would be the main cost
    )


def sweep_in(folder: Path) -> int:
    """Remove the temporary files of dead processes of this host in `folder`, without subfolders; returns their number.

    A missing folder counts as empty.
    """
    try:
        return sum(_remove_if_dead(folder / name) for name in os.listdir(folder) if _TEMPORARY.match(name))
    except FileNotFoundError:
        return 0


def sweep_beside(final: Path) -> None:
    """Remove the temporary files of one file, `final`, that dead processes of this host have left."""
    for leftover in final.parent.glob(f".{glob.escape(_stem(final))}.*.tmp"):
        _remove_if_dead(leftover)


def _remove_if_dead(path: Path) -> bool:
    """Remove a temporary file if its process was on this host and is dead; returns whether it was removed."""
    owner = _TEMPORARY.match(path.name)
    if not owner or owner["host"] != _host() or _alive(int(owner["pid"])):
        return False
    path.unlink(missing_ok=True)
    return True


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:64]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
