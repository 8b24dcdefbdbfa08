"""The output folder of the command `scrape-users`: one JSON file for each user, written atomically."""

import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.crawl_table import close_crawl, find_open_crawl
from instagram_assets.collect.inbox_delivery import export_path
from instagram_assets.collect.site_adapter import INSTAGRAM
from instagram_assets.errors import BusyError, SettingsError, StorageError
from instagram_assets.storage.atomic import make_folder, remove_durably, write_atomic
from instagram_assets.storage.locks import alone_or

_ARRIVALS = ".collected"
_FIRST_LINES = (b'[\n{"collected":', b'{"collected":')
"""First bytes of the collector's files: of a user's published file, and of an unpublished one in `arrivals`."""


class OutputFolder:
    """A folder with `USER.json` for each user: a JSON list in the format that `ingest` reads, one record per line.

    A collection first writes its file into the subfolder `arrivals`; `publish` converts that into the user's file. If
    the program crashes in between, `publish_arrived` does so in the next run, so that nothing is requested again.
    Raises SettingsError if the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arrivals = folder / _ARRIVALS
        try:
            make_folder(self.arrivals)
        except OSError as error:
            raise SettingsError(f"--output-dir {folder}: cannot be made ({error.strerror}). Name another.") from error
        if not os.access(self.arrivals, os.W_OK):
            raise SettingsError(f"--output-dir {folder}: may not be written. Name another, or get the right to write.")

    @contextmanager
    def alone(self, database: CollectorDatabase) -> Generator[None]:
        """Context manager: lock the folder, and store its path in the database.

        By that path, the command `forget` finds the files in it. Raises BusyError if another command is writing to the
        folder, since two would publish each other's files.
        """
        with alone_or(self.folder, BusyError(f"Another scrape-users writes into {self.folder}. Let it end first.")):
            with database.writing() as connection:
                name = str(self.folder.resolve())
                connection.execute("INSERT INTO output_folders (folder) VALUES (?) ON CONFLICT DO NOTHING", (name,))
            yield

    def path(self, user: str) -> Path:
        """The path of a user's file."""
        return self.folder / f"{user}.json"

    def publish(self, arrived: Path) -> Path:
        """Convert a collected file in `arrivals` into the user's file, replacing an older one; returns its path.

        Raises StorageError if it cannot be written.
        """
        user = _user_of(arrived)
        path = self.path(user)

        def write(stream: BinaryIO) -> None:
            before = b"[\n"
            for line in _lines(arrived):
                stream.write(before + line)
                before = b",\n"
            stream.write(b"\n]\n")

        write_atomic(path, write)
        remove_durably(arrived)
        return path

    def publish_arrived(self, database: CollectorDatabase, now: float) -> list[Path]:
        """Publish all files left over from an interrupted run, oldest first; returns the users' files.

        The crawl of such a file is marked as closed first, since an open crawl would write the same file again.
        """
        left = sorted(self.arrivals.glob("collected_*.json"), key=lambda path: path.stat().st_mtime_ns)
        for path in left:
            crawl = find_open_crawl(database, INSTAGRAM, _user_of(path))
            if crawl and crawl.outcome and export_path(self.arrivals, crawl) == path:
                with database.writing() as connection:
                    close_crawl(connection, crawl, now, path.name)
        return [self.publish(path) for path in left]

    def tidy(self) -> None:
        """Remove the subfolder `arrivals` when it is empty."""
        with suppress(OSError):
            self.arrivals.rmdir()


def known_output_folders(database: CollectorDatabase) -> list[Path]:
    """All output folders that were ever used, including those that no longer exist."""
    with database.reading() as connection:
        return [Path(row[0]) for row in connection.execute("SELECT folder FROM output_folders ORDER BY folder")]


def collector_files(folder: Path) -> list[Path]:
    """The files in a folder that the collector wrote, recognised by their first bytes."""
    found = (*folder.glob("*.json"), *(folder / _ARRIVALS).glob("collected_*.json"))
    return sorted(path for path in found if path.is_file() and not path.is_symlink() and _is_ours(path))


def record_lines_of(path: Path) -> Iterator[bytes]:
    """Yield the records of a file that the collector wrote, each as one line of JSON."""
    return (line.removesuffix(b",") for line in _lines(path) if line.startswith(b"{"))


def _is_ours(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(max(map(len, _FIRST_LINES))).startswith(_FIRST_LINES)


def _lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        for line in stream:
            yield line.rstrip(b"\n")


def _user_of(file: Path) -> str:
    try:
        return str(json.loads(next(_lines(file)))["account"])
    except (OSError, StopIteration, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{file}: is no file of the collector ({error!r}). Move it away, then run again.") from error
