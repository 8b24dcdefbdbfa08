"""Images whose captions say the same kind of thing are one group, and nothing else is."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN
from sklearn.feature_extraction.text import TfidfVectorizer

from instagram_assets.text.caption_groups import caption_groups

DOGS = {
    "d1": "a brown dog on the grass",
    "d2": "a brown dog on green grass",
    "d3": "the brown dog and the grass",
}
CUPS = {"c1": "two cups of coffee", "c2": "Two cups of  coffee", "c3": "cups of coffee on two tables", "c4": "two cups"}


def test_captions_that_share_their_words_are_one_group_and_the_largest_comes_first() -> None:
    captions = DOGS | CUPS | {"x1": "a red car", "x2": "the sea at night"}
    assert caption_groups(captions, 0.5, 3) == [["c1", "c2", "c3", "c4"], ["d1", "d2", "d3"]]


def test_korean_captions_are_grouped_too() -> None:
    captions = {"a": "아기가 웃는 사진", "b": "웃는 아기가 있는 사진", "c": "아기가 웃는 흑백 사진", "d": "밤 바다"}
    assert caption_groups(captions, 0.4, 3) == [["a", "b", "c"]]


def test_one_caption_of_many_images_is_a_group_of_its_own() -> None:
    captions = {f"{number:03}": "a red car" for number in range(100)} | {"x": "a blue sea"}
    assert caption_groups(captions, 0.6, 3) == [[f"{number:03}" for number in range(100)]]


@pytest.mark.parametrize("captions", [{}, {"a": ""}, {"a": "the of", "b": "and", "c": "is"}, {"a": "dog"}])
def test_captions_without_words_or_company_are_in_no_group(captions: dict[str, str]) -> None:
    assert caption_groups(captions, 0.6, 2) == []


WORDS = ["red", "blue", "dog", "cat", "sea", "car", "아기", "산책", "cup"]
CAPTIONS = st.dictionaries(
    st.text("0123456789abcdef", min_size=4, max_size=4),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join),
    max_size=40,
)


@given(CAPTIONS, st.sampled_from([0.3, 0.62, 0.9]), st.integers(1, 5), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_groups_are_those_of_dbscan_over_all_images_in_any_order(
    captions: dict[str, str], similarity: float, min_size: int, chance: random.Random
) -> None:
    """Only images between two groups may differ: DBSCAN gives them to the group it meets first."""
    found = caption_groups(captions, similarity, min_size)
    shuffled = list(captions.items())
    chance.shuffle(shuffled)
    assert caption_groups(dict(shuffled), similarity, min_size) == found
    if not captions:
        return
    ids = sorted(captions)
    distinct = sorted(set(captions.values()))
    weights = TfidfVectorizer(token_pattern=r"\w+").fit_transform(distinct).astype(float).toarray()
    vectors = weights[[distinct.index(captions[name]) for name in ids]]
    peer = DBSCAN(eps=1 - similarity, min_samples=min_size, metric="cosine").fit(vectors)
    labels = dict(zip(ids, peer.labels_.tolist(), strict=True))
    cores = {ids[place] for place in peer.core_sample_indices_}
    by_label = [frozenset(name for name in cores if labels[name] == label) for label in set(labels.values())]
    grouped = {name for group in found for name in group}
    assert {frozenset(cores.intersection(group)) for group in found} <= set(by_label)
    assert {name for name in ids if labels[name] == -1}.isdisjoint(grouped)
    assert {name for group in by_label if len(group) >= min_size for name in group} <= grouped
