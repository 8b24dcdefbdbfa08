"""Neighbours within a cosine distance of eps: fast matrix products, and exact float64 for borderline pairs."""

import sys
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from instagram_assets.errors import VectorsError
from instagram_assets.models.devices import multiplies_bf16

UnitVectors = NDArray[np.float32]
RowIndices = NDArray[np.int64]
BoolMatrix = NDArray[np.bool_]
Precision = Literal["auto", "fp32", "bf16"]

UNIT_TOLERANCE = 1e-3
"""Largest deviation of an L2 norm from 1."""
_AT_ONCE = 4096
# Below this many rows a float32 product by numpy is faster than a call of torch.
_MIN_ROWS_FOR_TORCH = 2_000
# Above this share of pairs undecided in bf16, checking each takes longer than one float32 product.
_MAX_UNDECIDED = 0.01


class EpsNeighbours:
    """Range query: which rows of `vectors`, float32[n, d] L2-normalised, are within cosine distance `eps`.

    The rounding error of the dot products is bounded. Only pairs whose distance differs from `eps` by less than this
    bound are recomputed in float64, so the result equals that of float64 for any block size and precision. With `bf16`,
    bfloat16 products are computed first, which is ten times as fast on CPUs with matrix units (Intel AMX), twice as
    fast with AVX-512 BF16. `auto` uses them on such CPUs from 2,000 rows on if torch is already imported (importing it
    takes 200 MB). Raises VectorsError for rows that are not finite or not normalised.
    """

    def __init__(self, vectors: UnitVectors, eps: float, precision: Precision = "auto") -> None:
        self._vectors = np.ascontiguousarray(vectors, np.float32)
        self._lengths = row_norms(self._vectors)
        off = np.abs(self._lengths - 1)
        if not (off <= UNIT_TOLERANCE).all():
            row = int(np.flatnonzero(~(off <= UNIT_TOLERANCE))[0])
            raise VectorsError(f"row {row} has length {self._lengths[row]:.6g}, not 1; leave it out or normalize it")
        self._eps = eps
        # Of a dot product in float32 in any order of summation (Higham 2002, section 3.1), of the threshold's own
        # rounding, and of the lengths.
        self._error = 1.1 * (self._vectors.shape[1] + 2) * 2.0**-24 + 2.2 * float(off.max(initial=0))
        # The bits of bfloat16 are in the numbers' order only above zero.
        self._rough = eps < 0.9 and (precision == "bf16" or (precision == "auto" and _pays(len(vectors))))
        # Both sides are rounded: by the inequality of Cauchy and Schwarz a product changes by at most the sum of what
        # rounding changes of each side. That the result is rounded too makes no difference: what it is compared with
        # are numbers of 8 bits below and above, and rounding keeps the order.
        self._rough_error = self._error + 2.01 * _bfloat16_change(self._vectors) if self._rough else 0.0

    def __call__(self, rows: RowIndices, others: RowIndices) -> BoolMatrix:
        """Whether the cosine distance of each pair of rows is at most `eps`: bool[rows, others]."""
        near, unsure = self._compare(_take(self._vectors, rows), _take(self._vectors, others))
        if rows is others:
            near.flat[:: len(rows) + 1] = True
            unsure = unsure[unsure % (len(rows) + 1) != 0]
        for some in _chunks(unsure):
            row, other = np.divmod(some, len(others))
            near.flat[some] = self._distances(rows[row], others[other]) <= self._eps
        return near

    def _compare(self, left: UnitVectors, right: UnitVectors) -> tuple[BoolMatrix, RowIndices]:
        """Near pairs by dot product, bool[left, right], and flat indices of the pairs that float32 cannot decide."""
        if not self._rough:
            return self._sift(left @ right.T)
        near, unsure = self._roughly(left, right)
        if len(unsure) > _MAX_UNDECIDED * near.size:
            return self._sift(left @ right.T)
        still = [np.empty(0, np.int64)]
        for some in _chunks(unsure):
            row, other = np.divmod(some, len(right))
            near.flat[some], places = self._sift(np.einsum("ij,ij->i", left[row], right[other]))
            still.append(some[places])
        return near, np.concatenate(still)

    def _sift(self, products: NDArray[np.float32]) -> tuple[BoolMatrix, RowIndices]:
        """Possibly near pairs by float32 dot products, and flat indices of pairs within the rounding error."""
        near = products >= np.float32(1 - self._eps - self._error)
        return near, np.flatnonzero(near & (products <= np.float32(1 - self._eps + self._error)))

    def _roughly(self, left: UnitVectors, right: UnitVectors) -> tuple[BoolMatrix, RowIndices]:
        """Possibly near pairs by bfloat16 dot products, and flat indices of pairs within the rounding error.

        Products are compared as integer bit patterns, since numpy has no bfloat16.
        """
        import torch

        # torch warns of arrays that it may not write to.
        writable = [side if side.flags.writeable else side.copy() for side in (left, right)]
        sides: list[Any] = [torch.from_numpy(side).bfloat16() for side in writable]
        products = (sides[0] @ sides[1].T).view(torch.int16).numpy()
        least, most = 1 - self._eps - self._rough_error, 1 - self._eps + self._rough_error
        near = products >= _bfloat16_bits(least)
        return near, np.flatnonzero(near & (products <= _bfloat16_bits(most) + np.int16(1)))

    def _distances(self, rows: RowIndices, others: RowIndices) -> NDArray[np.float64]:
        left, right = (self._vectors[which].astype(np.float64) for which in (rows, others))
        cosines = np.einsum("ij,ij->i", left, right) / (self._lengths[rows] * self._lengths[others])
        return np.clip(1 - cosines, 0, 2)


def row_norms(vectors: UnitVectors) -> NDArray[np.float64]:
    """L2 norm of each row, float64[n]; NaN or infinite where the row has such a value."""
    rows = (some.astype(np.float64) for some in _chunks(vectors))
    return np.sqrt(np.concatenate([np.empty(0), *(np.einsum("ij,ij->i", some, some) for some in rows)]))


def _chunks(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    return (array[start : start + _AT_ONCE] for start in range(0, len(array), _AT_ONCE))


def _bfloat16_bits(value: float) -> np.int16:
    """Bits of a positive float truncated to bfloat16: the upper half of its float32."""
    return np.int16(np.float32(value).view(np.uint32) >> 16)


def _bfloat16_change(vectors: UnitVectors) -> float:
    """The largest L2 norm of a row's rounding error in bfloat16: about 0.0016, at most 2^-8."""
    rows = (some - _rounded(some) for some in _chunks(vectors))
    return max((float(np.sqrt(np.einsum("ij,ij->i", some, some).max(initial=0))) for some in rows), default=0.0)


def _rounded(vectors: UnitVectors) -> UnitVectors:
    """Each number rounded to a mantissa of 8 bits, as torch rounds to bfloat16."""
    import torch

    return torch.from_numpy(vectors if vectors.flags.writeable else vectors.copy()).bfloat16().float().numpy()


def _pays(rows: int) -> bool:
    return rows >= _MIN_ROWS_FOR_TORCH and "torch" in sys.modules and multiplies_bf16()


def _take(vectors: UnitVectors, rows: RowIndices) -> UnitVectors:
    first, last = int(rows[0]), int(rows[-1])
    # Adjacent rows need no copy.
    return vectors[first : last + 1] if last - first == len(rows) - 1 else vectors[rows]
