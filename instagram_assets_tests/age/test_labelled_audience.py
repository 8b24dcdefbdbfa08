"""The share by people of known age: right however wrong the probabilities are, and narrower where they are good."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t

from instagram_assets.age.labelled_audience import FEWEST_LABELLED, anchored, share_by_labelled
from instagram_assets.age.prevalence import Prevalence

LABELS = np.array([1] * 15 + [0] * 35)


def test_probabilities_that_say_nothing_leave_the_interval_of_the_labels_alone() -> None:
    found = share_by_labelled(np.full(200, 0.5), range(50), LABELS)
    assert found.share == pytest.approx(0.3)
    # Wilson's limits solve (0.3 - π)² = t² π (1 - π) / 50.
    square = float(t.ppf(0.975, 49)) ** 2
    assert [found.low, found.high] == pytest.approx(sorted(np.roots([50 + square, -30 - square, 4.5])))
    turned_around = share_by_labelled(np.concatenate([0.9 - 0.8 * LABELS, np.full(150, 0.9)]), range(50), LABELS)
    assert turned_around == replace(found, uncorrected=turned_around.uncorrected)


def test_good_probabilities_carry_the_labels_over_to_everybody() -> None:
    others = np.array([0.9] * 75 + [0.1] * 75)
    found = share_by_labelled(np.concatenate([0.1 + 0.8 * LABELS, others]), range(50), LABELS)
    assert found.share == pytest.approx((15 + 75) / 200)
    assert found.high - found.low < 0.16


def test_one_label_alone_is_no_certainty() -> None:
    found = share_by_labelled(np.linspace(0.6, 0.9, 80), range(60), np.ones(60))
    assert found.share == 1
    assert 0.9 < found.low < 0.97


def test_fewer_people_than_are_needed_are_refused() -> None:
    with pytest.raises(ValueError, match=f"49 labels of 49 accounts: at least {FEWEST_LABELLED}"):
        share_by_labelled(np.full(100, 0.5), range(49), np.zeros(49))
    with pytest.raises(ValueError, match="50 labels of 60 accounts"):
        share_by_labelled(np.full(100, 0.5), range(60), LABELS)


def test_it_is_said_what_the_labels_changed() -> None:
    before = Prevalence(0.6, 0.5, 0.7, 0.5, 200)
    found = anchored(before, np.full(200, 0.5), range(50), LABELS)
    told = "50 people of known age moved the share by -30.0 percentage points from 60.0%, and the interval is "
    assert found.change.startswith(told)
    assert "instead of 20.0 percentage points; the two intervals do not meet" in found.change
    unknown = anchored(Prevalence(None, 0, 1, 0.5, 200, "no reason"), np.full(200, 0.5), range(50), LABELS)
    assert "instead of 100.0 percentage points; without them: share of the 200 accounts: not known" in unknown.change
