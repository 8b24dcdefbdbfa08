"""Atomic replacement of a whole folder, so that no reader sees a mix of old and new files."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from instagram_assets.errors import StorageError
from instagram_assets.storage.atomic import sync_folders
from instagram_assets.storage.locks import folder_lock

LITTER = frozenset((".DS_Store", "Thumbs.db", "desktop.ini"))
"""Names of files that desktop file managers create in folders; they are not counted as a user's files."""


def replace_folder(folder: Path, fill: Callable[[Path], object], is_ours: Callable[[str], bool] | None = None) -> None:
    """Create or replace `folder` atomically with the files that `fill` writes into an empty temporary folder.

    All files of the old folder are deleted, so this is only for folders that users do not edit. `is_ours` returns
    whether this program wrote a file, by its path relative to the folder; if it is false for any file, StorageError is
    raised and nothing changes. The new folder replaces the old one by rename, after its files are durable; `fill` must
    fsync its files, as `write_atomic` does. If the process is killed, either the old or the new folder is complete, and
    the next call cleans up. Concurrent calls wait for each other. Raises StorageError on an I/O error.
    """
    try:
        with folder_lock(folder.parent):
            new, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
            if old.exists() and not folder.exists():
                old.rename(folder)
            if is_ours:
                _check_ours(folder, is_ours)
            for leftover in (new, old):
                shutil.rmtree(leftover, ignore_errors=True)
            new.mkdir()
            try:
                fill(new)
            except BaseException:
                shutil.rmtree(new, ignore_errors=True)  # it can contain the account names for which it was rejected
                raise
            sync_folders([Path(parent) for parent, _, _ in os.walk(new)])
            if is_ours:
                _check_ours(folder, is_ours)  # a user may have put a file there meanwhile
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
            sync_folders([folder.parent])
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        problem = error.strerror or str(error)
        raise StorageError(
            f"{folder}: cannot be replaced ({problem}). Free space or fix access, then run again."
        ) from error


def _check_ours(folder: Path, is_ours: Callable[[str], bool]) -> None:
    files = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names if name not in LITTER)
    unexpected = sorted(name for file in files if not is_ours(name := file.relative_to(folder).as_posix()))
    if unexpected:
        more = f" and {len(unexpected) - 1} more" if unexpected[1:] else ""
        raise StorageError(
            f"{folder}: is replaced as a whole, and holds files that are not its own ({unexpected[0]!a}{more}). Move "
            "them away, then run again."
        )
