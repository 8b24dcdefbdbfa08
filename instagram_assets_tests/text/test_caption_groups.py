"""Images whose captions say the same kind of thing are one group, and nothing else is."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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


def test_captions_of_one_mould_do_not_chain_into_one_group() -> None:
    """Each step from one caption to the next is small, and the first has nothing in common with the last."""
    words = [f"word{number}" for number in range(30)]
    captions = {f"{start:02}{copy}": " ".join(words[start : start + 5]) for start in range(26) for copy in "ab"}
    groups = caption_groups(captions, 0.55, 2)
    assert len(groups) > 5
    for group in groups:
        shared = set.intersection(*(set(captions[image_id].split()) for image_id in group))
        assert shared


WORDS = ["red", "blue", "dog", "cat", "sea", "car", "아기", "산책", "cup"]
CAPTIONS = st.dictionaries(
    st.text("0123456789abcdef", min_size=4, max_size=4),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join),
    max_size=40,
)


@given(CAPTIONS, st.sampled_from([0.3, 0.62, 0.9]), st.integers(1, 5), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_groups_are_those_of_a_plain_computation_in_any_order(
    captions: dict[str, str], similarity: float, min_size: int, chance: random.Random
) -> None:
    found = caption_groups(captions, similarity, min_size)
    shuffled = list(captions.items())
    chance.shuffle(shuffled)
    assert caption_groups(dict(shuffled), similarity, min_size) == found
    if not captions:
        return
    distinct = sorted(set(captions.values()))
    weights = TfidfVectorizer(token_pattern=r"\w+").fit_transform(distinct).toarray()
    images = {text: [name for name in sorted(captions) if captions[name] == text] for text in distinct}
    alike = {
        text: [other for other, cosine in zip(distinct, weights @ row, strict=True) if cosine >= similarity - 1e-6]
        for text, row in zip(distinct, weights, strict=True)
    }
    expected: list[list[str]] = []
    left = set(distinct)
    for text in sorted(distinct, key=lambda text: -sum(len(images[other]) for other in alike[text])):
        members = [name for other in alike[text] if other in left for name in images[other]]
        if text in left and len(members) >= min_size:
            expected.append(sorted(members))
            left -= set(alike[text])
    assert found == sorted(expected, key=lambda group: (-len(group), group[0]))
