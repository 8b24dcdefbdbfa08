"""Erasure from files of a Dagster home other than databases: step output, process logs, values passed between steps."""

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from instagram_assets.storage.atomic import sweep, write_atomic
from instagram_assets.storage.dagster_history.dagster_databases import belongs_to_sqlite, home_files_below
from instagram_assets.storage.dagster_history.value_rewriter import ValueRewriter

CONFIG_FILES = ("dagster.yaml", "workspace.yaml")


@dataclass
class ChangedFiles:
    """The numbers of deleted and rewritten files; updated in place."""

    removed: int = 0
    rewritten: int = 0


def remove_run_files(home: Path, runs: Iterable[str], changed: ChangedFiles) -> None:
    """Delete the folders `storage/RUN_ID` of these runs: the output of their steps, and values passed between steps."""
    for run in runs:
        changed.removed += _remove(home / "storage" / run)


def rewrite_home_files(home: Path, rewriter: ValueRewriter, changed: ChangedFiles) -> None:
    """Delete files and folders with an erased name in their own name, and rewrite files with one in their content."""
    sweep(home)  # leftovers of a killed attempt
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
    """Yields the files and folders that have an erased name in their own name, without the content of such a folder."""
    for parent, folders, files in os.walk(home):
        found = {name for name in (*folders, *files) if _is_meant(name, rewriter)}
        yield from (Path(parent, name) for name in sorted(found))
        folders[:] = [name for name in folders if name not in found]


def _is_meant(name: str, rewriter: ValueRewriter) -> bool:
    return rewriter.cells.has(name) or rewriter.words.replaced(name) != name


def _remove(path: Path) -> int:
    """Delete a file or folder; returns the number of deleted files."""
    if path.is_dir() and not path.is_symlink():
        count = sum(1 for _ in home_files_below(path))
        shutil.rmtree(path)
        return count
    if not path.is_symlink() and not path.exists():
        return 0
    path.unlink()
    return 1


def _replace(path: Path, content: bytes) -> None:
    """Replace a file's content but keep its modification time, since old files are deleted by age."""
    status = path.stat()
    write_atomic(path, lambda stream: stream.write(content))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
