"""Which images look alike: their perceptual hashes differ in few bits, directly or from one to the next."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_CELLS = 1_000_000
"""Pairs compared at once."""
_WAITING = 200_000
"""Near pairs kept until they are merged; with the above this bounds the memory at about 60 MB."""
Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def near_groups(image_ids: Sequence[str], phashes: Sequence[str | None], bits: int) -> list[str]:
    """For each image the smallest image_id among its near-duplicates; its own when there are none.

    `phashes` are 16 hexadecimal digits; images without one resemble only themselves. Two images are
    near when their hashes differ in at most `bits` of 64, and near-duplicates when a chain of near images joins them.
    """
    hashes = np.array([int(phash, 16) for phash in phashes if phash], np.uint64)
    groups = iter(_components(hashes, bits).tolist())
    labels = [str(next(groups)) if phash else image_id for image_id, phash in zip(image_ids, phashes, strict=True)]
    first: dict[str, str] = {}
    for label, image_id in zip(labels, image_ids, strict=True):
        first[label] = min(first.get(label, image_id), image_id)
    return [first[label] for label in labels]


def _components(hashes: NDArray[np.uint64], bits: int) -> NDArray[np.int64]:
    """The number of each hash's group."""
    different, places = np.unique(hashes, return_inverse=True)
    groups = np.arange(len(different))
    pairs: list[Pairs] = []
    waiting = 0
    for members in _buckets(different, bits):
        while len(members):
            members, outside = _common_last(members, groups)
            rows = min(outside, max(1, _CELLS // len(members)))
            pairs.append(_near_pairs(different, members, rows, bits))
            waiting += len(pairs[-1][0])
            members = members[rows:] if rows else members[:0]
            if waiting > _WAITING:
                groups, pairs, waiting = _merged(groups, pairs), [], 0
    return _merged(groups, pairs)[places]


def _common_last(members: NDArray[np.int64], groups: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """The members, those of one large group last, and how many others there are: only they must be compared."""
    own = groups[members]
    # A group with more than half of the members holds the middle one.
    middle = np.partition(own, len(own) // 2)[len(own) // 2]
    others = members[own != middle]
    return np.concatenate([others, members[own == middle]]), len(others)


def _near_pairs(hashes: NDArray[np.uint64], members: NDArray[np.int64], rows: int, bits: int) -> Pairs:
    """Which of the first `rows` members are near to which members after them."""
    own = hashes[members]
    left, right = np.nonzero(np.bitwise_count(own[:rows, np.newaxis] ^ own) <= bits)
    apart = left < right
    return members[left[apart]], members[right[apart]]


def _merged(groups: NDArray[np.int64], pairs: list[Pairs]) -> NDArray[np.int64]:
    """The groups after each pair was put into one."""
    if not pairs:
        return groups  # before scipy is loaded, which takes a second
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    left, right = (groups[np.concatenate(side)] for side in zip(*pairs, strict=True))
    graph = coo_array((np.ones(len(left), bool), (left, right)), shape=(len(groups), len(groups)))
    return connected_components(graph, directed=False)[1][groups].astype(np.int64)


def _buckets(hashes: NDArray[np.uint64], bits: int) -> list[NDArray[np.int64]]:
    """Groups of places such that every near pair is together in at least one of them.

    Cut into `bits` + 1 bands, two hashes that differ in `bits` places agree in one band: the pigeonhole principle.
    Where bands are too narrow to save work, all hashes are one group.
    """
    everything = [np.arange(len(hashes))]
    if bits == 0 or len(hashes) < 2:
        return []
    buckets = [bucket for band in np.array_split(np.arange(64), bits + 1) for bucket in _equal_in(band, hashes)]
    work = sum(len(bucket) ** 2 for bucket in buckets)
    return buckets if work < len(hashes) ** 2 else everything


def _equal_in(band: NDArray[np.int64], hashes: NDArray[np.uint64]) -> list[NDArray[np.int64]]:
    """The places of hashes that agree in these neighbouring bits, two or more together."""
    mask = (1 << len(band)) - 1
    keys = hashes >> np.uint64(band[0]) & np.uint64(mask)
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order])) + 1
    return [bucket for bucket in np.split(order, starts) if len(bucket) > 1]
