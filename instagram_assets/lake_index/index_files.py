"""File names and versions of the index in the `index` folder of the data folder; the newest complete file is current.

Each version has a unique name, because DuckDB confuses two successive files that have the same name.
"""

import os
import re
import shutil
import time
from pathlib import Path

from instagram_assets.lake_index.spill_folders import SPILL_PREFIX, remove_left_spill_folders
from instagram_assets.storage.atomic import is_temporary

INDEX_FOLDER = "index"
WORK_FOLDER = "new"
"""The subfolder in which the next version is built; a leftover of a killed process may be removed."""
LAKE_FINGERPRINT_FILE = "seen.txt"
"""File with the lake's fingerprint at the last update of the index, see `lake_changes.fingerprint`."""
_FILE = re.compile(r"^index-[0-9]{20}\.duckdb$")
_NOBODY = "index-00000000000000000000.duckdb"
_AHEAD_NS = 10 * 365 * 86_400 * 10**9
"""How far in the future the timestamp in a version's name may be: clocks are set back, but not by ten years."""


def index_file(folder: Path) -> Path:
    """Returns the path of the newest complete index file; a path that does not exist if there is none.

    Folders and files with a timestamp too far in the future are ignored: they were not made by this program.
    """
    return folder / max(_files(folder), default=_NOBODY)


def next_file(folder: Path) -> Path:
    """Returns the path for the next version of the index; its number is higher than all earlier ones.

    The number is the time in nanoseconds, or the last number plus one if the clock was set back.
    """
    last = _number(index_file(folder).name)
    return folder / f"index-{max(time.time_ns(), last + 1):020}.duckdb"


def version_stamp(path: Path) -> str:
    """Returns a string that identifies the version of an index file; empty if the file does not exist."""
    try:
        stat = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return f"{path.stem.removeprefix('index-')}-{stat.st_ino:x}-{stat.st_size:x}"


def is_index_file(name: str) -> bool:
    """Whether a file name in the index folder is one that this program creates."""
    return (
        name in (WORK_FOLDER, LAKE_FINGERPRINT_FILE)
        or bool(_FILE.match(name))
        or name.startswith(("vectors-", SPILL_PREFIX))
        or is_temporary(name)
    )


def indexed_fingerprint(folder: Path) -> str:
    """Returns the fingerprint that the lake had at the last update of the index; empty if unknown."""
    try:
        return (folder / LAKE_FINGERPRINT_FILE).read_text("ascii", "replace")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ""


def remove_old_versions(folder: Path, vectors: str = "") -> None:
    """Delete the files of the index folder that the newest version does not need; `vectors` is its embedding file.

    The caller must hold the folder's lock.
    """
    newest = index_file(folder).name
    remove_left_spill_folders(folder)
    for name in os.listdir(folder):
        if not is_index_file(name) or name in (newest, vectors) or name.startswith(SPILL_PREFIX):
            continue
        if name != LAKE_FINGERPRINT_FILE or (folder / name).is_dir():
            remove_path(folder / name)


def remove_path(path: Path) -> None:
    """Delete a file, a symbolic link, or a folder with its contents; does nothing if the path does not exist."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _files(folder: Path) -> list[str]:
    latest = time.time_ns() + _AHEAD_NS
    try:
        with os.scandir(folder) as found:
            return [
                entry.name
                for entry in found
                if _FILE.match(entry.name) and _number(entry.name) <= latest and entry.is_file()
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _number(name: str) -> int:
    return int(Path(name).stem.removeprefix("index-"))
