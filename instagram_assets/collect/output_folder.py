"""A folder with one file for each user, as `scrape-users` makes it: whole, or not there."""

import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from instagram_assets.collect.crawls import close_crawl, find_open_crawl
from instagram_assets.collect.database import CollectorDatabase
from instagram_assets.collect.delivery import export_path
from instagram_assets.collect.site import INSTAGRAM
from instagram_assets.errors import BusyError, SettingsError, StorageError
from instagram_assets.storage.atomic import make_folder, remove_durably, write_atomic
from instagram_assets.storage.locks import alone_or

_ARRIVALS = ".collected"
_FIRST_LINES = (b'[\n{"collected":', b'{"collected":')
"""How a file of ours begins: one of a user, and one that has arrived."""


class OutputFolder:
    """`USER.json` for each user in a folder: a JSON list of what `ingest` reads, a line for each record.

    Collections arrive in `arrivals`, a folder within, under names of their own; `publish` makes the user's file of one.
    Whoever dies between the two calls `publish_arrived` the next time, and nothing is asked again.
    Raises SettingsError where the folder cannot be written.
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
        """Write in here alone, and remembered in the books, so that forgetting finds what is written.

        Raises BusyError when another command writes here: of two each would take the other's files.
        """
        with alone_or(self.folder, BusyError(f"Another scrape-users writes into {self.folder}. Let it end first.")):
            with database.writing() as connection:
                name = str(self.folder.resolve())
                connection.execute("INSERT INTO output_folders (folder) VALUES (?) ON CONFLICT DO NOTHING", (name,))
            yield

    def path(self, user: str) -> Path:
        """Where the file of a user belongs."""
        return self.folder / f"{user}.json"

    def publish(self, arrived: Path) -> Path:
        """Make a user's file of what arrived, in the place of an older one. Raises StorageError."""
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
        """Make users' files of all that arrived and was left behind, the older before the newer.

        A crawl that was still to be closed is closed first: else it would bring the same once more.
        """
        left = sorted(self.arrivals.glob("collected_*.json"), key=lambda path: path.stat().st_mtime_ns)
        for path in left:
            crawl = find_open_crawl(database, INSTAGRAM, _user_of(path))
            if crawl and crawl.outcome and export_path(self.arrivals, crawl) == path:
                with database.writing() as connection:
                    close_crawl(connection, crawl, now, path.name)
        return [self.publish(path) for path in left]

    def tidy(self) -> None:
        """Take the folder of arrivals away when it is empty."""
        with suppress(OSError):
            self.arrivals.rmdir()


def known_output_folders(database: CollectorDatabase) -> list[Path]:
    """All folders in which files of users were ever put, whether they are still there or not."""
    with database.reading() as connection:
        return [Path(row[0]) for row in connection.execute("SELECT folder FROM output_folders ORDER BY folder")]


def collector_files(folder: Path) -> list[Path]:
    """Users' files in a folder, and what arrived there; nothing that people put beside them."""
    found = (*folder.glob("*.json"), *(folder / _ARRIVALS).glob("collected_*.json"))
    return sorted(path for path in found if path.is_file() and not path.is_symlink() and _is_ours(path))


def record_lines_of(path: Path) -> Iterator[bytes]:
    """The records of a file of ours, a line of JSON each."""
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
