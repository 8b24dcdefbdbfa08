"""Folders of a lake that go whole, on a disk or in an object store."""

import shutil
from pathlib import Path

from upath import UPath

from instagram_assets.storage.atomic import is_local, sync_folders
from instagram_assets.storage.locks import alone_in


def remove_folder(folder: UPath) -> int:
    """Take a folder away with all that is in it; no bytes are written."""
    if not is_local(folder):
        if folder.fs.exists(folder.path):
            folder.fs.rm(folder.path, recursive=True)
        return 0
    path = Path(folder.path)
    with alone_in(path):
        shutil.rmtree(path)
        sync_folders([path.parent])
    return 0
