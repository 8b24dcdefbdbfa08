"""Where a query of the index puts what memory has no room for: a folder beside the index, gone with who asked.

Each process has one for each version that it has open, and holds its lock. One without its process was left behind by
a killed one, and goes with the next update.
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
class _Held:
    """A folder, its lock, and how many connections of this process may write there."""

    folder: str
    descriptor: int
    users: int = 0


_held: dict[Path, _Held] = {}
_lock = threading.Lock()


def spill_folder(path: Path) -> str:
    """The folder for a file of the index, the same for all who have it open in this process until each `let_go`es.

    Empty where none can be made, such as on a disk that is only read: queries then have the memory alone.
    """
    with _lock:
        if path not in _held:
            made = _made(path.parent)
            if made is None:
                return ""
            _held[path] = made
        _held[path].users += 1
        return _held[path].folder


def release_spill_folder(path: Path) -> None:
    """Say that one connection to the file is closed; with the last one its folder goes."""
    with _lock:
        held = _held.get(path)
        if held is None:
            return
        held.users -= 1
        if held.users:
            return
        del _held[path]
    shutil.rmtree(held.folder, ignore_errors=True)
    os.close(held.descriptor)


def remove_left_spill_folders(folder: Path) -> None:
    """Remove what killed processes left in the folder of an index."""
    for name in os.listdir(folder):
        if name.startswith(SPILL_PREFIX) and (descriptor := _opened(folder / name)) is not None:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder / name, ignore_errors=True)
            except OSError:
                continue  # somebody has it
            finally:
                os.close(descriptor)


def _made(folder: Path) -> _Held | None:
    try:
        made = tempfile.mkdtemp(prefix=SPILL_PREFIX, dir=folder)
    except OSError:
        return None
    descriptor = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
    with suppress(OSError):  # a file system without locks has no index that is brought up to date either
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    return _Held(made, descriptor)


def _opened(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
