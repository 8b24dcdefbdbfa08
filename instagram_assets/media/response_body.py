"""Receives one response body: small bodies are buffered in memory, large ones are written to disk as they arrive."""

import errno
import hashlib
import mmap
import os
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO

from instagram_assets.errors import MediaRefusedError, MediaTransientError, StorageError
from instagram_assets.media.download_options import SizeLimits, too_large
from instagram_assets.media.format_detection import HEAD_BYTES
from instagram_assets.media.verify import MediaFacts, check_head, check_media

MAX_BUFFERED_BYTES = 256_000
"""Maximum bytes of a body buffered in memory; a larger one goes to its temporary file as it arrives."""


@dataclass(frozen=True, slots=True)
class ReceivedMedia:
    """A complete, validated image or video that is not yet in the store: in memory, or in a temporary file if large."""

    temporary: str
    size: int
    facts: MediaFacts
    body: bytes
    """The bytes of a small body; empty for a large one."""
    sha256: str
    """SHA-256 of a large body, in hexadecimal digits; empty for a small one."""

    def digest(self) -> str:
        """Returns the SHA-256 of the bytes in hexadecimal digits."""
        return self.sha256 or hashlib.sha256(self.body).hexdigest()

    def write_durably(self) -> str:
        """Write and fsync the bytes to the temporary file; returns their SHA-256 in hexadecimal digits.

        To be called in a thread, so that hashing and writing do not block the event loop.
        """
        sha256 = self.digest()
        descriptor = os.open(self.temporary, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            _write(descriptor, self.body)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return sha256

    def discard(self) -> None:
        """Delete the temporary file."""
        with suppress(FileNotFoundError):
            os.unlink(self.temporary)


class BodyReceiver:
    """Receives a body in chunks, until `finish` returns it as ReceivedMedia or `abandon` discards it.

    Raises MediaError as in `check_media`, MediaRefusedError above the limit in bytes, StorageError on an I/O error.
    """

    def __init__(self, temporary: str, limits: SizeLimits) -> None:
        self._temporary = temporary
        self._limits = limits
        self._stream: FileIO | None = None
        self._spilled = False
        self.restart()

    @property
    def received(self) -> int:
        """The number of bytes received so far."""
        return self._received

    def restart(self) -> None:
        """Discard the bytes received so far, to receive the body from its beginning."""
        self._received = 0
        self._pieces: list[bytes] = []
        if self._stream is not None:
            self._hash = hashlib.sha256()
            self._stream.seek(0)
            self._stream.truncate()

    def write(self, piece: bytes) -> None:
        """Append the next bytes of the body."""
        first = self._received < HEAD_BYTES
        self._received += len(piece)
        if self._received > self._limits.max_bytes:
            raise MediaRefusedError(too_large(self._limits))
        self._pieces.append(piece)
        if first and self._received >= HEAD_BYTES:
            check_head(b"".join(self._pieces)[:HEAD_BYTES], self._limits.kind)
        if self._stream is not None or self._received > MAX_BUFFERED_BYTES:
            self._spill()

    def finish(self) -> ReceivedMedia:
        """Validate the body and return it as a complete image or video, which owns the bytes from then on."""
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        try:
            facts = self._check(body)
        except MediaTransientError:
            self.restart()  # an attempt must not resume from invalid bytes
            raise
        sha256 = self._hash.hexdigest() if self._spilled else ""
        self._close()
        self._pieces = []
        return ReceivedMedia(self._temporary, self._received, facts, body, sha256)

    def abandon(self) -> None:
        """Discard the bytes and delete the temporary file."""
        self._close()
        if self._spilled:
            with suppress(FileNotFoundError):
                os.unlink(self._temporary)

    def _check(self, body: bytes) -> MediaFacts:
        kind, max_megapixels = self._limits.kind, self._limits.max_megapixels
        if self._stream is None:
            return check_media(body, kind, max_megapixels)
        if not self._received:
            raise MediaTransientError("empty body")
        try:
            written = mmap.mmap(self._stream.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise cannot_store(os.path.dirname(self._temporary), error) from error
        with written:
            return check_media(written, kind, max_megapixels)

    def _spill(self) -> None:
        data = b"".join(self._pieces)
        self._pieces = []
        try:
            if self._stream is None:
                self._stream = FileIO(self._temporary, "x+")
                self._spilled = True
                self._hash = hashlib.sha256()
            self._hash.update(data)
            _write(self._stream.fileno(), data)
        except OSError as error:
            raise cannot_store(os.path.dirname(self._temporary), error) from error

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        try:
            if stream is not None:
                stream.close()
        except OSError as error:
            raise cannot_store(os.path.dirname(self._temporary), error) from error


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def cannot_store(folder: str | os.PathLike[str], error: OSError) -> StorageError:
    """Returns the StorageError, with a remedy, for a failed write."""
    remedies = {
        errno.ENOSPC: "Free space",
        errno.EDQUOT: "Free space or raise the quota",
        errno.EFBIG: "Raise the limit on file sizes (ulimit -f)",
        errno.EMFILE: "Raise the limit on open files (ulimit -n) or lower max_concurrent_requests",
        errno.ENFILE: "Close other programs or lower max_concurrent_requests",
        errno.ENOMEM: "Free memory, raise its limit (ulimit -v) or lower max_concurrent_requests",
    }
    remedy = remedies.get(error.errno or 0, "Check the disk and who may write there")
    return StorageError(f"{folder}: cannot be written ({error.strerror or error}). {remedy}, then run again.")
