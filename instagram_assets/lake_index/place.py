"""Where the index lies: files in `index` of the data folder, of which the newest whole one counts.

Each version has a name of its own: DuckDB takes two files that had one name after the other for the same.
"""

import os
import re
import shutil
import time
from pathlib import Path

from instagram_assets.lake_index.spilling import SPILL_PREFIX, remove_left_spill_folders
from instagram_assets.storage.atomic import is_temporary

INDEX_FOLDER = "index"
WORK_FOLDER = "new"
"""The folder below it in which the next version is made; who finds it without its maker may remove it."""
LAKE_FINGERPRINT_FILE = "seen.txt"
"""What the lake's folders looked like when the index was last brought up to date, see `changes.fingerprint`."""
_FILE = re.compile(r"^index-[0-9]{20}\.duckdb$")
_NOBODY = "index-00000000000000000000.duckdb"
_AHEAD_NS = 10 * 365 * 86_400 * 10**9
"""How far ahead of the clock the number of a version may be: clocks are set back, but not by ten years."""


def index_file(folder: Path) -> Path:
    """The newest whole file of the index in its folder; one that is not there where there is none.

    What is called so and was never made here does not count: a folder, or a number far ahead of the clock.
    """
    return folder / max(_files(folder), default=_NOBODY)


def next_file(folder: Path) -> Path:
    """What the next version is called: later than all, also than those that are gone, whatever the clock does."""
    last = _number(index_file(folder).name)
    return folder / f"index-{max(time.time_ns(), last + 1):020}.duckdb"


def version_stamp(path: Path) -> str:
    """What tells one version of the file from another; empty where there is none."""
    try:
        stat = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return f"{path.stem.removeprefix('index-')}-{stat.st_ino:x}-{stat.st_size:x}"


def is_index_file(name: str) -> bool:
    """Whether a file of the folder is one of ours."""
    return (
        name in (WORK_FOLDER, LAKE_FINGERPRINT_FILE)
        or bool(_FILE.match(name))
        or name.startswith(("vectors-", SPILL_PREFIX))
        or is_temporary(name)
    )


def indexed_fingerprint(folder: Path) -> str:
    """The fingerprint of the lake that the index was last brought up to date with; empty where that is not known."""
    try:
        return (folder / LAKE_FINGERPRINT_FILE).read_text("ascii", "replace")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ""


def remove_old_versions(folder: Path, vectors: str = "") -> None:
    """Take away what the newest version does not need, of which `vectors` is the other file; for who is alone there."""
    newest = index_file(folder).name
    remove_left_spill_folders(folder)
    for name in os.listdir(folder):
        if not is_index_file(name) or name in (newest, vectors) or name.startswith(SPILL_PREFIX):
            continue
        if name != LAKE_FINGERPRINT_FILE or (folder / name).is_dir():
            remove_path(folder / name)


def remove_path(path: Path) -> None:
    """Take a file, a link or a whole folder away; nothing where there is none."""
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
