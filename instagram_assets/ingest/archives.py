"""The pictures of a person's own archive, in a ZIP or unpacked, each with the address that its post has for it."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from instagram_assets.ingest.archive_layout import PICTURES, is_picture, picture_address
from instagram_assets.ingest.archive_owner import agreed_owner, owner_beside
from instagram_assets.ingest.zips import is_zip, opened, owner_in_zip, refuse_useless

Opened = tuple[str, Callable[[], BinaryIO]]
Keep = Callable[[Iterable[Opened]], Mapping[str, int]]
"""Takes pictures for good; says how many are there now, first, and how many are not, by the reason."""

_MOST_REASONS = 3


def owner_of(path: Path) -> str | None:
    """Whose archive a file is, or is from; null when nothing says it."""
    return owner_in_zip(path) if is_zip(path) else owner_beside(path)


def keep_zipped(path: Path, account: str, keep: Keep | None) -> str:
    """Keep the pictures in a ZIP, and say in words what is in it. Raises FileError when nothing of it can be read."""
    with opened(path) as (packed, found):
        refuse_useless(path, found)
        told = [files_told(len(found.exports)), *([found.others] if found.passed else [])]
        owner = agreed_owner(account, owner_in_zip(path), str(path)) if found.pictures and keep else None
        if owner and keep:
            pictures = (
                (picture_address(owner, place), cast(Callable[[], BinaryIO], partial(packed.open, member)))
                for place, member in found.pictures.items()
            )
            told.append(pictures_told(keep(pictures)))
        if found.beside and keep:
            number = f"{found.beside:,} {'picture' if found.beside == 1 else 'pictures'}"
            told.append(f"unpack it to have the {number} beside its posts")
    return ", ".join(told)


def keep_unpacked(root: Path, account: str, keep: Keep) -> str:
    """Keep the pictures of an unpacked archive, and say in words how many; empty where nobody knows whose it is."""
    owner = agreed_owner(account, owner_beside(root / "posts"), str(root))
    return pictures_told(keep(_pictures_below(root, owner))) if owner else ""


def files_told(number: int) -> str:
    """Such as `2 files read`."""
    return f"{number:,} {'file' if number == 1 else 'files'} read"


def _pictures_below(root: Path, owner: str) -> Iterator[Opened]:
    # Whatever else lies in the root, it is not even listed: that may be a whole home folder.
    for parent, folders, names in chain.from_iterable(os.walk(root / place) for place in PICTURES):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            place = path.relative_to(root).as_posix()
            if is_picture(place) and stat.S_ISREG(os.lstat(path).st_mode):
                yield picture_address(owner, place), partial(path.open, "rb")


def pictures_told(counts: Mapping[str, int]) -> str:
    """Such as `1,057 pictures kept, 3 not (2 × HEIC is not supported, 1 × image ends early)`."""
    (kept, number), *others = counts.items() if counts else [("kept", 0)]
    told = f"{number:,} {'picture' if number == 1 else 'pictures'} {kept}"
    if not others:
        return told
    most = sorted(others, key=lambda other: -other[1])
    reasons = [f"{count:,} × {reason}" for reason, count in most[:_MOST_REASONS]]
    reasons += ["and others"] if len(most) > _MOST_REASONS else []
    return f"{told}, {sum(count for _, count in others):,} not ({', '.join(reasons)})"
