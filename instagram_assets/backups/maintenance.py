"""Maintenance of backups: verify that all stored bytes are intact, and remove old backups."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from upath import UPath

from instagram_assets.backups.location import BackupLocation, open_location
from instagram_assets.backups.manifest import MANIFEST_SUFFIX, ManifestEntry, Missing
from instagram_assets.backups.privacy_folder import record_removed
from instagram_assets.backups.repository import Repository
from instagram_assets.errors import FileError, StorageError
from instagram_assets.storage.atomic import is_local, refusal, sync_folders

_CHUNK = 1 << 20
_ASIDE = ".damaged"


@dataclass(frozen=True)
class VerifiedBackups:
    """The number of verified files, their bytes, and the damaged or missing files and manifests."""

    files: int
    bytes: int
    damaged: tuple[Missing, ...]


def verify_backups(
    where: str, *, options: dict[str, Any] | None = None, on_progress: Callable[[int, int], None] | None = None
) -> VerifiedBackups:
    """Reads every file of every backup of a location and compares it with its hash.

    In a folder or an object store damaged files are moved aside, so that the next backup stores them again if the
    originals still exist.
    """
    damaged: list[Missing] = []
    entries: dict[str, ManifestEntry] = {}
    with open_location(where, options) as place:
        for name in place.ids():
            try:
                entries |= {entry.sha256: entry for entry in place.manifest(name).entries}
            except StorageError as error:
                damaged.append(Missing(f"snapshots/{name}", str(error)))
        with ThreadPoolExecutor(place.threads) as pool:
            problems = pool.map(lambda entry: _problem(place, entry), entries.values())
            for done, (entry, problem) in enumerate(zip(entries.values(), problems, strict=True), start=1):
                if problem:
                    damaged.append(Missing(entry.path, problem))
                if on_progress:
                    on_progress(done, len(entries))
    return VerifiedBackups(len(entries), sum(entry.size for entry in entries.values()), tuple(damaged))


def _problem(place: BackupLocation, entry: ManifestEntry) -> str:
    """Returns why a stored file is damaged; empty where it is intact."""
    digest = hashlib.sha256()
    try:
        with place.open(entry) as stream:
            for data in _chunks(stream):
                digest.update(data)
    except FileNotFoundError:
        return "it is gone"
    except OSError as error:
        return f"it cannot be read ({error.strerror or error})"
    except Exception as error:  # each archive format raises errors of its own
        return f"it is damaged ({error})"
    if digest.hexdigest() == entry.sha256:
        return ""
    if isinstance(place, Repository):
        blob = place.blob(entry.sha256)
        with suppress(OSError):
            blob.rename(blob.with_name(blob.name + _ASIDE))
    return "its bytes are not those that were stored"


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while data := stream.read(_CHUNK):
        yield data


@dataclass(frozen=True)
class PrunedBackups:
    """The number of removed backups and stored files, and their bytes."""

    backups: int
    files: int
    bytes: int


def prune_backups(
    where: str, keep: int, privacy_folder: Path, *, options: dict[str, Any] | None = None
) -> PrunedBackups:
    """Keeps the newest `keep` complete backups and any newer incomplete ones; removes the others.

    Stored files without a manifest that refers to them are removed too, such as files of a killed backup. After a kill
    a repeated call continues. Raises StorageError if the manifest of a kept backup is damaged, since the files that it
    needs are unknown, or while a backup is running in an object store; FileError for a single-file backup.
    """
    with open_location(where, options) as place:
        if not isinstance(place, Repository):
            raise FileError(place.where, "holds one backup", "Delete the file to take it away")
        with place.alone("prune"):
            kept, gone = _parted(place, keep)
            for name in gone:
                (place.root / "snapshots" / f"{name}{MANIFEST_SUFFIX}").unlink(missing_ok=True)
            if gone and is_local(place.root):
                sync_folders([Path(place.root.path) / "snapshots"])
            record_removed(privacy_folder, place.where, gone)
            needed = {entry.sha256 for name in kept for entry in place.manifest(name).entries}
            taken = [(sha256, size) for sha256, size in place.blobs() if sha256 not in needed]
            for sha256, _ in taken:
                _remove(place.blob(sha256))
            return PrunedBackups(len(gone), len(taken), sum(size for _, size in taken))


def _parted(place: Repository, keep: int) -> tuple[list[str], list[str]]:
    """Returns (backup ids to keep, backup ids to remove); incomplete backups do not count towards `keep`."""
    kept: list[str] = []
    whole = 0
    names = place.ids()
    while names and whole < keep:
        name = names.pop()
        whole += not place.manifest(name).missing
        kept.append(name)
    return kept, names


def _remove(path: UPath) -> None:
    try:
        with suppress(FileNotFoundError):
            path.unlink()
    except OSError as error:
        raise refusal(path, error) from error
