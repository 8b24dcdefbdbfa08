"""Consistent copies of databases that are in use: of SQLite by its backup API, of PostgreSQL by pg_dump."""

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from instagram_assets.errors import SettingsError, StorageError
from instagram_assets.storage.atomic import sweep_beside, temporary_beside, write_atomic

_MAGIC = b"SQLite format 3\0"
_AT_LOG, _NO_LOG = 18, b"\1\1"
"""Offset and values of SQLite's format version: 2 with a write-ahead log (sqlite.org/fileformat.html), else 1."""
_SECONDS_FOR_LOCKS = 60.0
_POSTGRES = "dagster_postgres"
_FIELD = re.compile(r"^\s*(username|password|hostname|port|db_name):\s*(.*?)\s*$", re.MULTILINE)
_VARIABLE = re.compile(r"^\{?\s*env:\s*\"?(\w+)\"?\s*\}?$")
_OF_LIBPQ = {
    "username": "PGUSER",
    "password": "PGPASSWORD",
    "hostname": "PGHOST",
    "port": "PGPORT",
    "db_name": "PGDATABASE",
}


def is_sqlite(begin: bytes) -> bool:
    """Whether a file with these first bytes is an SQLite database."""
    return begin.startswith(_MAGIC)


def log_stamp(path: str) -> str:
    """Returns a change stamp of an SQLite database's write-ahead log; empty if the log is missing or empty."""
    try:
        told = os.stat(f"{path}-wal")
    except OSError:
        return ""
    return f"-{told.st_size:x}-{told.st_mtime_ns:x}" if told.st_size else ""


def copy_of(path: str) -> BinaryIO:
    """Returns a consistent copy of an SQLite database as an open file, which is deleted when it is closed.

    Raises sqlite3.Error, also when the database is damaged. A database without a write-ahead log is opened for writing,
    so that SQLite removes its own temporary files; nothing is written to the database.
    """
    mode = "ro" if os.path.exists(f"{path}-wal") or not os.access(path, os.W_OK) else "rw"
    with _nameless() as (copy, target, checked):
        source = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode={mode}", uri=True, timeout=_SECONDS_FOR_LOCKS)
        with closing(source), closing(target):
            source.backup(target)
        with closing(checked), _without_log(copy):
            (found,) = checked.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":  # a copy of damaged pages succeeds
            raise sqlite3.DatabaseError(f"it is damaged: {' '.join(found.split())}")
        return open(os.dup(copy), "rb")


@contextmanager
def _nameless() -> Generator[tuple[int, sqlite3.Connection, sqlite3.Connection]]:
    """Context manager: an unlinked temporary file, with one connection that writes to it and one that reads it.

    A killed process leaves no copy behind: SQLite opens files only by name, and the name is removed before the first
    write.
    """
    beside = Path(tempfile.gettempdir()) / "instagram-assets.sqlite"
    with suppress(OSError):  # files of other users cannot be deleted there
        sweep_beside(beside)
    name = temporary_beside(beside)
    copy = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        try:
            target = sqlite3.connect(name)
            checked = sqlite3.connect(f"{name.as_uri()}?mode=ro", uri=True)
        finally:
            os.unlink(name)
        target.execute("PRAGMA journal_mode = OFF")  # a journal would be a file with a name
        yield copy, target, checked
    finally:
        os.close(copy)


@contextmanager
def _without_log(copy: int) -> Generator[None]:
    """Context manager: clears the WAL flag in a database's header, with which SQLite creates a log file to read it."""
    said = os.pread(copy, len(_NO_LOG), _AT_LOG)
    os.pwrite(copy, _NO_LOG if said else b"", _AT_LOG)
    try:
        yield
    finally:
        os.pwrite(copy, said, _AT_LOG)


class PostgresHome(NamedTuple):
    """The connection settings of a Dagster home's PostgreSQL database, for pg_dump and pg_restore."""

    variables: dict[str, str]

    @property
    def name(self) -> str:
        """The database's name, for messages."""
        port = self.variables.get("PGPORT", "5432")
        return f"{self.variables['PGHOST']}:{port}/{self.variables['PGDATABASE']}"

    def fill(self, dump: Path) -> None:
        """Restores a dump into the database in one transaction; does nothing if it was restored before.

        Raises StorageError, also when the database is not empty.
        """
        program = shutil.which("pg_restore")
        if program is None:
            raise StorageError(
                "Dagster's history is for PostgreSQL, and pg_restore is not on PATH. Install the client of the "
                "server's version (apt-get install postgresql-client)."
            )
        # Present while restoring: then a database that has its tables got them from this dump.
        mark = dump.with_name(f"{dump.name}.into")
        is_repeated = mark.exists() and mark.read_text("utf-8") == self.name
        write_atomic(mark, lambda stream: stream.write(self.name.encode()))
        options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-password"]
        done = subprocess.run(
            [program, *options, "--dbname", self.variables["PGDATABASE"], str(dump)],
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
        )
        if not done.returncode or (is_repeated and "already exists" in done.stderr):
            return
        mark.unlink()
        if "already exists" in done.stderr:
            raise StorageError(
                f"{self.name}: this database is not empty. Make one (createdb NAME) and name it by the variables of "
                f"{dump.parent / 'dagster.yaml'}."
            )
        raise StorageError(f"{self.name}: pg_restore failed ({done.stderr.strip()}). Mend that, then run again.")

    def dump(self) -> BinaryIO:
        """Returns a dump of the database for `pg_restore`, as an open temporary file. Raises StorageError."""
        program = shutil.which("pg_dump")
        if program is None:
            raise StorageError(
                "Dagster's history is in PostgreSQL, and pg_dump is not on PATH. Install the client of the server's "
                "version (apt-get install postgresql-client), or leave the history out: --no-history."
            )
        environment = {**os.environ, **self.variables}
        with ExitStack() as stack:
            dump = stack.enter_context(tempfile.TemporaryFile(prefix="instagram-assets-"))
            done = subprocess.run(
                [program, "--format=custom", "--no-owner", "--no-privileges", "--no-password"],
                env=environment,
                stdout=dump,
                stderr=subprocess.PIPE,
            )
            if done.returncode:
                told = done.stderr.decode("utf-8", "replace").strip()
                raise StorageError(
                    f"Dagster's history in PostgreSQL: pg_dump failed ({told}). Mend that, or leave the "
                    "history out: --no-history."
                )
            stack.pop_all()
            return dump


def postgres_of(home: Path, environment: Mapping[str, str]) -> PostgresHome | None:
    """Returns the PostgreSQL database with the run history of a Dagster home; None if the history is in SQLite.

    Raises SettingsError if dagster.yaml configures it differently from the files that this program provides.
    """
    file = home / "dagster.yaml"
    try:
        text = file.read_text("utf-8")
    except OSError:
        return None
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    if _POSTGRES not in lines and "postgres:" not in lines:
        return None
    # `username:` with `env: NAME` on the next line, or on the same line.
    joined = re.sub(r":[ \t]*\n[ \t]+env:", ": env:", lines)
    said = {field: _value(file, field, value, environment) for field, value in _FIELD.findall(joined)}
    if missing := sorted(_OF_LIBPQ.keys() - said.keys() - {"port"}):
        raise SettingsError(
            f"{file}: it does not say {', '.join(missing)} of its PostgreSQL as homes/postgres does. Say it so, or "
            "leave the history out of the backup (--no-history) and keep a pg_dump of it yourself."
        )
    return PostgresHome({_OF_LIBPQ[field]: value for field, value in said.items()})


def _value(file: Path, field: str, said: str, environment: Mapping[str, str]) -> str:
    variable = _VARIABLE.match(said)
    if not variable:
        return said.strip("\"'")
    if variable[1] not in environment:
        raise SettingsError(f"{file}: {field} is in the variable {variable[1]}, which is not set. Set it.")
    return environment[variable[1]]
