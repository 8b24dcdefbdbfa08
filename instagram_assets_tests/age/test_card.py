"""The model card: what it is for, how good it is beside the baselines, and what it must not be used for."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from instagram_assets.age.artifacts import (
    FEWEST_SHOWN,
    METRICS,
    make_report,
    read_facts,
    read_test,
    report_files,
)
from instagram_assets.age.card import NOT_FOR_PERSONS, TrainingFacts
from instagram_assets.age.holdout import TEST_SCHEMA
from instagram_assets.age.post_counts import post_count_class
from instagram_assets.errors import ModelError

FACTS = TrainingFacts(
    purpose="Share of readers who are minors",
    age_cutoff=21,
    fingerprint="f" * 64,
    backbone="bert@0123",
    options={"max_seq_len": 18, "seed": 7},
    abstain_below=0.7,
    data={
        "train": {"users": 70, "positives": 30, "posts": 900},
        "validation": {"users": 15, "positives": 7, "posts": 100},
        "test": {"users": 200, "positives": 100, "posts": 1_500},
    },
    calibration=[[1, 1.25, -0.5], [10, 1.5, 0.0]],
    left_out={"labelled users without texts": 3},
    history=[{"stage": "head", "epoch": 1, "train_loss": 0.7, "validation_loss": 0.6, "validation_auc": 0.8}],
)


def _test_users(signal: float) -> pa.Table:
    random = np.random.default_rng(0)
    labels = np.arange(200) % 2
    rows = {
        "label": labels,
        "model": (chances := 1 / (1 + np.exp(-random.normal(signal * (labels - 0.5), 1)))),
        "scores": [[chance, None] for chance in chances.tolist()],
        "tfidf": random.random(200),
        "language": ["ko", "en", "mixed", "other", None] * 40,
        "posts": [post_count_class(number) for number in random.integers(1, 80, 200).tolist()],
    }
    return pa.table(rows).cast(TEST_SCHEMA)


def test_the_card_says_what_a_reader_must_know() -> None:
    report = make_report(FACTS, _test_users(4))
    model, words = report.evaluations["model"].accuracy, report.evaluations["tfidf"].accuracy
    for told in (
        NOT_FOR_PERSONS,
        FACTS.purpose,
        "bert@0123",
        "age ≥ 21",
        "1 post: slope 1.25, intercept -0.5; 10 posts: slope 1.5, intercept 0",
        f"{model.share:.3f} [{model.low:.3f}, {model.high:.3f}]",
        f"{words.share:.3f}",
        "70, of them 30 of label 1; 900 posts",
        "| left out: labelled users without texts | 3 |",
        "| Korean | 40 |",
        "| 50 posts or more |",
        "leaves the people that it was trained or tested with out of a share",
    ):
        assert told in report.card
    assert all(f"![{name}]({name}.png)" in report.card for name in report.pictures)


def test_the_card_says_whether_the_model_beats_the_baselines() -> None:
    assert report_of(4).count("It is better than") == 2
    assert report_of(0).count("is not shown to be better than") == 2
    assert "**It is worse than TF-IDF + logistic regression.**" in report_of(-4)


def report_of(signal: float) -> str:
    return make_report(FACTS, _test_users(signal)).card


def test_pictures_are_small_and_name_themselves() -> None:
    report = make_report(FACTS, _test_users(2))
    assert set(report.pictures) == {"calibration", "confusion", "baselines", "losses", "AUC-by-pass"}
    assert all(picture.startswith(b"\x89PNG") and len(picture) <= 100_000 for picture in report.pictures.values())


def test_a_model_without_a_known_training_is_told_without_its_course() -> None:
    assert "losses" not in make_report(replace(FACTS, history=[]), _test_users(2)).pictures


def test_what_lies_beside_the_weights_is_read_back(tmp_path: Path) -> None:
    test = _test_users(2)
    report = make_report(FACTS, test)
    for name, content in report_files(report, test).items():
        (tmp_path / name).write_bytes(content)
    assert read_facts(tmp_path) == FACTS
    assert read_test(tmp_path).equals(test)
    metrics = json.loads((tmp_path / METRICS).read_text("utf-8"))
    assert metrics["test"]["model"]["accuracy"]["share"] == report.evaluations["model"].accuracy.share
    assert report_files(make_report(FACTS, test), test) == report_files(report, test)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"purpose": 1}', "null", "\udcff"])
def test_metrics_that_are_not_ours_are_no_facts(tmp_path: Path, content: str) -> None:
    assert read_facts(tmp_path) is None
    (tmp_path / METRICS).write_bytes(content.encode("utf-8", "surrogateescape"))
    assert read_facts(tmp_path) is None


def test_damaged_test_users_are_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"test_users\.parquet: is missing; without it no share"):
        read_test(tmp_path)
    (tmp_path / "test_users.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(ModelError, match=r"test_users\.parquet: damaged"):
        read_test(tmp_path)
    pq.write_table(_test_users(2).set_column(5, "posts", pa.array([37] * 200)), tmp_path / "test_users.parquet")
    with pytest.raises(ModelError, match="other columns"):
        read_test(tmp_path)
    pq.write_table(_test_users(2).drop_columns("scores"), tmp_path / "test_users.parquet")
    with pytest.raises(ModelError, match=r"of an older version, .* by number of posts; .*Train the age model again"):
        read_test(tmp_path)


def test_one_test_user_of_one_class_is_reported() -> None:
    report = make_report(FACTS, _test_users(2).slice(0, 1))
    assert "–" in report.card
    assert report.numbers["test users"] == 1
    assert "AUC" not in report.numbers


@pytest.mark.parametrize(("small", "shown"), [((9,), 1), ((3, 4), 1), ((6, 7), 2), ((10,), 2)])
def test_no_group_of_few_users_is_told_nor_follows_from_the_others(small: tuple[int, ...], shown: int) -> None:
    names = [name for name, users in zip(("other", "mixed"), small, strict=False) for _ in range(users)]
    languages = pa.array([*names, *["ko"] * (200 - len(names))])
    test = _test_users(2).set_column(4, "language", languages)
    report = make_report(FACTS, test)
    groups = report.evaluations["model"].groups["language"]
    assert len(groups) == shown
    assert sum(group.accuracy.n for group in groups) == 200
    assert all(group.accuracy.n >= FEWEST_SHOWN for group in groups)
    assert min(small) >= FEWEST_SHOWN or "| other |" not in report.card


def test_a_test_set_of_few_users_is_not_broken_down() -> None:
    assert make_report(FACTS, _test_users(2).slice(0, 9)).evaluations["model"].groups == {}


def test_the_exact_number_of_posts_is_not_kept() -> None:
    assert [post_count_class(number) for number in (0, 1, 9, 10, 49, 50, 4321)] == [
        *("1 post", "1 post", "2 to 9 posts"),
        *("10 to 49 posts", "10 to 49 posts", "50 posts or more", "50 posts or more"),
    ]
    assert TEST_SCHEMA.field("posts").type == pa.string()


def test_too_few_test_users_of_a_label_are_warned_of_with_the_remedy() -> None:
    told = "2 test users have the label 0 and 2 the label 1: with fewer than 5"
    card = make_report(FACTS, _test_users(2).slice(0, 4)).card
    assert told in card
    assert "INSTAGRAM_ASSETS_AGE__TEST_SHARE" in card
    assert "with fewer than 5" not in report_of(2)
