"""The collector's SQLite database: requests, identities, subjects (accounts and hashtags), crawls and fetched pages.

A request is stored before it is sent, so that no rate limit is exceeded after a crash. A page and the cursor of the
next one are stored in one transaction, so that no stored page is requested twice.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from instagram_assets.errors import StorageError
from instagram_assets.storage.atomic import make_folder, refusal

DATABASE_FILE = "books.sqlite"
LOCKS_FOLDER = "identities"
"""Folder with the lock of each identity; created with the first request, after the database."""
_VERSION = 1
_WAIT_SECONDS = 60
_SCHEMA = (
    # Each request with the time at which it was granted; its outcome is null until the response was classified.
    """CREATE TABLE IF NOT EXISTS requests (
        id INTEGER PRIMARY KEY, at REAL NOT NULL, identity TEXT NOT NULL, site TEXT NOT NULL, subject TEXT NOT NULL,
        what TEXT NOT NULL, outcome TEXT, reason TEXT NOT NULL DEFAULT '')""",
    "CREATE INDEX IF NOT EXISTS requests_of_identity ON requests (identity, at)",
    "CREATE INDEX IF NOT EXISTS requests_of_subject ON requests (site, subject, at)",
    # `opened` counts the openings of the circuit breaker in a row; `stopped` is the outcome that a person must mend.
    """CREATE TABLE IF NOT EXISTS identities (
        identity TEXT PRIMARY KEY, open_until REAL NOT NULL DEFAULT 0, opened INTEGER NOT NULL DEFAULT 0,
        stopped TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '', stopped_at REAL)""",
    # One account or hashtag as a site knows it. `state` is active, not_found, private, renamed, replaced or refused.
    """CREATE TABLE IF NOT EXISTS subjects (
        site TEXT NOT NULL, subject TEXT NOT NULL, profile_id TEXT, state TEXT NOT NULL DEFAULT 'active',
        reason TEXT NOT NULL DEFAULT '', seen_at REAL, newest_post_at REAL, newest_shortcode TEXT,
        next_at REAL NOT NULL DEFAULT 0, facts TEXT NOT NULL DEFAULT '{}', PRIMARY KEY (site, subject))""",
    # A crawl: one collection of one subject, open until its file is in the inbox. `bounds` says where it stops, as
    # JSON; `identity` is the login, token or client that fetched its pages.
    """CREATE TABLE IF NOT EXISTS crawls (
        id INTEGER PRIMARY KEY, site TEXT NOT NULL, subject TEXT NOT NULL, bounds TEXT NOT NULL, began_at REAL NOT NULL,
        ended_at REAL, outcome TEXT, reason TEXT NOT NULL DEFAULT '', file TEXT, posts INTEGER NOT NULL DEFAULT 0,
        identity TEXT NOT NULL DEFAULT '')""",
    "CREATE UNIQUE INDEX IF NOT EXISTS crawl_open ON crawls (site, subject) WHERE ended_at IS NULL",
    """CREATE TABLE IF NOT EXISTS pages (
        crawl INTEGER NOT NULL REFERENCES crawls (id) ON DELETE CASCADE, position INTEGER NOT NULL, at REAL NOT NULL,
        page BLOB NOT NULL, PRIMARY KEY (crawl, position))""",
    # Folders outside of the inbox with collected files, in which the command `forget` searches as well.
    "CREATE TABLE IF NOT EXISTS output_folders (folder TEXT PRIMARY KEY)",
)


class CollectorDatabase:
    """The SQLite database in a folder, created if missing; `reading` and `writing` open a connection for each use.

    Raises StorageError, which says what to do, if the file is damaged or cannot be written; its data is not deleted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / DATABASE_FILE

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """Context manager: a write transaction, exclusive across processes; rolled back on an exception."""
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """Context manager: a connection for reading."""
        with self._connection() as connection:
            yield connection

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        try:
            make_folder(self.folder)
        except OSError as error:
            raise refusal(self.folder, error) from error
        was_there = self.file.exists()
        try:
            connection = sqlite3.connect(self.file, timeout=_WAIT_SECONDS, isolation_level=None)
            try:
                connection.row_factory = sqlite3.Row
                for statement in ("PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON", "PRAGMA secure_delete=ON"):
                    connection.execute(statement)
                self._lay_out(connection, was_there)
                yield connection
            finally:
                connection.close()
        except sqlite3.DatabaseError as error:
            raise StorageError(f"{self.file}: {error}. {_remedy(error)}, then run again.") from error

    def _lay_out(self, connection: sqlite3.Connection, was_there: bool) -> None:
        """Create the tables, or migrate those of an older schema version.

        `was_there` is whether the database file existed before.
        """
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise StorageError(
                f"{self.file}: a newer version of instagram_assets has written it (layout {version}; this one knows "
                f"{_VERSION}). Install that version again."
            )
        if version == _VERSION:
            return
        connection.execute("BEGIN IMMEDIATE")
        columns = {row["name"] for row in connection.execute("PRAGMA table_info(crawls)")}
        if was_there and not columns and (self.folder / LOCKS_FOLDER).exists():
            raise StorageError(
                f"{self.file}: is empty, though requests stood in it. Put back a copy of it (see docs/backup.md), or "
                "take it away: then limits and open pages begin anew."
            )
        for statement in _SCHEMA:
            connection.execute(statement)
        if columns and "identity" not in columns:
            connection.execute("ALTER TABLE crawls ADD COLUMN identity TEXT NOT NULL DEFAULT ''")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")


def _remedy(error: sqlite3.DatabaseError) -> str:
    words = str(error)
    if "full" in words:
        return "Free space"
    if "locked" in words:
        return "Let the other collector end"
    if "malformed" in words or "not a database" in words:
        return "Put back a copy of it (see docs/backup.md), or move it away: then limits and open pages begin anew"
    return "Free space, or check that the folder may be written"
