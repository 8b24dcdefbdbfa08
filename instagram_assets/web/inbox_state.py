"""The state of export files: waiting in the inbox, landed (read into the lake), or rejected; newest first."""

import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from upath import UPath

from instagram_assets.errors import StorageError
from instagram_assets.ingest.folder_scan import ERROR_SUFFIX, REJECTED
from instagram_assets.ingest.inbox import waiting_entries
from instagram_assets.ingest.manifests import newest_manifests, pending_names, read_manifest
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import is_local

_LONGEST_REASON = 2_000


@dataclass(frozen=True)
class WaitingFile:
    """A file or folder in the inbox that was not read yet; `bytes` is null for a folder."""

    name: str
    bytes: int | None
    since: datetime


@dataclass(frozen=True)
class LandedEntry:
    """A file that was read into the lake, with its row counts; `is_pending` until all tables contain its rows.

    If its manifest is damaged, `problem` is the error, and the counts are zero.
    """

    name: str
    landed_at: datetime
    records: int = 0
    posts: int = 0
    reels: int = 0
    profiles: int = 0
    quarantined: int = 0
    is_pending: bool = False
    problem: str = ""


@dataclass(frozen=True)
class RejectedFile:
    """A file that was rejected as a whole, with the reason and the remedy."""

    name: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class InboxState:
    """One page of each list of files, and the total length of each list; `has_more` if any list has a next page."""

    waiting: Sequence[WaitingFile]
    waiting_total: int
    landed: Sequence[LandedEntry]
    landed_total: int
    rejected: Sequence[RejectedFile]
    rejected_total: int
    page: int
    has_more: bool


def read_inbox(lake: UPath, settings: Settings, page: int = 1, size: int = 25) -> InboxState:
    """Returns a page of each list of files, with `size` entries each; opens only the manifests of that page."""
    inbox = settings.folder("inbox")
    begin, end = (page - 1) * size, page * size
    waits, landed, rejected = waiting_entries(inbox), _landed_names(lake), _notes(inbox / REJECTED)
    totals = len(waits), len(landed), len(rejected)
    noted = pending_names(lake)
    return InboxState(
        [file for path in waits[begin:end] if (file := _waiting(path))],
        totals[0],
        [_landed(lake, name, time, noted) for time, name in landed[begin:end]],
        totals[1],
        [_rejected(path, time, inbox) for time, path in rejected[begin:end]],
        totals[2],
        page,
        max(totals) > end,
    )


def _waiting(path: Path) -> WaitingFile | None:
    """Returns a file or folder that waits in the inbox; None if it was moved since it was listed."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return WaitingFile(_shown(path.name), None if path.is_dir() else status.st_size, _moment(status.st_ctime))


def _landed_names(lake: UPath) -> list[tuple[float, str]]:
    """Returns (mtime, name) of the newest manifest of each landed file, newest first, without opening them."""
    times = dict(_times(lake / "landing" / "files"))
    return sorted(((times.get(f"{name}.json", 0.0), name) for name in newest_manifests(lake)), reverse=True)


def _times(folder: UPath) -> Iterable[tuple[str, float]]:
    """Returns the names in a folder with their mtimes, with one listing; mtimes are Unix timestamps."""
    if is_local(folder):
        return [(path.name, time) for time, path in _children(Path(folder.path))]
    try:
        found: list[dict[str, Any]] = folder.fs.ls(folder.path, detail=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [(str(entry["name"]).rpartition("/")[2], _seconds(entry.get("LastModified"))) for entry in found]


def _seconds(moment: object) -> float:
    return moment.timestamp() if isinstance(moment, datetime) else 0.0


def _landed(lake: UPath, name: str, time: float, noted: set[str]) -> LandedEntry:
    sha256 = name.rpartition("-")[0]
    try:
        file = read_manifest(lake, name)
    except StorageError as error:
        return LandedEntry(f"{sha256[:12]}…", _moment(time), problem=str(error))
    if file is None:  # it was ingested again by a newer version, or erased, since its name was listed
        return LandedEntry(f"{sha256[:12]}…", _moment(time))
    counts = (file.records, file.posts, file.reels, file.profiles, file.quarantined)
    return LandedEntry(_shown(file.file), _moment(time), *counts, is_pending=sha256 in noted)


def _notes(folder: Path) -> list[tuple[float, Path]]:
    """Returns (mtime, path) of the error files next to rejected files, newest first."""
    return sorted(((time, path) for time, path in _children(folder) if path.name.endswith(ERROR_SUFFIX)), reverse=True)


def _rejected(note: Path, time: float, inbox: Path) -> RejectedFile:
    try:
        if not stat.S_ISREG(note.lstat().st_mode):  # a symbolic link may lead anywhere, and a pipe does not end
            raise OSError("the note is no file")
        with note.open(encoding="utf-8", errors="replace") as stream:
            reason = stream.read(_LONGEST_REASON).strip()
    except OSError as error:
        reason = error.strerror or str(error)
    return RejectedFile(_shown(note.name.removesuffix(ERROR_SUFFIX)), reason.replace(f"{inbox}/", ""), _moment(time))


def _children(folder: Path) -> list[tuple[float, Path]]:
    """Returns (mtime, path) of the entries of a folder, without hidden files and files that disappear meanwhile."""
    found: list[tuple[float, Path]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if not entry.name.startswith("."):
                        found.append((entry.stat(follow_symlinks=False).st_mtime, folder / entry.name))
    except (FileNotFoundError, NotADirectoryError):
        pass
    return found


def _shown(name: str) -> str:
    """Returns the file name as valid UTF-8, which file names on disk need not be."""
    return name.encode("utf-8", "replace").decode()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
