"""The demo's models know their scenes, new ones too, and can be made again."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instagram_assets.demo import MODELS
from instagram_assets.demo.dataset_splits import all_subjects, split_subjects
from instagram_assets.demo.sample_catalogue import SEED
from instagram_assets.demo.training.evaluate import Models, Score, load_models, text_vectors
from instagram_assets.demo.training.tokenizers import VOCABULARY
from instagram_assets.demo.training.train import CARD_FILE, TrainingRecipe, evaluate_and_write_card, train_vision_models
from instagram_assets.demo.training.vision_scores import EvaluationSize, ModelScores, evaluate_models

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models(MODELS)


@pytest.fixture(scope="module")
def marks(models: Models) -> ModelScores:
    """An exam on pictures that neither training nor the card's exam has used."""
    splits = split_subjects(SEED)
    exam = EvaluationSize(seen=50, seen_each=1, held_out_each=4)
    return evaluate_models(models, exam, splits.trained, splits.test, seed="test_demo_models")


def test_captions_of_new_pictures_are_right_to_the_letter(marks: ModelScores) -> None:
    assert marks.seen.greedy.share >= 0.9, marks.seen.errors


def test_captions_are_right_for_combinations_that_were_never_trained_on(marks: ModelScores) -> None:
    assert marks.held_out.greedy.share >= 0.65, marks.held_out.errors


def test_the_best_of_five_candidates_is_no_worse_than_the_greedy_caption(marks: ModelScores) -> None:
    assert marks.seen.chosen.right >= marks.seen.greedy.right
    assert marks.held_out.chosen.right >= marks.held_out.greedy.right


def test_the_largest_group_shows_one_subject(marks: ModelScores) -> None:
    assert marks.clusters.purity.share >= 0.98, marks.clusters


def test_the_files_are_small_and_can_run_no_code() -> None:
    files = [path for path in MODELS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 5_000_000
    assert {path.suffix for path in files} == {".safetensors", ".json", ".md"}


def test_embeddings_are_as_wide_as_the_table(models: Models) -> None:
    assert models.clip.config.projection_dim == 512


def test_the_words_of_captions_are_single_tokens(models: Models) -> None:
    for tokenizer in (models.blip_processor.tokenizer, models.clip_processor.tokenizer):
        assert [word for word in VOCABULARY if len(tokenizer.tokenize(word)) != 1] == []


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=200))
def test_any_search_text_has_an_embedding(models: Models, text: str) -> None:
    assert abs(float((text_vectors(models, [text]) ** 2).sum()) - 1) < 1e-5


@given(seed=st.integers())
def test_no_subject_is_both_trained_on_and_held_out(seed: int) -> None:
    splits = split_subjects(seed)
    assert sorted((*splits.trained, *splits.validation, *splits.test)) == sorted(all_subjects())


def test_a_very_short_training_writes_models_and_a_card(tmp_path: Path) -> None:
    training = train_vision_models(
        tmp_path, 5, TrainingRecipe(pictures=1, tower_steps=2, blip_steps=2, clip_steps=2), print
    )
    text = evaluate_and_write_card(tmp_path, training, EvaluationSize(seen=8, seen_each=1, held_out_each=2))
    assert "| seen (8) | greedy |" in text
    assert (tmp_path / CARD_FILE).read_text(encoding="utf-8") == text
    assert text_vectors(load_models(tmp_path), ["a red star"]).shape == (1, 512)


def test_the_interval_is_wilsons() -> None:
    low, high = Score(8, 10).interval
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
