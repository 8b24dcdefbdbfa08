"""Files that appear whole or not at all, and stay after a power cut.

The recipe is restic's and SQLite's: write beside the final name, fsync, rename, fsync the folder.
Object stores publish an object when it is closed, so there a plain write is enough.
"""

import glob
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


def is_local(path: UPath) -> bool:
    """True when the path is a plain file of this machine."""
    return path.protocol in ("", "file")


def write_atomic(path: UPath | Path, write: Callable[[BinaryIO], object], *, sync_folder: bool = True) -> None:
    """Make or replace the file `path` with what `write` puts into it.

    With `sync_folder=False` the caller syncs the folders itself, new parents too, once for many files.
    Until the new file is whole the old one stands. What dead processes left of earlier tries goes. Raises
    StorageError when the disk refuses.
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
            with open(temporary, "xb") as stream:
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
            _sweep_siblings(final)
    except OSError as error:
        raise StorageError(
            f"{target}: cannot be written ({error.strerror or error}). Free space or fix access, then run again."
        ) from error


def temporary_beside(final: Path) -> Path:
    """A name for a temporary file in the same folder that says which process owns it."""
    return final.parent / f".{final.name}.{_host()}.{os.getpid()}.{uuid.uuid4().hex}.tmp"


def is_temporary(name: str) -> bool:
    """True for the names that `temporary_beside` gives."""
    return _TEMPORARY.match(name) is not None


def make_folder(folder: Path, *, sync: bool = True) -> None:
    """Make a folder and its missing parents; with `sync` they survive a power cut."""
    missing: list[Path] = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
    if sync:
        sync_folders({path.parent for path in missing})


def sync_folders(folders: Iterable[Path]) -> None:
    """Make names that were added to or taken from these folders survive a power cut."""
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_durably(path: UPath | Path) -> bool:
    """Take a file away; True when it was there."""
    target = UPath(path)
    try:
        target.unlink()
    except FileNotFoundError:
        return False
    if is_local(target):
        sync_folders([Path(target.path).parent])
    return True


def sweep(folder: Path) -> int:
    """Take away temporary files below `folder` that dead processes of this machine left; how many."""
    return sum(_remove_if_dead(Path(parent, name)) for parent, _, names in os.walk(folder) for name in names)


def _sweep_siblings(final: Path) -> None:
    for leftover in final.parent.glob(f".{glob.escape(final.name)}.*.tmp"):
        _remove_if_dead(leftover)


def _remove_if_dead(path: Path) -> bool:
    """Take away a temporary file whose process of this machine is gone; True when it was one."""
    owner = _TEMPORARY.match(path.name)
    if not owner or owner["host"] != _host() or _alive(int(owner["pid"])):
        return False
    path.unlink(missing_ok=True)
    return True


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
