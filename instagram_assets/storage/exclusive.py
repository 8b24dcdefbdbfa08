"""One process at a time in a folder: a lock that dies with whoever holds it."""

import errno
import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from instagram_assets.errors import StorageError

_WITHOUT_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


@contextmanager
def exclusive(folder: Path) -> Generator[None]:
    """Wait until no other process is inside this block for the same folder, which exists.

    Raises StorageError where the file system has no locks.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _WITHOUT_LOCKS:
                raise
            raise StorageError(
                f"{folder}: this file system has no locks, so two processes could spoil each other's work. "
                "Put the data folder on a local disk: INSTAGRAM_ASSETS_DATA_DIR."
            ) from error
        yield
    finally:
        os.close(descriptor)
