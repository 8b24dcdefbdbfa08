"""The inbox (drop folder): lists the files in it, and reads them into the landing zone."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from upath import UPath

from instagram_assets.ingest.archive_pictures import StorePictures
from instagram_assets.ingest.companion_files import OpenablePicture
from instagram_assets.ingest.folder_scan import (
    DONE,
    REJECTED,
    folder_identity,
    is_filled,
    is_ignored,
    move_out,
    path_identity,
)
from instagram_assets.ingest.landing import is_landed
from instagram_assets.ingest.landing_repair import repair_landing
from instagram_assets.ingest.landing_run import LandingReport, LandingRun
from instagram_assets.ingest.record_source import parse_observed_at, parse_stated_account
from instagram_assets.ingest.redact.inbox_redaction import rename_with_notes, renamed
from instagram_assets.media.never_download import is_forgotten
from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import sweep, sweep_in
from instagram_assets.storage.fingerprints import file_sha256


def waiting_entries(inbox: Path) -> list[Path]:
    """List the files and folders in the inbox, sorted by name, except hidden, partially copied and empty ones."""
    if not inbox.is_dir():
        return []
    return sorted(
        entry
        for entry in inbox.iterdir()
        if entry.name not in (DONE, REJECTED)
        and not is_ignored(entry.name)
        and not (_is_folder(entry) and not is_filled(entry))
    )


def entry_fingerprint(path: Path) -> str:
    """Return a SHA-256 over size, mtime, first and last MiB of a file, to detect changes without reading all of it.

    For a folder it is a hash of the names, sizes and mtimes of all files in it.
    """
    if _is_folder(path):
        return hashlib.sha256(repr(folder_identity(path)).encode()).hexdigest()
    size = path.stat().st_size
    digest = hashlib.sha256(f"{size} {path.stat().st_mtime_ns}".encode())
    with path.open("rb") as stream:
        digest.update(stream.read(1 << 20))
        stream.seek(max(0, size - (1 << 20)))
        digest.update(stream.read(1 << 20))
    return digest.hexdigest()


def land_files(
    names: Sequence[str],
    lake: UPath,
    settings: Settings,
    observed_at: str = "",
    account: str = "",
    on_progress: Callable[[int, int], None] | None = None,
    keep: StorePictures | None = None,
) -> LandingReport:
    """Read the named files and folders, or all of the inbox, into the landing zone; bad files do not stop the others.

    Names are relative to the inbox; absolute paths are used as they are. In a folder, every file that may be an export
    is read. `observed_at` is when the records were read from Instagram; if it is empty, the file `NAME.observed_at`
    beside an export or its folder is used if it exists. `account` is the owner of records that do not name one. A file
    of the inbox is moved to `done/`, a folder when all its files have landed or were skipped; a bad file is moved to
    `rejected/`, with its error in a file beside it; a file that changes meanwhile, or that the disk has no room for, is
    left in the inbox. Then damaged files in the landing zone are repaired. `on_progress` is called with the number of
    files done and in total. `keep` stores the images of Instagram data downloads before their rows are visible. Raises
    SettingsError when `observed_at` is not an ISO time with a zone, or `account` is not an account name.
    """
    inbox = settings.folder("inbox")
    forgotten = load_tombstones(settings.folder("privacy"))
    keep = keep and partial(_keep_allowed, keep, forgotten)
    work = LandingRun(
        lake, settings, inbox, parse_observed_at(observed_at), parse_stated_account(account), keep, forgotten
    )
    sweep_in(inbox)  # interrupted uploads
    if forgotten:
        sweep(inbox)  # temporary files of a killed run
    paths = [Path(os.path.abspath(inbox / name)) for name in names] or [inbox]
    paths = [found for path in paths for found in (waiting_entries(inbox) if path == inbox else [path])]
    entries = [entry for path in paths for entry in work.opened(path)]
    total, done = sum(len(entry.files) for entry in entries), 0
    for entry in entries:
        before = work.counts
        for file in entry.files:
            if on_progress:
                on_progress(done, total)
            work.land(file, entry)
            done += 1
        work.close(entry, before)
    if on_progress:
        on_progress(total, total)
    work.result.mended = repair_landing(lake, settings)
    return work.result


def _keep_allowed(keep: StorePictures, forgotten: Forgotten, pictures: Iterable[OpenablePicture]) -> Mapping[str, int]:
    return keep(picture for picture in pictures if not is_forgotten(picture[0], forgotten))


def is_already_landed(path: Path, lake: UPath, settings: Settings) -> bool:
    """True when a file with the same bytes has landed before and its rows are complete and up to date."""
    return is_landed(lake, file_sha256(path), settings)


def rename_without_forgotten(path: Path, forgotten: Forgotten) -> Path:
    """Rename an inbox file if its name contains account names erased on request.

    Returns the new path, or the old one if renaming fails.
    """
    to = renamed(path, forgotten)
    if to == path:
        return path
    try:
        rename_with_notes(path, to)
    except OSError:  # landing it reports why
        return path
    return to


def move_to_done(path: Path) -> None:
    """Move an inbox file that has already landed to `done/`, numbered if its name is taken.

    Raises BusyFileError when it changes meanwhile, StorageError or OSError when it cannot be moved.
    """
    move_out(path, path.parent / DONE, path_identity(path))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
