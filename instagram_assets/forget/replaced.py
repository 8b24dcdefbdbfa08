"""Files that are replaced by what is left of them, or taken away, whole or not at all."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from instagram_assets.forget.text_outputs import write_scrubbed
from instagram_assets.ingest.scrub.files import Scrubbed
from instagram_assets.privacy.forgotten import Forgotten
from instagram_assets.storage.atomic import refusal, remove_durably, sync_folders, temporary_beside
from instagram_assets.storage.claims import claims_of, rewrite


def scrub_in_place(path: Path, forgotten: Forgotten) -> int:
    """Put in the place of a text file what is left of it; nothing is left where it holds nothing else. Bytes written.

    A file that stands in `.instagram-assets/written.json` as ours stays ours.
    """
    if not path.exists():
        return 0
    temporary = temporary_beside(path)
    try:
        done: Scrubbed = write_scrubbed(path, temporary, forgotten)
        if done.is_gone:
            return remove(path)
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


def remove(path: Path) -> int:
    """Take a file or a whole folder away, durably."""
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


def rename(path: Path, name: str) -> int:
    """Give a file or folder another name."""
    try:
        with suppress(FileNotFoundError):
            os.replace(path, path.with_name(name))
            sync_folders([path.parent])
    except OSError as error:
        raise refusal(path, error) from error
    return 0
