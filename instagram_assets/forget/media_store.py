"""Erases from the media store: image and video files to which only the subject's rows refer, and their URLs."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from instagram_assets.errors import StorageError
from instagram_assets.forget.erasure_steps import Step
from instagram_assets.media.url_index import LOCK_TIMEOUT
from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import remove_durably, sweep

_AREA = "media"
_INDEX = "index.sqlite"


def media_steps(settings: Settings, forgotten: Forgotten) -> Iterator[Step]:
    """Yields the steps for the media folder. Raises StorageError when its index is locked or damaged."""
    root = settings.folder("media")
    if not root.is_dir():
        return
    sweep(root / "incoming")
    for folder in sorted(root.iterdir()):
        if folder.is_dir() and len(folder.name) == 2:
            for name in sorted(os.listdir(folder)):
                if forgotten.has("image", name.partition(".")[0]):
                    path = folder / name
                    yield Step(_AREA, f"media/{folder.name}/{name}", "remove", 1, partial(_remove, path))
    index = root / _INDEX
    # An index that was set aside as damaged may hold anything, and a new one has replaced it.
    for aside in sorted(root.glob(f"{_INDEX}.damaged*")):
        yield Step(_AREA, f"media/{aside.name}", "remove", 1, partial(_remove, aside))
    if index.exists() and (rows := _count(index, forgotten)):
        yield Step(_AREA, f"media/{_INDEX}", "rewrite", rows, partial(_rewrite, index, forgotten))


def _count(index: Path, forgotten: Forgotten) -> int:
    with closing(_opened(index)) as connection:
        gone, renamed = _changes(connection, index, forgotten)
    return len(gone) + len(renamed)


def _changes(connection: sqlite3.Connection, index: Path, forgotten: Forgotten) -> tuple[list[str], dict[str, str]]:
    """Returns the URLs to delete from the index, and other URLs that contain an erased name, with their replacement."""
    gone: list[str] = []
    renamed: dict[str, str] = {}
    try:
        for identity, image_id in connection.execute("SELECT identity, image_id FROM images"):
            if forgotten.has("image", image_id) or forgotten.has("url", identity):
                gone.append(identity)
            elif (scrubbed := forgotten.scrub(identity)) != identity:
                renamed[identity] = scrubbed
    except sqlite3.Error as error:
        raise _refusal(index, error) from error
    return gone, renamed


def _rewrite(index: Path, forgotten: Forgotten) -> int:
    with closing(_opened(index)) as connection:
        gone, renamed = _changes(connection, index, forgotten)
        try:
            # Deleted rows are overwritten at once: nothing is left behind even if killed before VACUUM.
            connection.execute("PRAGMA secure_delete = ON")
            with connection:
                connection.executemany("DELETE FROM images WHERE identity = ?", [(identity,) for identity in gone])
                connection.executemany(
                    "UPDATE OR REPLACE images SET identity = ? WHERE identity = ?",
                    [(new, old) for old, new in renamed.items()],
                )
            # The write-ahead log still has the deleted rows until a checkpoint.
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise _refusal(index, error) from error
    return index.stat().st_size


def _opened(index: Path) -> sqlite3.Connection:
    return sqlite3.connect(index, timeout=LOCK_TIMEOUT)


def _refusal(index: Path, error: sqlite3.Error) -> StorageError:
    return StorageError(
        f"{index}: {error}. Stop what uses it; when it is damaged, take it away: it is made again, and pictures that "
        "others have are fetched again. Then repeat the command."
    )


def _remove(path: Path) -> int:
    remove_durably(path)
    return 0
