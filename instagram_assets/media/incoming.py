"""One body on its way into the store: hashed and checked while it arrives."""

import errno
import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from instagram_assets.errors import StorageError
from instagram_assets.media.outcomes import Passing, Refused
from instagram_assets.media.verify import ImageChecker, ImageFacts
from instagram_assets.storage.atomic import temporary_beside

SPILL = 256_000
"""Bytes that a body may hold in memory; what is larger goes to its temporary file as it arrives."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A whole, checked image, not yet in the store: small ones in memory, large ones in a temporary file."""

    temporary: Path
    image_id: str
    size: int
    facts: ImageFacts
    pieces: list[bytes]

    def settle(self) -> None:
        """Bring the temporary file to its full length and make its data survive a power cut."""
        # Making files waits for the disk's journal, so it happens here in a thread, not where bytes arrive.
        with open(self.temporary, "ab", buffering=0) as stream:
            _write(stream, b"".join(self.pieces))
            os.fsync(stream.fileno())

    def discard(self) -> None:
        """Take the temporary file away."""
        with suppress(FileNotFoundError):
            self.temporary.unlink()


class Incoming:
    """Takes a body piece by piece; ends in an Arrival (`finish`) or in nothing (`abandon`).

    Raises Refused and Passing as `ImageChecker` does, Refused above `max_bytes`, StorageError when the disk
    does not take it.
    """

    def __init__(self, folder: Path, max_bytes: int, max_megapixels: float) -> None:
        self._temporary = temporary_beside(folder / "image")
        self._max_bytes = max_bytes
        self._max_megapixels = max_megapixels
        self._stream: FileIO | None = None
        self._pieces: list[bytes] = []
        self.restart()

    @property
    def received(self) -> int:
        """Bytes taken so far."""
        return self._received

    def restart(self) -> None:
        """Forget what came: the body begins anew."""
        self._received = 0
        self._pieces = []
        self._hash = hashlib.sha256()
        self._checker = ImageChecker(self._max_megapixels)
        if self._stream is not None:
            self._stream.seek(0)
            self._stream.truncate()

    def write(self, piece: bytes) -> None:
        """The next bytes of the body."""
        self._received += len(piece)
        if self._received > self._max_bytes:
            raise Refused(too_large(self._max_bytes))
        with self._anew_when_damaged():
            self._checker.feed(piece)
        self._hash.update(piece)
        self._pieces.append(piece)
        if self._stream is None and self._received <= SPILL:
            return
        try:
            if self._stream is None:
                self._stream = self._temporary.open("xb", buffering=0)
            _write(self._stream, b"".join(self._pieces))
        except OSError as error:
            raise cannot_store(self._temporary.parent, error) from error
        self._pieces = []

    def finish(self) -> Arrival:
        """The whole image. Afterwards its bytes belong to the Arrival."""
        with self._anew_when_damaged():
            facts = self._checker.finish()
        self._close()
        return Arrival(self._temporary, self._hash.hexdigest(), self._received, facts, self._pieces)

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._close()
        with suppress(FileNotFoundError):
            os.unlink(self._temporary)

    @contextmanager
    def _anew_when_damaged(self) -> Generator[None]:
        """Bytes that are wrong cannot be continued by a later try."""
        try:
            yield
        except Passing:
            self.restart()
            raise

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        try:
            if stream is not None:
                stream.close()
        except OSError as error:
            raise cannot_store(self._temporary.parent, error) from error


def _write(stream: FileIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[stream.write(left) :]


def too_large(max_bytes: int) -> str:
    """The reason for a body above the limit."""
    return f"larger than {max_bytes / 1_000_000:g} MB"


def cannot_store(folder: Path, error: OSError) -> StorageError:
    """A disk's refusal in words, with what to do."""
    remedies = {
        errno.ENOSPC: "Free space",
        errno.EDQUOT: "Free space or raise the quota",
        errno.EFBIG: "Raise the limit on file sizes (ulimit -f)",
        errno.EMFILE: "Raise the limit on open files (ulimit -n) or lower max_concurrent_requests",
        errno.ENFILE: "Close other programs or lower max_concurrent_requests",
    }
    remedy = remedies.get(error.errno or 0, "Check the disk and who may write there")
    return StorageError(f"{folder}: cannot be written ({error.strerror or error}). {remedy}, then run again.")
