"""Which backups were made, noted beside the keys: whoever is to be forgotten may be in one of them.

`<privacy folder>/backups.jsonl` gets a line before a backup counts and one when it is taken away. It says where, which
and when, and no name of an account: those stand in the backup's own manifest only.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from instagram_assets.backups.manifest import is_id, moment_of
from instagram_assets.errors import InstagramAssetsError, StorageError
from instagram_assets.storage.atomic import make_folder, refusal, sync_folders
from instagram_assets.storage.locks import alone_in

FILE = "backups.jsonl"
_ELSEWHERE = "Put INSTAGRAM_ASSETS_PRIVACY__FOLDER on a local disk"


@dataclass(frozen=True)
class Backup:
    """A backup that was made and not taken away by this program: where it is, its id, and when it was taken."""

    where: str
    id: str
    taken_at: datetime


def list_backups(privacy_folder: Path) -> list[Backup]:
    """The backups that were noted, oldest first; a line that a power cut left half written is passed over.

    Raises StorageError when the notes cannot be read.
    """
    found: dict[tuple[str, str], Backup] = {}
    for note in _read(privacy_folder / FILE):
        where, name = str(note.get("where", "")), str(note.get("id", ""))
        if not is_id(name):
            continue
        if note.get("gone"):
            found.pop((where, name), None)
        else:
            found[where, name] = Backup(where, name, moment_of(name))
    return sorted(found.values(), key=lambda backup: backup.taken_at)


def backups_holding(
    notes: Iterable[Backup],
    holds: Callable[[str], bool],
    options: dict[str, Any] | None = None,
) -> Iterator[tuple[Backup, bool | None]]:
    """Each backup with whether an account for which `holds` is true is in it; null where it cannot be looked at now.

    `options` are fsspec's, for those in an object store. One that is not there any more is left out.
    """
    from instagram_assets.backups.places import open_place

    for backup in notes:
        try:
            with open_place(backup.where, options) as place:
                if backup.id not in place.ids():
                    continue
                yield backup, any(map(holds, place.manifest(backup.id).accounts))
        except (InstagramAssetsError, OSError):
            yield backup, None


def note(privacy_folder: Path, where: str, name: str) -> None:
    """Remember a backup; durable when it returns. Raises StorageError when the disk refuses."""
    _append(privacy_folder, [{"where": where, "id": name, "taken_at": moment_of(name).isoformat()}])


def note_gone(privacy_folder: Path, where: str, names: Iterable[str]) -> None:
    """Remember that backups were taken away. Raises StorageError when the disk refuses."""
    _append(privacy_folder, [{"where": where, "id": name, "gone": True} for name in names])


def _append(folder: Path, notes: list[dict[str, Any]]) -> None:
    file = folder / FILE
    text = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in notes)
    if not text:
        return
    try:
        make_folder(folder)
        with alone_in(folder, _ELSEWHERE):
            before = file.read_bytes() if file.exists() else b""
            begin = "\n" if before and not before.endswith(b"\n") else ""  # after a line that was cut off
            with file.open("ab") as stream:
                stream.write((begin + text).encode("utf-8", "surrogateescape"))
                stream.flush()
                os.fsync(stream.fileno())
            sync_folders([folder])
    except OSError as error:
        raise refusal(file, error) from error


def _read(file: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"{file}: cannot be read ({error.strerror}). Give this user the right to.") from error
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found
