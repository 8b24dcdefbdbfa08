"""Where the index lies: files in `index` of the data folder, of which the newest whole one counts."""

import os
from pathlib import Path

from instagram_assets.storage.atomic import is_temporary

FOLDER = "index"
FILE = "index.duckdb"
"""Replaced whole by renaming: who has the old one open goes on reading it."""


def index_file(folder: Path) -> Path:
    """The file of the index in its folder."""
    return folder / FILE


def stamp_of(path: Path) -> str:
    """What tells one version of the file from another; empty where there is none."""
    try:
        stat = os.stat(path)
    except FileNotFoundError:
        return ""
    return f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}"


def is_own(name: str) -> bool:
    """Whether a file of the folder is one of ours."""
    return name == FILE or name.startswith("vectors-") or is_temporary(name)
