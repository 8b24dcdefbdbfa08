"""Exact nearest-neighbour search over the image embeddings: cosine similarity of one vector with all rows of the file.

The file is memory-mapped, and its bfloat16 rows are converted to float32 a few hundred at a time in a buffer that fits
the CPU cache. The search is thus as fast as reading the file, and exact up to the rounding of the embeddings to
bfloat16.
"""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from instagram_assets.errors import DamagedError, VectorsError
from instagram_assets.lake_index.caches import PerIndex
from instagram_assets.lake_index.embedding_file import HEADER, VectorFile, check_file, from_bfloat16
from instagram_assets.lake_index.index_reader import LakeIndex

_NUMBERS_AT_ONCE = 1 << 18
"""Numbers in the float32 buffer (1 MB). At twice the size OpenBLAS starts its own threads, which compete with ours."""
_LEAST_ROWS = 50_000
"""Minimum rows per thread: fewer are finished before another thread has started."""
_MOST_THREADS = 8


class Vectors:
    """The embeddings of one version of the index, memory-mapped. Thread-safe.

    Raises DamagedError if the file is truncated or does not belong to the index.
    """

    def __init__(self, folder: Path, metadata: VectorFile) -> None:
        path = folder / metadata.file
        check_file(path, metadata)
        self.model, self.width, self.rows = metadata.model, metadata.width, metadata.count
        self._rows = np.memmap(path, np.uint16, "r", HEADER, (metadata.count, metadata.width))

    @classmethod
    def of_index(cls, index: LakeIndex) -> "Vectors | None":
        """Returns the embeddings of an index, opened once per index version; None if the index has none."""
        return _OF_INDEXES.of(index)

    def of(self, row: int) -> NDArray[np.float32]:
        """Returns the embedding with a row index as float32[width]. Raises VectorsError if there is no such row."""
        if not 0 <= row < self.rows:
            raise VectorsError(f"row {row}: the index has {self.rows} embeddings.")
        return from_bfloat16(np.array(self._rows[row]))

    def similarities(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns the cosine similarity of `vector` (float32[width], any norm) with each row, as float32[rows].

        The result has no NaN. Raises VectorsError for a vector of another width, of norm zero, or with NaN or infinity.
        """
        query = np.asarray(vector, np.float32)
        if query.shape != (self.width,):
            raise VectorsError(f"a vector of {query.shape} numbers, and the index has {self.width} of each image.")
        length = float(np.linalg.norm(query))
        if not np.isfinite(length) or not length:
            raise VectorsError("the vector is zero or has numbers that are none, so nothing is near it.")
        query = query / length
        found = np.empty(self.rows, np.float32)
        parts = max(1, min(_threads(), self.rows // _LEAST_ROWS))
        edges = [self.rows * part // parts for part in range(parts + 1)]
        spans = list(itertools.pairwise(edges))
        futures = [_pool().submit(self._scan, query, found, *span) for span in spans[1:]]
        self._scan(query, found, *spans[0])
        for future in futures:
            future.result()
        return np.nan_to_num(found, copy=False, nan=-1.0, posinf=1.0, neginf=-1.0)

    def _scan(self, query: NDArray[np.float32], found: NDArray[np.float32], first: int, last: int) -> None:
        many = max(1, _NUMBERS_AT_ONCE // self.width)
        buffer = np.empty((many, self.width), np.uint32)
        numbers = buffer.view(np.float32)
        for start in range(first, last, many):
            count = min(many, last - start)
            np.left_shift(
                self._rows[start : start + count], np.uint32(16), out=buffer[:count], dtype=np.uint32, casting="unsafe"
            )
            np.dot(numbers[:count], query, out=found[start : start + count])


def nearest_rows(similarities: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Returns the row indices of the `count` largest similarities, largest first."""
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


# A mapped file occupies disk space until it is unmapped, even after it was removed.
_OF_INDEXES: PerIndex[Vectors | None] = PerIndex(_opened)


def _threads() -> int:
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, _MOST_THREADS)


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_threads(), thread_name_prefix="nearest")
