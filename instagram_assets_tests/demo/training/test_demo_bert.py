"""The demo's language model loads as any other, knows the demo's words in both languages, and can be made again."""

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instagram_assets.age.model_files import load_backbone
from instagram_assets.demo import MODELS
from instagram_assets.demo.age_people import age_people
from instagram_assets.demo.sample_captions import diary_caption
from instagram_assets.demo.sample_catalogue import sample_posts
from instagram_assets.demo.training.language_scores import predict_ages
from instagram_assets.demo.training.train import CARD_FILE, TrainingRecipe, train_language_model
from instagram_assets.models.local_models import find_model

pytestmark = pytest.mark.usefixtures("one_thread")

BERT = MODELS / "bert"


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(BERT, local_files_only=True)


def test_it_is_small_and_fit_for_the_age_model() -> None:
    assert sum(path.stat().st_size for path in BERT.iterdir()) < 1_000_000
    model, tokenizer = load_backbone(find_model(str(BERT), "", BERT, pictures=False))
    assert model.config.num_hidden_layers >= 4
    assert model.config.vocab_size == len(tokenizer)


def test_frozen_vectors_tell_the_ages_of_new_people_better_than_always_the_larger_class(tokenizer: Any) -> None:
    from transformers import AutoModel

    model = AutoModel.from_pretrained(BERT, local_files_only=True, add_pooling_layer=False).eval()
    right, larger = predict_ages(model, tokenizer, age_people("test_demo_bert", 400))
    assert right.interval[0] > larger.share, (right, larger)


def test_most_words_of_the_demo_s_diaries_are_known_whole(tokenizer: Any) -> None:
    import random

    texts = [diary_caption(medium.scene, random.Random(7)) for post in sample_posts() for medium in post.media]
    words = [unicodedata.normalize("NFC", word) for text in texts for word in text.split() if word.isalpha()]
    pieces = [len(tokenizer.tokenize(word)) for word in words]
    assert sum(count == 1 for count in pieces) > 0.7 * len(words)


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1, max_size=12))
def test_no_korean_syllable_is_unknown(tokenizer: Any, text: str) -> None:
    assert tokenizer.unk_token not in tokenizer.tokenize(text)


def test_a_very_short_training_writes_a_model_and_its_card(tmp_path: Path) -> None:
    text = train_language_model(tmp_path, 5, TrainingRecipe(readers=40, bert_steps=2, examined=60), print)
    assert (tmp_path / "bert" / CARD_FILE).read_text(encoding="utf-8") == text
    assert "| who is 21 or older | always the commoner answer |" in text
    load_backbone(find_model(str(tmp_path / "bert"), "", tmp_path, pictures=False))
