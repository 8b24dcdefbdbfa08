"""Images on disk under the hash of their bytes, with an index of which address gave which.

Nothing is recorded before the file it speaks of would survive a power cut: first the file's data, then its
name, then the index. So a crash at any point costs work at most, and what was reported is there.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Self, TypeVar

from instagram_assets.media.incoming import Arrival, Incoming, cannot_store
from instagram_assets.media.index import Entry, Index
from instagram_assets.storage.atomic import make_folder, sweep, sync_folders

T = TypeVar("T")
# Disks take several fsyncs at once as one; more threads than this gained nothing.
_SYNC_THREADS = 8


class MediaStore:
    """A folder of images, each once, at `<first two of its SHA-256>/<SHA-256>.<ext>`.

    Several processes may use one store. Raises StorageError when the disk refuses.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._incoming = self.root / "incoming"
        try:
            make_folder(self._incoming)
        except OSError as error:
            raise cannot_store(self.root, error) from error
        self._index = Index(self.root / "index.sqlite")
        self._threads = ThreadPoolExecutor(_SYNC_THREADS, thread_name_prefix="media-sync")
        self.sweep()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the index and the threads."""
        self._threads.shutdown()
        self._index.close()

    def sweep(self) -> int:
        """Take away what dead processes left half done; how many files."""
        return sweep(self._incoming)

    def find(self, identities: Iterable[str]) -> dict[str, Entry]:
        """The stored images of those identities that are known and whose file is as it was recorded.

        Entries whose file is missing or other than recorded are forgotten, so that they are fetched again.
        """
        found = self._index.find(identities)
        renewed: list[Entry] = []
        lost: list[str] = []
        for identity, entry in found.items():
            now = self._inspect(entry)
            if now is None:
                lost.append(identity)
            elif now is not entry:
                renewed.append(now)
        if lost:
            self._index.remove(lost)
        if renewed:
            self._index.record(renewed)
        return {identity: entry for identity, entry in found.items() if identity not in set(lost)}

    def incoming(self, max_bytes: int, max_megapixels: float) -> Incoming:
        """A place for one body to arrive in."""
        return Incoming(self._incoming, max_bytes, max_megapixels)

    def keep(self, arrivals: Sequence[tuple[str, Arrival]]) -> list[Entry]:
        """Take arrived images in for good, each with its identity; durable when this returns.

        Blocks for the disk: call it from a thread. On an error nothing of the batch is recorded.
        """
        try:
            self._at_once(Arrival.settle, [arrival for _, arrival in arrivals])
            entries = [self._name(identity, arrival) for identity, arrival in arrivals]
            folders = {self.root, self._incoming, *((self.root / entry.path).parent for entry in entries)}
            self._at_once(_sync_folder, folders)
        except OSError as error:
            raise cannot_store(self.root, error) from error
        finally:
            for _, arrival in arrivals:
                arrival.discard()
        self._index.record(entries)
        return entries

    def _at_once(self, work: Callable[[T], object], items: Iterable[T]) -> None:
        """Do it to each in the threads. An error is raised when all have ended, so that none works on after it."""
        tasks = [self._threads.submit(work, item) for item in items]
        wait(tasks)
        for task in tasks:
            task.result()

    def _name(self, identity: str, arrival: Arrival) -> Entry:
        """Give the file its final name. An older file of that name is replaced: it may have been damaged."""
        facts = arrival.facts
        entry = Entry(identity, arrival.image_id, facts.ext, arrival.size, 0, facts.width, facts.height, facts.note)
        final = self.root / entry.path
        final.parent.mkdir(exist_ok=True)
        modified = os.stat(arrival.temporary).st_mtime_ns
        os.replace(arrival.temporary, final)
        return replace(entry, modified_ns=modified)

    def _inspect(self, entry: Entry) -> Entry | None:
        """The entry when its file is intact, with the new time when only that moved; null otherwise."""
        path = f"{self.root}/{entry.path}"
        try:
            status = os.stat(path)
            if status.st_size != entry.bytes:
                return None
            if status.st_mtime_ns == entry.modified_ns:
                return entry
            with open(path, "rb") as stream:
                intact = hashlib.file_digest(stream, "sha256").hexdigest() == entry.image_id
        except FileNotFoundError:
            return None
        except OSError as error:
            raise cannot_store(self.root, error) from error
        return replace(entry, modified_ns=status.st_mtime_ns) if intact else None


def _sync_folder(folder: Path) -> None:
    sync_folders([folder])
