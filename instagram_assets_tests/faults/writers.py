"""What the campaign lets write: one function per kind of file, called in the worker."""

import random
from pathlib import Path
from typing import BinaryIO

from instagram_assets.storage.atomic import write_atomic


def content(seed: int) -> bytes:
    """Bytes that differ in every place for another seed."""
    return random.Random(seed).randbytes(200_000)


def write_file(path: str, seed: int) -> None:
    """Make or replace one file in three writes."""
    data = content(seed)

    def write(stream: BinaryIO) -> None:
        for start in range(0, len(data), 80_000):
            stream.write(data[start : start + 80_000])

    write_atomic(Path(path), write)
