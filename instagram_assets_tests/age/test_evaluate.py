"""Measures: those of scikit-learn, those computed by hand, and what is said of too few users."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    confusion_matrix,
    roc_auc_score,
)

from instagram_assets.age.statistics import auc, calibration_bins, calibration_line, evaluate, share

RANDOM = np.random.default_rng(7)
LABELS = RANDOM.integers(0, 2, 500)
# Rounded, so that there are ties.
PROBABILITIES = np.round(np.clip(RANDOM.normal(0.35 + 0.3 * LABELS, 0.2), 0, 1), 2)


def test_measures_are_those_of_scikit_learn() -> None:
    found, said = evaluate(LABELS, PROBABILITIES), PROBABILITIES >= 0.5
    assert found.accuracy.share == pytest.approx(accuracy_score(LABELS, said))
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(LABELS, said))
    assert found.auc == pytest.approx(roc_auc_score(LABELS, PROBABILITIES))
    assert found.brier == pytest.approx(brier_score_loss(LABELS, PROBABILITIES))
    assert found.confusion == confusion_matrix(LABELS, said).tolist()
    assert (found.n, found.positives) == (500, LABELS.sum())


def test_calibration_bins_are_those_of_scikit_learn() -> None:
    distinct = RANDOM.permutation(500) / 500
    observed, predicted = calibration_curve(LABELS, distinct, n_bins=10, strategy="quantile")
    bins = calibration_bins(LABELS, distinct)
    assert [b.predicted for b in bins] == pytest.approx(list(predicted))
    assert [b.observed.share for b in bins] == pytest.approx(list(observed))
    assert all(b.observed.n == 50 for b in bins)


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.2, 0.5, 0.7, 1.0])), min_size=1))
def test_auc_counts_pairs(users: list[tuple[int, float]]) -> None:
    ones, zeros = ([p for label, p in users if label == wanted] for wanted in (1, 0))
    pairs = [1.0 if one > zero else 0.5 if one == zero else 0.0 for one in ones for zero in zeros]
    expected = sum(pairs) / len(pairs) if pairs else None
    assert auc(*zip(*users, strict=True)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [  # Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_those_of_the_literature(count: int, n: int, low: float, high: float) -> None:
    found = share(count, n)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    mirrored = share(n - count, n)
    assert (1 - mirrored.high, 1 - mirrored.low) == (pytest.approx(found.low), pytest.approx(found.high))


def test_the_share_of_nobody_may_be_anything() -> None:
    assert (share(0, 0).share, share(0, 0).low, share(0, 0).high) == (None, 0, 1)


def test_the_calibration_error_is_the_mean_distance_from_what_was_observed() -> None:
    # Two bins of ten users: 0.2 predicted and 0.1 observed, 0.7 predicted and 1.0 observed.
    found = evaluate([1] + [0] * 9 + [1] * 10, [0.2] * 10 + [0.7] * 10)
    assert found.calibration_error == pytest.approx((0.1 + 0.3) / 2)


def test_the_calibration_line_is_straight_for_true_probabilities_and_flat_for_overconfident_ones() -> None:
    random = np.random.default_rng(1)
    odds = random.normal(0, 1, 20_000)
    labels = random.random(20_000) < 1 / (1 + np.exp(-odds))
    slope, intercept = calibration_line(labels, 1 / (1 + np.exp(-odds)))
    assert (slope, intercept) == (pytest.approx(1, abs=0.06), pytest.approx(0, abs=0.06))
    flat, _ = calibration_line(labels, 1 / (1 + np.exp(-2 * odds)))
    assert flat == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("labels", "probabilities"),
    [([1, 1], [0.3, 0.8]), ([0, 1], [0.4, 0.4]), ([0, 0, 1], [0.1, 0.2, 0.9]), ([0, 1], [1.0, 0.0]), ([1], [1.0])],
)
def test_where_there_is_no_calibration_line_none_is_told(labels: list[int], probabilities: list[float]) -> None:
    assert calibration_line(labels, probabilities) == (None, None)


def test_one_user_is_evaluated() -> None:
    found = evaluate([1], [0.9], {"language": ["Korean"]}, abstain_below=0.7)
    assert (found.accuracy.share, found.accuracy.n, found.confusion) == (1, 1, [[0, 0], [0, 1]])
    assert (found.auc, found.balanced_accuracy, found.slope) == (None, None, None)
    assert found.accuracy.low < 0.3
    assert len(found.bins) == 1
    assert found.groups["language"][0].accuracy.n == 1


def test_one_class_has_an_accuracy_and_no_auc() -> None:
    found = evaluate([0, 0, 0], [0.1, 0.2, 0.6])
    assert found.accuracy.share == pytest.approx(2 / 3)
    assert (found.auc, found.balanced_accuracy, found.positives) == (None, None, 0)


def test_who_is_too_uncertain_gets_no_label() -> None:
    found = evaluate([1, 0, 1, 0], [0.95, 0.3, 0.45, 0.31], abstain_below=0.7).abstention
    assert (found.coverage.share, found.accuracy.share) == (0.5, 1.0)
    nobody = evaluate([1, 0], [0.6, 0.4], abstain_below=0.9).abstention
    assert (nobody.coverage.share, nobody.accuracy.share) == (0.0, None)


def test_groups_are_told_one_by_one_in_a_natural_order() -> None:
    posts = ["10 to 49 posts", "2 to 9 posts", "2 to 9 posts", "1 post"]
    found = evaluate([1, 0, 1, 1], [0.9, 0.2, 0.8, 0.4], {"posts": posts}).groups["posts"]
    assert [(group.name, group.accuracy.n, group.accuracy.share, group.auc) for group in found] == [
        ("1 post", 1, 0.0, None),
        ("2 to 9 posts", 2, 1.0, 1.0),
        ("10 to 49 posts", 1, 1.0, None),
    ]
    assert found[1].predicted == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("labels", "probabilities", "told"),
    [
        ([], [], "at least one"),
        ([1], [0.2, 0.3], "same users"),
        ([2], [0.2], "0 or 1"),
        ([1], [1.2], "between 0 and 1"),
        ([1], [float("nan")], "between 0 and 1"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(labels: list[int], probabilities: list[float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        evaluate(labels, probabilities)


def test_groups_of_other_users_are_refused() -> None:
    with pytest.raises(ValueError, match="1 users have a group, 2 a label"):
        evaluate([0, 1], [0.2, 0.8], {"language": ["Korean"]})
