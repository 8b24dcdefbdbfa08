"""Calibration: probabilities follow the observed shares, and never more than the users prove."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from instagram_assets.age.calibration import calibrate, fit_logistic_line, sigmoid
from instagram_assets.age.statistics import calibration_line


def _overconfident(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are four times as large as the truth, and labels that follow the truth."""
    random = np.random.default_rng(seed)
    truth = random.normal(0.5, 1.5, n)
    return 4 * truth + 1, (random.random(n) < sigmoid(truth)).astype(int)


def test_an_overconfident_model_is_put_right() -> None:
    logits, labels = _overconfident(20_000)
    found = calibrate(logits, labels)
    assert found.slope == pytest.approx(0.25, abs=0.01)
    assert found.intercept == pytest.approx(-0.25, abs=0.03)


def test_the_line_is_that_of_scikit_learn() -> None:
    logits, labels = _overconfident(300)
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logits[:, None], labels)
    slope, intercept = fit_logistic_line(logits.astype(float), labels.astype(float))
    assert slope == pytest.approx(theirs.coef_[0, 0], rel=1e-4)
    assert intercept == pytest.approx(theirs.intercept_[0], rel=1e-4)


def test_the_ridge_is_that_of_scikit_learn() -> None:
    logits, labels = _overconfident(40)
    theirs = LogisticRegression(C=1 / 3, tol=1e-10, max_iter=1000).fit(logits[:, None], labels)
    slope, _ = fit_logistic_line(logits.astype(float), labels.astype(float), ridge=3)
    assert slope == pytest.approx(theirs.coef_[0, 0], rel=1e-4)


@pytest.mark.parametrize(("users", "least", "most"), [(100, 1.0, 1.25), (1000, 0.95, 1.1)])
def test_few_users_are_not_put_far_from_the_truth(users: int, least: float, most: float) -> None:
    """The slope that is still needed, in the middle of many draws: 1 were perfect, and above it is the careful side."""
    random, labels = np.random.default_rng(0), np.arange(users) % 2
    slopes = [calibrate(random.normal(2 * labels - 1, 1), labels).slope for _ in range(100)]
    assert least <= 2 / np.median(slopes) <= most


def test_users_who_did_not_choose_the_epoch_calibrate_it_right() -> None:
    """Sixty validation users, twenty epochs, logits of little worth: half choose, and the slope still needed is 1."""
    random, same, apart = np.random.default_rng(0), list[float](), list[float]()
    for _ in range(60):
        labels, others = (random.random(60) < 0.5).astype(int), (random.random(800) < 0.5).astype(int)
        shared = 0.55 * random.normal(size=60)
        epochs = [labels - 0.5 + shared + 0.84 * random.normal(size=60) for _ in range(20)]
        unseen = others - 0.5 + random.normal(size=800)
        for found, by, of in ((same, slice(None), slice(None)), (apart, slice(30), slice(30, 60))):
            best = max(epochs, key=lambda epoch: np.corrcoef(labels[by], epoch[by])[0, 1])
            line = calibrate(best[of], labels[of])
            found.append(calibration_line(others, line.probabilities(unseen))[0] or 0)
    assert np.median(same) < 0.75
    assert 0.85 <= np.median(apart) <= 1.6


def test_the_scale_of_the_logits_does_not_matter() -> None:
    logits, labels = _overconfident(100)
    one, thousand = calibrate(logits, labels), calibrate(1000 * logits - 7, labels)
    assert one.probabilities(logits) == pytest.approx(thousand.probabilities(1000 * logits - 7), abs=1e-9)


def test_collapsed_logits_give_the_share_of_label_1() -> None:
    labels = np.array([1] * 30 + [0] * 70)
    logits = 0.3 + 1e-6 * np.arange(100)[::-1]
    assert calibrate(logits, labels).probabilities(logits) == pytest.approx(np.full(100, 0.3), abs=0.02)


def test_a_model_that_is_wrong_is_not_turned_around() -> None:
    logits, labels = _overconfident(500)
    found = calibrate(-logits, labels)
    assert found.slope == 0
    assert found.probabilities([5.0])[0] == pytest.approx(labels.mean(), abs=0.01)


@pytest.mark.parametrize("label", [0, 1])
def test_one_user_proves_little(label: int) -> None:
    probability = calibrate([8.0], [label]).probabilities([8.0])[0]
    assert probability == pytest.approx(1 / 3 + label / 3)


def test_perfectly_separated_users_do_not_give_certainty() -> None:
    logits = np.array([-4.0] * 10 + [4.0] * 10)
    low, high = calibrate(logits, [0] * 10 + [1] * 10).probabilities([-4, 4])
    assert 0.03 < low < 0.2
    assert 0.8 < high < 0.97


def test_no_users_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        calibrate([], [])


@given(st.lists(st.tuples(st.floats(-1e4, 1e4), st.integers(0, 1)), min_size=1, max_size=30))
def test_probabilities_are_finite_and_rise_with_the_logits(users: list[tuple[float, int]]) -> None:
    logits = np.sort([logit for logit, _ in users])
    found = calibrate(*zip(*users, strict=True)).probabilities(logits)
    assert np.isfinite(found).all()
    assert (np.diff(found) >= -1e-12).all()
