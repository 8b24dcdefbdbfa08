"""Whoever kills a backup finds nothing of what was being copied in the system's temporary folder."""

import os
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from instagram_assets.backups.backup_contents import BackupContents
from instagram_assets.backups.create_backup import create_backup
from instagram_assets.backups.database_copies import copy_of
from instagram_assets.backups.restore import restore_backup
from instagram_assets.storage.atomic import temporary_beside
from instagram_assets_tests.servers.object_store import BUCKET, options

WRITING = frozenset(("write", "flush", "backup", "execute", "fetchone", "close"))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the system in which nobody else writes."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@contextmanager
def looking(folder: Path) -> Generator[set[str]]:
    """Names of files in which there was a byte after any call that writes: what stays of whoever is killed there."""
    seen = set[str]()
    over = threading.Event()

    def look(frame: FrameType, event: str, called: Any) -> None:
        if over.is_set():
            # A thread that was begun meanwhile, such as fsspec's, keeps the function that it was begun with.
            sys.setprofile(None)
            return
        if event != "c_return" or getattr(called, "__name__", "") not in WRITING:
            return
        for path in folder.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_size:
                    seen.add(path.name)

    threading.setprofile(look)
    sys.setprofile(look)
    try:
        yield seen
    finally:
        over.set()
        sys.setprofile(None)
        threading.setprofile(None)


def written(path: Path, journal: str) -> sqlite3.Connection:
    """A database that is open, with rows in its log where it has one."""
    opened = sqlite3.connect(path)
    opened.execute(f"PRAGMA journal_mode = {journal}")
    opened.execute("CREATE TABLE posts (account TEXT)")
    opened.executemany("INSERT INTO posts VALUES (?)", [("sun_diary" * 20,)] * 2_000)
    opened.commit()
    return opened


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_a_database_is_copied_into_a_file_without_a_name(journal: str, tmp_path: Path, temporary: Path) -> None:
    with closing(written(tmp_path / "calls.sqlite", journal)), looking(temporary) as seen:
        copy = copy_of(str(tmp_path / "calls.sqlite"))
    assert (seen, list(temporary.iterdir())) == (set(), [])
    with copy:
        (tmp_path / "copy.sqlite").write_bytes(copy.read())
    with closing(sqlite3.connect(tmp_path / "copy.sqlite")) as opened:
        assert opened.execute("SELECT count(*) FROM posts").fetchone() == (2_000,)
        assert opened.execute("PRAGMA journal_mode").fetchone() == (journal.lower(),)  # it is copied as it is


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_a_damaged_database_is_told_and_leaves_nothing(journal: str, tmp_path: Path, temporary: Path) -> None:
    written(tmp_path / "calls.sqlite", journal).close()
    whole = (tmp_path / "calls.sqlite").read_bytes()
    (tmp_path / "calls.sqlite").write_bytes(whole[:8192] + bytes(4096) + whole[12288:])
    with pytest.raises(sqlite3.DatabaseError, match="damaged"):
        copy_of(str(tmp_path / "calls.sqlite"))
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_there_goes_with_the_next_copy(tmp_path: Path, temporary: Path) -> None:
    own = temporary_beside(temporary / "instagram-assets.sqlite")
    own.with_name(own.name.replace(f".{os.getpid()}.", ".99999999.")).touch()
    (temporary / "somebody.sqlite").touch()
    with closing(written(tmp_path / "calls.sqlite", "DELETE")):
        copy_of(str(tmp_path / "calls.sqlite")).close()
    assert [path.name for path in temporary.iterdir()] == ["somebody.sqlite"]


def test_large_files_on_their_way_to_a_store_have_no_name(
    contents: BackupContents, keys: Path, tmp_path: Path, temporary: Path, store: str
) -> None:
    large = bytes(range(256)) * (5 << 12)
    (contents.settings.folder("inbox") / "large.json").write_bytes(large)
    with looking(temporary) as seen:
        create_backup(contents, f"s3://{BUCKET}/nameless", keys, options=options(store))
    assert (seen, list(temporary.iterdir())) == (set(), [])
    restore_backup(f"s3://{BUCKET}/nameless", tmp_path / "back", keys, options=options(store))
    assert (tmp_path / "back" / "inbox" / "large.json").read_bytes() == large
