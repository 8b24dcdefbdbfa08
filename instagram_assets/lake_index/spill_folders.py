"""Temporary folders to which DuckDB spills queries that exceed its memory limit, one per process and index version.

The process holds the folder's lock. A folder whose lock is free was left behind by a killed process; the next update of
the index removes it.
"""

import fcntl
import os
import shutil
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SPILL_PREFIX = "spilled-"


@dataclass
class _SpillFolder:
    """A spill folder, the file descriptor that holds its lock, and the number of connections that use it."""

    folder: str
    descriptor: int
    users: int = 0


_spill_folders: dict[Path, _SpillFolder] = {}
_lock = threading.Lock()


def spill_folder(path: Path) -> str:
    """Returns the spill folder for the index file `path`; it is shared by all connections of this process to that file.

    Each caller must call `release_spill_folder` once. Returns "" if no folder can be created, for example on a
    read-only disk; queries are then limited to memory.
    """
    with _lock:
        if path not in _spill_folders:
            made = _create(path.parent)
            if made is None:
                return ""
            _spill_folders[path] = made
        _spill_folders[path].users += 1
        return _spill_folders[path].folder


def release_spill_folder(path: Path) -> None:
    """Release one connection's use of the spill folder; when the last connection releases it, the folder is removed."""
    with _lock:
        spill = _spill_folders.get(path)
        if spill is None:
            return
        spill.users -= 1
        if spill.users:
            return
        del _spill_folders[path]
    shutil.rmtree(spill.folder, ignore_errors=True)
    os.close(spill.descriptor)


def remove_left_spill_folders(folder: Path) -> None:
    """Remove the spill folders that killed processes left in an index folder."""
    for name in os.listdir(folder):
        if name.startswith(SPILL_PREFIX) and (descriptor := _opened(folder / name)) is not None:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder / name, ignore_errors=True)
            except OSError:
                continue  # in use by another process
            finally:
                os.close(descriptor)


def _create(folder: Path) -> _SpillFolder | None:
    try:
        made = tempfile.mkdtemp(prefix=SPILL_PREFIX, dir=folder)
    except OSError:
        return None
    descriptor = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
    with suppress(OSError):  # an index on a file system without locks is never updated
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    return _SpillFolder(made, descriptor)


def _opened(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
