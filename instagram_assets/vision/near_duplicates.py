"""Near-duplicate images: connected components of perceptual hashes within a Hamming distance."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_PAIRS_AT_ONCE = 1_000_000
"""Pairs of hashes compared at once."""
_MAX_PENDING = 200_000
"""Near pairs collected before components are merged; with the above this bounds memory at about 60 MB."""
_Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def phash_groups(image_ids: Sequence[str], phashes: Sequence[str | None], bits: int) -> list[str]:
    """For each image, the smallest image_id of its group of near-duplicates; its own when it has none.

    `phashes` are 64-bit perceptual hashes as 16 hexadecimal digits; images without one are never near. Two images are
    near when the Hamming distance of their hashes is at most `bits`; groups are the connected components.
    """
    hashes = np.array([int(phash, 16) for phash in phashes if phash], np.uint64)
    groups = iter(_components(hashes, bits).tolist())
    labels = [str(next(groups)) if phash else image_id for image_id, phash in zip(image_ids, phashes, strict=True)]
    first: dict[str, str] = {}
    for label, image_id in zip(labels, image_ids, strict=True):
        first[label] = min(first.get(label, image_id), image_id)
    return [first[label] for label in labels]


def _components(hashes: NDArray[np.uint64], bits: int) -> NDArray[np.int64]:
    """Connected component label of each hash, int64[n]."""
    different, inverse = np.unique(hashes, return_inverse=True)
    groups = np.arange(len(different))
    pairs: list[_Pairs] = []
    pending = 0
    for members in _buckets(different, bits):
        while len(members):
            members, outside = _common_last(members, groups)
            rows = min(outside, max(1, _PAIRS_AT_ONCE // len(members)))
            pairs.append(_near_pairs(different, members, rows, bits))
            pending += len(pairs[-1][0])
            members = members[rows:] if rows else members[:0]
            if pending > _MAX_PENDING:
                groups, pairs, pending = _merged(groups, pairs), [], 0
    return _merged(groups, pairs)[inverse]


def _common_last(members: NDArray[np.int64], groups: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Members reordered with those of one large component last, and the number of others: only these need comparing."""
    own = groups[members]
    # A group with more than half of the members holds the middle one.
    middle = np.partition(own, len(own) // 2)[len(own) // 2]
    others = members[own != middle]
    return np.concatenate([others, members[own == middle]]), len(others)


def _near_pairs(hashes: NDArray[np.uint64], members: NDArray[np.int64], rows: int, bits: int) -> _Pairs:
    """Index pairs of near hashes: each of the first `rows` members with the members after it."""
    own = hashes[members]
    left, right = np.nonzero(np.bitwise_count(own[:rows, np.newaxis] ^ own) <= bits)
    apart = left < right
    return members[left[apart]], members[right[apart]]


def _merged(groups: NDArray[np.int64], pairs: list[_Pairs]) -> NDArray[np.int64]:
    """Component labels after joining the components of each pair."""
    if not pairs:
        return groups  # before scipy is loaded, which takes a second
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    left, right = (groups[np.concatenate(side)] for side in zip(*pairs, strict=True))
    graph = coo_array((np.ones(len(left), bool), (left, right)), shape=(len(groups), len(groups)))
    return connected_components(graph, directed=False)[1][groups].astype(np.int64)


def _buckets(hashes: NDArray[np.uint64], bits: int) -> list[NDArray[np.int64]]:
    """Buckets of indices (locality-sensitive hashing) such that every near pair shares at least one bucket.

    Two hashes cut into `bits` + 1 bands that differ in `bits` bits agree in at least one band (pigeonhole principle).
    Where bands are too narrow to save work, all hashes are one bucket.
    """
    everything = [np.arange(len(hashes))]
    if bits == 0 or len(hashes) < 2:
        return []
    buckets = [bucket for band in np.array_split(np.arange(64), bits + 1) for bucket in _equal_in(band, hashes)]
    work = sum(len(bucket) ** 2 for bucket in buckets)
    return buckets if work < len(hashes) ** 2 else everything


def _equal_in(band: NDArray[np.int64], hashes: NDArray[np.uint64]) -> list[NDArray[np.int64]]:
    """Buckets of two or more indices of hashes that agree in a band of adjacent bits."""
    mask = (1 << len(band)) - 1
    keys = hashes >> np.uint64(band[0]) & np.uint64(mask)
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order])) + 1
    return [bucket for bucket in np.split(order, starts) if len(bucket) > 1]
