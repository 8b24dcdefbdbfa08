"""Content-addressed storage of images and videos on disk, named by SHA-256, with an index by URL.

Writes are ordered so that the index never refers to a file that a power cut could lose: first the file's data, then its
name, then the index. A crash at any point only loses work, never what was reported as stored.
"""

import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Self

from instagram_assets.media.download_options import Limits
from instagram_assets.media.response_body import Arrival, Incoming, cannot_store
from instagram_assets.media.url_index import Entry, Index
from instagram_assets.storage.atomic import make_folder, sweep, sync_folders, temporary_beside

_SYNC_THREADS = 8
"""Number of fsync threads; more gained nothing on the disks tried."""
_WAITING = 0.0003
"""Seconds for one fsync above which fsyncs are done in parallel."""


class MediaStore:
    """A folder of images and videos, each once, at `<first two of its SHA-256>/<SHA-256>.<ext>`.

    Several processes may use one store. Raises StorageError when the disk refuses.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._incoming = self.root / "incoming"
        try:
            make_folder(self._incoming)
            self._disk_waits = _fsync_seconds(temporary_beside(self._incoming / "probe")) > _WAITING
        except OSError as error:
            raise cannot_store(self.root, error) from error
        self._index = Index(self.root / "index.sqlite")
        self._threads = ThreadPoolExecutor(_SYNC_THREADS, thread_name_prefix="media-sync")
        # A temporary name with this process's marker; the last digits are replaced by a number per body.
        self._temporary = str(temporary_beside(self._incoming / "body")).removesuffix(".tmp")[:-16]
        self._numbers = count()
        self.sweep()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the index and the threads."""
        self._threads.shutdown()
        self._index.close()

    def sweep(self) -> int:
        """Delete the temporary files of dead processes; returns their number."""
        return sweep(self._incoming)

    def find(self, identities: Iterable[str]) -> dict[str, Entry]:
        """Returns the entries of those identities that are stored and whose file is unchanged.

        Entries whose file is missing or changed are deleted, so that they are downloaded again.
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

    def incoming(self, limits: Limits) -> Incoming:
        """Returns a receiver for one response body."""
        return Incoming(f"{self._temporary}{next(self._numbers):016x}.tmp", limits)

    def keep(self, arrivals: Sequence[tuple[str, Arrival]]) -> list[Entry]:
        """Store complete bodies, each under its URL identity; durable on return.

        Blocks for disk I/O: call it from a thread. On an error nothing of the batch is recorded.
        """
        try:
            hashes = self._settle([arrival for _, arrival in arrivals])
            entries = [self._name(*pair, sha256) for pair, sha256 in zip(arrivals, hashes, strict=True)]
            # The first fsync waits for the disk's journal; the other folders cost next to nothing after it.
            sync_folders([self.root, self._incoming, *{self.root / entry.image_id[:2] for entry in entries}])
        except BaseException as error:
            for _, arrival in arrivals:
                arrival.discard()
            if isinstance(error, OSError):
                raise cannot_store(self.root, error) from error
            raise
        self._index.record(entries)
        return entries

    def keep_made(self, identity: str, body: bytes, limits: Limits) -> Entry:
        """Store an image that was generated locally, validated like a downloaded one."""
        incoming = self.incoming(limits)
        try:
            incoming.write(body)
            arrival = incoming.finish()
        except BaseException:
            incoming.abandon()
            raise
        return self.keep([(identity, arrival)])[0]

    def also_as(self, identity: str, entry: Entry) -> None:
        """Add a further identity for a stored file."""
        self._index.record([replace(entry, identity=identity)])

    def _settle(self, arrivals: Sequence[Arrival]) -> list[str]:
        """Fsync the bodies; returns their hashes.

        On a slow disk in parallel, since it handles several fsyncs as one; on a fast one sequentially, since threads
        cost more than they gain. An error is raised when all threads have ended.
        """
        if not self._disk_waits:
            return _settle_each(arrivals)
        shares = [arrivals[begin::_SYNC_THREADS] for begin in range(min(_SYNC_THREADS, len(arrivals)))]
        tasks = [self._threads.submit(_settle_each, share) for share in shares]
        wait(tasks)
        hashes = [""] * len(arrivals)
        for begin, task in enumerate(tasks):
            hashes[begin::_SYNC_THREADS] = task.result()
        return hashes

    def _name(self, identity: str, arrival: Arrival, sha256: str) -> Entry:
        """Rename the file to its final name. An existing file is replaced: it may have been damaged."""
        facts = arrival.facts
        modified = os.stat(arrival.temporary).st_mtime_ns
        entry = Entry(identity, sha256, facts.ext, arrival.size, modified, facts.width, facts.height, facts.note)
        final = f"{self.root}/{entry.path}"
        try:
            os.replace(arrival.temporary, final)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(final), exist_ok=True)
            os.replace(arrival.temporary, final)
        return entry

    def _inspect(self, entry: Entry) -> Entry | None:
        """Returns the entry if its file is intact, with a new mtime if only that changed; None otherwise."""
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


def _settle_each(arrivals: Iterable[Arrival]) -> list[str]:
    return [arrival.settle() for arrival in arrivals]


def _fsync_seconds(file: Path) -> float:
    """Returns the duration of one fsync on this disk in seconds: the best of three."""
    seconds: list[float] = []
    try:
        with open(file, "xb", buffering=0) as stream:
            for _ in range(3):
                stream.write(b"\0")
                start = time.perf_counter()
                os.fsync(stream.fileno())
                seconds.append(time.perf_counter() - start)
    finally:
        file.unlink(missing_ok=True)
    return min(seconds)
