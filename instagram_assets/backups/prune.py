"""Taking old backups away, and the bytes that none of the others has."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upath import UPath

from instagram_assets.backups.manifest import SUFFIX
from instagram_assets.backups.notes import note_gone
from instagram_assets.backups.places import open_place
from instagram_assets.backups.repository import Repository
from instagram_assets.errors import FileError
from instagram_assets.storage.atomic import is_local, refusal, sync_folders


@dataclass(frozen=True)
class Pruned:
    """How many backups and stored files went, and how many bytes."""

    backups: int
    files: int
    bytes: int


def prune(where: str, keep: int, privacy_folder: Path, *, options: dict[str, Any] | None = None) -> Pruned:
    """Keep the newest `keep` whole backups and what is younger than these; take the others away.

    Bytes that no backup names go, too, such as those of one that was killed. Killed itself, it goes on when it is
    repeated. Raises StorageError when a manifest that stays is damaged, since nobody knows what it needs, or while a
    backup is at work in an object store; FileError for a single file.
    """
    with open_place(where, options) as place:
        if not isinstance(place, Repository):
            raise FileError(place.where, "holds one backup", "Delete the file to take it away")
        with place.alone("prune"):
            kept, gone = _parted(place, keep)
            for name in gone:
                (place.root / "snapshots" / f"{name}{SUFFIX}").unlink(missing_ok=True)
            if gone and is_local(place.root):
                sync_folders([Path(place.root.path) / "snapshots"])
            note_gone(privacy_folder, place.where, gone)
            needed = {entry.sha256 for name in kept for entry in place.manifest(name).entries}
            taken = [(sha256, size) for sha256, size in place.blobs() if sha256 not in needed]
            for sha256, _ in taken:
                _remove(place.blob(sha256))
            return Pruned(len(gone), len(taken), sum(size for _, size in taken))


def _parted(place: Repository, keep: int) -> tuple[list[str], list[str]]:
    """The backups that stay and those that go. A backup from which files were missing does not push out a whole one."""
    kept: list[str] = []
    whole = 0
    names = place.ids()
    while names and whole < keep:
        name = names.pop()
        whole += not place.manifest(name).missing
        kept.append(name)
    return kept, names


def _remove(path: UPath) -> None:
    try:
        with suppress(FileNotFoundError):
            path.unlink()
    except OSError as error:
        raise refusal(path, error) from error
