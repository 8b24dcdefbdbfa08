"""Calibration by number of posts: Platt's line for each tested number, and between two of them by the logarithm."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instagram_assets.age.calibration import Calibration, Floats, calibrate, sigmoid
from instagram_assets.age.post_counts import POST_COUNTS

_ENOUGH_OF_THEIR_OWN = 10
"""Users of each label with more posts than the last tested number, from whom a line for as many is fitted."""


class PostLine(NamedTuple):
    """The calibration of a user's logit that rests on so many posts."""

    posts: int
    slope: float
    intercept: float


class CalibrationByPosts(NamedTuple):
    """One line per tested number of posts, ascending; slope and intercept are linear in ln(posts) between them.

    Fewer or more posts than tested have the first or last line, which for more posts is the careful side. The last line
    may be that of users by all of their posts, more than the last tested number; it is never of one of `POST_COUNTS`.
    """

    lines: tuple[PostLine, ...]

    @property
    def compared(self) -> tuple[int, ...]:
        """The numbers of posts by which accounts are compared with test users, ascending."""
        return tuple(line.posts for line in self.lines if line.posts in POST_COUNTS)

    def probabilities(self, logits: ArrayLike, posts: ArrayLike) -> Floats:
        """The probability of label 1 for each logit and the number of posts that it rests on: float64[users]."""
        at = np.log([line.posts for line in self.lines])
        number = np.log(np.maximum(np.asarray(posts, dtype=np.float64), 1))
        slope, intercept = (np.interp(number, at, [line[part] for line in self.lines]) for part in (1, 2))
        return sigmoid(slope * np.asarray(logits, dtype=np.float64) + intercept)


def calibrate_by_posts(
    by_count: NDArray[np.float64], logits: ArrayLike, posts: ArrayLike, labels: ArrayLike, counts: Sequence[int]
) -> CalibrationByPosts:
    """Fit a line for each of the `counts` of posts on users who neither trained the model nor chose its epoch.

    `by_count` is float64[users, len(POST_COUNTS)] with NaN where a user has fewer posts; `logits` are by all `posts`.
    Raises ValueError where nobody has as many posts as one of the counts.
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
    """The same line for any number of posts."""
    return CalibrationByPosts((PostLine(1, *calibration),))
