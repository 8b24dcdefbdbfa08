"""A repository of many backups in a folder or an object store: files stored once, by the hash of their content.

    blobs/<first two>/<sha256>      the bytes of files, never changed
    snapshots/<id>.json.gz          one manifest per backup, written when all its files are durable
    incoming/                       on a disk: files that are being written
    running/                        in an object store, which has no locks: markers of running backups and prunes

Stored files without a manifest entry are left by a killed backup: the next one reuses them, or `prune` removes them.
"""

import hashlib
import io
import os
import shutil
import tempfile
import uuid
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from upath import UPath

from instagram_assets.backups.location import OpenFile, Readable, StoredFile
from instagram_assets.backups.manifest import MANIFEST_SUFFIX, Manifest, ManifestEntry, is_backup_id, unpack
from instagram_assets.errors import FileError, StorageError
from instagram_assets.storage.atomic import (
    is_local,
    make_folder,
    refusal,
    sweep,
    sync_folders,
    temporary_beside,
    write_atomic,
)
from instagram_assets.storage.locks import folder_lock

_README = "README.txt"
_ABOUT = b"""Backups made by instagram_assets: `instagram-assets backups FOLDER` lists them, and
`instagram-assets restore FOLDER --into NEW_FOLDER` brings one back. Change nothing here by hand.
"""
_IN_MEMORY = 4 << 20
_CHUNK = 1 << 20
_THREADS = 16
"""Number of threads that write files; a disk merges concurrent fsyncs, and an object store serves many requests."""
_STALE = timedelta(hours=48)
_NO_LOCKS = "Back up into a folder on another disk, into s3://…, or into a .tar there"


class Repository:
    """A repository of backups in a folder, or below an address of an object store."""

    def __init__(self, root: UPath) -> None:
        self.root = root
        self.where = root.path if is_local(root) else str(root)
        self.threads = _THREADS

    def ids(self) -> list[str]:
        """Returns the ids of its backups, oldest first. Raises FileError if the folder contains other files."""
        self._check()
        names = (
            name.removesuffix(MANIFEST_SUFFIX) for name in self._names("snapshots") if name.endswith(MANIFEST_SUFFIX)
        )
        return sorted(filter(is_backup_id, names))

    def manifest(self, name: str) -> Manifest:
        """Returns the manifest of a backup. Raises StorageError if it is damaged or cannot be read."""
        path = self.root / "snapshots" / f"{name}{MANIFEST_SUFFIX}"
        try:
            return unpack(name, path.read_bytes(), self.where)
        except OSError as error:
            raise _unreadable(path, error) from error

    def latest(self) -> Manifest | None:
        """Returns the manifest of the newest readable backup; None if there is none."""
        for name in reversed(self.ids()):
            with suppress(StorageError):
                return self.manifest(name)
        return None

    def open(self, entry: ManifestEntry) -> BinaryIO:
        """Opens a stored file for reading; a small one in an object store is read by one request."""
        blob = self.blob(entry.sha256)
        if not is_local(blob) and entry.size <= _IN_MEMORY:
            store: Any = blob.fs
            return io.BytesIO(store.cat_file(blob.path))
        return blob.open("rb")  # pyright: ignore[reportReturnType] a file or what acts as one

    def blob(self, sha256: str) -> UPath:
        """Returns the path of the stored content with this hash."""
        return self.root / "blobs" / sha256[:2] / sha256

    def blobs(self) -> Iterator[tuple[str, int]]:
        """Yields the hash and the size in bytes of every stored file."""
        if is_local(self.root):
            folder = f"{self.root.path}/blobs"
            for first in self._names("blobs"):
                with os.scandir(f"{folder}/{first}") as found:
                    yield from ((each.name, each.stat().st_size) for each in found)
            return
        folder = self.root / "blobs"
        store: Any = folder.fs
        store.invalidate_cache()  # s3fs caches listings, and other processes write, too
        for told in store.find(folder.path, detail=True).values():
            yield told["name"].rpartition("/")[2], told["size"]

    @contextmanager
    def writing(self) -> Generator["_Writing"]:
        """Context manager that writes a new backup; on a disk a second writer waits for the first."""
        with self.alone("backup"):
            yield _Writing(self)

    @contextmanager
    def alone(self, work: str) -> Generator[None]:
        """Context manager: exclusive access to the repository for the operation `work` (such as `backup`).

        On a disk it waits for a lock; in an object store it raises StorageError while conflicting work is running.
        """
        self._check()
        if not is_local(self.root):
            with self._announced(work):
                yield
            return
        root = Path(self.root.path)
        try:
            is_new = not root.exists()
            make_folder(root)
            if is_new:
                root.chmod(0o700)  # it contains personal data
            with folder_lock(root, _NO_LOCKS):
                if not (root / _README).exists():
                    write_atomic(root / _README, lambda stream: stream.write(_ABOUT))
                make_folder(root / "incoming")
                sweep(root / "incoming")
                for leftover in root.glob("snapshots/.*.tmp"):
                    leftover.unlink()  # safe under the lock
                yield
        except OSError as error:
            raise refusal(root, error) from error

    @contextmanager
    def _announced(self, work: str) -> Generator[None]:
        """Context manager: writes a marker object while `work` runs; a backup and a prune exclude each other."""
        mark = self.root / "running" / f"{work}-{uuid.uuid4().hex}"
        try:
            write_atomic(self.root / _README, lambda stream: stream.write(_ABOUT))
            write_atomic(mark, lambda stream: stream.write(datetime.now(UTC).isoformat().encode()))
            try:
                self._refuse_others(mark)
                yield
            finally:
                with suppress(OSError):
                    mark.unlink()
        except OSError as error:
            raise refusal(self.root, error) from error

    def _refuse_others(self, mine: UPath) -> None:
        for name in self._names("running"):
            work = name.partition("-")[0]
            if name == mine.name or (work == "backup" and mine.name.startswith("backup-")):
                continue
            other = self.root / "running" / name
            with suppress(FileNotFoundError, ValueError):
                since = datetime.fromisoformat(other.read_text())
                if datetime.now(UTC) - since < _STALE:
                    raise StorageError(
                        f"{self.where}: a {work} has been at work there since {since:%Y-%m-%d %H:%M} UTC. Wait for it; "
                        f"if it died, delete {other} and run again."
                    )

    def _check(self) -> None:
        """Raises FileError if the location contains files other than backups, so that none of them is ever removed."""
        names = self._names("")
        if names and not names & {_README, "snapshots"} and not all(name.startswith(".") for name in names):
            raise FileError(self.where, "holds something else than backups", "Name another or an empty folder")

    def _names(self, folder: str) -> set[str]:
        place = self.root / folder if folder else self.root
        try:
            if is_local(place):
                return set(os.listdir(place.path))
            found = place.fs.ls(place.path, detail=False, refresh=True)
        except FileNotFoundError:
            return set()
        except NotADirectoryError as error:
            raise FileError(self.where, "is a file", "Name a folder, or a file that ends in .tar or .zip") from error
        except OSError as error:
            raise _unreadable(place, error) from error
        return {name.rstrip("/").rpartition("/")[2] for name in found} - {""}


class _Writing:
    """A writer of one backup to the repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._local = is_local(repository.root)
        self._root = Path(repository.root.path)
        self._there = {} if self._local else dict(repository.blobs())
        self._folders: set[str] = set()
        self._latest = repository.latest()

    @property
    def latest(self) -> Manifest | None:
        """The manifest of the newest readable backup in the repository."""
        return self._latest

    def has(self, entry: ManifestEntry) -> bool:
        """Whether the content of a manifest entry is stored in the repository in full length."""
        return self._has(entry.sha256, entry.size)

    def keep(self, path: str, source: OpenFile) -> StoredFile:
        """Stores the content of one file, unless it is stored already."""
        with source() as stream:
            head = stream.read(min(stream.size, _IN_MEMORY) + 1)
            if len(head) > min(stream.size, _IN_MEMORY):
                return self._keep_large(stream, head)
        digest = hashlib.sha256(head).hexdigest()
        self._folders.add(digest[:2])  # a killed backup may have left the file without a durable folder entry
        if self._has(digest, len(head)):
            return StoredFile(len(head), digest, 0)
        if self._local:
            self._write(digest, io.BytesIO(head))
        else:
            self._put(digest, lambda target: target.write(head), len(head))
        return StoredFile(len(head), digest, len(head))

    def publish(self, name: str, manifest: bytes) -> None:
        """Writes the manifest, which makes the backup valid."""
        if self._local:
            sync_many(self._root / "blobs" / first for first in self._folders)
            if self._folders:
                sync_folders([self._root / "blobs", self._root])
        path = self._repository.root / "snapshots" / f"{name}{MANIFEST_SUFFIX}"
        write_atomic(path, lambda target: target.write(manifest))

    def _has(self, digest: str, size: int) -> bool:
        if not self._local:
            return self._there.get(digest) == size
        try:
            return os.stat(self._blob(digest)).st_size == size
        except FileNotFoundError:
            return False

    def _keep_large(self, stream: Readable, head: bytes) -> StoredFile:
        """Stores a file too large for memory: it is hashed while being written, and dropped if it is stored already."""
        incoming = self._root / "incoming" if self._local else None
        copy = _Copy(incoming)
        try:
            copy.fill(head, stream)
            self._folders.add(copy.sha256[:2])
            is_there = self._has(copy.sha256, copy.size)
            if not is_there and self._local:
                self._place(copy.path, copy.sha256)
            elif not is_there:
                self._put(copy.sha256, copy.into, copy.size)
        finally:
            copy.drop()
        return StoredFile(copy.size, copy.sha256, 0 if is_there else copy.size)

    def _write(self, digest: str, stream: Readable) -> None:
        copy = _Copy(self._root / "incoming")
        try:
            copy.fill(b"", stream)
            self._place(copy.path, digest)
        finally:
            copy.drop()

    def _place(self, temporary: Path | None, digest: str) -> None:
        """Renames a durable temporary file to its hash. Its folder is fsynced later, before the manifest is written."""
        assert temporary
        final = self._blob(digest)
        try:
            os.replace(temporary, final)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(final), exist_ok=True)
            os.replace(temporary, final)

    def _put(self, digest: str, write: Any, size: int) -> None:
        write_atomic(self._repository.blob(digest), write)
        self._there[digest] = size

    def _blob(self, digest: str) -> str:
        return f"{self._root}/blobs/{digest[:2]}/{digest}"


class _Copy:
    """A temporary copy of incoming data with its hash: a file in `folder`, durable once it is complete.

    If `folder` is None the file has no name, so that a killed process leaves no file behind.
    """

    def __init__(self, folder: Path | None) -> None:
        self.path = temporary_beside(folder / "blob") if folder else None
        self.size, self._digest = 0, hashlib.sha256()
        self._stream: BinaryIO | None = None

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def fill(self, head: bytes, stream: Readable) -> None:
        self._stream = open(self.path, "x+b") if self.path else tempfile.TemporaryFile()  # noqa: SIM115
        data = head or stream.read(_CHUNK)
        while data:
            self._stream.write(data)
            self._digest.update(data)
            self.size += len(data)
            data = stream.read(_CHUNK)
        self._stream.flush()
        if self.path:
            os.fsync(self._stream.fileno())

    def into(self, target: BinaryIO) -> None:
        assert self._stream
        self._stream.seek(0)
        shutil.copyfileobj(self._stream, target, _CHUNK)

    def drop(self) -> None:
        if self._stream:
            self._stream.close()
        if self.path:
            self.path.unlink(missing_ok=True)


def sync_many(folders: Iterable[Path]) -> None:
    """Fsyncs many folders in parallel, so that added and removed file names survive a power cut."""
    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(lambda folder: sync_folders([folder]), folders):
            pass


def _unreadable(path: UPath, error: OSError) -> StorageError:
    return StorageError(f"{path}: cannot be read ({error.strerror or error}). Fix access, then run again.")
