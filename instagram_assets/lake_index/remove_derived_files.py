"""Removal of files that are derived from the lake and the media folder: the index and the thumbnails.

Both can be rebuilt at any time, so they are neither backed up nor repaired: a file that can contain data to be erased
is deleted.
"""

import os
import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from instagram_assets.storage.atomic import refusal, sync_folders
from instagram_assets.storage.locks import folder_lock

THUMBNAILS = "thumbnails"
"""Name of the thumbnail folder in the data folder, which holds `aa/<image_id>.jpg`."""

_IMAGE = re.compile(r"[0-9a-f]{64}")
_STORED = re.compile(r"(?P<sha256>[0-9a-f]{64})\.[a-z0-9]+(\.damaged)?")
"""Pattern of a file name in the media store."""
_LOCAL_DISK_REMEDY = "Put INSTAGRAM_ASSETS_DATA_DIR on a local disk"


def holds_index(folder: Path) -> bool:
    """Whether the index folder contains any file, including leftovers of a killed update."""
    return folder.is_dir() and any(folder.iterdir())


def remove_index(folder: Path) -> int:
    """Delete all contents of the index folder; returns the number of deleted files.

    The whole index is deleted because single rows cannot be: DuckDB compresses values together and keeps deleted ones
    until the space is reused. Waits for a running update, whose result is deleted as well. Raises StorageError if a
    file cannot be deleted.
    """
    if not folder.is_dir():
        return 0
    with folder_lock(folder, _LOCAL_DISK_REMEDY):
        found = sorted(folder.iterdir())
        count = sum(_file_count(path) for path in found)
        try:
            for path in found:
                _remove(path)
            sync_folders([folder])
        except OSError as error:
            raise refusal(folder, error) from error
    return count


def thumbnails(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yields (image_id, path) of each thumbnail file, including half-written ones."""
    for below in sorted(folder.glob("[0-9a-f][0-9a-f]")):
        for name in sorted(os.listdir(below)) if below.is_dir() else ():
            if named := _IMAGE.search(name):
                yield named[0], below / name


def is_image_id(text: str) -> bool:
    """Whether the text is a valid image_id, 64 hex digits, which cannot be a path.

    >>> is_image_id("../../etc/passwd")
    False
    """
    return bool(_IMAGE.fullmatch(text))


def without_picture(folder: Path, media: Path, erased_ids: Collection[str] = ()) -> Iterator[Path]:
    """Yields the thumbnail files whose image is not in the media folder any more, or is among `erased_ids`."""
    stored: dict[str, set[str]] = {}
    for image_id, path in thumbnails(folder):
        below = image_id[:2]
        if below not in stored:
            stored[below] = _stored_in(media / below)
        if image_id in erased_ids or image_id not in stored[below]:
            yield path


def sweep_thumbnails(folder: Path, media: Path) -> int:
    """Delete the thumbnails whose image is no longer in the media folder; returns their number.

    Does nothing if the media folder does not exist. Raises StorageError if a file cannot be deleted.
    """
    if not media.is_dir():
        return 0
    gone = 0
    for path in without_picture(folder, media):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise refusal(path, error) from error
        gone += 1
    return gone


def _stored_in(folder: Path) -> set[str]:
    if not folder.is_dir():
        return set()
    return {named["sha256"] for name in os.listdir(folder) if (named := _STORED.fullmatch(name))}


def _file_count(path: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(path)) if _is_folder(path) else 1


def _remove(path: Path) -> None:
    if _is_folder(path):  # DuckDB's spill folder
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
