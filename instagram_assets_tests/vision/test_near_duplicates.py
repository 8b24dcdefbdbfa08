"""Near-duplicates are found exactly, as if every pair were compared, and named after their first image."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from instagram_assets.vision.near_duplicates import near_pairs, phash_groups


def compared_one_by_one(ids: list[str], hashes: list[int], bits: int) -> list[str]:
    names = dict(enumerate(ids))
    for _ in ids:
        for left, right in itertools.combinations(range(len(ids)), 2):
            if (hashes[left] ^ hashes[right]).bit_count() <= bits:
                names[left] = names[right] = min(names[left], names[right])
    return [names[place] for place in range(len(ids))]


def grouped(ids: list[str], hashes: list[int], bits: int) -> list[str]:
    return phash_groups(ids, [f"{value:016x}" for value in hashes], bits)


@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 24), changed=st.integers(0, 12), bits=st.integers(0, 32))
def test_groups_are_those_of_comparing_every_pair(seed: int, count: int, changed: int, bits: int) -> None:
    rng = random.Random(seed)
    hashes = [rng.getrandbits(64) for _ in range(min(count, 3))]
    while len(hashes) < count:
        hashes.append(rng.choice(hashes) ^ sum(1 << rng.randrange(64) for _ in range(changed)) % 2**64)
    ids = rng.sample([f"{number:064x}" for number in range(100)], count)
    assert grouped(ids, hashes, bits) == compared_one_by_one(ids, hashes, bits)


def test_a_chain_of_near_images_is_one_group_named_by_its_smallest() -> None:
    assert grouped(["d", "c", "b", "z"], [0, 0b11, 0b1111, 2**64 - 1], 2) == ["b", "b", "b", "z"]
    assert grouped(["d", "c", "b"], [0, 0b11, 0b1111], 1) == ["d", "c", "b"]


def test_images_without_a_hash_resemble_only_themselves() -> None:
    assert phash_groups(["b", "a", "c", "a"], [None, None, "0" * 16, None], 32) == ["b", "a", "c", "a"]


@pytest.mark.parametrize("bits", [0, 6, 32])
def test_ten_thousand_hashes_that_crowd_together_are_grouped_in_little_memory(bits: int) -> None:
    rng = random.Random(5)
    hashes = [sum(1 << rng.randrange(64) for _ in range(4)) % 2**64 for _ in range(10_000)]
    ids = [f"{number:064x}" for number in range(10_000)]
    groups = grouped(ids, hashes, bits)
    if bits:
        assert len(set(groups)) < 10
    else:
        assert len(set(groups)) == len(set(hashes))


@pytest.mark.parametrize("bits", [3, 6, 10])
def test_the_index_finds_every_near_pair_of_thousands(bits: int) -> None:
    random_bits = np.random.default_rng(bits)
    hashes = random_bits.integers(0, 2**64, 2500, np.uint64)
    for index in range(500):
        flipped = random_bits.choice(64, random_bits.integers(0, 13), replace=False)
        hashes[index] = hashes[index + 500] ^ np.uint64(sum(1 << int(bit) for bit in flipped))
    near = np.bitwise_count(hashes[:, np.newaxis] ^ hashes) <= bits
    expected = {(a, b) for a, b in np.argwhere(near).tolist() if a < b}
    found = {tuple(sorted(pair)) for left, right in near_pairs(hashes, bits) for pair in zip(left, right, strict=True)}
    assert found == expected
    texts = [f"{value:016x}" for value in hashes.tolist()]
    groups = phash_groups([f"{number:04}" for number in range(2500)], texts, bits)
    _, labels = connected_components(near, directed=False)
    assert len(set(groups)) == labels.max() + 1
    assert len(set(zip(groups, labels.tolist(), strict=True))) == labels.max() + 1
