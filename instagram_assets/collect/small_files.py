"""Reads small files that users provide, such as proxy lists and cookies, with clear errors for anything else."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from instagram_assets.errors import FileError

_BYTE_ORDERS = (b"\xff\xfe", b"\xfe\xff")


class SmallFile(NamedTuple):
    """The bytes of a file, its path and its `st_mode`."""

    path: Path
    data: bytes
    mode: int

    def text(self, remedy: str) -> str:
        """The decoded text: UTF-8 or, as some Windows programs write it, UTF-16. Raises FileError where it is none."""
        try:
            return self.data.decode("utf-16" if self.data[:2] in _BYTE_ORDERS else "utf-8-sig")
        except UnicodeDecodeError:
            raise FileError(str(self.path), "is no text", remedy) from None


def read_small_file(file: str | Path, most_bytes: int, remedy: str) -> SmallFile:
    """Read a file. Raises FileError with the remedy where it is missing, no regular file, empty or far too large."""
    path = Path(file).expanduser()
    try:
        # Not waiting for the other end of a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise FileError(str(path), "does not exist", remedy) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no possible name"
        raise FileError(str(path), f"cannot be read ({reason})", remedy) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise FileError(str(path), "is no file", remedy)
        with os.fdopen(descriptor, "rb", closefd=False) as opened:
            data = opened.read(most_bytes + 1)
    finally:
        os.close(descriptor)
    if len(data) > most_bytes:
        raise FileError(str(path), "is far too large", remedy)
    if not data.strip():
        raise FileError(str(path), "is empty", remedy)
    return SmallFile(path, data, mode)
