"""Near-duplicate images: connected components of perceptual hashes within a Hamming distance."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

_PAIRS_AT_ONCE = 1_000_000
"""Pairs of hashes compared at once."""
_MAX_PENDING = 200_000
"""Near pairs collected before components are merged; with the above this bounds memory at about 60 MB."""
_BANDS = 4
"""Bands of 16 bits by which the index finds hashes."""
_KEYS = 1 << 16
_MOST_FLIPS = 2
"""Bits of a band that may differ in the index; with more, comparing buckets of equal bands is faster."""
_FEW = 2048
"""Up to so many hashes are compared pair by pair, which is faster than building the index."""
_Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def phash_groups(image_ids: Sequence[str], phashes: Sequence[str | None], bits: int) -> list[str]:
    """For each image, the smallest image_id of its group of near-duplicates; its own if it has no near-duplicates.

    `phashes` are 64-bit perceptual hashes as 16 hexadecimal digits; images without a hash have no near-duplicates. Two
    images are near when the Hamming distance of their hashes is at most `bits`; groups are the connected components.
    """
    hashes = np.array([int(phash, 16) for phash in phashes if phash], np.uint64)
    groups = iter(_components(hashes, bits).tolist())
    labels = [str(next(groups)) if phash else image_id for image_id, phash in zip(image_ids, phashes, strict=True)]
    return _named(labels, image_ids)


def join_groups(image_ids: Sequence[str], groups: Sequence[str], more: Iterable[_Pairs]) -> list[str]:
    """For each image, the smallest image_id of its group, after merging the groups of each index pair in `more`."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(groups))}
    own = np.array([numbers[name] for name in groups], np.int64)
    return _named(merge_groups(own, more).tolist(), image_ids)


def _named(labels: Sequence[int] | Sequence[str], image_ids: Sequence[str]) -> list[str]:
    """For each image, the smallest image_id of the images with the same group label."""
    first: dict[int | str, str] = {}
    for label, image_id in zip(labels, image_ids, strict=True):
        first[label] = min(first.get(label, image_id), image_id)
    return [first[label] for label in labels]


def near_pairs(hashes: NDArray[np.uint64], bits: int) -> Iterator[_Pairs]:
    """Yield the index pairs (left, right; int64 each) of hashes, uint64[n], at a Hamming distance of at most `bits`.

    Every such pair is yielded at least once, in either order. Above 2,048 hashes and up to 11 bits they are found by
    multi-index hashing (Norouzi et al., CVPR 2012): of four bands of 16 bits at least one differs in `bits` // 4 bits
    or fewer, so that only hashes with such a band are compared.

    >>> [(left.tolist(), right.tolist()) for left, right in near_pairs(np.array([0, 255, 1], np.uint64), 3)]
    [([0], [2])]
    """
    flips = bits // _BANDS
    if len(hashes) <= _FEW or flips > _MOST_FLIPS:
        members = np.arange(len(hashes))
        rows = max(1, _PAIRS_AT_ONCE // max(1, len(hashes)))
        for start in range(0, len(hashes), rows):
            yield _near_pairs(hashes, members[start:], rows, bits)
        return
    for band in range(_BANDS):
        keys = _band(hashes, band)
        order = np.argsort(keys, kind="stable")
        keys, own = keys[order], hashes[order]
        for mask in _masks(flips):
            for left, right in _joined(keys, mask):
                near = np.bitwise_count(own[left] ^ own[right]) <= bits
                yield order[left[near]], order[right[near]]


def _components(hashes: NDArray[np.uint64], bits: int) -> NDArray[np.int64]:
    """Connected component label of each hash, int64[n]."""
    different, inverse = np.unique(hashes, return_inverse=True)
    if _index_is_faster(different, bits):
        return merge_groups(np.arange(len(different)), near_pairs(different, bits))[inverse]
    return _bucket_components(different, bits)[inverse]


def merge_groups(groups: NDArray[np.int64], near: Iterable[_Pairs]) -> NDArray[np.int64]:
    """The group label of each item, int64[n], after merging the groups of every near pair."""
    pairs: list[_Pairs] = []
    pending = 0
    for left, right in near:
        apart = groups[left] != groups[right]
        pairs.append((left[apart], right[apart]))
        pending += len(pairs[-1][0])
        if pending > _MAX_PENDING:
            groups, pairs, pending = _merged(groups, pairs), [], 0
    return _merged(groups, pairs)


def _bucket_components(different: NDArray[np.uint64], bits: int) -> NDArray[np.int64]:
    """Connected component label of each distinct hash, found by comparing only hashes that share a bucket."""
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
    return _merged(groups, pairs)


def _common_last(members: NDArray[np.int64], groups: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Members reordered with those of one large component last, and the number of other members.

    Members of that component do not need to be compared with each other.
    """
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
    if not any(len(left) for left, _ in pairs):
        return groups  # before scipy is loaded, which takes a second
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    left, right = (groups[np.concatenate(side)] for side in zip(*pairs, strict=True))
    graph = coo_array((np.ones(len(left), bool), (left, right)), shape=(len(groups), len(groups)))
    return connected_components(graph, directed=False)[1][groups].astype(np.int64)


def _buckets(hashes: NDArray[np.uint64], bits: int) -> list[NDArray[np.int64]]:
    """Buckets of indices (locality-sensitive hashing) such that every near pair shares at least one bucket.

    Two hashes cut into `bits` + 1 bands that differ in `bits` bits agree in at least one band (pigeonhole principle).
    If bands are too narrow to save work, all hashes are one bucket.
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


def _index_is_faster(hashes: NDArray[np.uint64], bits: int) -> bool:
    """Whether multi-index hashing compares fewer pairs than the buckets of `_buckets` do."""
    if len(hashes) <= _FEW or not bits or bits // _BANDS > _MOST_FLIPS:
        return False
    masks = _masks(bits // _BANDS)
    counts = [np.bincount(_band(hashes, band), minlength=_KEYS) for band in range(_BANDS)]
    indexed = sum(int(count @ count[np.arange(_KEYS) ^ mask]) for count in counts for mask in masks)
    # A pair of the index costs about four times one of two whole buckets.
    return 4 * indexed < sum(len(bucket) ** 2 for bucket in _buckets(hashes, bits))


def _band(hashes: NDArray[np.uint64], band: int) -> NDArray[np.int64]:
    return (hashes >> np.uint64(16 * band) & np.uint64(_KEYS - 1)).astype(np.int64)


def _masks(flips: int) -> list[int]:
    """All 16-bit numbers with at most `flips` bits set, 0 first."""
    return [sum(1 << bit for bit in bits) for count in range(flips + 1) for bits in combinations(range(16), count)]


def _joined(keys: NDArray[np.int64], mask: int) -> Iterator[_Pairs]:
    """Yield index pairs of sorted keys that differ exactly in the bits `mask`, each once, about a million at a time."""
    counts = np.bincount(keys, minlength=_KEYS)
    ends = np.cumsum(counts)
    other = keys ^ mask
    first = np.arange(1, len(keys) + 1) if not mask else ends[other] - counts[other]
    # Of two keys the smaller finds the larger.
    found = np.where(keys <= other, ends[other] - first, 0)
    before = np.cumsum(found) - found
    start = 0
    while start < len(keys):
        stop = max(start + 1, int(np.searchsorted(before, before[start] + _PAIRS_AT_ONCE)))
        here = found[start:stop]
        left = np.repeat(np.arange(start, stop), here)
        if len(left):
            yield left, np.arange(len(left)) + np.repeat(first[start:stop] - (before[start:stop] - before[start]), here)
        start = stop
