"""Files of a Dagster home besides its databases: what steps printed, logs of processes, values between steps."""

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from instagram_assets.storage.atomic import sweep, write_atomic
from instagram_assets.storage.history.dagster_databases import belongs_to_sqlite, home_files_below
from instagram_assets.storage.history.value_rewriter import ValueRewriter

CONFIG_FILES = ("dagster.yaml", "workspace.yaml")


@dataclass
class ChangedFiles:
    """How many files went, and how many were rewritten."""

    removed: int = 0
    rewritten: int = 0


def remove_run_files(home: Path, runs: Iterable[str], changed: ChangedFiles) -> None:
    """Remove what steps of these runs printed, and the values that they kept."""
    for run in runs:
        changed.removed += _remove(home / "storage" / run)


def rewrite_home_files(home: Path, rewriter: ValueRewriter, changed: ChangedFiles) -> None:
    """Remove files and folders that are named after what is forgotten, and rewrite files that mention it."""
    sweep(home)  # what a try that was killed left
    for path in list(_named(home, rewriter)):
        changed.removed += _remove(path)
    for path in list(home_files_below(home)):
        if path.name in CONFIG_FILES or belongs_to_sqlite(path):
            continue
        content = path.read_bytes()
        new = rewriter.data(content)
        if new != content:
            _replace(path, new)
            changed.rewritten += 1


def _named(home: Path, rewriter: ValueRewriter) -> Iterator[Path]:
    """Files and folders that are named after what is forgotten, but not what lies in such a folder."""
    for parent, folders, files in os.walk(home):
        found = {name for name in (*folders, *files) if _is_meant(name, rewriter)}
        yield from (Path(parent, name) for name in sorted(found))
        folders[:] = [name for name in folders if name not in found]


def _is_meant(name: str, rewriter: ValueRewriter) -> bool:
    return rewriter.cells.has(name) or rewriter.words.replaced(name) != name


def _remove(path: Path) -> int:
    """Remove a file or folder; how many files that were."""
    if path.is_dir() and not path.is_symlink():
        count = sum(1 for _ in home_files_below(path))
        shutil.rmtree(path)
        return count
    if not path.is_symlink() and not path.exists():
        return 0
    path.unlink()
    return 1


def _replace(path: Path, content: bytes) -> None:
    """What old files are judged by, their time, stays."""
    status = path.stat()
    write_atomic(path, lambda stream: stream.write(content))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
