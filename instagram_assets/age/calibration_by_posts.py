"""Calibration by number of posts: Platt scaling for several numbers, interpolated between them in ln(posts)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instagram_assets.age.calibration import Calibration, Floats, calibrate, sigmoid
from instagram_assets.age.post_counts import POST_COUNTS

_ENOUGH_OF_THEIR_OWN = 10
"""Users of each label with more posts than the last tested number, from whom a line for as many is fitted."""


class PostLine(NamedTuple):
    """The calibration of logits that are computed from `posts` posts."""

    posts: int
    slope: float
    intercept: float


class CalibrationByPosts(NamedTuple):
    """One calibration per tested number of posts, ascending; interpolated linearly in ln(posts).

    For fewer or more posts than tested the first or last calibration is used; for more posts that is conservative. The
    last one can be fitted on logits over all posts of users who have more than the largest tested number; its number of
    posts is not one of `POST_COUNTS`.
    """

    lines: tuple[PostLine, ...]

    @property
    def compared(self) -> tuple[int, ...]:
        """The numbers of posts at which accounts are compared with test users, ascending."""
        return tuple(line.posts for line in self.lines if line.posts in POST_COUNTS)

    def probabilities(self, logits: ArrayLike, posts: ArrayLike) -> Floats:
        """The probability of label 1 for each logit, given the number of posts it was computed from: float64[users]."""
        at = np.log([line.posts for line in self.lines])
        number = np.log(np.maximum(np.asarray(posts, dtype=np.float64), 1))
        slope, intercept = (np.interp(number, at, [line[part] for line in self.lines]) for part in (1, 2))
        return sigmoid(slope * np.asarray(logits, dtype=np.float64) + intercept)


def calibrate_by_posts(
    by_count: NDArray[np.float64], logits: ArrayLike, posts: ArrayLike, labels: ArrayLike, counts: Sequence[int]
) -> CalibrationByPosts:
    """Fit a calibration for each number of posts in `counts`, on the calibration users.

    `by_count` has logits over samples of posts, float64[users, len(POST_COUNTS)], NaN if a user has fewer posts;
    `logits` are over all posts, whose numbers are `posts`. Raises ValueError if no user has as many posts as one of
    `counts`.
    """
    y, own, number = np.asarray(labels), np.asarray(logits), np.asarray(posts)
    lines: list[PostLine] = []
    for count in counts:
        scores = by_count[:, POST_COUNTS.index(count)]
        there = np.isfinite(scores)
        lines.append(PostLine(count, *calibrate(scores[there], y[there])))
    more = number > counts[-1]
    if min((y[more] == 0).sum(), (y[more] == 1).sum()) >= _ENOUGH_OF_THEIR_OWN:
        middle = max(round(float(np.exp(np.log(number[more]).mean()))), counts[-1] + 1)
        lines.append(PostLine(middle - (middle in POST_COUNTS), *calibrate(own[more], y[more])))
    return CalibrationByPosts(tuple(lines))


def one_line(calibration: Calibration) -> CalibrationByPosts:
    """One calibration, applied to any number of posts."""
    return CalibrationByPosts((PostLine(1, *calibration),))
