"""A folder of files that is replaced as a whole, so that nobody reads half of the old and half of the new."""

import fcntl
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from instagram_assets.errors import StorageError
from instagram_assets.storage.atomic import make_folder, sync_folders


def replace_folder(folder: Path, fill: Callable[[Path], object]) -> None:
    """Make or replace `folder` with what `fill` puts into an empty folder beside it.

    The new folder takes the place of the old by rename, after its last file is on disk; `fill` makes its
    own files durable (`write_atomic`). When killed, the old or the new folder is whole: the next call
    goes on from there. Two processes at once take turns. Raises StorageError when the disk refuses.
    """
    try:
        make_folder(folder.parent)
        with _alone_in(folder.parent):
            new, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
            if old.exists() and not folder.exists():
                old.rename(folder)
            for leftover in (new, old):
                shutil.rmtree(leftover, ignore_errors=True)
            new.mkdir()
            fill(new)
            sync_folders([Path(parent) for parent, _, _ in os.walk(new)])
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


@contextmanager
def _alone_in(folder: Path) -> Generator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
