"""What is made from the lake and the media for looking at them: the index and the thumbnails, and how they go.

Both can be made again at any time, so nothing of them is kept, backed up or mended: what may hold something that has to
go is taken away.
"""

import os
import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from instagram_assets.storage.atomic import refusal, sync_folders
from instagram_assets.storage.locks import alone_in

THUMBNAILS = "thumbnails"
"""Folder of the small pictures in the data folder: `aa/<image_id>.jpg`."""

_IMAGE = re.compile(r"[0-9a-f]{64}")
_STORED = re.compile(r"(?P<sha256>[0-9a-f]{64})\.[a-z0-9]+(\.damaged)?")
"""A file of the media store."""
_ELSEWHERE = "Put INSTAGRAM_ASSETS_DATA_DIR on a local disk"


def holds_index(folder: Path) -> bool:
    """Whether anything lies in the folder of the index, also what a killed update left."""
    return folder.is_dir() and any(folder.iterdir())


def remove_index(folder: Path) -> int:
    """Take all that lies in the folder of the index away; how many files went.

    Nothing can be taken out of it alone: DuckDB packs its values, and keeps those of deleted rows until it needs the
    room. An update that goes on is waited for, and its index goes, too; the folder itself stays, with its lock. Raises
    StorageError when the disk refuses.
    """
    if not folder.is_dir():
        return 0
    with alone_in(folder, _ELSEWHERE):
        found = sorted(folder.iterdir())
        count = sum(_files(path) for path in found)
        try:
            for path in found:
                _remove(path)
            sync_folders([folder])
        except OSError as error:
            raise refusal(folder, error) from error
    return count


def thumbnails(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each file among the thumbnails that is of an image, with its image_id: half written ones as well."""
    for below in sorted(folder.glob("[0-9a-f][0-9a-f]")):
        for name in sorted(os.listdir(below)) if below.is_dir() else ():
            if named := _IMAGE.search(name):
                yield named[0], below / name


def is_image_id(text: str) -> bool:
    """Whether it has the form of an image_id, 64 hex digits, which can be no path.

    >>> is_image_id("../../etc/passwd")
    False
    """
    return bool(_IMAGE.fullmatch(text))


def without_picture(folder: Path, media: Path, past: Collection[str] = ()) -> Iterator[Path]:
    """The thumbnails whose picture is not in the media folder any more, or whose image_id is among `past`."""
    there: dict[str, set[str]] = {}
    for image_id, path in thumbnails(folder):
        below = image_id[:2]
        if below not in there:
            there[below] = _stored_in(media / below)
        if image_id in past or image_id not in there[below]:
            yield path


def sweep_thumbnails(folder: Path, media: Path) -> int:
    """Take the thumbnails away whose picture is gone; how many. None while the media folder itself is not there.

    Raises StorageError when the disk refuses.
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


def _files(path: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(path)) if _is_folder(path) else 1


def _remove(path: Path) -> None:
    if _is_folder(path):  # where DuckDB puts what memory has no room for
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
