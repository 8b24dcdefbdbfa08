"""A search's folder taken away: what we wrote goes while it is as we wrote it, what people put or changed stays."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from instagram_assets.datasets.folder import sheet_of
from instagram_assets.datasets.folder_state import MANIFEST, look
from instagram_assets.storage.atomic import sync_folders
from instagram_assets.storage.owned_files import HIDDEN, alone_in, claims_of, digest, publish, remove_ours


@dataclass(frozen=True)
class Removed:
    """How many files went, and the names of those that stay, since they are somebody else's or were changed."""

    files: int
    left: list[str]


def remove_folder(folder: Path) -> Removed:
    """Take away our images, manifest and card that still are as we wrote them, and the contact sheet beside the folder.

    The folder goes when nothing is left in it. The lake and the media store keep what they have, so that the same
    search makes the folder again without fetching an image twice. When killed, the next call goes on from there. Raises
    StorageError when the manifest is damaged.
    """
    if not folder.is_dir():
        return Removed(0, [])
    sheet = sheet_of(folder)
    had_sheet = sheet.exists()
    remove_ours(sheet, folder)
    with alone_in(folder):
        gone = _ours(folder)
        # The manifest goes last: what is ours is known by it, too.
        for names in ([name for name in gone if name != MANIFEST], [name for name in gone if name == MANIFEST]):
            if names:
                publish(folder, {}, gone={name: gone[name] for name in names})
        left = sorted(name for name in os.listdir(folder) if name != HIDDEN)
        if not left:
            _remove_empty(folder)
    return Removed(len(gone) + (had_sheet and not sheet.exists()), left)


def _ours(folder: Path) -> dict[str, str]:
    """The files that lie there as we wrote them, each with its SHA-256."""
    ours = look(folder).ours
    for name, claim in claims_of(folder).items():
        ours.setdefault(name, set()).update(claim.sha256)
    found = {name: digest(folder / name) for name in ours}
    return {name: sha256 for name, sha256 in found.items() if sha256 and sha256 in ours[name]}


def _remove_empty(folder: Path) -> None:
    """Take away our notes and the folder, unless somebody has just put something there."""
    hidden = folder / HIDDEN
    if hidden.is_dir():
        for entry in hidden.iterdir():
            if entry.is_file():
                entry.unlink()
        with suppress(OSError):
            hidden.rmdir()
    with suppress(OSError):
        folder.rmdir()
        sync_folders([folder.parent])
