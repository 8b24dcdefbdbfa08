"""Whether a machine can tell who was forgotten, asked before anything of a backup comes back to it."""

from pathlib import Path

from instagram_assets.backups.manifest import moment_of
from instagram_assets.backups.notes import list_backups
from instagram_assets.errors import StorageError
from instagram_assets.privacy.secret_keys import KEY_FILES, key_id
from instagram_assets.privacy.tombstones import TOMBSTONES_FILE, load_tombstones

_REMEDY = "Put your copy of the privacy folder there, or name it: --privacy FOLDER."


def check_tombstones(name: str, count: int, key: str, folder: Path, *, can_forget: bool = True) -> None:
    """Raise StorageError where people who were forgotten could not be recognised in a backup, or not taken out.

    `name` is the backup's id, empty where nobody knows it any more; `count` and `key` say after how many tombstones it
    was made, by which key. They tell nothing of who was forgotten later: that only `folder` does.
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
            f"{since(name)}: people could come back who asked to be forgotten. {_REMEDY} Only if nobody was forgotten "
            "since then, or it is lost for good: --without-tombstones."
        )


def has_keys(folder: Path) -> bool:
    """True for a privacy folder with keys or tombstones in it."""
    return any((folder / each).exists() for each in (TOMBSTONES_FILE, *KEY_FILES))


def since(name: str) -> str:
    """When the backup of that id was made, for people."""
    return f"{moment_of(name):%Y-%m-%d %H:%M} UTC, when the backup was made" if name else "the backup was made"


def _can_tell(folder: Path, name: str) -> bool:
    """True for a folder that would have tombstones if anybody had been forgotten since.

    It has keys, or it is where this very backup was noted when it was made.
    """
    return has_keys(folder) or any(backup.id == name for backup in list_backups(folder))
