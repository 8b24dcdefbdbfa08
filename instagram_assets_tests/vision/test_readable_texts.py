"""Which texts a model can read is told by its tokenizer: tokenizers of four kinds, trained with Korean and without."""

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import pytest

from instagram_assets.vision.readable_texts import is_readable, tokens_per_letter, unreadable_warning
from instagram_assets_tests.models.multilingual_models import (
    BOTH,
    ENGLISH,
    byte_fallback_tokenizer,
    byte_level_tokenizer,
    unigram_tokenizer,
    word_piece_tokenizer,
)

QUERIES = ("고양이", "강아지 사진", "빨간 원", "초록 삼각형", "커피 한 잔과 책", "파란 사각형 옆의 고양이")
Trained = Callable[[Sequence[str]], Any]


@pytest.mark.parametrize(
    ("train", "without_korean", "with_korean"),
    [
        (byte_level_tokenizer, 3, 0.7),
        (byte_fallback_tokenizer, 3, 0.7),
        (word_piece_tokenizer, inf, 0.7),
        (unigram_tokenizer, inf, 1),
    ],
)
def test_korean_is_readable_for_a_tokenizer_that_learned_it(
    train: Trained, without_korean: float, with_korean: float
) -> None:
    english, both = train(ENGLISH), train(BOTH)
    for query in QUERIES:
        assert tokens_per_letter(english, query) == without_korean
        assert not is_readable(english, query)
        assert tokens_per_letter(both, query) <= with_korean
        assert is_readable(both, query)
        # Whatever the keyboard sends: syllables in parts are the same text.
        assert is_readable(both, "".join(_parts(query)))
    for text in ("a red circle, 100 %", "", "🐈 2026"):
        assert is_readable(english, text)


def test_a_word_that_is_half_known_is_not_readable_and_one_korean_word_among_english_ones_counts() -> None:
    tokenizer = unigram_tokenizer(BOTH)
    assert not is_readable(tokenizer, "쿼카")
    assert is_readable(tokenizer, "a photo of 고양이")
    assert not is_readable(byte_level_tokenizer(ENGLISH), "a photo of 고양이")


def test_the_warning_names_the_model_the_text_the_settings_and_a_model_that_was_not_tried() -> None:
    said = unreadable_warning("clip@123", "고양이")
    for part in (
        "clip@123",
        "'고양이'",
        "INSTAGRAM_ASSETS_MODELS__EMBEDDING_MODEL",
        "INSTAGRAM_ASSETS_MODELS__EMBEDDING_REVISION",
        "google/siglip2-base-patch16-224",
        "not tried",
    ):
        assert part in said


def _parts(text: str) -> str:
    import unicodedata

    return unicodedata.normalize("NFD", text)
