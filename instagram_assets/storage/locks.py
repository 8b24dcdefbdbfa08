"""Advisory locks on folders, for exclusive writing and for detecting running programs."""

import errno
import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from instagram_assets.errors import StorageError
from instagram_assets.storage.atomic import make_folder, refusal

_ELSEWHERE = "Put the lake on a local disk or an object store: INSTAGRAM_ASSETS_LAKE"
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


@contextmanager
def folder_lock(folder: Path, elsewhere: str = _ELSEWHERE) -> Generator[None]:
    """Context manager: wait for an exclusive lock on a folder and hold it; the folder is created if missing.

    The lock is an flock on the folder itself, without a lock file; it is released when its process ends. Raises
    StorageError if the file system has no locks; `elsewhere` is the hint in its message where to put the folder
    instead.
    """
    descriptor = _lock(folder, elsewhere)
    while not _still_there(descriptor, folder):
        # An erasure removed the folder while we waited, so the lock is on a folder that has no path any more.
        os.close(descriptor)
        descriptor = _lock(folder, elsewhere)
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def alone_or(folder: Path, refusal: Exception) -> Generator[None]:
    """Context manager: hold an exclusive lock on a folder, or raise `refusal` at once if another process holds it.

    For long operations. On a file system without locks it does not exclude other processes.
    """
    make_folder(folder)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise refusal from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(descriptor)


@contextmanager
def at_work_in(home: Path) -> Generator[None]:
    """Context manager: a shared lock that marks a long-running program (`dev`, the UI) as using a Dagster home.

    Any number of processes can hold it. It waits while a process holds the exclusive lock of `nobody_at_work_in`. On a
    file system without locks it does nothing.
    """
    make_folder(_folder_of_work(home))
    descriptor = os.open(_folder_of_work(home), os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def nobody_at_work_in(home: Path, refusal: Exception) -> Generator[None]:
    """Context manager: an exclusive lock on a Dagster home; raises `refusal` if a program holds `at_work_in` there.

    A program that calls `at_work_in` meanwhile waits.
    """
    make_folder(_folder_of_work(home))
    descriptor = os.open(_folder_of_work(home), os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise refusal from None
        yield
    finally:
        os.close(descriptor)


def _folder_of_work(home: Path) -> Path:
    """Returns the folder to lock: `dev` in the home, since the home itself is locked briefly at each start."""
    return home / "dev"


def _lock(folder: Path, elsewhere: str) -> int:
    while True:
        try:
            make_folder(folder)
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            break
        except FileNotFoundError:
            continue  # removed since it was created
        except OSError as error:
            raise refusal(folder, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        os.close(descriptor)
        if error.errno not in _NO_LOCKS:
            raise
        raise StorageError(
            f"{folder}: this file system has no locks ({error.strerror}), so two runs could lose each other's rows. "
            f"{elsewhere}."
        ) from error
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _still_there(descriptor: int, folder: Path) -> bool:
    held = os.fstat(descriptor)
    try:
        named = os.stat(folder)
    except FileNotFoundError:
        return False
    return (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino)
