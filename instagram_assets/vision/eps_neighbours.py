"""Which unit vectors are within a cosine distance of each other: fast products, and float64 where they cannot tell."""

import sys
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from instagram_assets.errors import VectorsError
from instagram_assets.models.devices import has_matrix_units

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
Precision = Literal["auto", "fp32", "bf16"]

UNIT_WITHIN = 1e-3
"""How far a length may be from 1."""
_AT_ONCE = 4096
# Below this many rows a product in float32 is done before torch has begun.
_WORTH_TORCH = 2_000
# Above this share of pairs that bf16 cannot tell, looking at each takes longer than one product in float32.
_MOST_UNSURE = 0.01


class EpsNeighbours:
    """Tells for blocks of rows of `vectors`, float32[n, d] of unit length, which are at most `eps` apart.

    Every product has a bound on its rounding. Pairs farther than that from `eps` are decided by it, the others by
    float64: so the answer is float64's, and the same for any block and any precision. With `bf16` a product in
    bfloat16 comes first, ten times as fast on processors with matrix units (Intel AMX); `auto` takes it there
    from 2,000 rows on if torch is loaded already: loading it would take 200 MB. Raises VectorsError for rows that are
    not finite or not of unit length.
    """

    def __init__(self, vectors: Vectors, eps: float, precision: Precision = "auto") -> None:
        self._vectors = np.ascontiguousarray(vectors, np.float32)
        self._lengths = lengths(self._vectors)
        off = np.abs(self._lengths - 1)
        if not (off <= UNIT_WITHIN).all():
            row = int(np.flatnonzero(~(off <= UNIT_WITHIN))[0])
            raise VectorsError(f"row {row} has length {self._lengths[row]:.6g}, not 1; leave it out or normalize it")
        self._eps = eps
        # Of a dot product in float32 in any order of summation (Higham 2002, section 3.1), of the threshold's own
        # rounding, and of the lengths.
        self._error = 1.1 * (self._vectors.shape[1] + 2) * 2.0**-24 + 2.2 * float(off.max(initial=0))
        # Each number of both sides is rounded to 8 bits, by at most 2^-8 of it. That the result is rounded too makes no
        # difference: what it is compared with are numbers of 8 bits below and above, and rounding keeps the order.
        self._rough_error = self._error + 2.01 * 2.0**-8
        # The bits of bfloat16 are in the numbers' order only above zero.
        self._rough = eps < 0.9 and (precision == "bf16" or (precision == "auto" and _pays(len(vectors))))

    def __call__(self, rows: Rows, others: Rows) -> Mask:
        """bool[rows, others]: true where the distance is at most `eps`."""
        near, unsure = self._compare(_take(self._vectors, rows), _take(self._vectors, others))
        if rows is others:
            near.flat[:: len(rows) + 1] = True
            unsure = unsure[unsure % (len(rows) + 1) != 0]
        for some in _chunks(unsure):
            row, other = np.divmod(some, len(others))
            near.flat[some] = self._distances(rows[row], others[other]) <= self._eps
        return near

    def _compare(self, left: Vectors, right: Vectors) -> tuple[Mask, Rows]:
        """Which pairs are near by their products, and the places of those that float32 cannot tell."""
        if not self._rough:
            return self._sift(left @ right.T)
        near, unsure = self._roughly(left, right)
        if len(unsure) > _MOST_UNSURE * near.size:
            return self._sift(left @ right.T)
        still = [np.empty(0, np.int64)]
        for some in _chunks(unsure):
            row, other = np.divmod(some, len(right))
            near.flat[some], places = self._sift(np.einsum("ij,ij->i", left[row], right[other]))
            still.append(some[places])
        return near, np.concatenate(still)

    def _sift(self, products: NDArray[np.float32]) -> tuple[Mask, Rows]:
        """Which pairs may be near by these products in float32, and the places of those that may also be far."""
        near = products >= np.float32(1 - self._eps - self._error)
        return near, np.flatnonzero(near & (products <= np.float32(1 - self._eps + self._error)))

    def _roughly(self, left: Vectors, right: Vectors) -> tuple[Mask, Rows]:
        """The same by products in bfloat16, compared as the integers of their bits: numpy has no bfloat16."""
        import torch

        # torch warns of arrays that it may not write to.
        writable = [side if side.flags.writeable else side.copy() for side in (left, right)]
        sides: list[Any] = [torch.from_numpy(side).bfloat16() for side in writable]
        products = (sides[0] @ sides[1].T).view(torch.int16).numpy()
        least, most = 1 - self._eps - self._rough_error, 1 - self._eps + self._rough_error
        near = products >= _bfloat16_bits(least)
        return near, np.flatnonzero(near & (products <= _bfloat16_bits(most) + np.int16(1)))

    def _distances(self, rows: Rows, others: Rows) -> NDArray[np.float64]:
        left, right = (self._vectors[which].astype(np.float64) for which in (rows, others))
        cosines = np.einsum("ij,ij->i", left, right) / (self._lengths[rows] * self._lengths[others])
        return np.clip(1 - cosines, 0, 2)


def lengths(vectors: Vectors) -> NDArray[np.float64]:
    """The length of each row, float64[n]; NaN or infinite when a value of it is."""
    rows = (some.astype(np.float64) for some in _chunks(vectors))
    return np.sqrt(np.concatenate([np.empty(0), *(np.einsum("ij,ij->i", some, some) for some in rows)]))


def _chunks(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    return (array[start : start + _AT_ONCE] for start in range(0, len(array), _AT_ONCE))


def _bfloat16_bits(value: float) -> np.int16:
    """The upper half of a positive float32: the next bfloat16 towards zero."""
    return np.int16(np.float32(value).view(np.uint32) >> 16)


def _pays(rows: int) -> bool:
    return rows >= _WORTH_TORCH and "torch" in sys.modules and has_matrix_units()


def _take(vectors: Vectors, rows: Rows) -> Vectors:
    first, last = int(rows[0]), int(rows[-1])
    # Rows that stand together need no copy.
    return vectors[first : last + 1] if last - first == len(rows) - 1 else vectors[rows]
