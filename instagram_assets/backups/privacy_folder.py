"""The log of backups in the privacy folder, and the check that a restore has all required tombstones.

`<privacy folder>/backups.jsonl` gets a line before a backup becomes valid and one when it is removed. A line has the
location, the id and the time, and no account name: names are only in the backup's own manifest. Tombstones are hashes
of erased identifiers, with which a restore can erase the same data again.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from instagram_assets.backups.manifest import backup_time, is_backup_id
from instagram_assets.errors import InstagramAssetsError, StorageError
from instagram_assets.privacy.secret_keys import KEY_FILES, key_id
from instagram_assets.privacy.tombstones import TOMBSTONES_FILE, load_tombstones
from instagram_assets.storage.atomic import make_folder, refusal, sync_folders
from instagram_assets.storage.locks import folder_lock

BACKUPS_LOG = "backups.jsonl"
_ELSEWHERE = "Put INSTAGRAM_ASSETS_PRIVACY__FOLDER on a local disk"


@dataclass(frozen=True)
class Backup:
    """A backup that was made and not removed: its location, id and time."""

    where: str
    id: str
    taken_at: datetime


def list_backups(privacy_folder: Path) -> list[Backup]:
    """Returns the recorded backups, oldest first; a line that a power failure truncated is skipped.

    Raises StorageError when the log of backups cannot be read.
    """
    found: dict[tuple[str, str], Backup] = {}
    for record_backup in _read(privacy_folder / BACKUPS_LOG):
        where, name = str(record_backup.get("where", "")), str(record_backup.get("id", ""))
        if not is_backup_id(name):
            continue
        if record_backup.get("gone"):
            found.pop((where, name), None)
        else:
            found[where, name] = Backup(where, name, backup_time(name))
    return sorted(found.values(), key=lambda backup: backup.taken_at)


def backups_holding(
    notes: Iterable[Backup],
    holds: Callable[[str], bool],
    options: dict[str, Any] | None = None,
) -> Iterator[tuple[Backup, bool | None]]:
    """Yields (backup, whether it contains an account for which `holds` is true, None if the backup is inaccessible).

    `notes` are the recorded backups, `options` are fsspec's, for object stores. Backups that no longer exist are left
    out.
    """
    from instagram_assets.backups.location import open_location

    for backup in notes:
        try:
            with open_location(backup.where, options) as place:
                if backup.id not in place.ids():
                    continue
                yield backup, any(map(holds, place.manifest(backup.id).accounts))
        except (InstagramAssetsError, OSError):
            yield backup, None


def record_backup(privacy_folder: Path, where: str, name: str) -> None:
    """Records a backup in the log; durable when it returns. Raises StorageError when the disk refuses."""
    _append(privacy_folder, [{"where": where, "id": name, "taken_at": backup_time(name).isoformat()}])


def record_removed(privacy_folder: Path, where: str, names: Iterable[str]) -> None:
    """Records in the log that backups were removed. Raises StorageError when the disk refuses."""
    _append(privacy_folder, [{"where": where, "id": name, "gone": True} for name in names])


def _append(folder: Path, notes: list[dict[str, Any]]) -> None:
    file = folder / BACKUPS_LOG
    text = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in notes)
    if not text:
        return
    try:
        make_folder(folder)
        with folder_lock(folder, _ELSEWHERE):
            before = file.read_bytes() if file.exists() else b""
            begin = "\n" if before and not before.endswith(b"\n") else ""  # after a truncated line
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


_REMEDY = "Put your copy of the privacy folder there, or name it: --privacy FOLDER."


def check_tombstones(name: str, count: int, key: str, folder: Path, *, can_forget: bool = True) -> None:
    """Raises StorageError if a restore could bring back data that was erased on request.

    `name` is the backup's id, empty if unknown; `count` and `key` are the number of tombstones when it was made, and
    the id of their key. Tombstones of later erasures are only in `folder`. `can_forget` is false if the restore cannot
    erase.
    """
    here = load_tombstones(folder)
    if here and not can_forget:
        raise StorageError(
            f"{folder}: {len(here):,} names and numbers were forgotten, and this version of instagram_assets cannot "
            "take them out of what is brought back. Use a version with `instagram-assets forget`, or "
            "--without-tombstones."
        )
    if count and (not here or key_id(here.key) != key or len(here) < count):
        raise StorageError(
            f"{folder}: the backup was made after {count:,} names and numbers were forgotten, by the key {key}, and "
            f"they are not all here: people could come back who asked to be forgotten. {_REMEDY} Only if it is lost "
            "for good: --without-tombstones."
        )
    if not count and not _can_tell(folder, name):
        raise StorageError(
            f"{folder}: there are no keys and no tombstones, and nothing else tells who was forgotten since "
            f"{restore_cutoff(name)}: "
            f"people could come back who asked to be forgotten. {_REMEDY} Only if nobody was forgotten "
            "since then, or it is lost for good: --without-tombstones."
        )


def has_keys(folder: Path) -> bool:
    """Whether a privacy folder contains keys or tombstones."""
    return any((folder / each).exists() for each in (TOMBSTONES_FILE, *KEY_FILES))


def restore_cutoff(name: str) -> str:
    """Returns the time of the backup with the id `name`, formatted for messages."""
    return f"{backup_time(name):%Y-%m-%d %H:%M} UTC, when the backup was made" if name else "the backup was made"


def _can_tell(folder: Path, name: str) -> bool:
    """Whether a privacy folder would contain tombstones if there had been an erasure since the backup.

    True if it has keys, or if it is the folder whose log contains this backup.
    """
    return has_keys(folder) or any(backup.id == name for backup in list_backups(folder))
