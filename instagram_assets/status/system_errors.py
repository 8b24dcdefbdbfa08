"""Errors of the operating system and of Dagster's databases, explained with a remedy."""

import errno
import os
import re
import shlex
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from instagram_assets.errors import StorageError
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import remedy

_EXPLAINED = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG),
    *(errno.ENAMETOOLONG, errno.EIO),
)
_SQLITE_MESSAGES = {
    sqlite3.SQLITE_CORRUPT: "database disk image is malformed",
    sqlite3.SQLITE_NOTADB: "file is not a database",
    sqlite3.SQLITE_FULL: "database or disk is full",
    sqlite3.SQLITE_IOERR: "disk I/O error",
    sqlite3.SQLITE_CANTOPEN: "unable to open database file",
}
"""SQLite's error messages, used to recognise an error of which only the text is known."""
_WITHOUT: dict[str, str] = {
    "runs.db": "without the list of earlier runs, and runs that wait in the queue are not started",
    "index.db": "without the record of which run made what and when: in the UI assets look as if they had never been "
    "made. Accounts and searches are registered again",
    "schedules.db": "without the ticks of sensors and schedules, which run as the code has them switched on",
}
_LOG_OF_ONE_RUN = "without the log of that one run"


def explain_error(error: BaseException, settings: Settings) -> str:
    """Explain an error of the operating system or of Dagster's database, with a remedy; empty for any other error."""
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in _EXPLAINED:
            return _refused(cause, settings.data_dir)
        if isinstance(cause, sqlite3.Error):
            return _of_database(cause, _home(settings))
        if type(cause).__module__ == "alembic.util.exc" or type(cause).__name__ == "DagsterInstanceSchemaOutdated":
            return _of_another_version(cause, _home(settings))
    return ""


def add_remedy(message: str, settings: Settings) -> str:
    """An error message, with a remedy appended if it is from the operating system or Dagster's database."""
    if found := re.search(r"\[Errno (\d+)\]", message):
        number = int(found[1])
        return (
            f"{message.rstrip('.')}. {remedy(OSError(number, ''))}, then run again."
            if number in _EXPLAINED
            else message
        )
    for code, said in _SQLITE_MESSAGES.items():
        # Other databases (media index, cost ledger) have error messages with their own remedies.
        if said in message and not re.search(r"\.sqlite\b", message):
            error = sqlite3.DatabaseError(said)
            error.sqlite_errorcode = code
            return _of_database(error, _home(settings))
    return message


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the error means that the database file is corrupt, rather than temporarily unreadable."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def damaged_database(path: Path, error: object) -> StorageError:
    """Create the error for a corrupt Dagster database; its message says what to do and what is lost."""
    where = f"{shlex.quote(str(path))}*"
    return StorageError(
        f"{path}: this database of Dagster is damaged ({error}). The lake and the datasets are whole: they do not lie "
        f"in it. Stop what is running, move it away (mkdir damaged; mv {where} damaged/), and run again: a new one is "
        f"made, {_WITHOUT.get(path.name, _LOG_OF_ONE_RUN)}."
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__


def _refused(error: OSError, data: Path) -> str:
    reason = os.strerror(error.errno or 0)
    place = str(error.filename) if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        place = place or str(_fullest(data))
        return f"{place}: {reason}. {remedy(error)}, then run again: what is finished stays finished."
    return f"{place or 'The machine refuses'}: {reason}. {remedy(error)}, then run again."


def _fullest(data: Path) -> Path:
    """The data folder or the temporary folder, whichever has less free disk space."""
    folders = [folder for folder in (data.absolute(), Path(tempfile.gettempdir())) if folder.is_dir()]
    return min(folders, key=lambda folder: shutil.disk_usage(folder).free, default=Path.cwd())


def _of_database(error: sqlite3.Error, home: Path) -> str:
    match _code(error):
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            path, found = next(_damaged(home), (home, error))
            return str(damaged_database(path, found))
        case sqlite3.SQLITE_FULL:
            advice = "Free space on that disk"
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            refusal = _refusal_to_write(home)  # SQLite does not pass on the operating system's error
            advice = (
                remedy(refusal) if refusal else "Allow more open files (`ulimit -n 4096`), and look after that disk"
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            advice = "Another process has held it for half a minute: wait for it or end it"
        case _:
            return ""
    return f"{home}: Dagster's database refused ({error}). {advice}, then run again: what is finished stays finished."


def _of_another_version(error: BaseException, home: Path) -> str:
    if "Can't locate revision" in str(error):
        return (
            f"{home}: these databases were written by a newer Dagster ({error}). Use the version that wrote them, or "
            f"move them away (mv {shlex.quote(str(home))} …) and run again: new ones are made, without the history "
            "of runs. The lake and the datasets do not lie in them."
        )
    return (
        f"{home}: these databases are of another version of Dagster ({str(error).splitlines()[0]}). Bring them up to "
        f"date with DAGSTER_HOME={shlex.quote(str(home))} dagster instance migrate, then run again."
    )


def _damaged(home: Path) -> Iterator[tuple[Path, object]]:
    """Yield the corrupt SQLite databases below a folder with SQLite's error or message; the main run database first."""
    files = sorted(home.rglob("*.db"), key=lambda path: path.name not in _WITHOUT)
    for path in files:
        try:
            with closing(sqlite3.connect(path)) as database:
                (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.Error as error:
            if is_damage(error):
                yield path, error
        else:
            if found != "ok":
                yield path, " ".join(str(found).split())


def _refusal_to_write(folder: Path) -> OSError | None:
    """The operating system's error for a test write in a folder; None if the write succeeds."""
    try:
        with tempfile.TemporaryFile(dir=folder) as stream:
            stream.write(bytes(1 << 16))
    except OSError as error:
        return error
    return None


def _home(settings: Settings) -> Path:
    return Path(os.environ.get("DAGSTER_HOME") or settings.folder("dagster"))


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code of an error, with the extended code masked off; 0 if it has none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
