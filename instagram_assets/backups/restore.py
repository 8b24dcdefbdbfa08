"""Restores a backup into an empty folder, verifies every byte, and then repeats all erasures made since the backup."""

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from instagram_assets.backups.files_to_store import UnreadableFileError
from instagram_assets.backups.location import BackupLocation, open_location
from instagram_assets.backups.manifest import Manifest, ManifestEntry, Missing, backup_time, is_backup_id, native
from instagram_assets.backups.privacy_folder import check_tombstones
from instagram_assets.backups.repository import sync_many
from instagram_assets.errors import FileError
from instagram_assets.storage.atomic import (
    is_temporary,
    make_folder,
    refusal,
    sweep,
    sync_folders,
    temporary_beside,
    write_atomic,
)

RESTORING_FILE = ".restoring.json"
"""Name of the marker file in a folder that is being restored; it has the location and the id of the backup."""
RESTORED_FILE = ".restored.json"
"""Name of the marker file in a restored folder; it has the backup's location and id, and the tombstones it needs."""


class RestoredFolder(msgspec.Struct, kw_only=True):
    """The record in a restored folder: which backup was restored when, and how many files were damaged or missing.

    `tombstones` is the number of tombstones of the backup and `tombstone_key` the id of their key; 0 and empty if they
    were not checked.
    """

    source: str
    id: str
    at: datetime
    missing: int = 0
    tombstones: int = 0
    tombstone_key: str = ""


def restored_from(folder: Path) -> RestoredFolder | None:
    """Returns the record of the backup that a folder was restored from; None if not restored, or not completely."""
    if (folder / RESTORING_FILE).exists():
        return None
    with suppress(FileNotFoundError, msgspec.MsgspecError):
        return msgspec.json.decode((folder / RESTORED_FILE).read_bytes(), type=RestoredFolder)
    return None


def _claim(into: Path, where: str, name: str, privacy_folder: Path) -> None:
    """Claims an empty folder for a restore, or a folder with an unfinished restore of the same backup."""
    try:
        there = {path.name for path in into.iterdir()} if into.exists() else set[str]()
        there = {name for name in there if not is_temporary(name)}  # left by an unfinished marker file
        if privacy_folder.absolute().parent == into:
            there.discard(privacy_folder.name)
        if RESTORING_FILE in there:
            with suppress(msgspec.MsgspecError, KeyError, TypeError):
                if msgspec.json.decode((into / RESTORING_FILE).read_bytes())["id"] == name:
                    sweep(into)
                    return
            raise FileError(
                str(into), "another backup was being brought back into it", "Repeat that one, or name an empty folder"
            )
        if there:
            before = restored_from(into)
            of = f"the backup {before.id} was brought back into it" if before else ", ".join(sorted(there)[:3])
            raise FileError(
                str(into),
                f"is not empty ({of})",
                "Name an empty folder with --into, and INSTAGRAM_ASSETS_DATA_DIR after that",
            )
        make_folder(into)
        _write(into / RESTORING_FILE, {"from": where, "id": name})
    except OSError as error:
        raise refusal(into, error) from error


def _mark_restored(into: Path, where: str, name: str, missing: int, asked: Manifest | None) -> None:
    """Replaces a folder's marker file of a running restore by that of a complete one.

    `where` is the location of the backups, `name` the backup's id, and `missing` the number of files not restored.
    `asked` is the backup's manifest if its tombstones were checked, otherwise None.
    """
    said = RestoredFolder(source=where, id=name, at=datetime.now(UTC), missing=missing)
    if asked:
        said.tombstones, said.tombstone_key = asked.tombstones, asked.tombstone_key
    _write(into / RESTORED_FILE, said)
    (into / RESTORING_FILE).unlink(missing_ok=True)
    sync_folders([into])


def _write(path: Path, said: object) -> None:
    write_atomic(path, lambda stream: stream.write(msgspec.json.encode(said)))


OnRestoreProgress = Callable[[int, int], None]

_CHUNK = 1 << 20


@dataclass(frozen=True)
class RestoreSummary:
    """The result of a restore.

    `missing` files are damaged or missing in the backup, or could not be read when it was made. If the folder had been
    restored completely before, nothing is restored again, and `before` is the time of that restore: `files` of its
    files are unchanged, `changed` files were changed or removed since or could not be restored, and `lost_before` files
    could not be restored then.
    """

    where: str
    id: str
    taken_at: datetime
    into: Path
    files: int
    bytes: int
    missing: tuple[Missing, ...]
    before: datetime | None = None
    changed: int = 0
    lost_before: int = 0


def restore_backup(
    where: str,
    into: Path,
    privacy_folder: Path,
    *,
    at: str = "",
    options: dict[str, Any] | None = None,
    without_tombstones: bool = False,
    after: Callable[[Path], object] | None = None,
    on_progress: OnRestoreProgress | None = None,
) -> RestoreSummary:
    """Restores a backup into the folder `into`: the newest, or `at`: an id, or a time for the newest up to then.

    Damaged files are reported in the result, and all others are restored. After a kill a repeated call continues; after
    a complete restore the files are only compared with the backup. `after` is called with the folder before it counts
    as restored, to apply the tombstones of `privacy_folder`. Nothing is restored if tombstones of the backup are
    missing there, or if nothing there shows which data was erased since, except with `without_tombstones`. Raises
    FileError for a folder that is not empty or a backup that does not exist, StorageError when a manifest is damaged or
    the disk refuses.
    """
    into = into.expanduser().absolute()
    with open_location(where, options) as place:
        name = _chosen(place, at)
        manifest = place.manifest(name)
        if (done := restored_from(into)) and done.id == name:
            return _looked_at(place.where, manifest, done, into, on_progress)
        if not without_tombstones:
            said = (name, manifest.tombstones, manifest.tombstone_key)
            check_tombstones(*said, privacy_folder, can_forget=after is not None)
        _claim(into, place.where, name, privacy_folder)
        restoring = _Restoring(place, into, on_progress, len(manifest.entries))
        lost = restoring.all(manifest.entries)
    if after:
        after(into)
    _mark_restored(into, place.where, name, len(lost), None if without_tombstones else manifest)
    return RestoreSummary(
        place.where,
        name,
        manifest.taken_at,
        into,
        len(manifest.entries) - len(lost),
        manifest.bytes - sum(entry.size for entry in manifest.entries if entry.path in {each.path for each in lost}),
        (*manifest.missing, *lost),
    )


def _looked_at(
    where: str, manifest: Manifest, done: RestoredFolder, into: Path, on_progress: OnRestoreProgress | None
) -> RestoreSummary:
    """Compares a restored folder with its backup; nothing is written."""
    same = same_bytes = 0
    for number, entry in enumerate(manifest.entries, start=1):
        if _is_there(into / native(entry.path), entry):
            same += 1
            same_bytes += entry.size
        if on_progress:
            on_progress(number, len(manifest.entries))
    changed = len(manifest.entries) - same
    return RestoreSummary(where, done.id, manifest.taken_at, into, same, same_bytes, (), done.at, changed, done.missing)


class _Restoring:
    """A running restore of the files of a backup."""

    def __init__(self, place: BackupLocation, into: Path, on_progress: OnRestoreProgress | None, total: int) -> None:
        self._place, self._into, self._on_progress, self._total = place, into, on_progress, total

    def all(self, entries: Iterable[ManifestEntry]) -> list[Missing]:
        """Restores all files durably; returns those that are damaged or missing."""
        missing: list[Missing] = []
        pool = ThreadPoolExecutor(self._place.threads, thread_name_prefix="restore")
        try:
            for done, (entry, reason) in enumerate(pool.map(self._one, entries), start=1):
                if reason:
                    missing.append(Missing(entry.path, reason))
                if self._on_progress:
                    self._on_progress(done, self._total)
            sync_many(Path(parent) for parent, _, _ in os.walk(self._into))
        except OSError as error:
            raise refusal(self._into, error) from error
        finally:
            pool.shutdown(cancel_futures=True)
        return missing

    def _one(self, entry: ManifestEntry) -> tuple[ManifestEntry, str]:
        """Restores one file; returns its entry, and why it could not be restored (empty on success)."""
        final = self._into / native(entry.path)
        if _is_there(final, entry):
            return entry, ""
        make_folder(final.parent, sync=False)
        temporary = temporary_beside(final)
        try:
            digest = self._copy(entry, temporary)
            if digest != entry.sha256:
                return entry, "its bytes are not those that were stored: the backup is damaged there"
            os.utime(temporary, ns=(entry.modified_ns, entry.modified_ns))
            os.replace(temporary, final)
        except UnreadableFileError as error:
            return entry, str(error)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()
        return entry, ""

    def _copy(self, entry: ManifestEntry, temporary: Path) -> str:
        digest = hashlib.sha256()
        with open(temporary, "xb") as target:
            os.fchmod(target.fileno(), 0o600) if entry.path == "settings.env" else None
            with _opened(self._place, entry) as source:
                while data := _read(source):
                    digest.update(data)
                    target.write(data)
            target.flush()
            os.fsync(target.fileno())
        return digest.hexdigest()


def _opened(place: BackupLocation, entry: ManifestEntry) -> BinaryIO:
    try:
        return place.open(entry)
    except FileNotFoundError as error:
        raise UnreadableFileError("it is not in the backup any more") from error
    except OSError as error:
        raise UnreadableFileError(f"the backup cannot be read there ({error.strerror or error})") from error


def _read(source: BinaryIO) -> bytes:
    try:
        return source.read(_CHUNK)
    except Exception as error:  # each kind of location raises errors of its own
        raise UnreadableFileError(f"the backup cannot be read there ({error})") from error


def _is_there(final: Path, entry: ManifestEntry) -> bool:
    """Whether a file already exists with the size and hash of the entry, restored by an earlier attempt."""
    try:
        if final.is_symlink() or final.stat().st_size != entry.size:
            return False
        with final.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == entry.sha256
    except FileNotFoundError:
        return False


def _chosen(place: BackupLocation, at: str) -> str:
    ids = place.ids()
    if not ids:
        raise FileError(place.where, "there is no backup", "Name the place that `instagram-assets backup` was given")
    if not at:
        return ids[-1]
    if is_backup_id(at):
        found = [name for name in ids if name == at]
    else:
        moment = _moment(at)
        found = [name for name in ids if backup_time(name) <= moment]
    if not found:
        raise FileError(
            place.where, f"has no backup {at}", f"`instagram-assets backups {place.where}` lists those that it has"
        )
    return found[-1]


def _moment(at: str) -> datetime:
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise FileError(
            "--at", f"{at!r} is no id of a backup and no time", "Give an id, or a time such as 2026-11-02T09:00"
        ) from error
    return moment if moment.tzinfo else moment.astimezone(UTC)
