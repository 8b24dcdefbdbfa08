"""The share of an audience says what it assumes, warns of what sets the audience apart, and takes known ages."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from instagram_assets.age.artifacts import TEST_USERS
from instagram_assets.age.audience_share import AudienceShare, share_by_test, share_of, with_known_ages
from instagram_assets.age.holdout import TEST_SCHEMA
from instagram_assets.age.model_files import AgeConfig
from instagram_assets.age.predictions_csv import check_output_file, write_share_csv
from instagram_assets.age.prevalence import ALIKE
from instagram_assets.errors import FileError
from instagram_assets.schemas import AGE_PREDICTIONS


def drawn(number: int, share: float, seed: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and calibrated probabilities of people of whom some have label 1; `shift` moves all logits."""
    random = np.random.default_rng(seed)
    labels = (random.random(number) < share).astype(int)
    return labels, 1 / (1 + np.exp(-2 * (random.normal(2 * labels - 1, 1) + shift)))


def users_tested(number: int = 200) -> pa.Table:
    labels, chances = drawn(number, 0.5, 1)
    rows: dict[str, Any] = {
        "label": labels,
        "model": chances,
        "scores": [[chance] for chance in chances.tolist()],
        "tfidf": chances,
        "language": ["ko", "en"] * (number // 2),
        "posts": ["2 to 9 posts"] * number,
    }
    return pa.table(rows).cast(TEST_SCHEMA)


def predicted(number: int = 200, language: str | None = None, posts: int = 5, shift: float = 0.0) -> pa.Table:
    _, chances = drawn(number, 0.3, 2, shift)
    return AGE_PREDICTIONS.table(
        [
            {
                "account": f"User{place}",
                "probability": chance,
                "n_posts": posts,
                "language": language or ("ko", "en")[place % 2],
                "compared_posts": 1,
                "compared_probability": chance,
                "status": "ok",
            }
            for place, chance in enumerate(chances.tolist())
        ]
    )


def test_an_audience_like_the_test_people_has_a_share_with_its_assumption_and_no_warning() -> None:
    found = share_by_test(predicted(), users_tested(), (1,))
    assert found.share.low <= 0.3 <= found.share.high
    assert found.warnings == ()
    assert found.words == {"the interval assumes": ALIKE}
    assert str(found.share).endswith(f", {ALIKE})")


@pytest.mark.parametrize(
    ("audience", "told"),
    [
        (
            predicted(language="ko"),
            "100% of the accounts write Korean, and 50% of the test users: the share may be off",
        ),
        (predicted(posts=1), "100% of the accounts have 1 post, and 0% of the test users"),
        (predicted(shift=2.5), "distributed unlike those of any mix of test users of both labels"),
    ],
)
def test_what_sets_an_audience_apart_is_warned_of_with_the_remedy(audience: pa.Table, told: str) -> None:
    [warning] = share_by_test(audience, users_tested(), (1,)).warnings
    assert told in warning
    assert "--labelled" in warning


def test_audiences_like_the_test_people_are_seldom_warned_of() -> None:
    told = 0
    for seed in range(60):
        _, chances = drawn(150, (0.1, 0.5, 0.9)[seed % 3], 100 + seed)
        table = predicted(150)
        for name in ("probability", "compared_probability"):
            table = table.set_column(table.column_names.index(name), name, pa.array(chances))
        told += bool(share_by_test(table, users_tested(), (1,)).warnings)
    assert told <= 4


def test_few_accounts_are_not_compared() -> None:
    assert share_by_test(predicted(20, language="ko", posts=1), users_tested(), (1,)).warnings == ()


def test_known_ages_put_a_moved_audience_right() -> None:
    audience = predicted(300, shift=1.0)
    labels, _ = drawn(300, 0.3, 2)
    before = share_by_test(audience, users_tested(), (1,))
    found = with_known_ages(before, audience, {f"user{place}": int(labels[place]) for place in range(60)})
    assert found.anchor
    assert before.share.low > 0.3
    assert found.share.low <= 0.3 <= found.share.high
    assert found.anchor.before == before.share
    assert found.words["by known ages"].startswith("60 people of known age moved the share by -")
    assert "random sample of this audience" in str(found.share)


def test_too_few_known_ages_change_nothing_and_that_is_said() -> None:
    before = share_by_test(predicted(), users_tested(), (1,))
    found = with_known_ages(before, predicted(), {f"user{place}": 1 for place in range(150, 240)})
    assert found.anchor
    found = with_known_ages(before, predicted(), {f"user{place}": 1 for place in range(160, 240)})
    assert (found.share, found.anchor) == (before.share, None)
    assert (
        "of 80 people of known age 40 are in this audience with a probability, and 50 are needed" in found.warnings[-1]
    )


def test_older_models_and_older_predictions_say_what_to_do(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    old = AgeConfig(21, 12, "bert", "test", metrics={"accuracy": 1})
    pq.write_table(users_tested().drop_columns("scores"), tmp_path / TEST_USERS)
    assert (
        "older version, which did not test people by number of posts" in share_of(predicted(), tmp_path, old).share.note
    )
    pq.write_table(users_tested(), tmp_path / TEST_USERS)
    assert share_of(predicted(), tmp_path, old).share.share is not None
    place = AGE_PREDICTIONS.schema.get_field_index("compared_probability")
    before = predicted().set_column(place, "compared_probability", pa.nulls(200, pa.float64()))
    assert share_of(before, tmp_path, old).share.note.endswith("Predict again")


def test_a_long_interval_has_no_single_share() -> None:
    found = share_by_test(predicted(3), users_tested(60), (1,)).share
    assert found.share is None
    assert found.high - found.low > 0.8
    assert "no single share" in str(found)


def test_a_file_of_the_users_own_is_not_taken_for_the_share(tmp_path: Path) -> None:
    theirs = tmp_path / "out_share.csv"
    theirs.write_text("ticker,share\nA,3\n", encoding="utf-8")
    with pytest.raises(FileError, match=r"out_share\.csv: is there already, and is no share\. Give the predictions"):
        check_output_file(tmp_path / "out.csv")
    assert theirs.read_text("utf-8") == "ticker,share\nA,3\n"
    write_share_csv(share_by_test(predicted(), users_tested(), (1,)), tmp_path / "out.csv", 21)
    check_output_file(tmp_path / "out.csv")  # one of before is made anew


def test_the_share_is_a_file_of_its_own_with_both_sides_and_the_assumption(tmp_path: Path) -> None:
    found = share_by_test(predicted(language="ko"), users_tested(), (1,))
    path = write_share_csv(found, tmp_path / "out.csv", 21)
    assert path == tmp_path / "out_share.csv"
    with path.open(encoding="utf-8-sig", newline="") as stream:
        above, below = csv.DictReader(stream)
    assert (above["people"], below["people"]) == ("21 or older", "under 21")
    assert float(above["share"]) == pytest.approx(1 - float(below["share"]))
    assert float(above["low"]) == pytest.approx(1 - float(below["high"]))
    assert above["assumes"] == below["assumes"] == ALIKE
    assert "write Korean" in above["warnings"]
    empty = write_share_csv(
        AudienceShare(share_by_test(predicted(0), users_tested(), (1,)).share), tmp_path / "none.csv", 21
    )
    assert "no account has a probability" in empty.read_text("utf-8-sig")
