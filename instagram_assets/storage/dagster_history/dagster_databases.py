"""The databases of a Dagster home, in SQLite or PostgreSQL, and their vacuuming: no deleted row remains on disk."""

import os
import re
import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
from dagster._core.storage.runs.schema import RunStorageSqlMetadata
from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from instagram_assets.errors import StorageError
from instagram_assets.storage.dagster_history.embedded_images import KEEP_IMAGES, ImageRemover
from instagram_assets.storage.dagster_history.name_matcher import NameMatcher
from instagram_assets.storage.dagster_history.sqlite_free_space import deleted_row_bytes

_SQLITE = b"SQLite format 3\0"
_OF_ALL_RUNS = ("dynamic_partitions", "asset_keys", "daemon_heartbeats")
"""Tables that have rows only in the databases with the history of all runs."""
_BESIDE = ("-wal", "-shm", "-journal")
_SECONDS_FOR_LOCKS = 30
_LARGE = 64 << 20
"""Bytes above which a database is searched completely, not only its free space."""
_AT_ONCE, _LAPPING = 16 << 20, 4 << 10
_UNEMPTIED = 1 << 30
"""A bit of an SQLite database's `user_version`: rows were deleted or changed, and it has not been rewritten yet."""
_OF_A_PICTURE = re.compile(rb"[0-9A-Za-z+/]{400}")
"""A part of a base64 image; rows with one are split over pages."""
_OF_DAGSTER = frozenset[str]().union(
    *(each.tables.keys() for each in (SqlEventLogStorageMetadata, RunStorageSqlMetadata, ScheduleStorageSqlMetadata)),
    ["alembic_version"],
)
"""The tables of this version of Dagster: a PostgreSQL database may contain others."""


class DagsterDatabase(NamedTuple):
    """A database of a Dagster home; `file` is the path of an SQLite database, and None for a PostgreSQL one."""

    url: str
    file: Path | None = None

    @property
    def name(self) -> str:
        """The database's name in messages: the path of the file, or the URL without its password."""
        return str(self.file or sa.make_url(self.url).render_as_string(hide_password=True))

    @contextmanager
    def transaction(self) -> Generator[sa.Connection]:
        """Context manager: a transaction, committed at the end. Raises StorageError if the database is locked."""
        engine = self._engine()
        try:
            with engine.begin() as connection:
                if self.file is None:
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_SECONDS_FOR_LOCKS}s'")
                yield connection
        except OperationalError as error:
            raise self._busy(str(error.orig)) from error

    def owns(self, table: str) -> bool:
        """Whether a table belongs to Dagster: always true in an SQLite file of the home."""
        return self.file is not None or table in _OF_DAGSTER

    def is_log_of_a_run(self) -> bool:
        """Whether the database is an SQLite file with the log of a single run; fast, for thousands of logs."""
        if self.file is None:
            return False
        with closing(sqlite3.connect(self.file, timeout=_SECONDS_FOR_LOCKS)) as database:
            try:
                tables = _names_of_tables(database)
                return "runs" not in tables and not _has_rows(
                    database, [each for each in _OF_ALL_RUNS if each in tables]
                )
            except sqlite3.OperationalError as error:
                raise self._busy(str(error)) from error

    def is_free_of(self, may_change: Callable[[str], bool]) -> bool:
        """Whether the database is a single run's log without a text that satisfies `may_change`; fast."""
        if self.file is None:
            return False
        with closing(sqlite3.connect(self.file, timeout=_SECONDS_FOR_LOCKS)) as database:
            try:
                tables = _names_of_tables(database)
                if "runs" in tables or _has_rows(database, [name for name in _OF_ALL_RUNS if name in tables]):
                    return False
                return not any(_mentions(database, name, may_change) for name in tables)
            except sqlite3.OperationalError as error:
                raise self._busy(str(error)) from error

    def mark_changed(self, connection: sa.Connection) -> None:
        """Set a flag in the database, in this transaction, that rows were changed, so that `empty` vacuums it.

        The flag survives a killed process, so that a later attempt vacuums the database.
        """
        if self.file is not None:
            version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            connection.exec_driver_sql(f"PRAGMA user_version = {version | _UNEMPTIED}")

    def empty(self, words: NameMatcher, pictures: ImageRemover = KEEP_IMAGES) -> None:
        """Vacuum the database, so that no deleted or changed row remains on disk, from this or an earlier attempt.

        An SQLite database is not rewritten if no row was changed and its free space contains no erased name (`words`)
        and no removed image (`pictures`).
        """
        if self.file is not None:
            _empty_file(self.file, words, pictures, self._busy)
            return
        with self._engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"SET lock_timeout = '{_SECONDS_FOR_LOCKS}s'")
            try:
                for table in sa.inspect(connection).get_table_names():
                    if self.owns(table):  # column statistics contain values, too
                        connection.exec_driver_sql(f'VACUUM (FULL, ANALYZE) "{table}"')
            except OperationalError as error:
                raise self._busy(str(error.orig)) from error

    def _engine(self) -> sa.Engine:
        timeout = {"timeout": _SECONDS_FOR_LOCKS} if self.file else {}
        return sa.create_engine(self.url, poolclass=NullPool, connect_args=timeout)

    def _busy(self, reason: str) -> StorageError:
        return StorageError(
            f"{self.name}: cannot be used ({reason.strip()}). End what uses Dagster's history, then repeat the command."
        )


def dagster_databases(home: Path, url: str | None) -> list[DagsterDatabase]:
    """Returns the databases of a Dagster home: SQLite files, and the PostgreSQL one of `url` or else of dagster.yaml.

    With PostgreSQL the SQLite files are included too, since they remain when the history was moved to PostgreSQL.
    """
    files = [DagsterDatabase(f"sqlite:///{path}", path) for path in sqlite_files(home)]
    return [*files, *(DagsterDatabase(_with_driver(each)) for each in ([url] if url else _urls(home)))]


def _with_driver(url: str) -> str:
    """Returns a database URL with the psycopg2 driver: since SQLAlchemy 2.1 plain `postgresql` means psycopg 3."""
    parts = sa.make_url(url)
    named = parts.set(drivername="postgresql+psycopg2") if parts.drivername == "postgresql" else parts
    return named.render_as_string(hide_password=False)


def sqlite_files(home: Path) -> list[Path]:
    """Returns the SQLite databases below a folder, identified by their first bytes."""
    return sorted(path for path in home_files_below(home) if _is_sqlite(path))


def belongs_to_sqlite(path: Path) -> bool:
    """Whether a file is an SQLite database or its write-ahead log, shared memory or journal file."""
    for ending in _BESIDE:
        if path.name.endswith(ending):
            path = path.with_name(path.name.removesuffix(ending))
    return _is_sqlite(path)


def remove_sqlite(path: Path) -> None:
    """Delete an SQLite database with its write-ahead log, shared memory and journal files."""
    for ending in (*_BESIDE, ""):  # SQLite ignores these files when their database is missing
        path.with_name(path.name + ending).unlink(missing_ok=True)


def home_files_below(folder: Path) -> Iterator[Path]:
    """Yields the regular files below a folder, at any depth, without symbolic links."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(len(_SQLITE)) == _SQLITE
    except FileNotFoundError:
        return False


def _urls(home: Path) -> list[str]:
    """Returns the PostgreSQL URLs in a home's dagster.yaml, with environment variables resolved."""
    if not (home / "dagster.yaml").exists():
        return []
    before = os.environ.get("DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = str(home)
    try:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            storages: Iterable[object] = (
                instance.run_storage,
                instance.event_log_storage,
                instance.schedule_storage,
            )
            found = [getattr(storage, "postgres_url", None) for storage in storages]
    finally:
        if before is None:
            del os.environ["DAGSTER_HOME"]
        else:
            os.environ["DAGSTER_HOME"] = before
    return list(dict.fromkeys(url for url in found if isinstance(url, str)))


def _empty_file(path: Path, words: NameMatcher, pictures: ImageRemover, busy: Callable[[str], StorageError]) -> None:
    with closing(sqlite3.connect(path, timeout=_SECONDS_FOR_LOCKS, isolation_level=None)) as database:
        try:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            version = int(database.execute("PRAGMA user_version").fetchone()[0])
            is_marked = bool(version & _UNEMPTIED)
            if is_marked or _holds_where_no_row_is(path, words, pictures):
                database.execute("VACUUM")
            if is_marked:
                database.execute(f"PRAGMA user_version = {version & ~_UNEMPTIED}")
            is_busy, *_ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:
            raise busy(str(error)) from error
    if is_busy:
        raise busy("somebody reads it")


def _names_of_tables(database: sqlite3.Connection) -> list[str]:
    return [str(name) for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def _has_rows(database: sqlite3.Connection, tables: Iterable[str]) -> bool:
    return any(database.execute(f'SELECT 1 FROM "{name}" LIMIT 1').fetchone() for name in tables)


def _mentions(database: sqlite3.Connection, table: str, may_change: Callable[[str], bool]) -> bool:
    for row in database.execute(f'SELECT * FROM "{table}"'):
        for value in row:
            if isinstance(value, bytes) or (isinstance(value, str) and may_change(value)):
                return True
    return False


def _holds_where_no_row_is(path: Path, words: NameMatcher, pictures: ImageRemover) -> bool:
    """Whether free space in an SQLite file may contain an erased name or image, from rows deleted by other programs.

    Of a file of more than 64 MiB all bytes are searched, not only the free space.
    """
    if path.stat().st_size > _LARGE:
        return any(words.may_be_among(piece.decode("utf-8", "replace")) for piece in _pieces(path))
    dead = deleted_row_bytes(path.read_bytes())
    if pictures is not KEEP_IMAGES and _OF_A_PICTURE.search(dead):
        return True
    return words.may_be_among(dead.decode("utf-8", "replace"))


def _pieces(path: Path) -> Iterator[bytes]:
    """Yields a large file in overlapping chunks, so that no name is cut at a chunk's end."""
    before = b""
    with path.open("rb") as stream:
        while read := stream.read(_AT_ONCE):
            yield before + read
            before = read[-_LAPPING:]
