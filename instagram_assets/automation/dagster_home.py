"""Creates DAGSTER_HOME with its configuration and SQLite databases, atomically and under a lock.

Dagster itself creates its databases in several steps, and never repairs one that is incomplete because of two
concurrent first starts or a killed one. Here a database is either complete or absent.
"""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

# Private in dagster 1.13.27: the functions that create its SQLite databases.
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite import LAST_KNOWN_STAMPED_SQLITE_ALEMBIC_REVISION

from instagram_assets.errors import SettingsError
from instagram_assets.status.system_errors import damaged_database, is_damage
from instagram_assets.storage.atomic import make_folder, sync_folders, write_atomic
from instagram_assets.storage.locks import folder_lock

_UNFINISHED = ".unfinished"
"""Folder in which databases are created; if no process holds the lock, its files were left by a killed process."""
_MAKERS: dict[str, Callable[[str], SqliteRunStorage | SqliteEventLogStorage | SqliteScheduleStorage]] = {
    "history/runs.db": SqliteRunStorage.from_local,
    "history/runs/index.db": SqliteEventLogStorage,
    "schedules/schedules.db": SqliteScheduleStorage.from_local,
}
_BESIDE = ("-wal", "-shm", "-journal")
_WHOLE = 1
"""SQLite's `user_version` of databases that this module has created completely; Dagster leaves it at 0."""
# Tables with initial rows in a new database.
_VERSION = "alembic_version"
_OWN = {_VERSION, "secondary_indexes", "instance_info", "sqlite_sequence"}
_SECONDS_FOR_LOCKS = 30.0
_STORAGES = ("storage", "run_storage", "event_log_storage", "schedule_storage")
SHIPPED_CONFIG_HASHES = frozenset(
    (
        "9227ffb07cd2f34aeed44429c18fc01f0bceb68856202c3732e4b40e6ccac127",
        "f843bec45fff739fea3501bec76837b3f4b738045eee8636013248b425021de1",
        "3340cfa2ee55397ca18e708e922cc363374f600f5b0af8c27d4d1f02b4895a76",
    )
)
"""SHA-256 of each default dagster.yaml for SQLite of all versions; a file with one of these was not changed."""


def make_dagster_home(home: Path, configuration: Path, *, databases: bool) -> None:
    """Create DAGSTER_HOME with a copy of `configuration` as dagster.yaml and, if `databases`, the SQLite databases.

    A dagster.yaml that a person added or changed is kept; if it configures another database, no SQLite database is
    created. Concurrent starts wait for each other. Databases that an interrupted start left incomplete are created
    again, unless they contain rows. Raises StorageError for a damaged database, SettingsError for a dagster.yaml that
    is not valid YAML, OSError if the folder cannot be written.
    """
    with folder_lock(home, "Put Dagster's home on a local disk: INSTAGRAM_ASSETS_DATA_DIR"):
        if _is_ours(home / "dagster.yaml"):
            _copy(configuration, home / "dagster.yaml")
        for name in _MAKERS if databases and _is_in_sqlite(home) else ():
            try:
                if _has_to_be_made(home / name):
                    _make(home, name)
                else:
                    _leave_one_version(home / name)
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                raise damaged_database(home / name, error) from error
        shutil.rmtree(home / _UNFINISHED, ignore_errors=True)


def is_home_complete(home: Path) -> bool:
    """Whether DAGSTER_HOME is completely initialised, so that it can be read without writing to it."""
    if not (home / "dagster.yaml").is_file():
        return False
    return all((home / name).is_file() for name in _MAKERS) or not _is_in_sqlite(home)


def _is_ours(file: Path) -> bool:
    """Whether a dagster.yaml does not exist, or was written by this package and not changed since."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() in SHIPPED_CONFIG_HASHES
    except FileNotFoundError:
        return True


def _is_in_sqlite(home: Path) -> bool:
    """Whether the storages configured in dagster.yaml are SQLite databases, which is also Dagster's default."""
    import yaml

    file = home / "dagster.yaml"
    try:
        said: Any = yaml.safe_load(file.read_bytes())
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise SettingsError(f"{file}: cannot be read as YAML ({reason}). Mend it, or move it away.") from error
    if not isinstance(said, dict):
        return True
    return all("sqlite" in str(said[part]).casefold() for part in _STORAGES if part in said)  # pyright: ignore[reportUnknownArgumentType]


def _copy(source: Path, target: Path) -> None:
    """Copy a file atomically, so that a concurrent reader never sees an incomplete file."""
    content = source.read_bytes()
    if not target.exists() or target.read_bytes() != content:
        write_atomic(target, lambda stream: stream.write(content))


def _has_to_be_made(path: Path) -> bool:
    """Whether a database has to be created: it does not exist, or it is empty and was not created by this module."""
    if not path.exists():
        return True
    with closing(_opened(path)) as database:
        if database.execute("PRAGMA user_version").fetchone() == (_WHOLE,):
            return False
        return not any(_has_rows(database, table) for table in _tables(database) - _OWN)


def _make(home: Path, name: str) -> None:
    """Let Dagster create a database at a temporary path, and rename it when it is complete and synced to disk."""
    folder, final = home / _UNFINISHED, home / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    _MAKERS[name](str(folder)).dispose()
    made = folder / final.name
    with closing(_opened(made)) as database:
        database.execute(f"PRAGMA user_version = {_WHOLE}")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with made.open("rb") as stream:
        os.fsync(stream.fileno())
    make_folder(final.parent)
    for ending in _BESIDE:  # SQLite would take a leftover write-ahead log of another database for a part of this one
        final.with_name(final.name + ending).unlink(missing_ok=True)
    sync_folders([final.parent])
    os.replace(made, final)
    sync_folders([final.parent])


def _leave_one_version(path: Path) -> None:
    """Delete the older of two rows with the schema version, which concurrent first starts of old versions wrote."""
    with closing(_opened(path)) as database, database:
        if _VERSION in _tables(database):
            database.execute(
                f"DELETE FROM {_VERSION} WHERE version_num = ? AND (SELECT count(*) FROM {_VERSION}) > 1",
                [LAST_KNOWN_STAMPED_SQLITE_ALEMBIC_REVISION],
            )


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_SECONDS_FOR_LOCKS)


def _tables(database: sqlite3.Connection) -> set[str]:
    return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _has_rows(database: sqlite3.Connection, table: str) -> bool:
    return database.execute(f'SELECT 1 FROM "{table}" LIMIT 1').fetchone() is not None
