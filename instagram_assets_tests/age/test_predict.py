"""Predictions: one row per account, calibrated, with abstentions and reasons, and as the source's CSV."""

import csv
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from instagram_assets.age import encode
from instagram_assets.age.calibration_by_posts import PostLine
from instagram_assets.age.model_files import AgeModelSource, LoadedAgeModel, load_age_model
from instagram_assets.age.post_counts import sample_texts
from instagram_assets.age.predict import predict
from instagram_assets.age.predictions_csv import write_predictions_csv
from instagram_assets.schemas import AGE_PREDICTIONS, CONTRACTS
from instagram_assets.settings import load_settings
from instagram_assets.storage.lake import open_lake, read_table
from instagram_assets.storage.lake_writer import write_cells

POSTS = [
    ["school exam love"] * 3,
    ["mortgage garden", "a b c", "garden"],
    [],
    ["오늘 날씨 좋다"],
    ["", None, " "],
    None,
]
USERS = pa.table(
    {
        "username": [f"user{number}" for number in range(len(POSTS))],
        "texts": pa.array(POSTS, pa.list_(pa.string())),
    }
)


@pytest.fixture
def loaded(age_source: AgeModelSource) -> LoadedAgeModel:
    return load_age_model(age_source, "cpu", "fp32")


def by_hand(loaded: LoadedAgeModel, texts: list[str], slope: float = 0.9, intercept: float = 0.1) -> float:
    """The probability by the model's own forward pass, one user in one batch."""
    tokens = loaded.tokenizer(texts, truncation=True, max_length=12, padding=True, return_tensors="pt")
    owners = torch.zeros(len(texts), dtype=torch.long)
    with torch.inference_mode():
        logit = loaded.model(tokens["input_ids"], tokens["attention_mask"], owners, 1).item()
    return 1 / (1 + math.exp(-(slope * logit + intercept)))


def test_each_account_has_the_models_calibrated_probability(loaded: LoadedAgeModel) -> None:
    table = predict(USERS, loaded)
    assert table.schema == AGE_PREDICTIONS.schema
    rows: list[dict[str, Any]] = table.to_pylist()
    assert [row["account"] for row in rows] == USERS["username"].to_pylist()
    for place in (0, 1, 3):
        texts: Any = POSTS[place]
        expected = by_hand(loaded, texts)
        assert rows[place]["probability"] == pytest.approx(expected, abs=1e-5)
        abstained = max(expected, 1 - expected) < 0.6
        assert rows[place]["at_least_cutoff"] == (None if abstained else expected >= 0.5)
        assert rows[place]["abstained"] == abstained
        assert rows[place]["n_posts"] == len(texts)
        assert (rows[place]["status"], rows[place]["reason"]) == ("ok", None)
    assert len({round(rows[place]["probability"], 4) for place in (0, 1, 3)}) == 3
    assert {row["age_cutoff"] for row in rows} == {21}
    assert {row["model"] for row in rows} == {loaded.source.label}


def test_each_account_is_compared_by_as_many_posts_as_were_tested(loaded: LoadedAgeModel) -> None:
    lines = (PostLine(1, 0.9, 0.1), PostLine(3, 1.8, -0.2))
    config = replace(loaded.source.config, calibration=lines)
    posts = [["school exam", "garden", "a b", "love"], ["school exam", "garden"]]
    users = pa.table({"username": ["four", "two"], "texts": posts})
    rows = predict(users, replace(loaded, source=replace(loaded.source, config=config))).to_pylist()
    assert [row["compared_posts"] for row in rows] == [3, 1]
    assert [row["language"] for row in rows] == ["en", "en"]
    assert rows[0]["probability"] != rows[0]["compared_probability"]
    for row, texts in zip(rows, posts, strict=True):
        sample = sample_texts(row["account"], texts, row["compared_posts"])
        line = {1: (0.9, 0.1), 3: (1.8, -0.2)}[row["compared_posts"]]
        assert row["compared_probability"] == pytest.approx(by_hand(loaded, sample, *line), abs=1e-5)


def test_an_account_without_text_has_a_row_with_the_reason(loaded: LoadedAgeModel) -> None:
    rows = predict(USERS, loaded).to_pylist()
    for place in (2, 4, 5):
        row = rows[place]
        assert (row["probability"], row["at_least_cutoff"], row["abstained"], row["n_posts"]) == (None, None, True, 0)
        assert (row["status"], row["reason"]) == ("skipped", "no post with text")


def test_a_probability_near_one_half_is_abstained_from(loaded: LoadedAgeModel) -> None:
    rng = np.random.default_rng(0)
    words = ["school", "exam", "mortgage", "garden", "love", "a", "b", "오늘"]
    texts = [[" ".join(rng.choice(words, 4))] for _ in range(300)]
    table = predict(pa.table({"username": [f"u{n}" for n in range(300)], "texts": texts}), loaded)
    probabilities, abstained = (table[name].to_numpy() for name in ("probability", "abstained"))
    np.testing.assert_array_equal(abstained, np.maximum(probabilities, 1 - probabilities) < 0.6)
    assert 0 < abstained.sum() < 300
    assert [label is None for label in table["at_least_cutoff"].to_pylist()] == abstained.tolist()


def test_bf16_gives_the_probabilities_of_fp32(age_source: AgeModelSource, monkeypatch: pytest.MonkeyPatch) -> None:
    # This model is so narrow that bf16 would not be used otherwise.
    monkeypatch.setattr(encode, "_NARROW", 0)
    exact = predict(USERS, load_age_model(age_source, "cpu", "fp32"))["probability"].drop_null().to_numpy()
    rounded = predict(USERS, load_age_model(age_source, "cpu", "bf16"))["probability"].drop_null().to_numpy()
    assert (rounded != exact).any()
    np.testing.assert_allclose(rounded, exact, atol=1e-2)


def test_progress_counts_posts(loaded: LoadedAgeModel) -> None:
    told: list[tuple[int, int]] = []
    predict(USERS, loaded, lambda done, total: told.append((done, total)))
    assert told[-1] == (10, 14)  # those by which each is compared with test users count again
    assert told == sorted(told)


def test_nobody_gives_an_empty_table(loaded: LoadedAgeModel) -> None:
    table = predict(USERS.slice(0, 0), loaded)
    assert (table.num_rows, table.schema) == (0, AGE_PREDICTIONS.schema)


@pytest.mark.parametrize("safe", [False, True])
def test_a_name_that_a_spreadsheet_would_run_is_guarded_where_that_is_asked_for(tmp_path: Path, safe: bool) -> None:
    file = tmp_path / "predictions.csv"
    row = {"account": "=cmd", "probability": 0.25, "reason": "a, b"}
    write_predictions_csv(pa.Table.from_pylist([row], AGE_PREDICTIONS.schema), file, 21, spreadsheet_safe=safe)
    with file.open(encoding="utf-8-sig", newline="") as stream:
        [line] = csv.DictReader(stream)
    assert (line["Username"], line["probability"], line["reason"]) == ("'=cmd" if safe else "=cmd", "0.25", "a, b")


def test_the_csv_begins_with_the_sources_two_columns(loaded: LoadedAgeModel, tmp_path: Path) -> None:
    file = tmp_path / "out" / "predictions.csv"
    table = predict(USERS, loaded)
    write_predictions_csv(table, file, 21)
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    with file.open(encoding="utf-8-sig", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert list(lines[0])[:3] == ["Username", "Age is equal to or greater than 21", "probability"]
    assert [line["Username"] for line in lines] == USERS["username"].to_pylist()
    answers = [line["Age is equal to or greater than 21"] for line in lines]
    assert answers == ["" if value is None else str(int(value)) for value in table["at_least_cutoff"].to_pylist()]
    assert lines[2]["reason"] == "no post with text"
    assert float(lines[0]["probability"]) == table["probability"][0].as_py()


def test_predictions_of_an_older_lake_are_read_with_nulls_for_what_was_not_kept_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = open_lake(load_settings(data_dir=tmp_path))
    row: dict[str, object] = {"account": "jane", "probability": 0.25, "status": "ok"}
    older = replace(AGE_PREDICTIONS, columns=tuple(each for each in AGE_PREDICTIONS.columns if not each.added))
    with monkeypatch.context() as patch:
        patch.setitem(CONTRACTS, "age_predictions", older)
        write_cells(lake, "age_predictions", ["jane"], None, older.table([row]))
    expected = {**dict.fromkeys(AGE_PREDICTIONS.schema.names), **row}
    assert read_table(lake, "age_predictions").to_pylist() == [expected]
    some = ["account", "compared_posts"]
    assert read_table(lake, "age_predictions", columns=some).to_pylist() == [
        {"account": "jane", "compared_posts": None}
    ]
