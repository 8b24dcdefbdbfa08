"""Files and folders of the inbox moved out of it: none is overwritten, none that changed meanwhile is taken along."""

import os
import shutil
from itertools import count
from pathlib import Path

from instagram_assets.ingest.folders import tree_identity
from instagram_assets.ingest.reader.streams import Identity, changed, identity
from instagram_assets.ingest.stated import STATED
from instagram_assets.storage.atomic import make_folder, shortened, sync_folders, write_atomic
from instagram_assets.storage.locks import alone_in

DONE = "done"
REJECTED = "rejected"
ERROR = ".error.txt"

_LONGEST_NAME, _LONGEST_SUFFIX = 255, 20


def identity_of(path: Path) -> Identity | None:
    """What tells a file, or a folder with all in it, from any that takes its place; null when it is not there."""
    try:
        return tree_identity(path) if path.is_dir() and not path.is_symlink() else identity(os.lstat(path))
    except OSError:
        return None


def move(path: Path, target: Path, before: Identity | None, error: str = "") -> None:
    """Move a file or folder of the inbox to `target`, numbered where its name is taken, with its error beside it.

    Raises BusyFileError when it is not the one of `before` any more, StorageError or OSError when it cannot be moved.
    """
    make_folder(target)
    with alone_in(target):  # of two that choose a name at once
        name = _free_name(target, path)
        if identity_of(path) != before:
            raise changed(path)
        if error:
            write_atomic(target / f"{name}{ERROR}", lambda stream: stream.write(error.encode()))
        # The note goes first: a file that has landed finds its way alone, its note would not.
        if os.path.lexists(note := path.with_name(path.name + STATED)):
            os.replace(note, target / (name + STATED))
        shutil.move(path, target / name)
        moved = identity_of(target / name)
        if before and moved and moved[-1] != before[-1]:  # it was replaced in the very last moment
            shutil.move(target / name, path.parent / _free_name(path.parent, path))
            raise changed(path)
    sync_folders([path.parent, target])


def _free_name(folder: Path, path: Path) -> str:
    """The file's name, with a number where it is taken, and room for that of its error and its note."""
    has_ending = len(path.suffix) <= _LONGEST_SUFFIX and not path.is_dir()
    stem, end = (path.stem, path.suffix) if has_ending else (path.name, "")
    tails = (end if number == 1 else f"-{number}{end}" for number in count(1))
    names = (shortened(stem, _LONGEST_NAME - len(os.fsencode(tail + STATED))) + tail for tail in tails)
    return next(name for name in names if not os.path.lexists(folder / name))
