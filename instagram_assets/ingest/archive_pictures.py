"""Images in an Instagram data download (ZIP or unpacked), each with the URL that identifies it in the tables."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from instagram_assets.ingest.archive_layout import (
    ARCHIVE_PICTURES,
    agreed_owner,
    archive_picture_url,
    is_archive_picture,
    owner_beside,
)
from instagram_assets.ingest.companion_files import OpenablePicture
from instagram_assets.ingest.zips import is_zip, open_zip, owner_in_zip, refuse_unusable_zip

StorePictures = Callable[[Iterable[OpenablePicture]], Mapping[str, int]]
"""Callback that stores images and returns counts: first the number stored, then the number skipped for each reason."""

_MOST_REASONS = 3


def archive_owner(path: Path) -> str | None:
    """Return the account whose Instagram data download a file is, or is part of; None if it is unknown."""
    return owner_in_zip(path) if is_zip(path) else owner_beside(path)


def store_zipped_pictures(path: Path, account: str, keep: StorePictures | None) -> str:
    """Store a ZIP's images with the callback `keep`, and return a summary of the ZIP's contents for the log.

    `account` is the owner that the user states for the data download. Without `keep` no images are stored. Raises
    FileError when nothing in the ZIP can be read.
    """
    with open_zip(path) as (packed, found):
        refuse_unusable_zip(path, found)
        told = [files_read_text(len(found.exports)), *([found.others] if found.passed else [])]
        owner = agreed_owner(account, owner_in_zip(path), str(path)) if found.pictures and keep else None
        if owner and keep:
            pictures = (
                (archive_picture_url(owner, place), cast(Callable[[], BinaryIO], partial(packed.open, member)))
                for place, member in found.pictures.items()
            )
            told.append(stored_pictures_text(keep(pictures)))
        if found.beside and keep:
            number = f"{found.beside:,} {'picture' if found.beside == 1 else 'pictures'}"
            told.append(f"unpack it to have the {number} beside its posts")
    return ", ".join(told)


def store_unpacked_pictures(root: Path, account: str, keep: StorePictures) -> str:
    """Store an unpacked data download's images with the callback `keep`, and return their number as text for the log.

    `account` is the owner that the user states. If the owner is unknown, nothing is stored and the text is empty.
    """
    owner = agreed_owner(account, owner_beside(root / "posts"), str(root))
    return stored_pictures_text(keep(_pictures_below(root, owner))) if owner else ""


def files_read_text(number: int) -> str:
    """Return a number of files as text for the log, such as `2 files read`."""
    return f"{number:,} {'file' if number == 1 else 'files'} read"


def _pictures_below(root: Path, owner: str) -> Iterator[OpenablePicture]:
    # Other folders in the root are not even listed: it may be a whole home folder.
    for parent, folders, names in chain.from_iterable(os.walk(root / place) for place in ARCHIVE_PICTURES):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            place = path.relative_to(root).as_posix()
            if is_archive_picture(place) and stat.S_ISREG(os.lstat(path).st_mode):
                yield archive_picture_url(owner, place), partial(path.open, "rb")


def stored_pictures_text(counts: Mapping[str, int]) -> str:
    """Return a summary such as `1,057 pictures kept, 3 not (2 × HEIC is not supported, 1 × image ends early)`.

    `counts` has the number of images by result, as returned by StorePictures.
    """
    (kept, number), *others = counts.items() if counts else [("kept", 0)]
    told = f"{number:,} {'picture' if number == 1 else 'pictures'} {kept}"
    if not others:
        return told
    most = sorted(others, key=lambda other: -other[1])
    reasons = [f"{count:,} × {reason}" for reason, count in most[:_MOST_REASONS]]
    reasons += ["and others"] if len(most) > _MOST_REASONS else []
    return f"{told}, {sum(count for _, count in others):,} not ({', '.join(reasons)})"
