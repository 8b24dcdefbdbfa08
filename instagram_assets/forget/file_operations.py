"""File operations of erasure steps: remove, rename or redact a file or folder, atomically and durably."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from upath import UPath

from instagram_assets.forget.text_files import write_scrubbed
from instagram_assets.ingest.redact.file_redaction import Scrubbed
from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.storage.atomic import is_local, refusal, remove_durably, sync_folders, temporary_beside
from instagram_assets.storage.locks import folder_lock
from instagram_assets.storage.owned_files import claims_of, rewrite


def scrub_in_place(path: Path, forgotten: Forgotten) -> int:
    """Rewrites a text file without the erased data, or removes it if nothing is left; returns the bytes written.

    A file that `.instagram-assets/written.json` lists as written by this program is still listed afterwards.
    """
    if not path.exists():
        return 0
    temporary = temporary_beside(path)
    try:
        done: Scrubbed = write_scrubbed(path, temporary, forgotten)
        if done.is_gone:
            return remove_path(path)
        if not done.changed:
            return 0
        size = temporary.stat().st_size
        _put(temporary, path)
        return size
    except OSError as error:
        raise refusal(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _put(temporary: Path, path: Path) -> None:
    if path.name in claims_of(path.parent):
        rewrite(path, lambda new: shutil.copyfile(temporary, new))
        return
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    os.replace(temporary, path)
    sync_folders([path.parent])


def remove_path(path: Path) -> int:
    """Removes a file, or a folder with its content, durably; returns the bytes written, which are 0."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
            sync_folders([path.parent])
        else:
            remove_durably(path)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise refusal(path, error) from error
    return 0


def rename_path(path: Path, name: str) -> int:
    """Renames a file or folder, durably; returns the bytes written, which are 0."""
    try:
        with suppress(FileNotFoundError):
            os.replace(path, path.with_name(name))
            sync_folders([path.parent])
    except OSError as error:
        raise refusal(path, error) from error
    return 0


def remove_lake_folder(folder: UPath) -> int:
    """Removes a folder of the lake, on disk or in an object store; returns the bytes written, which are 0."""
    if not is_local(folder):
        if folder.fs.exists(folder.path):
            folder.fs.rm(folder.path, recursive=True)
        return 0
    path = Path(folder.path)
    with folder_lock(path):
        shutil.rmtree(path)
        sync_folders([path.parent])
    return 0
