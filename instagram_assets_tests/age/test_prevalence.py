"""The share of an audience: errors of the model are corrected, and the interval holds what it promises."""

import numpy as np
import pytest
from numpy.typing import NDArray

from instagram_assets.age.calibration import sigmoid
from instagram_assets.age.prevalence import prevalence
from instagram_assets.age.statistics import share

HELD_OUT = np.array([0] * 60 + [1] * 40)


def _scores(labels: NDArray[np.int64], random: np.random.Generator, signal: float = 1.5) -> NDArray[np.float64]:
    """Calibrated probabilities of people with these labels, where half have label 1."""
    return sigmoid(signal * random.normal(signal * (labels - 0.5), 1))


@pytest.mark.parametrize(("true", "audience"), [(0.0, 200), (0.1, 50), (0.5, 2000), (0.9, 5)])
def test_95_percent_intervals_hold_the_truth_95_times_of_100(true: float, audience: int) -> None:
    random, hits = np.random.default_rng(3), 0
    for _ in range(400):
        people = (random.random(audience) < true).astype(int)
        found = prevalence(_scores(people, random), HELD_OUT, _scores(HELD_OUT, random))
        hits += found.low <= true <= found.high
    assert hits / 400 >= 0.92


def test_the_correction_finds_the_share_that_counting_labels_misses() -> None:
    random = np.random.default_rng(5)
    people = (random.random(5000) < 0.1).astype(int)
    held_out = np.arange(2000) % 2
    scores = _scores(people, random)
    found = prevalence(scores, held_out, _scores(held_out, random))
    assert (scores >= 0.5).mean() > 0.25
    assert found.share == pytest.approx(0.1, abs=0.04)
    assert found.below.share == pytest.approx(0.9, abs=0.04)
    assert (found.below.low, found.below.high) == (1 - found.high, 1 - found.low)
    assert f"{found.share:.1%} of 5000 accounts" in str(found)


def test_it_is_rogan_and_gladens_estimate_for_answers_of_yes_and_no() -> None:
    # Sensitivity 0.8, specificity 0.9, 35 % said yes.
    held_out = np.array([1.0] * 8 + [0.0] * 2 + [1.0] * 1 + [0.0] * 9)
    found = prevalence([1.0] * 35 + [0.0] * 65, [1] * 10 + [0] * 10, held_out)
    assert found.share == pytest.approx((0.35 + 0.9 - 1) / (0.8 + 0.9 - 1))
    assert found.uncorrected == pytest.approx(0.35)


def test_a_model_that_is_never_wrong_gives_wilsons_interval() -> None:
    held_out = np.arange(200_000) % 2
    found = prevalence([1.0] * 3 + [0.0] * 17, held_out, held_out.astype(float))
    expected = share(3, 20)
    assert found.share == pytest.approx(0.15)
    assert (found.low, found.high) == (pytest.approx(expected.low, abs=2e-3), pytest.approx(expected.high, abs=2e-3))


def test_a_model_that_hardly_tells_anything_says_that_anything_is_possible() -> None:
    random = np.random.default_rng(2)
    found = prevalence(np.full(100, 0.5), HELD_OUT, 0.5 + 0.01 * random.normal(HELD_OUT * 0.2, 1))
    assert (found.low, found.high) == (0, 1)


def test_more_accounts_and_more_test_users_make_it_narrower() -> None:
    random = np.random.default_rng(9)

    def width(accounts: int, times: int) -> float:
        people, held_out = np.arange(accounts) % 2, np.tile(HELD_OUT, times)
        found = prevalence(_scores(people, random), held_out, _scores(held_out, random))
        return found.high - found.low

    assert width(1, 1) > width(30, 1) > width(3000, 1) > width(3000, 10) > 0


@pytest.mark.parametrize(
    ("scores", "labels", "held_out", "told"),
    [
        ([], [0] * 9 + [1] * 9, [0.1] * 9 + [0.9] * 9, "no account has a probability"),
        ([0.5], [0] * 9 + [1] * 4, [0.1] * 9 + [0.9] * 4, "fewer than 5 test users"),
        ([0.5], [0] * 9, [0.1] * 9, "fewer than 5 test users"),
        ([0.5], [], [], "fewer than 5 test users"),
        ([0.5], [0] * 9 + [1] * 9, [0.9] * 9 + [0.1] * 9, "does not tell"),
        ([0.999] * 5000, [0] * 90 + [1] * 90, [0.2] * 90 + [0.8] * 90, "unlike the users"),
    ],
)
def test_where_nothing_can_be_said_it_says_why(
    scores: list[float], labels: list[int], held_out: list[float], told: str
) -> None:
    found = prevalence(scores, labels, held_out)
    assert (found.share, found.low, found.high) == (None, 0, 1)
    assert told in found.note
    assert (found.below.share, found.below.low, found.below.high) == (None, 0, 1)
    assert told in str(found)


def test_one_account_gives_an_estimate_with_a_wide_interval() -> None:
    found = prevalence([0.9], HELD_OUT, np.where(HELD_OUT, 0.8, 0.2))
    assert found.share == 1
    assert found.high == 1
    assert found.low < 0.5
