"""The drop folder: what waits in it, and landing it."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from upath import UPath

from instagram_assets.errors import FileError, SettingsError
from instagram_assets.ingest.landing import PARSER_VERSION, LandedFile, land
from instagram_assets.ingest.manifests import manifest_path
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import make_folder, sync_folders, write_atomic

DONE = "done"
REJECTED = "rejected"


@dataclass
class Landing:
    """What landing a number of files led to."""

    landed: list[LandedFile] = field(default_factory=list[LandedFile])
    known: list[LandedFile] = field(default_factory=list[LandedFile])
    rejected: list[FileError] = field(default_factory=list[FileError])

    @property
    def accounts(self) -> list[str]:
        """Accounts in the files, sorted."""
        return sorted({account for file in [*self.landed, *self.known] for account in file.accounts})


def waiting(inbox: Path) -> list[Path]:
    """What lies in the inbox, sorted by name; hidden and half-copied files are left alone."""
    if not inbox.is_dir():
        return []
    return sorted(
        entry
        for entry in inbox.iterdir()
        if entry.name not in (DONE, REJECTED)
        and not entry.name.startswith(".")
        and entry.suffix.lower() not in (".part", ".tmp", ".crdownload")
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


def land_files(names: Sequence[str], lake: UPath, settings: Settings, observed_at: str = "") -> Landing:
    """Land the named files, or all that wait in the inbox; one bad file never stops the others.

    Names are taken below the inbox, absolute paths as they are. A file of the inbox moves to `done/`, a bad one to
    `rejected/` with its error beside it. Raises SettingsError when `observed_at` is not an ISO time with its zone.
    """
    inbox = settings.folder("inbox")
    moment = parse_moment(observed_at)
    result = Landing()
    for path in [inbox / name for name in names] or waiting(inbox):
        if inbox in path.parents and not path.exists() and (inbox / DONE / path.name).exists():
            continue  # an earlier run landed it and was stopped before it could say so
        try:
            file = land(path, lake, settings=settings, observed_at=moment)
        except FileError as error:
            result.rejected.append(error)
            if path.parent == inbox and os.path.lexists(path):
                _reject(path, error)
            continue
        (result.landed if file.new else result.known).append(file)
        if path.parent == inbox:
            put_aside(path)
    return result


def is_known(path: Path, lake: UPath) -> bool:
    """True when a file with these bytes has landed before."""
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return manifest_path(lake, f"{sha256}-{PARSER_VERSION}").exists()


def put_aside(path: Path) -> None:
    """Move a landed file of the inbox to `done/`; of two with one name the newer stands, both have landed."""
    _move(path, path.parent / DONE, path.name)


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


def _reject(path: Path, error: FileError) -> None:
    folder, name, number = path.parent / REJECTED, path.name, 1
    while os.path.lexists(folder / name):  # an earlier file of this name is nowhere else
        number += 1
        name = f"{path.stem}-{number}{path.suffix}"
    _move(path, folder, name)
    write_atomic(folder / f"{name}.error.txt", lambda stream: stream.write(f"{error}\n".encode()))


def _move(path: Path, folder: Path, name: str) -> None:
    make_folder(folder)
    shutil.move(path, folder / name)
    sync_folders([path.parent, folder])
