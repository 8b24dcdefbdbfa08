"""The drop folder: what waits in it, and landing it."""

import errno
import hashlib
import os
import shutil
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path

from upath import UPath

from instagram_assets.errors import BusyFileError, FileError, InstagramAssetsError, SettingsError
from instagram_assets.ingest.landing import LandedFile, is_landed, land
from instagram_assets.ingest.mending import DONE, Mended, mend
from instagram_assets.ingest.reader.streams import Identity, changed, identity
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import make_folder, remedy, shortened, sync_folders, write_atomic
from instagram_assets.storage.locks import alone_in

REJECTED = "rejected"
ERROR = ".error.txt"
# A file of this ending beside an export says when its records were read from Instagram.
STATED = ".observed_at"

_LONGEST_NAME, _LONGEST_SUFFIX = 255, 20
# Errors that say nothing about the machine: they come from what is in the file, and would come again.
_THE_FILES = (
    FileError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass
class Landing:
    """What landing a number of files led to.

    Every file is in one of the lists: `landed`, `known` from before, `rejected` as bad, `left` where it is with the
    reason, or `gone` since it was named. `mended` is what else was made whole in the landing zone.
    """

    landed: list[LandedFile] = field(default_factory=list[LandedFile])
    known: list[LandedFile] = field(default_factory=list[LandedFile])
    rejected: list[FileError] = field(default_factory=list[FileError])
    left: list[FileError] = field(default_factory=list[FileError])
    gone: list[Path] = field(default_factory=list[Path])
    mended: Mended = field(default_factory=Mended)

    @property
    def failures(self) -> list[InstagramAssetsError]:
        """What a person must know about, each with its remedy."""
        return [*self.rejected, *self.left, *self.mended.lost]


def waiting(inbox: Path) -> list[Path]:
    """What lies in the inbox, sorted by name; hidden and half-copied files are left alone."""
    if not inbox.is_dir():
        return []
    return sorted(
        entry
        for entry in inbox.iterdir()
        if entry.name not in (DONE, REJECTED)
        and not entry.name.startswith(".")
        and entry.suffix.lower() not in (".part", ".tmp", ".crdownload", STATED)
    )


def fingerprint(path: Path) -> str:
    """A hash of size, modification time, first and last MiB: tells versions of a file apart without reading it all."""
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
    on_progress: Callable[[int, int], None] | None = None,
) -> Landing:
    """Land the named files, or all that wait in the inbox; one bad file never stops the others, whatever is raised.

    Names are taken below the inbox, absolute paths as they are. Where `observed_at` says nothing, a file
    `NAME.observed_at` beside an export may. A file of the inbox moves to `done/`, a bad one to
    `rejected/` with its error beside it; one that changes meanwhile or meets a full disk stays. Then what is damaged
    in the landing zone is made whole. `on_progress` is told how many files are done, and of how many.
    Raises SettingsError when `observed_at` is not an ISO time with its zone.
    """
    inbox = settings.folder("inbox")
    moment = parse_moment(observed_at)
    result = Landing()
    paths = [inbox / name for name in names] or waiting(inbox)
    for done, path in enumerate(paths):
        if on_progress:
            on_progress(done, len(paths))
        before = identity_of(path)
        inside = path.parent == inbox
        try:
            file = land(path, lake, settings=settings, observed_at=moment or stated_beside(path))
        except Exception as error:
            _end(path, before, error, result, inside=inside)
            continue
        (result.landed if file.new else result.known).append(file)
        if inside:
            _put_aside(path, before, result)
    if on_progress:
        on_progress(len(paths), len(paths))
    result.mended = mend(lake, settings)
    return result


def is_known(path: Path, lake: UPath) -> bool:
    """True when a file with these bytes has landed before and nothing of it has to be made again."""
    with path.open("rb") as stream:
        return is_landed(lake, hashlib.file_digest(stream, "sha256").hexdigest())


def identity_of(path: Path) -> Identity | None:
    """What tells this file from any that takes its place; null when it is not there."""
    try:
        return identity(os.lstat(path))
    except OSError:
        return None


def put_aside(path: Path, before: Identity | None = None) -> None:
    """Move a landed file of the inbox to `done/`, numbered where one of its name is there.

    Raises BusyFileError when it is not the file of `before` any more, StorageError or OSError when it cannot be moved.
    """
    _move(path, DONE, before or identity_of(path))


def parse_moment(text: str) -> datetime | None:
    """An aware time from its ISO form; None for no text. Raises SettingsError for anything else."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"observed_at={text!r}: not a time. Use the form 2026-11-02T09:00:00+09:00.") from error
    if moment.tzinfo is None:
        raise SettingsError(f"observed_at={text!r}: the time zone is missing. Use the form 2026-11-02T09:00:00+09:00.")
    return moment


def stated_beside(path: Path) -> datetime | None:
    """The time that a file of the same name with STATED beside it says; None when there is none.

    Raises FileError when it says none that can be used.
    """
    note = path.with_name(path.name + STATED)
    try:
        return parse_moment(note.read_text(encoding="utf-8-sig").strip())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (SettingsError, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:  # so there is none
            return None
        remedy = "Mend that file, then put both into the inbox again"
        raise FileError(str(note), str(error).rstrip("."), remedy) from error


def _put_aside(path: Path, before: Identity | None, result: Landing) -> None:
    try:
        put_aside(path, before)
    except (InstagramAssetsError, OSError) as error:
        if identity_of(path) is not None:  # else another run has moved it
            result.left.append(_left(path, error))


def _end(path: Path, before: Identity | None, error: Exception, result: Landing, *, inside: bool) -> None:
    """Say what becomes of a file that could not land, and do it."""
    if inside and identity_of(path) is None:
        result.gone.append(path)
        return
    if isinstance(error, BusyFileError) or not isinstance(error, _THE_FILES):
        result.left.append(_left(path, error))
        return
    bad = error if isinstance(error, FileError) else _unforeseen(path, error)
    try:
        if inside:
            _move(path, REJECTED, before, f"{bad}\n")
        result.rejected.append(bad)
    except (InstagramAssetsError, OSError) as refused:
        result.left.append(_left(path, refused))


def _left(path: Path, error: Exception) -> FileError:
    if isinstance(error, FileError):
        return error
    said = str(error).rstrip(".") if isinstance(error, InstagramAssetsError) else f"{type(error).__name__}: {error}"
    if isinstance(error, OSError):
        return BusyFileError(str(path), os.strerror(error.errno or 0), f"{remedy(error)}, then run again")
    if isinstance(error, MemoryError):
        return BusyFileError(str(path), "there is not enough memory", "Free some, then run again")
    return BusyFileError(str(path), said, "The file stays where it is")


def _unforeseen(path: Path, error: Exception) -> FileError:
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}, line {last.lineno}"
    problem = f"our program failed ({type(error).__name__} in {where}: {ascii(str(error))[:300]})"
    return FileError(str(path), problem, "Report this line, and put the file into the inbox again after an update")


def _move(path: Path, folder: str, before: Identity | None, error: str = "") -> None:
    """Move a file of the inbox into one of its folders, with its error beside it, if it still is the one of before."""
    target = path.parent / folder
    make_folder(target)
    with alone_in(target):  # of two that choose a name at once
        name = _free_name(target, path)
        if identity_of(path) != before:
            raise changed(path)
        if error:
            write_atomic(target / f"{name}{ERROR}", lambda stream: stream.write(error.encode()))
        # The note goes first: a file that has landed finds its way alone, its note would not.
        if os.path.lexists(note := path.with_name(path.name + STATED)):
            os.replace(note, target / (name + STATED))
        shutil.move(path, target / name)
        moved = identity_of(target / name)
        if before and moved and moved[-1] != before[-1]:  # it was replaced in the very last moment
            shutil.move(target / name, path.parent / _free_name(path.parent, path))
            raise changed(path)
    sync_folders([path.parent, target])


def _free_name(folder: Path, path: Path) -> str:
    """The file's name, with a number where it is taken, and room for that of its error and its note."""
    stem, end = (path.stem, path.suffix) if len(path.suffix) <= _LONGEST_SUFFIX else (path.name, "")
    tails = (end if number == 1 else f"-{number}{end}" for number in count(1))
    names = (shortened(stem, _LONGEST_NAME - len(os.fsencode(tail + STATED))) + tail for tail in tails)
    return next(name for name in names if not os.path.lexists(folder / name))
