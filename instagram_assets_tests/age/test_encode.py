"""Fast encoding gives what the model gives one post at a time, in bounded memory, whatever is in the posts."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from instagram_assets.age import encode
from instagram_assets.age.bert import BERT_TYPES
from instagram_assets.age.encode import PostEncoder, tokenize_posts
from instagram_assets.age.model import cls_vectors
from instagram_assets.age.model_files import Backbone, load_backbone
from instagram_assets.errors import SettingsError
from instagram_assets.models.local_models import find_model
from instagram_assets_tests.age.small_language_models import WORDS, save_language_model

LENGTH = 12
CPU = torch.device("cpu")


@pytest.fixture
def backbone(language_model: Path, tmp_path: Path) -> Backbone:
    return load_backbone(find_model(str(language_model), "", tmp_path, pictures=False))


def encoder_of(backbone: Backbone, dtype: torch.dtype = torch.float32, length: int = LENGTH) -> PostEncoder:
    return PostEncoder(backbone.model, backbone.tokenizer, length, CPU, dtype)


def one_by_one(backbone: Backbone, texts: list[str], length: int = LENGTH) -> Any:
    """The source's way: one post at a time, filled up to the longest length."""
    vectors: list[torch.Tensor] = []
    for text in texts:
        tokens = backbone.tokenizer(
            text,
            truncation=True,
            max_length=length,
            padding="max_length",
            return_tensors="pt",
            split_special_tokens=True,
        )
        with torch.inference_mode():
            vectors.append(cls_vectors(backbone.model, tokens["input_ids"], tokens["attention_mask"])[0])
    return torch.stack(vectors).numpy()


def posts(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, 15))) for _ in range(count)]


@pytest.mark.parametrize("kind", [*BERT_TYPES, "distilbert", "albert", "mpnet"])
def test_vectors_are_those_of_one_post_at_a_time(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_language_model(tmp_path / kind, kind)
    backbone = load_backbone(find_model(str(tmp_path / kind), "", tmp_path, pictures=False))
    texts = posts(40)
    slow = one_by_one(backbone, texts)
    assert slow.std(axis=0).min() > 1e-3
    np.testing.assert_allclose(encoder_of(backbone).vectors(texts), slow, atol=1e-5)
    np.testing.assert_array_equal(
        encoder_of(backbone, torch.bfloat16).vectors(texts), encoder_of(backbone).vectors(texts)
    )
    monkeypatch.setattr(encode, "_NARROW", 0)
    rounded = encoder_of(backbone, torch.bfloat16).vectors(texts)
    assert (rounded != slow).any()
    cosines = (rounded * slow).sum(1) / np.linalg.norm(rounded, axis=1) / np.linalg.norm(slow, axis=1)
    assert cosines.min() > 0.999


def test_a_post_has_the_same_vector_in_any_company(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = posts(80)
    whole = encoder_of(backbone).vectors(texts)
    alone = np.concatenate([encoder_of(backbone).vectors([text]) for text in texts[:10]])
    np.testing.assert_allclose(whole[:10], alone, atol=1e-5)
    monkeypatch.setattr(encode, "_BATCH_TOKENS", {"cpu": 30})
    np.testing.assert_allclose(encoder_of(backbone).vectors(texts[::-1])[::-1], whole, atol=1e-5)


def test_a_user_is_the_mean_of_all_their_posts_also_across_windows(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = [3, 0, 25, 1, 7, 0, 40, 2]
    users = [(f"user{number}", posts(count, number)) for number, count in enumerate(counts)]
    encoder = encoder_of(backbone)
    expected = [encoder.vectors(texts).mean(axis=0) if texts else np.zeros(encoder.width) for _, texts in users]
    for posts_at_once, users_at_once in ((10, 2_048), (1, 2_048), (50_000, 3), (7, 2)):
        monkeypatch.setattr(encode, "_POSTS_AT_ONCE", posts_at_once)
        monkeypatch.setattr(encode, "_USERS_AT_ONCE", users_at_once)
        found = list(encoder.user_vectors(users))
        assert [(user.username, user.posts) for user in found] == [(f"user{n}", c) for n, c in enumerate(counts)]
        np.testing.assert_allclose([user.vector for user in found], expected, atol=1e-5)


def test_users_are_read_as_they_are_needed(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "_POSTS_AT_ONCE", 10)
    taken = 0

    def endless() -> Iterator[tuple[str, list[str]]]:
        nonlocal taken
        while True:
            taken += 1
            yield f"user{taken}", ["school exam"] * 4

    vectors = encoder_of(backbone).user_vectors(endless())
    assert [next(vectors).username for _ in range(3)] == ["user1", "user2", "user3"]
    assert taken < 15


def test_a_hundred_thousand_posts_of_one_user_go_through(backbone: Backbone) -> None:
    texts = ["school exam", "garden love", "a b c", "d"] * 25_000
    told: list[int] = []
    (user,) = encoder_of(backbone).user_vectors([("busy", texts)], told.append)
    assert (user.posts, sum(told)) == (100_000, 100_000)
    np.testing.assert_allclose(user.vector, encoder_of(backbone).vectors(texts[:4]).mean(axis=0), atol=1e-5)


def test_alike_posts_are_computed_once_and_count_each_time(backbone: Backbone) -> None:
    computed = 0

    def count(*_: Any) -> None:
        nonlocal computed
        computed += 1

    mostly = ["school"] * 30 + ["garden"] * 10
    encoder = encoder_of(backbone)
    school, garden = encoder.vectors(["school", "garden"])
    (user,) = encoder.user_vectors([("someone", mostly)], count)
    assert computed == 1
    np.testing.assert_allclose(user.vector, 0.75 * school + 0.25 * garden, atol=1e-5)


ODD = [
    "",
    " ",
    "\x00\x01\x7f",
    "\ud800 school",
    "x" * 5_000,
    "school " * 100_000,
    "\n\n안녕\u200b",
    "👨‍👩‍👧",
    "[SEP] [PAD] [MASK]",
]


def test_odd_texts_are_read_as_far_as_they_can_be(backbone: Backbone) -> None:
    read = tokenize_posts(backbone.tokenizer, ODD, LENGTH)
    assert all(2 <= len(post) <= LENGTH for post in read)
    assert [post.tolist() for post in read[:3]] == [[2, 3]] * 3
    # Whoever writes [SEP] into a post does not end it.
    assert read[-1].tolist().count(backbone.tokenizer.sep_token_id) == 1
    vectors = encoder_of(backbone).vectors(ODD)
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(vectors[5], encoder_of(backbone).vectors(["school " * 50])[0], atol=1e-5)


def test_what_nobody_can_see_is_no_post(backbone: Backbone) -> None:
    users = [("none", [None, "", "  \n\t", "\x00\x01", "\u200b"]), ("one", ["", "school", None])]
    none, one = encoder_of(backbone).user_vectors(users)
    assert (none.posts, one.posts) == (0, 1)
    assert not none.vector.any()
    np.testing.assert_allclose(one.vector, encoder_of(backbone).vectors(["school"])[0], atol=1e-5)


def test_nobody_at_all_is_no_error(backbone: Backbone) -> None:
    assert list(encoder_of(backbone).user_vectors([])) == []
    assert encoder_of(backbone).vectors([]).shape == (0, 128)


def test_the_language_model_stays_as_it_is(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "_NARROW", 0)
    before = {name: weight.clone() for name, weight in backbone.model.state_dict().items()}
    backbone.model.train()
    first = encoder_of(backbone, torch.bfloat16).vectors(["school exam"])
    second = encoder_of(backbone, torch.bfloat16).vectors(["school exam"])
    assert backbone.model.training
    assert backbone.model.dtype == torch.float32
    assert all(torch.equal(weight, before[name]) for name, weight in backbone.model.state_dict().items())
    # In training mode dropout would make of the same post another vector each time.
    np.testing.assert_array_equal(first, second)


def test_a_longer_post_than_the_language_model_reads_is_refused(backbone: Backbone) -> None:
    with pytest.raises(SettingsError, match=r"AGE__MAX_SEQ_LEN=41: the language model reads at most 40 tokens"):
        encoder_of(backbone, length=41)
