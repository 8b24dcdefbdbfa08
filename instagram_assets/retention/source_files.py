"""Retention of imported source files: deletes a file once all its rows have expired.

A file that was never imported expires by the time at which it was moved into its folder.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

from upath import UPath

from instagram_assets.ingest.folder_scan import DONE, ERROR_SUFFIX, REJECTED
from instagram_assets.ingest.manifests import manifest_versions, original_hash, pending_files, read_manifest
from instagram_assets.ingest.record_source import OBSERVED_AT_SUFFIX
from instagram_assets.retention.expired_items import INBOX_PLACE, ExpiredItem
from instagram_assets.retention.landing_rows import expired_files
from instagram_assets.storage.atomic import is_temporary, refusal, sync_folders
from instagram_assets.storage.fingerprints import file_sha256
from instagram_assets.storage.locks import folder_lock

Moments = Sequence[datetime]
_NOTES = (OBSERVED_AT_SUFFIX, ERROR_SUFFIX)
_GOING = ".past."
"""Prefix of a folder's temporary name during its deletion, by which the next run finds it if this one is killed."""


def expired_source_files(inbox: Path, lake: UPath, before: datetime) -> Iterator[ExpiredItem]:
    """Yields the expired files and folders in the inbox's subfolders `done` and `rejected`.

    An imported file expires if all its records have expired; a folder, if all its imported files have. Files that were
    never imported expire by the time at which they were moved there. Files not processed yet are kept. Every file in
    `done` is read, since it is identified by its SHA-256.
    """
    past, known = _past_hashes(lake, before)
    for folder in (inbox / DONE, inbox / REJECTED):
        for entry in _entries(folder):
            hashes = {path: file_sha256(path) for path in _files_of(entry)} if folder.name == DONE else {}
            # An erasure can have rewritten a file since it was imported; its manifest has the original hash.
            originals = {path: original_hash(lake, sha256) for path, sha256 in hashes.items()}
            landed = {path: sha256 for path, sha256 in originals.items() if sha256 in known}
            if entry.name.startswith(_GOING):
                yield _due(folder, entry, [])
            elif landed:
                gone = {path: past[sha256] for path, sha256 in landed.items() if sha256 in past}
                if len(gone) == len(landed):
                    yield _due(folder, entry, [moment for moments in gone.values() for moment in moments])
                    continue
                for path, moments in gone.items():
                    yield _due(folder, path, moments)
            elif (moment := _put_there(entry)) < before:
                yield _due(folder, entry, [moment])


def _past_hashes(lake: UPath, before: datetime) -> tuple[dict[str, Moments], set[str]]:
    """Returns (hash of each fully expired file → first and last observation time of each table, all landed hashes).

    The times are empty if the file's records are deleted already. Files not materialized yet do not count as expired.
    """
    known = manifest_versions(lake)
    past: dict[str, Moments] = {
        sha256: [] for sha256, names in known.items() if (file := read_manifest(lake, names[-1])) and file.is_past
    }
    for look in expired_files(lake, before):
        if look.is_whole:
            past[look.file.sha256] = [moment for part in look.parts for moment in (part.first, part.last)]
    for file in pending_files(lake):
        past.pop(file.sha256, None)
    return past, set(known)


def _entries(folder: Path) -> Iterator[Path]:
    """Yields the files and folders in a folder, without temporary files and the sidecar files of others."""
    names = sorted(os.listdir(folder)) if folder.is_dir() else []
    for name in names:
        about = next((name.removesuffix(ending) for ending in _NOTES if name.endswith(ending)), name)
        if not is_temporary(name) and (about == name or about not in names):
            yield folder / name


def _files_of(entry: Path) -> list[Path]:
    """Returns `[entry]` for a file, or all files below a folder; links are not followed."""
    if entry.is_symlink() or not entry.is_dir():
        return [entry] if entry.is_file() else []
    found = (Path(parent, name) for parent, _, names in os.walk(entry) for name in names)
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def _put_there(entry: Path) -> datetime:
    """Returns the time at which an entry was moved into its folder (its ctime)."""
    return datetime.fromtimestamp(entry.lstat().st_ctime, UTC)


def _due(folder: Path, path: Path, moments: Moments) -> ExpiredItem:
    files = _files_of(path)
    size = sum(file.stat().st_size for file in files)
    shown = f"inbox/{path.relative_to(folder.parent).as_posix()}"
    span = min(moments, default=None), max(moments, default=None)
    return ExpiredItem(
        INBOX_PLACE, f"inbox/{folder.name}", shown, max(len(files), 1), size, *span, partial(_remove, folder, path)
    )


def _remove(folder: Path, path: Path) -> None:
    """Deletes a file or folder with its sidecar files; no error if they are missing."""
    try:
        with folder_lock(folder):
            if path.is_dir() and not path.is_symlink():
                going = path if path.name.startswith(_GOING) else folder / f"{_GOING}{uuid4().hex}"
                os.replace(path, going)
                shutil.rmtree(going)
            else:
                path.unlink(missing_ok=True)
            # Sidecar files are deleted last: a repeated call finds them even if the main file is deleted already.
            for ending in _NOTES:
                path.with_name(path.name + ending).unlink(missing_ok=True)
            if path.parent.is_dir():
                sync_folders([path.parent])
    except FileNotFoundError:
        return
    except OSError as error:
        raise refusal(path, error) from error
