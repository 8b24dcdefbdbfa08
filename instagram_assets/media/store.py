"""Content-addressed storage of images and videos on disk, named by SHA-256, with an index by URL.

Writes are ordered so that the index never refers to a file that a power cut could lose: first the file's bytes are
durable, then its name, then the index entry. A crash can lose downloads in progress, but no image that was reported as
stored.
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

from instagram_assets.media.download_options import SizeLimits
from instagram_assets.media.response_body import BodyReceiver, ReceivedMedia, cannot_store
from instagram_assets.media.url_index import StoredMedia, UrlIndex
from instagram_assets.storage.atomic import make_folder, sweep, sync_folders, temporary_beside

_SYNC_THREADS = 8
"""Number of fsync threads; more were not faster on the disks that were measured."""
_WAITING = 0.0003
"""Seconds for one fsync above which fsyncs are done in parallel."""


class MediaStore:
    """A folder with each image and video once, at `<first two digits of its SHA-256>/<SHA-256>.<ext>`.

    Several processes can use one store. Raises StorageError on an I/O error.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._incoming = self.root / "incoming"
        try:
            make_folder(self._incoming)
            self._disk_waits = _fsync_seconds(temporary_beside(self._incoming / "probe")) > _WAITING
        except OSError as error:
            raise cannot_store(self.root, error) from error
        self._index = UrlIndex(self.root / "index.sqlite")
        self._threads = ThreadPoolExecutor(_SYNC_THREADS, thread_name_prefix="media-sync")
        # A temporary path with host and process id, whose last digits are replaced by a number per body.
        self._temporary = str(temporary_beside(self._incoming / "body")).removesuffix(".tmp")[:-16]
        self._numbers = count()
        self.sweep()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the index and end the fsync threads."""
        self._threads.shutdown()
        self._index.close()

    def sweep(self) -> int:
        """Delete the temporary files of dead processes; returns their number."""
        return sweep(self._incoming)

    def find(self, identities: Iterable[str]) -> dict[str, StoredMedia]:
        """Returns identity → entry, for the URL identities that are in the store with an unchanged file.

        Entries whose file is missing or changed are removed from the index, so that the file is downloaded again.
        """
        found = self._index.find(identities)
        renewed: list[StoredMedia] = []
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

    def receiver(self, limits: SizeLimits) -> BodyReceiver:
        """Returns a receiver for one response body, with its own temporary file."""
        return BodyReceiver(f"{self._temporary}{next(self._numbers):016x}.tmp", limits)

    def add(self, received: Sequence[tuple[str, ReceivedMedia]]) -> list[StoredMedia]:
        """Store complete bodies, each under its URL identity; returns their entries. Durable on return.

        Blocks on disk I/O: call it from a thread. On an error no body of the batch is added to the index.
        """
        try:
            hashes = self._write_all([media for _, media in received])
            entries = [self._move_into_place(*pair, sha256) for pair, sha256 in zip(received, hashes, strict=True)]
            # The first fsync waits for the disk's journal; the other folders cost next to nothing after it.
            sync_folders([self.root, self._incoming, *{self.root / entry.image_id[:2] for entry in entries}])
        except BaseException as error:
            for _, media in received:
                media.discard()
            if isinstance(error, OSError):
                raise cannot_store(self.root, error) from error
            raise
        self._index.record(entries)
        return entries

    def add_local(self, identity: str, body: bytes, limits: SizeLimits) -> StoredMedia:
        """Store a locally created image under an identity, validated like a downloaded one; returns its entry."""
        receiver = self.receiver(limits)
        try:
            receiver.write(body)
            media = receiver.finish()
        except BaseException:
            receiver.abandon()
            raise
        return self.add([(identity, media)])[0]

    def add_alias(self, identity: str, entry: StoredMedia) -> None:
        """Add another URL identity for a stored file."""
        self._index.record([replace(entry, identity=identity)])

    def _write_all(self, received: Sequence[ReceivedMedia]) -> list[str]:
        """Write and fsync the bodies; returns their SHA-256 hashes in the same order.

        On a slow disk in parallel, since it combines concurrent fsyncs; on a fast one sequentially, since threads cost
        more than they gain. An error is raised only after all threads have finished.
        """
        if not self._disk_waits:
            return _write_each(received)
        shares = [received[begin::_SYNC_THREADS] for begin in range(min(_SYNC_THREADS, len(received)))]
        tasks = [self._threads.submit(_write_each, share) for share in shares]
        wait(tasks)
        hashes = [""] * len(received)
        for begin, task in enumerate(tasks):
            hashes[begin::_SYNC_THREADS] = task.result()
        return hashes

    def _move_into_place(self, identity: str, media: ReceivedMedia, sha256: str) -> StoredMedia:
        """Rename a body's temporary file to its final name, and return its entry; replaces a possibly damaged file."""
        facts = media.facts
        modified = os.stat(media.temporary).st_mtime_ns
        entry = StoredMedia(identity, sha256, facts.ext, media.size, modified, facts.width, facts.height, facts.note)
        final = f"{self.root}/{entry.path}"
        try:
            os.replace(media.temporary, final)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(final), exist_ok=True)
            os.replace(media.temporary, final)
        return entry

    def _inspect(self, entry: StoredMedia) -> StoredMedia | None:
        """Returns the entry if its file's content is unchanged (with the new mtime if that changed), else None."""
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


def _write_each(received: Iterable[ReceivedMedia]) -> list[str]:
    return [media.write_durably() for media in received]


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
