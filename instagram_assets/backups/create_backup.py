"""Creates a backup: each file is read once and stored unless it is already stored; the manifest is written last."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from instagram_assets.backups.backup_contents import LANDED, SETTINGS_FILE, BackupContents, BackupPart
from instagram_assets.backups.files_to_store import FileReading, FileToStore, UnreadableFileError, VanishedError
from instagram_assets.backups.location import BackupWriter, open_location
from instagram_assets.backups.manifest import Manifest, ManifestEntry, Missing, pack
from instagram_assets.backups.privacy_folder import record_backup
from instagram_assets.errors import FileError, NothingDoneError
from instagram_assets.ingest.folder_scan import DONE, REJECTED
from instagram_assets.ingest.record_source import OBSERVED_AT_SUFFIX
from instagram_assets.privacy.secret_keys import key_id
from instagram_assets.privacy.tombstones import load_tombstones

OnBackupProgress = Callable[[int, int], None]
"""Callback with (number of files done, number of files found so far)."""

_LOOKS = 20
"""The maximum number of times that a part is listed while its files disappear."""
_TRIES = 3
_CHANGING = "it was written to while it was read"


@dataclass(frozen=True)
class BackupSummary:
    """The result of a backup: `new_bytes` is the size of newly stored content, `missing` are files that are unreadable.

    `left_out` are symbolic links, which are not followed, and copies of secret keys; `made_again` are datasets that
    were left out because a run recreates them.
    """

    where: str
    id: str
    files: int
    bytes: int
    new_files: int
    new_bytes: int
    seconds: float
    missing: tuple[Missing, ...]
    left_out: tuple[Missing, ...] = ()
    made_again: tuple[str, ...] = ()


def create_backup(
    contents: BackupContents,
    where: str,
    privacy_folder: Path,
    *,
    options: dict[str, Any] | None = None,
    on_progress: OnBackupProgress | None = None,
) -> BackupSummary:
    """Creates a backup of `contents` in a `.tar`, a `.zip`, a folder or `s3://…` (`options` are fsspec's).

    Dagster runs can continue meanwhile. A killed backup is invalid, but the next one reuses its stored files. A
    file that cannot be read is reported in the summary, and the backup is made without it. Raises StorageError or
    FileError when the location cannot be written, NothingDoneError when there is nothing to back up.
    """
    begun, moment = monotonic(), datetime.now(UTC)
    _refuse_inside(where, contents.roots())
    tombstones = load_tombstones(privacy_folder)
    with open_location(where, options) as place, place.writing() as writer:
        taking = _Taking(writer, place.threads, on_progress)
        for part in contents.parts():
            taking.store(part)
        taking.leave_out_moved()
        for part in contents.late(taking.stamps(LANDED)):
            taking.store(part)
        for part in contents.last():
            taking.store(part)
        if not taking.entries.keys() - {SETTINGS_FILE} and not taking.missing:
            raise NothingDoneError(f"{contents.settings.data_dir}: there is nothing to back up.")
        manifest = Manifest(
            taken_at=moment,
            program=_version(),
            entries=tuple(taking.entries[path] for path in sorted(taking.entries)),
            missing=tuple(Missing(path, reason) for path, reason in sorted(taking.missing.items())),
            tombstones=len(tombstones),
            tombstone_key=key_id(tombstones.key) if tombstones else "",
        )
        name, data = pack(manifest)
        # It may contain people who are erased later, so it is recorded before it becomes valid.
        record_backup(privacy_folder, place.where, name)
        writer.publish(name, data)
        return BackupSummary(
            place.where,
            name,
            len(manifest.entries),
            manifest.bytes,
            taking.new_files,
            taking.new_bytes,
            monotonic() - begun,
            manifest.missing,
            tuple(Missing(path, what) for path, what in sorted(contents.never.left_out.items())),
            tuple(sorted(contents.made_again)),
        )


class _Kept(NamedTuple):
    """The result of storing one file: its manifest entry; None if the file disappeared or is unreadable (`reason`)."""

    found: FileToStore
    entry: ManifestEntry | None
    new_bytes: int = 0
    reason: str = ""


class _Taking:
    """A running backup: stores files and collects their manifest entries."""

    def __init__(self, writer: BackupWriter, threads: int, on_progress: OnBackupProgress | None) -> None:
        self.entries: dict[str, ManifestEntry] = {}
        self.missing: dict[str, str] = {}
        self.new_files = self.new_bytes = 0
        self._writer, self._threads, self._on_progress = writer, threads, on_progress
        self._known = {entry.path: entry for entry in writer.latest.entries} if writer.latest else {}
        self._done = self._total = 0

    def store(self, part: BackupPart) -> None:
        """Stores the files of a part; if a file disappeared, lists the part again, since files can have been moved."""
        for _ in range(_LOOKS):
            new = [found for found in part.list() if not self._is_stored(found)]
            self._total += len(new)
            due = [found for found in new if not self._is_known(found)]
            if not self._keep(due, part.only):
                return
        self.missing[part.name] = "its files were moved again and again while they were stored"

    def leave_out_moved(self) -> None:
        """Removes entries of waiting inbox files that were moved to `done` or `rejected` during the backup.

        Entries of their sidecar files are removed too.
        """
        ended = {(_below(path, end), entry.sha256) for path, entry in self.entries.items() for end in _ENDED}
        waiting = [path for path in self.entries if path.startswith("inbox/") and not path.startswith(_ENDED)]
        moved = {path for path in waiting if (_below(path, "inbox/"), self.entries[path].sha256) in ended}
        for path in waiting:
            # A sidecar means nothing without its file, and may be equal to that of another one.
            if path.removesuffix(OBSERVED_AT_SUFFIX) in moved:
                del self.entries[path]

    def stamps(self, prefix: str) -> dict[str, str]:
        """Returns path → change stamp (changes with the content) of the stored files whose paths have this prefix."""
        return {path: entry.stamp for path, entry in self.entries.items() if path.startswith(prefix)}

    def _is_stored(self, found: FileToStore) -> bool:
        entry = self.entries.get(found.path)
        return (entry is not None and entry.stamp == found.stamp) or found.path in self.missing

    def _is_known(self, found: FileToStore) -> bool:
        """Whether a file is unchanged since the previous backup, so that it does not have to be read."""
        old = self._known.get(found.path)
        if old is None or not found.stamp or old.stamp != found.stamp or not self._writer.has(old):
            return False
        self.entries[found.path] = old
        self._tell()
        return True

    def _keep(self, due: list[FileToStore], only: frozenset[str]) -> bool:
        """Stores these files; returns true if one of them disappeared."""
        some_gone = False
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="backup")
        try:
            for kept in pool.map(self._keep_one, due):
                self._tell()
                if kept.reason:
                    self.missing[kept.found.path] = kept.reason
                elif kept.entry is None:
                    some_gone = True
                elif not only or kept.entry.sha256 in only:
                    self.entries[kept.found.path] = kept.entry
                    self.new_files += kept.new_bytes > 0
                    self.new_bytes += kept.new_bytes
        finally:
            pool.shutdown(cancel_futures=True)
        return some_gone

    def _keep_one(self, found: FileToStore) -> _Kept:
        opened: list[FileReading] = []

        def source() -> FileReading:
            opened.append(found.open())
            return opened[-1]

        for _ in range(_TRIES):
            try:
                stored = self._writer.keep(found.path, source)
            except VanishedError:
                return _Kept(found, None)
            except UnreadableFileError as error:
                return _Kept(found, None, reason=str(error))
            except EOFError:
                continue
            if not opened[-1].is_changed:
                entry = ManifestEntry(found.path, stored.size, opened[-1].modified_ns, stored.sha256, found.stamp)
                return _Kept(found, entry, stored.new_bytes)
        return _Kept(found, None, reason=_CHANGING)

    def _tell(self) -> None:
        self._done += 1
        if self._on_progress:
            self._on_progress(self._done, self._total)


_ENDED = (f"inbox/{DONE}/", f"inbox/{REJECTED}/")


def _below(path: str, folder: str) -> str:
    """Returns the path relative to a folder; empty for a path outside of it."""
    return path.removeprefix(folder) if path.startswith(folder) else ""


def _refuse_inside(where: str, roots: Iterable[Path]) -> None:
    if "://" in where:
        return
    place = Path(os.path.realpath(Path(where).expanduser()))
    for root in map(os.path.realpath, roots):
        if place.is_relative_to(root):
            raise FileError(where, f"lies in {root}, which is backed up", "Name a place outside, best on another disk")


def _version() -> str:
    from instagram_assets import __version__

    return __version__
