"""Calibration by number of posts: who wrote little is told with less certainty, and none is turned around."""

import numpy as np
import pytest

from instagram_assets.age.calibration import calibrate, sigmoid
from instagram_assets.age.calibration_by_posts import CalibrationByPosts, PostLine, calibrate_by_posts, one_line
from instagram_assets.age.post_counts import POST_COUNTS
from instagram_assets.age.statistics import calibration_line

LINES = CalibrationByPosts((PostLine(1, 0.5, 0.1), PostLine(100, 2.5, -0.1)))


def test_slope_and_intercept_are_linear_in_the_logarithm_and_level_outside() -> None:
    found = LINES.probabilities([2.0] * 4, [0, 1, 10, 4000])
    assert found == pytest.approx(sigmoid(np.array([1.1, 1.1, 3.0, 4.9])))


def test_one_line_is_platts_whatever_the_number() -> None:
    line = calibrate([-1.0, 0.0, 1.0, 2.0], [0, 0, 1, 1])
    assert one_line(line).probabilities([0.3, 0.3], [1, 500]).tolist() == line.probabilities([0.3, 0.3]).tolist()


def test_people_with_one_post_are_told_with_the_certainty_that_one_post_gives() -> None:
    random = np.random.default_rng(1)
    labels = np.arange(3000) % 2
    middle = 2 * labels - 1 + 0.5 * random.normal(size=3000)
    logits = np.full((3000, len(POST_COUNTS)), np.nan)
    for column, count in ((0, 1), (2, 10)):
        logits[:, column] = middle + 2 * random.normal(size=3000) / count**0.5
    logits[:1000, 2] = np.nan
    posts = np.where(np.arange(2000) < 1000, 9, 30)
    own = middle[:2000] + 2 * random.normal(size=2000) / posts**0.5
    found = calibrate_by_posts(logits[:2000], own, posts, labels[:2000], (1, 10))
    assert found.compared == (1, 10)
    assert [line.posts for line in found.lines] == [1, 10, 29]  # 30 would pass for a tested number
    assert found.lines[0].slope < found.lines[1].slope < found.lines[2].slope
    for column, count in ((0, 1), (2, 10)):
        chances = found.probabilities(logits[2000:, column], count)
        assert calibration_line(labels[2000:], chances)[0] == pytest.approx(1, abs=0.2)
    as_by_ten = found.probabilities(logits[2000:, 0], 10)
    assert (calibration_line(labels[2000:], as_by_ten)[0] or 1) < 0.4
