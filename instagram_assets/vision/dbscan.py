"""DBSCAN on cosine distance: the labels of scikit-learn at any size, without storing the neighbour graph.

Method of Ester, Kriegel, Sander and Xu (KDD 1996), computed tile by tile. A pair of neighbours is stored only until
both are known to be core rows: then their components are merged and the pair is dropped. A row not yet known to be core
has fewer than `min_samples` neighbours so far, so few pairs are stored at any time. Core rows of the largest component
are not compared with each other, which saves most of the work if many rows are similar.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from instagram_assets.vision.eps_neighbours import BoolMatrix, EpsNeighbours, Precision, RowIndices, UnitVectors

_Pairs = NDArray[np.int64]
_OnProgress = Callable[[int, int], None]

# 2048 x 2048 similarities are 16 MB: large enough for a fast matrix product, small enough to stay in the cache.
_BLOCK = 2048
# Pairs that may collect before they are processed.
_FRESH_PAIRS = 1 << 19
# When more pairs than this could be pending, neighbours are counted in a separate first pass.
_MAX_PENDING = 1 << 22
_MAX_PENDING_PER_ROW = 8


def dbscan(
    vectors: UnitVectors,
    eps: float,
    min_samples: int,
    *,
    block: int = _BLOCK,
    precision: Precision = "auto",
    on_progress: _OnProgress | None = None,
) -> NDArray[np.int32]:
    """Cluster label of each row of `vectors`, float32[n, d] L2-normalised, as int32[n]; -1 is noise.

    Rows within cosine distance `eps` are neighbours; a core row has at least `min_samples`, itself included. Labels are
    those of scikit-learn's `DBSCAN(eps, min_samples, metric="cosine")` on the rows as float64: clusters are numbered by
    their first core row, and a border row joins the first cluster that reaches it. They can differ only if a distance
    is within 1e-12 of `eps`, the rounding error of float64; a row is always its own neighbour.

    Rows are compared `block` x `block` at a time, first in `precision`, which changes the speed and never the labels:
    see `EpsNeighbours`. `on_progress` is called with the numbers of processed rows and all rows. Raises VectorsError
    for rows that are not finite or not of unit length, ValueError for `eps` or `min_samples` <= 0.
    """
    if not eps > 0 or min_samples < 1:
        raise ValueError(f"eps={eps} and min_samples={min_samples} must be above 0")
    near = EpsNeighbours(vectors, eps, precision)
    graph = _Graph(len(vectors), min_samples)
    if len(vectors) * min_samples > max(_MAX_PENDING, _MAX_PENDING_PER_ROW * len(vectors)):
        for rows, others in _tiles(len(vectors), block, graph.is_core, None):
            graph.count(rows, others, near(rows, others))
        graph.counted = True
    for rows, others in _tiles(len(vectors), block, graph.is_settled, on_progress):
        neighbours = near(rows, others)
        if not graph.counted:
            graph.count(rows, others, neighbours)
        graph.connect(rows, others, neighbours)
    return graph.labels()


class _Graph:
    """The neighbour graph so far: neighbour counts, components of core rows, and pending pairs."""

    def __init__(self, n: int, min_samples: int) -> None:
        self._min_samples = min_samples
        self.counted = False
        """True once all neighbours are counted: a row that is not core now will not become one."""
        self._counts = np.zeros(n, np.int64)
        self._components = np.arange(n, dtype=np.int32)
        self._largest = -1
        self._pending: _Pairs = np.empty((0, 2), np.int64)
        self._fresh: list[_Pairs] = []

    def is_core(self) -> BoolMatrix:
        return self._counts >= self._min_samples

    def is_settled(self) -> BoolMatrix:
        """Core rows of the largest component: comparing two of them cannot change any label."""
        return self.is_core() & (self._components == self._largest)

    def count(self, rows: RowIndices, others: RowIndices, near: BoolMatrix) -> None:
        """Add the neighbour counts of one tile, the comparison of `rows` with `others`."""
        ones = near.view(np.uint8)
        self._counts[rows] += ones.sum(1, dtype=np.int32)
        if rows is not others:
            self._counts[others] += ones.sum(0, dtype=np.int32)

    def connect(self, rows: RowIndices, others: RowIndices, near: BoolMatrix) -> None:
        """Store the neighbour pairs of one tile, except those already in one component."""
        if self.counted:
            core = self.is_core()
            near = near & (core[rows][:, None] | core[others])
        if np.count_nonzero(near) > near.size >> 6:
            near = self._merge_dense_tile(rows, others, near)
        row, other = np.divmod(np.flatnonzero(near), len(others))
        pairs = np.stack((rows[row], others[other]), 1)
        left, right = self._components[pairs].T
        self._fresh.append(pairs[left != right])
        if sum(map(len, self._fresh)) > _FRESH_PAIRS:
            self._merge()

    def _merge_dense_tile(self, rows: RowIndices, others: RowIndices, near: BoolMatrix) -> BoolMatrix:
        """Merge core rows of a dense tile by one pair per row and column; returns the pairs left to process.

        One neighbour of each row and of each column is mostly enough to join a dense region, and far cheaper than all.
        """
        core = self.is_core()
        inner = near & core[rows][:, None] & core[others]
        first_other = inner.argmax(1)
        # The last row of each column: argmax along columns takes several times as long.
        last_row = (inner * np.arange(len(rows), dtype=np.int32)[:, None]).max(0)
        with_other = np.flatnonzero(inner[np.arange(len(rows)), first_other])
        with_row = np.flatnonzero(inner[last_row, np.arange(len(others))])
        left = np.concatenate((rows[with_other], rows[last_row[with_row]]))
        right = np.concatenate((others[first_other[with_other]], others[with_row]))
        self._join(left, right)
        return near & (self._components[rows][:, None] != self._components[others])

    def _join(self, left: RowIndices, right: RowIndices) -> None:
        """Join the components of each pair of core rows."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        if not len(left):
            return
        n, ends = len(self._counts), (self._components[left], self._components[right])
        links = coo_array((np.ones(len(left), bool), ends), shape=(n, n))
        self._components = connected_components(links, directed=False)[1][self._components]
        self._largest = int(np.bincount(self._components[self.is_core()]).argmax())

    def _merge(self) -> None:
        """Merge the components of neighbouring core rows; deduplicate and keep the pairs that are still pending."""
        pairs = np.concatenate((self._pending, *self._fresh))
        self._fresh = []
        n, core = len(self._counts), self.is_core()
        both = core[pairs].all(1)
        self._join(*pairs[both].T)
        pairs = pairs[~both]
        # A row that is not core may be near many rows of one component: one representative is enough.
        first = np.arange(n)
        members = np.flatnonzero(core)[::-1]
        first[self._components[members]] = members
        pairs = np.sort(np.where(core[pairs], first[self._components[pairs]], pairs), axis=1)
        left, right = np.divmod(np.unique(pairs[:, 0] * n + pairs[:, 1]), max(n, 1))
        self._pending = np.stack((left, right), 1)

    def labels(self) -> NDArray[np.int32]:
        self._merge()
        core = self.is_core()
        rows = np.flatnonzero(core)
        labels = np.full(len(core), -1, np.int32)
        _, first, component = np.unique(self._components[rows], return_index=True, return_inverse=True)
        labels[rows] = np.argsort(np.argsort(first))[component]
        pairs = np.concatenate((self._pending, self._pending[:, ::-1]))
        inner, border = pairs[core[pairs[:, 0]] & ~core[pairs[:, 1]]].T
        joined = np.full(len(core), len(core), np.int32)
        np.minimum.at(joined, border, labels[inner])
        return np.where(joined < len(core), joined, labels)


def _tiles(
    n: int, block: int, settled: Callable[[], BoolMatrix], on_progress: _OnProgress | None
) -> Iterator[tuple[RowIndices, RowIndices]]:
    """Tiles (rows, others) that cover every pair of rows once; settled rows are never the first of a tile."""
    left = np.ones(n, bool)
    finished = 0
    while True:
        open_rows = np.flatnonzero(left & ~settled())
        finished = max(finished, n - len(open_rows))
        if on_progress:
            on_progress(finished, n)
        if not len(open_rows):
            return
        rows = open_rows[:block]
        left[rows] = False
        yield rows, rows
        others = np.flatnonzero(left)
        for start in range(0, len(others), block):
            yield rows, others[start : start + block]
