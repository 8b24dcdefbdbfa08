"""Numbers of posts at which the age model is calibrated and evaluated, and random samples of so many posts.

A mean over one post is far noisier than one over a hundred, so a calibration fitted on users with many posts is
overconfident for users with few. So every held-out user is also scored on random samples of 1, 3, 10, 30 and 100 posts,
and an account of an audience is compared with test users scored on the same number of posts.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

POST_COUNTS = (1, 3, 10, 30, 100)
"""Numbers of posts that held-out users are scored by, ascending."""

POST_COUNT_CLASSES = {1: "1 post", 2: "2 to 9 posts", 10: "10 to 49 posts", 50: "50 posts or more"}
"""How many posts a user has, told as roughly as it is kept: the least number of each class, and its name."""

ENOUGH = 20
"""Users of each label with which a number of posts counts as tested; with fewer in all, as many as there are."""


def post_count_class(number: int) -> str:
    """The class of a user with this number of posts, such as `2 to 9 posts` (see `POST_COUNT_CLASSES`)."""
    return POST_COUNT_CLASSES[max(least for least in POST_COUNT_CLASSES if least <= max(number, 1))]


def compared_count(number: int, counts: Sequence[int]) -> int | None:
    """The largest of the ascending `counts` that is at most `number`, a user's number of posts; None if there is none.

    >>> [compared_count(number, (1, 3, 10)) for number in (0, 1, 9, 300)]
    [None, 1, 3, 10]
    """
    place = bisect_right(counts, number)
    return counts[place - 1] if place else None


def sample_texts(username: str, texts: Sequence[str], number: int) -> list[str]:
    """A random sample of `number` of a user's texts, or all if there are fewer; deterministic for a username.

    The sample is without replacement, seeded by the username only, so it does not depend on other users.
    """
    if len(texts) <= number:
        return list(texts)
    seed = int.from_bytes(hashlib.sha256(username.encode("utf-8", "surrogatepass")).digest()[:8], "little")
    chosen = np.random.default_rng(seed).choice(len(texts), number, replace=False)
    return [texts[int(place)] for place in np.sort(chosen)]


def counts_tested(sets: Iterable[tuple[ArrayLike, NDArray[np.float64]]]) -> tuple[int, ...]:
    """The numbers of `POST_COUNTS` for which every set has enough users of both labels with so many posts.

    Each set has labels (0 or 1) and scores, float64[users, len(POST_COUNTS)], NaN if a user has fewer posts.
    """
    tested = list(POST_COUNTS)
    for labels, scores in sets:
        y, there = np.asarray(labels), np.isfinite(scores)
        for label in (0, 1):
            own = there[y == label].sum(axis=0)
            tested = [number for number in tested if own[POST_COUNTS.index(number)] >= max(1, min(ENOUGH, own[0]))]
    return tuple(tested)
