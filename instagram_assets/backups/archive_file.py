"""A backup in one `.tar` or `.zip` file: the files with their paths in the data folder, and the manifest last.

This program is needed to verify a backup, but not to unpack it: `tar xf` or `unzip` restores the data folder.
"""

import hashlib
import io
import os
import tarfile
import time
import warnings
import zipfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import IO, BinaryIO, Protocol, Self

from upath import UPath

from instagram_assets.backups.location import OpenFile, Readable, StoredFile
from instagram_assets.backups.manifest import MANIFEST_SUFFIX, Manifest, ManifestEntry, is_backup_id, unpack
from instagram_assets.errors import FileError, StorageError
from instagram_assets.storage.atomic import is_local, make_folder, refusal, sweep_beside, sync_folders, temporary_beside

_SUFFIXES = (".tar", ".zip")
_DATA, _SNAPSHOTS = "data/", "snapshots/"
_CHUNK = 1 << 20
_EARLIEST = 315_532_800  # 1980, the earliest year that a .zip can store
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, EOFError, KeyError, NotImplementedError)


def is_backup_archive(path: UPath) -> bool:
    """Whether a path ends in .tar or .zip and is not a folder."""
    return path.suffix in _SUFFIXES and not (is_local(path) and os.path.isdir(path.path))


class BackupArchive:
    """A backup location that is a single archive file, which does not have to exist yet."""

    threads = 1

    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = str(path)
        self._packed: _Packed | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._packed:
            self._packed.close()

    def ids(self) -> list[str]:
        """Returns the id of the archive's backup; empty if there is no file. Raises FileError if it has no manifest."""
        if not self.path.exists():
            return []
        found = [name.removeprefix(_SNAPSHOTS).removesuffix(MANIFEST_SUFFIX) for name in self._read.names]
        names = [name for name in found if is_backup_id(name)]
        if not names:
            raise FileError(
                self.where,
                "has no manifest: it is cut off, or no backup",
                "Use another copy of it; what is whole in it can be taken out, unchecked, by tar or unzip",
            )
        return names

    def manifest(self, name: str) -> Manifest:
        """Returns the manifest of the backup. Raises StorageError when it is damaged."""
        try:
            with self._read.open(f"{_SNAPSHOTS}{name}{MANIFEST_SUFFIX}") as stream:
                return unpack(name, stream.read(), self.where)
        except (*_BROKEN, OSError) as error:
            raise StorageError(
                f"{self.where}: its manifest cannot be read ({error}). Use another copy of it."
            ) from error

    def open(self, entry: ManifestEntry) -> BinaryIO:
        """Opens a stored file for reading."""
        try:
            return self._read.open(_DATA + entry.path)  # pyright: ignore[reportReturnType] it reads binary
        except _BROKEN as error:
            raise OSError(f"not in the archive: {error}") from error

    @contextmanager
    def writing(self) -> Generator["_Writing"]:
        """Context manager that writes the backup. Raises FileError if the archive file exists already."""
        if os.path.lexists(self.path):
            raise FileError(self.where, "is there already, and one file holds one backup", "Give another name")
        temporary = temporary_beside(self.path)
        try:
            make_folder(self.path.parent)
            sweep_beside(self.path)
            with open(temporary, "xb") as stream:
                os.fchmod(stream.fileno(), 0o600)  # it contains personal data
                writing = _Writing(self.path, temporary, stream)
                try:
                    yield writing
                except BaseException:
                    writing.abandon()
                    raise
        except OSError as error:
            raise refusal(self.path, error) from error
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()

    @property
    def _read(self) -> "_Packed":
        if self._packed is None:
            try:
                self._packed = _Zip(self.path) if self.path.suffix == ".zip" else _Tar(self.path)
            except (*_BROKEN, ValueError) as error:
                raise FileError(
                    self.where, f"is cut off, or no {self.path.suffix} ({error})", "Use another copy of it"
                ) from error
            except OSError as error:
                raise FileError(
                    self.where, f"cannot be read ({error.strerror})", "Give this user the right to"
                ) from error
        return self._packed


class _Writing:
    """A writer of a backup into one archive file."""

    def __init__(self, final: Path, temporary: Path, stream: BinaryIO) -> None:
        self._final, self._temporary, self._stream = final, temporary, stream
        self._pack: _Pack = _ZipWriter(stream) if final.suffix == ".zip" else _TarWriter(stream)
        self._lock = Lock()

    @property
    def latest(self) -> Manifest | None:
        """The manifest of an earlier backup: always None, since a new archive has none."""
        return None

    def has(self, entry: ManifestEntry) -> bool:
        """Whether a file's content is stored already: always false, since a new archive has no files."""
        return False

    def keep(self, path: str, source: OpenFile) -> StoredFile:
        """Stores the content of one file, up to its size when it was opened. Raises EOFError if it became shorter."""
        with self._lock, source() as stream:
            hashed = _Hashed(stream, stream.size)
            self._pack.add(_DATA + path, hashed, stream.size, stream.modified_ns // 1_000_000_000)
            if hashed.left:
                raise EOFError
        return StoredFile(stream.size, hashed.sha256, stream.size)

    def publish(self, name: str, manifest: bytes) -> None:
        """Writes the manifest, closes the archive and renames it to its final name."""
        self._pack.add(f"{_SNAPSHOTS}{name}{MANIFEST_SUFFIX}", io.BytesIO(manifest), len(manifest), int(time.time()))
        self._pack.close()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        os.replace(self._temporary, self._final)
        sync_folders([self._final.parent])

    def abandon(self) -> None:
        """Stops writing without completing the archive."""
        self._pack.abandon()


class _Hashed:
    """A stream of known length, hashed while it is read. If it is shorter, zeros are added and `left` > 0."""

    def __init__(self, stream: Readable, size: int) -> None:
        self._stream, self.left, self._digest = stream, size, hashlib.sha256()
        self._filled = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def read(self, size: int = -1, /) -> bytes:
        wanted = self.left - self._filled if size < 0 else min(size, self.left - self._filled)
        data = self._stream.read(wanted) if wanted else b""
        if data:
            self.left -= len(data)
            self._digest.update(data)
        elif wanted:
            self._filled += wanted
            data = bytes(wanted)
        return data


class _Pack(Protocol):
    def add(self, name: str, stream: Readable, size: int, moment: int) -> None: ...

    def close(self) -> None: ...

    def abandon(self) -> None: ...


class _TarWriter:
    def __init__(self, stream: BinaryIO) -> None:
        self._tar = tarfile.TarFile(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT, copybufsize=_CHUNK)

    def add(self, name: str, stream: Readable, size: int, moment: int) -> None:
        told = tarfile.TarInfo(name)
        told.size, told.mtime, told.mode = size, max(moment, 0), 0o600
        self._tar.addfile(told, stream)  # pyright: ignore[reportArgumentType] it needs read() alone

    def close(self) -> None:
        self._tar.close()

    def abandon(self) -> None:
        """Stops writing; does nothing, since a tar archive is incomplete until it is closed."""


class _ZipWriter:
    def __init__(self, stream: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED)

    def add(self, name: str, stream: Readable, size: int, moment: int) -> None:
        told = zipfile.ZipInfo(name, time.gmtime(max(moment, _EARLIEST))[:6])
        told.external_attr = 0o600 << 16
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a file that changed is stored again, and the last counts
            with self._zip.open(told, "w", force_zip64=size > 1 << 30) as target:
                while data := stream.read(_CHUNK):
                    target.write(data)

    def close(self) -> None:
        self._zip.close()

    def abandon(self) -> None:
        self._zip.fp = None  # else its end would be written on garbage collection, which fails on a full disk


class _Packed(Protocol):
    names: list[str]

    def open(self, name: str) -> IO[bytes]: ...

    def close(self) -> None: ...


class _Tar:
    def __init__(self, path: Path) -> None:
        self._tar = tarfile.open(path, "r:")  # noqa: SIM115
        try:
            self._members = {member.name: member for member in self._tar.getmembers() if member.isreg()}
        except BaseException:
            self._tar.close()
            raise
        self.names = list(self._members)

    def open(self, name: str) -> IO[bytes]:
        stream = self._tar.extractfile(self._members[name])
        assert stream is not None
        return stream

    def close(self) -> None:
        self._tar.close()


class _Zip:
    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        self.names = self._zip.namelist()

    def open(self, name: str) -> IO[bytes]:
        return self._zip.open(name)

    def close(self) -> None:
        self._zip.close()
