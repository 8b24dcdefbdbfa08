"""Backup locations behind one interface: a `.tar` or `.zip` file, a folder, or an object store."""

import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, Self

from upath import UPath

from instagram_assets.backups.manifest import Manifest, ManifestEntry
from instagram_assets.errors import FileError, SettingsError, StorageError
from instagram_assets.storage.atomic import is_local


class Readable(Protocol):
    """A stream of bytes with a `read` method."""

    def read(self, size: int = -1, /) -> bytes: ...


class OpenedFile(Readable, Protocol):
    """An opened file (a context manager) with its size and modification time when it was opened."""

    size: int
    modified_ns: int

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


OpenFile = Callable[[], OpenedFile]

_PACKED = (".gz", ".tgz", ".xz", ".bz2", ".zst", ".7z", ".rar", ".txz", ".tbz2")


class StoredFile(NamedTuple):
    """The result of storing a file: size in bytes, hash, and number of bytes by which the location grew."""

    size: int
    sha256: str
    new_bytes: int


class BackupWriter(Protocol):
    """A writer of one backup to a location; the backup does not exist before `publish`."""

    @property
    def latest(self) -> Manifest | None:
        """The manifest of the location's newest backup; None if there is none. Its files need not be stored again."""
        ...

    def has(self, entry: ManifestEntry) -> bool:
        """Whether the content of an entry of `latest` is stored in the location."""
        ...

    def keep(self, path: str, source: OpenFile) -> StoredFile:
        """Stores the content of one file. Called from several threads."""
        ...

    def publish(self, name: str, manifest: bytes) -> None:
        """Completes the backup by writing its manifest; durable when this returns."""
        ...


class BackupLocation(Protocol):
    """A location with backups. `threads` is the number of files that can be read or written concurrently."""

    where: str
    threads: int

    def ids(self) -> list[str]:
        """Returns the ids of the location's backups, oldest first. Raises FileError if it cannot contain backups."""
        ...

    def manifest(self, name: str) -> Manifest:
        """Returns the manifest of a backup. Raises StorageError when it is damaged."""
        ...

    def open(self, entry: ManifestEntry) -> BinaryIO:
        """Opens a stored file for reading. Raises OSError when it is missing or cannot be read."""
        ...

    def writing(self) -> AbstractContextManager[BackupWriter]:
        """Context manager that writes a new backup; a second writer to the same folder waits."""
        ...


@contextmanager
def open_location(where: str, options: dict[str, Any] | None = None) -> Generator[BackupLocation]:
    """Opens the backup location `where`: a `.tar` or `.zip` file, else a folder or `s3://…`; `options` are fsspec's.

    Raises SettingsError for an address without a known file system, FileError for a file of another type.
    """
    from instagram_assets.backups.archive_file import BackupArchive, is_backup_archive
    from instagram_assets.backups.repository import Repository

    try:
        path = UPath(where, **(options or {})) if "://" in where else UPath(os.path.abspath(Path(where).expanduser()))
    except (ValueError, TypeError, ImportError) as error:
        raise SettingsError(
            f"{where}: {error}. Name a .tar, a .zip, a folder, or s3://… with `pip install 'instagram_assets[s3]'`."
        ) from error
    if not is_backup_archive(path):
        if path.suffix in _PACKED:
            raise FileError(where, "is not written", "Name a .tar or a .zip: pictures and tables are packed already")
        with _clear_errors(where):
            yield Repository(path)
        return
    if not is_local(path):
        raise FileError(where, "one file in an object store", "Name a folder there, such as s3://bucket/backups")
    with _clear_errors(where), BackupArchive(Path(path.path)) as archive:
        yield archive


@contextmanager
def _clear_errors(where: str) -> Generator[None]:
    """Context manager that raises clear errors if an object store's client fails or is not installed."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("botocore", "aiobotocore"):
            raise
        raise StorageError(
            f"{where}: an object store refuses or cannot be reached ({error}). Check its address and keys "
            "(INSTAGRAM_ASSETS_LAKE_OPTIONS, AWS_…), then run again."
        ) from error
