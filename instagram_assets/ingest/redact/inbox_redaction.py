"""In-place redaction of files and folders in the inbox, before they are moved to `done` or `rejected`.

A file keeps its modification time, which may be the only hint at when its records were observed. The landing zone
records its hashes before and after, so that neither version is ingested again.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from upath import UPath

from instagram_assets.ingest.archive_layout import ACTIVITY_FOLDER, is_archive_root, owner_beside
from instagram_assets.ingest.companion_files import companion_stem, is_picture_of_post
from instagram_assets.ingest.folder_scan import ERROR_SUFFIX
from instagram_assets.ingest.manifests import find_landed, note_rewritten, original_hash
from instagram_assets.ingest.reader.byte_streams import Identity, changed, identity
from instagram_assets.ingest.record_source import OBSERVED_AT_SUFFIX
from instagram_assets.ingest.redact.file_redaction import UNCHANGED, Scrubbed, scrub_file
from instagram_assets.ingest.redact.redactor import scrubbed_name
from instagram_assets.ingest.redact.zip_redaction import is_media
from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.storage.atomic import remove_durably, sync_folders, temporary_beside
from instagram_assets.storage.fingerprints import file_sha256

_PIECE = 1 << 20


@dataclass(frozen=True)
class Task:
    """A file or folder to remove, rename or rewrite, and the number of affected records in it.

    `path` is its current path, `to` its path afterwards: with another file name if the current one contains an erased
    name; None if the file is removed.
    """

    path: Path
    to: Path | None
    rows: int
    is_rewritten: bool = False
    before: Identity | None = None
    """Identity of the file when it was scanned, so that a newer file in its place is not removed."""


@dataclass(frozen=True)
class InboxRedactor:
    """Redacts inbox files, given the lake (whose manifests record file hashes), erased identifiers, and an encoding."""

    lake: UPath
    forgotten: Forgotten
    encoding: str = "utf-8"

    def name(self, path: Path) -> Path:
        """Return the path with erased names removed from its file name, numbered if the new name is taken."""
        return renamed(path, self.forgotten)

    def tasks(self, path: Path) -> Iterator[Task]:
        """Yield the tasks for a file, or for all files in a folder, in order; nothing is changed yet."""
        if path.is_symlink() or not path.is_dir():
            # A link or a pipe is not opened: only its name is checked.
            is_plain = path.is_file() and not path.is_symlink()
            yield from self._of_file(path, self._looked(path) if is_plain else UNCHANGED)
            return
        if self._is_of_forgotten(path):
            yield Task(path, None, 1)
            return
        yield from self._of_folder(path)
        if (to := self.name(path)) != path:
            yield Task(path, to, 1)

    def do(self, task: Task) -> int:
        """Execute one task atomically, and return the number of bytes written.

        A file that no longer exists counts as done. Raises BusyFileError if a file to remove or rewrite has changed.
        """
        path = task.path
        if not os.path.lexists(path):
            return 0
        if task.before:
            _check_same(path, task.before)
        if task.to is None:
            # Its companion files are removed first: a repeated run finds the file again, but not its companions.
            for beside in _beside(path):
                remove_durably(beside)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                remove_durably(path)
            sync_folders([path.parent])
            return 0
        written = self._rewrite(path) if task.is_rewritten else 0
        if task.to != path and os.path.lexists(path):
            rename_with_notes(path, task.to)
        return written

    def _of_file(self, path: Path, found: Scrubbed) -> Iterator[Task]:
        if found.is_gone:
            yield Task(path, None, found.rows, before=identity(path.stat()))
        elif found.changed or self.name(path) != path:
            yield Task(path, self.name(path), max(1, found.rows), found.changed)

    def _of_folder(self, folder: Path) -> Iterator[Task]:
        """Yield the tasks for a folder's files, including images and captions beside removed posts."""
        entries = sorted(folder.iterdir())
        files = [path for path in entries if path.is_file() and not path.is_symlink()]
        looked = {path: self._looked(path) for path in files if not is_media(path.name)}
        stems = {companion_stem(path.name) for path, found in looked.items() if found.is_gone}
        is_theirs = self.forgotten.has("account", folder.name)
        for path, found in looked.items():
            beside = not found.changed and path.stem in stems
            yield from [Task(path, None, 1)] if beside else self._of_file(path, found)
        for path in files:
            if path not in looked and (is_theirs or self._is_picture_of(path, stems)):
                yield Task(path, None, 1)
        for path in entries:
            if path.is_dir() and not path.is_symlink():
                yield from self.tasks(path)

    def _is_picture_of(self, path: Path, stems: set[str]) -> bool:
        if self.name(path) != path or is_picture_of_post(path.name, stems) or path.stem in stems:
            return True
        return self.forgotten.has("image", file_sha256(path))

    def _is_of_forgotten(self, folder: Path) -> bool:
        """True if a folder is the unpacked Instagram data download of an erased account."""
        inside = [entry.name for entry in folder.iterdir() if entry.is_dir()]
        is_archive = is_archive_root(inside) or folder.name == ACTIVITY_FOLDER
        return is_archive and self.forgotten.has("account", owner_beside(folder / "posts"))

    def _looked(self, path: Path) -> Scrubbed:
        target = temporary_beside(path.parent / "scrubbed")
        try:
            return scrub_file(path, target, self.forgotten, encoding=self.encoding)
        finally:
            target.unlink(missing_ok=True)

    def _rewrite(self, path: Path) -> int:
        """Replace a file with its redacted version. Raises BusyFileError if it changes meanwhile."""
        target = temporary_beside(path.parent / "scrubbed")
        before = path.stat()
        try:
            found = scrub_file(path, target, self.forgotten, encoding=self.encoding)
            if not found.changed:
                return 0
            original = original_hash(self.lake, file_sha256(path))
            size = _settled(target, before)
            _check_same(path, identity(before))
            if find_landed(self.lake, original):
                # Recorded before the file is in place: if killed in between, the file is redacted again.
                note_rewritten(self.lake, file_sha256(target), original)
            os.replace(target, path)
            sync_folders([path.parent])
            return size
        finally:
            target.unlink(missing_ok=True)


def renamed(path: Path, forgotten: Forgotten) -> Path:
    """Return the path with erased names removed from its file name, numbered if the new name is taken."""
    name = scrubbed_name(path.name, forgotten)
    if name == path.name:
        return path
    new, number = path.with_name(name), 1
    while os.path.lexists(new):
        number += 1
        new = path.with_name(f"{Path(name).stem}-{number}{Path(name).suffix}")
    return new


def rename_with_notes(path: Path, to: Path) -> None:
    """Rename a file or folder together with its `.observed_at` and `.error.txt` files."""
    # The `.observed_at` file is renamed first: without it the file would get another observation time.
    for note, new in zip(_beside(path), _beside(to), strict=True):
        if os.path.lexists(note):
            os.replace(note, new)
    os.replace(path, to)
    sync_folders([path.parent])


def _settled(target: Path, before: os.stat_result) -> int:
    """Give a file the timestamps and permissions of the file it replaces, and sync it to disk; returns its size."""
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
    target.chmod(before.st_mode & 0o7777)
    with target.open("rb") as stream:
        os.fsync(stream.fileno())
    return target.stat().st_size


def _check_same(path: Path, before: Identity) -> None:
    if identity(path.stat()) != before:
        raise changed(path)


def _beside(path: Path) -> list[Path]:
    """Return the paths of the `.observed_at` and `.error.txt` files beside a file or folder."""
    return [path.with_name(path.name + ending) for ending in (OBSERVED_AT_SUFFIX, ERROR_SUFFIX)]
