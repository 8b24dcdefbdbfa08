"""How near every image is to a text or to another image: cosines of one vector and all, by one scan of the file.

The rows stay bfloat16 in the page cache, and are made float32 a few hundred at a time in a buffer that the processor's
cache holds: as fast as reading them, on any processor, and exact but for the rounding of what is stored.
"""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from instagram_assets.errors import DamagedError, VectorsError
from instagram_assets.lake_index.memory import PerIndex
from instagram_assets.lake_index.reading import LakeIndex
from instagram_assets.lake_index.vectors import HEADER, VectorFile, check_file, from_bfloat16

_NUMBERS_AT_ONCE = 1 << 18
"""Of the buffer, 1 MB; OpenBLAS starts threads of its own for twice that, which fight ours."""
_LEAST_ROWS = 50_000
"""Of a thread: fewer are done before another has begun."""
_MOST_THREADS = 8


class Vectors:
    """The embeddings of one version of the index. Safe to be asked by many threads.

    Raises DamagedError when the file is not whole.
    """

    def __init__(self, folder: Path, known: VectorFile) -> None:
        path = folder / known.file
        check_file(path, known)
        self.model, self.width, self.rows = known.model, known.width, known.count
        self._rows = np.memmap(path, np.uint16, "r", HEADER, (known.count, known.width))

    @classmethod
    def of_index(cls, index: LakeIndex) -> "Vectors | None":
        """Those of an index, opened once for each of its versions; null where it has none."""
        return _OF_INDEXES.of(index)

    def of(self, row: int) -> NDArray[np.float32]:
        """The vector of a row as float32[width]. Raises VectorsError where there is no such row."""
        if not 0 <= row < self.rows:
            raise VectorsError(f"row {row}: the index has {self.rows} embeddings.")
        return from_bfloat16(np.array(self._rows[row]))

    def similarities(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """The cosine of `vector`, float32[width] of any length, and each row: float32[rows], without NaN.

        Raises VectorsError for a vector of another width, without length, or with numbers that are none.
        """
        asked = np.asarray(vector, np.float32)
        if asked.shape != (self.width,):
            raise VectorsError(f"a vector of {asked.shape} numbers, and the index has {self.width} of each image.")
        length = float(np.linalg.norm(asked))
        if not np.isfinite(length) or not length:
            raise VectorsError("the vector is zero or has numbers that are none, so nothing is near it.")
        asked = asked / length
        found = np.empty(self.rows, np.float32)
        parts = max(1, min(_threads(), self.rows // _LEAST_ROWS))
        edges = [self.rows * part // parts for part in range(parts + 1)]
        spans = list(itertools.pairwise(edges))
        waits = [_pool().submit(self._scan, asked, found, *span) for span in spans[1:]]
        self._scan(asked, found, *spans[0])
        for wait in waits:
            wait.result()
        return np.nan_to_num(found, copy=False, nan=-1.0, posinf=1.0, neginf=-1.0)

    def _scan(self, asked: NDArray[np.float32], found: NDArray[np.float32], first: int, last: int) -> None:
        many = max(1, _NUMBERS_AT_ONCE // self.width)
        buffer = np.empty((many, self.width), np.uint32)
        numbers = buffer.view(np.float32)
        for start in range(first, last, many):
            count = min(many, last - start)
            np.left_shift(
                self._rows[start : start + count], np.uint32(16), out=buffer[:count], dtype=np.uint32, casting="unsafe"
            )
            np.dot(numbers[:count], asked, out=found[start : start + count])


def nearest_rows(similarities: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """The rows of the `count` largest similarities, largest first."""
    count = min(count, len(similarities))
    some = np.argpartition(-similarities, count - 1)[:count] if count else np.empty(0, np.int64)
    return some[np.argsort(-similarities[some], kind="stable")]


def _opened(index: LakeIndex) -> Vectors | None:
    rows = index.rows("SELECT file, model, width, count FROM vector_file")
    try:
        return Vectors(index.folder, VectorFile(**rows[0])) if rows else None
    except DamagedError:
        index.is_damaged = True
        raise


# The file is mapped: as long as it is, it takes its place on the disk, though it was removed.
_OF_INDEXES: PerIndex[Vectors | None] = PerIndex(_opened)


def _threads() -> int:
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, _MOST_THREADS)


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_threads(), thread_name_prefix="nearest")
