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
    """A stream of bytes to be stored."""

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
    """A stored file: its size, its hash, and the bytes by which the location grew."""

    size: int
    sha256: str
    new_bytes: int


class BackupWriter(Protocol):
    """A location while a backup is written to it; the backup does not exist before `publish`."""

    @property
    def latest(self) -> Manifest | None:
        """The newest backup of the location, whose files need not be stored again."""
        ...

    def has(self, entry: ManifestEntry) -> bool:
        """Whether the content of an entry of `latest` is stored there."""
        ...

    def keep(self, path: str, source: OpenFile) -> StoredFile:
        """Store the content of one file. Called from several threads."""
        ...

    def publish(self, name: str, manifest: bytes) -> None:
        """Complete the backup by writing its manifest; durable when this returns."""
        ...


class BackupLocation(Protocol):
    """A location with backups. `threads` is the number of files that may be read or written at once."""

    where: str
    threads: int

    def ids(self) -> list[str]:
        """Returns the ids of its backups, oldest first. Raises FileError where there can be none."""
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
    """Open the location that `where` names: a `.tar` or `.zip`, else a folder or `s3://…`; `options` are fsspec's.

    Raises SettingsError for an address that no file system here knows, FileError for a file of another kind.
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
    """Context manager that explains errors of an object store's client, which may not be installed."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("botocore", "aiobotocore"):
            raise
        raise StorageError(
            f"{where}: an object store refuses or cannot be reached ({error}). Check its address and keys "
            "(INSTAGRAM_ASSETS_LAKE_OPTIONS, AWS_…), then run again."
        ) from error
