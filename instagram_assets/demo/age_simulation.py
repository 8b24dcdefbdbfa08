"""Simulation of the age model's statistics: coverage of the confidence intervals of audience shares.

A share is the fraction of an audience with label 1. No language model is run: logits are sampled. A person's mean is
normal around ±1 (by label) with standard deviation 0.5, the logits of the person's posts are normal around that mean
with standard deviation 2, and the user's logit is the mean over the posts. `before` is the previous method (one
calibration and one correction for all users), `now` the current one (calibration and test users by number of posts).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from instagram_assets.age.calibration import calibrate
from instagram_assets.age.calibration_by_posts import CalibrationByPosts, calibrate_by_posts, one_line
from instagram_assets.age.labelled_audience import share_by_labelled
from instagram_assets.age.post_counts import POST_COUNTS, compared_count, counts_tested
from instagram_assets.age.prevalence import Prevalence, prevalence
from instagram_assets.age.statistics import calibration_line, is_confident

Numbers = NDArray[np.float64]

_PERSON, _POST = 0.5, 2.0
_SHARES = (0.1, 0.3, 0.5, 0.8)
CALIBRATION, TEST, AUDIENCE, LABELLED = 100, 150, 200, 50
"""Numbers of people: who calibrate a model, who test it, of an audience, and of those whose age is known."""


class Audience(NamedTuple):
    """A simulated audience: distribution of posts per account, and a shift applied to the logits.

    `posts` draws the number of posts of each account, `moved` transforms the logits (distribution shift), and `tested`
    is the range (least, most) of posts per test user.
    """

    name: str
    posts: Callable[[np.random.Generator, int], NDArray[np.int64]]
    moved: Callable[[Numbers], Numbers] = lambda logits: logits
    tested: tuple[int, int] = (3, 15)


class People(NamedTuple):
    """Simulated users: label, number of posts and logit of each.

    `logits`, float64[people], are means over all posts of a person. Column i of `by_count`, float64[people,
    len(POST_COUNTS)], contains means over samples of POST_COUNTS[i] posts, NaN if a person has fewer.
    """

    labels: NDArray[np.int64]
    posts: NDArray[np.int64]
    logits: Numbers
    by_count: Numbers


def between(least: int, most: int) -> Callable[[np.random.Generator, int], NDArray[np.int64]]:
    """Return a sampler of post counts, uniform between `least` and `most` (inclusive)."""
    return lambda random, people: random.integers(least, most + 1, people)


def mixed(random: np.random.Generator, people: int) -> NDArray[np.int64]:
    """Sample the number of posts of each person, log-uniform between 1 and 300."""
    return np.floor(np.exp(random.uniform(0, np.log(301), people))).astype(np.int64)


AUDIENCES = (
    Audience("1 post each", between(1, 1)),
    Audience("300 posts each", between(300, 300)),
    Audience("1 to 300 posts", mixed),
    Audience("10 to 50 posts", between(10, 50)),
    Audience("3 to 15 posts", between(3, 15)),
    Audience("1 or 2 posts, test people 50 to 200", between(1, 2), tested=(50, 200)),
)
SHIFTS = (
    Audience("moved by half a standard deviation", between(3, 15), lambda logits: logits + 0.5 * logits.std()),
    Audience("moved by one standard deviation", between(3, 15), lambda logits: logits + logits.std()),
    Audience("half as wide", between(3, 15), lambda logits: logits / 2),
    Audience("twice as wide", between(3, 15), lambda logits: 2 * logits),
    Audience("1 post each, moved by a half", between(1, 1), lambda logits: logits + 0.5 * logits.std()),
)


def people(random: np.random.Generator, number: int, share: float, posts: NDArray[np.int64]) -> People:
    """Sample `number` users, each with label 1 with probability `share`; `posts` is each user's number of posts."""
    labels = (random.random(number) < share).astype(np.int64)
    middle = 2.0 * labels - 1 + _PERSON * random.normal(size=number)
    by_count = np.full((number, len(POST_COUNTS)), np.nan)
    logits = np.empty(number)
    for place, count in enumerate(posts):
        # Means over ever more of the same posts, in a random order as a sample without replacement is.
        means = middle[place] + _POST * np.cumsum(random.normal(size=count)) / np.arange(1, count + 1)
        logits[place] = means[-1]
        fits = [number for number in POST_COUNTS if number <= count]
        by_count[place, : len(fits)] = means[np.array(fits) - 1]
    return People(labels, posts, logits, by_count)


class Model(NamedTuple):
    """A simulated model: its calibration by the previous and the current method, and its test users."""

    before: CalibrationByPosts
    now: CalibrationByPosts
    test: People

    @staticmethod
    def drawn(random: np.random.Generator, tested: tuple[int, int] = (3, 15)) -> "Model":
        """Sample calibration and test users, and calibrate on them; `tested` is the range of posts per user."""
        posts = between(*tested)
        apart = people(random, CALIBRATION, 0.5, posts(random, CALIBRATION))
        test = people(random, TEST, 0.5, posts(random, TEST))
        counts = counts_tested([(apart.labels, apart.by_count), (test.labels, test.by_count)])
        return Model(
            one_line(calibrate(apart.logits, apart.labels)),
            calibrate_by_posts(apart.by_count, apart.logits, apart.posts, apart.labels, counts),
            test,
        )

    def share_before(self, audience: People) -> Prevalence:
        """Estimate the fraction of an audience with label 1 by the previous method.

        That method has one calibration, and scores test users by all of their posts.
        """
        scores, held_out = (self.before.probabilities(own.logits, own.posts) for own in (audience, self.test))
        return prevalence(scores, self.test.labels, held_out)

    def share_now(self, audience: People) -> Prevalence:
        """Estimate the fraction of an audience with label 1 by the current method.

        It compares each account with test users scored by the same number of posts.
        """
        counts = self.now.compared
        held_out = np.stack(
            [self.now.probabilities(self.test.by_count[:, POST_COUNTS.index(count)], count) for count in counts], axis=1
        )
        compared = [compared_count(int(number), counts) or counts[0] for number in audience.posts]
        columns = [counts.index(count) for count in compared]
        logits = audience.by_count[np.arange(len(compared)), [POST_COUNTS.index(count) for count in compared]]
        return prevalence(self.now.probabilities(logits, compared), self.test.labels, held_out, columns)

    def share_labelled(self, random: np.random.Generator, audience: People) -> Prevalence:
        """Estimate the fraction of an audience with label 1 from a random sample of accounts with known labels."""
        some = random.choice(len(audience.labels), LABELLED, replace=False)
        probabilities = self.now.probabilities(audience.logits, audience.posts)
        return share_by_labelled(probabilities, some, audience.labels[some])


class Coverage(NamedTuple):
    """Results over many audiences: coverage of the 95 % interval, its mean length, rate of missing estimates."""

    held: float
    length: float
    unknown: float

    @staticmethod
    def of(found: list[tuple[Prevalence, float]]) -> "Coverage":
        return Coverage(
            float(np.mean([own.low <= share <= own.high for own, share in found])),
            float(np.mean([own.high - own.low for own, _ in found])),
            float(np.mean([own.share is None for own, _ in found])),
        )

    def __str__(self) -> str:
        return f"{self.held:.3f} (length {self.length:.2f}, no share {self.unknown:.2f})"


def coverage(kind: Audience, audiences: int, seed: int = 0) -> dict[str, Coverage]:
    """Return the coverage of the methods `before`, `now` and `labelled` over simulated audiences of one kind.

    A new model is sampled for each audience.
    """
    random = np.random.default_rng(seed)
    found: dict[str, list[tuple[Prevalence, float]]] = {"before": [], "now": [], "labelled": []}
    for place in range(audiences):
        share = _SHARES[place % len(_SHARES)]
        model = Model.drawn(random, kind.tested)
        audience = people(random, AUDIENCE, share, kind.posts(random, AUDIENCE))
        # All columns are moved by what the logits by all posts are moved.
        audience = audience._replace(
            logits=kind.moved(audience.logits), by_count=_moved(kind, audience.by_count, audience.logits)
        )
        found["before"].append((model.share_before(audience), share))
        found["now"].append((model.share_now(audience), share))
        found["labelled"].append((model.share_labelled(random, audience), share))
    return {name: Coverage.of(own) for name, own in found.items()}


def _moved(kind: Audience, by_count: Numbers, logits: Numbers) -> Numbers:
    scale = float(kind.moved(logits).std() / logits.std())
    shift = float(kind.moved(logits).mean() - scale * logits.mean())
    return scale * by_count + shift


class Labels(NamedTuple):
    """Quality of single users' predictions: calibration slope, fraction labelled at threshold 0.7, accuracy."""

    slope: float
    labelled: float
    right: float

    def __str__(self) -> str:
        return f"slope {self.slope:.2f}, {self.labelled:.0%} labelled, {self.right:.0%} of them right"


def labels_of_single_people(posts: int, models: int, seed: int = 0) -> dict[str, Labels]:
    """Return the quality of predictions of the methods `before` and `now` for users with `posts` posts each.

    The values are medians over `models` simulated models; about half of the users have label 1.
    """
    random = np.random.default_rng(seed)
    found: dict[str, list[Labels]] = {"before": [], "now": []}
    for _ in range(models):
        model = Model.drawn(random)
        own = people(random, 1000, 0.5, np.full(1000, posts))
        for name, calibration in (("before", model.before), ("now", model.now)):
            chances = calibration.probabilities(own.logits, own.posts)
            kept = is_confident(chances, 0.7)
            right = float(((chances >= 0.5) == own.labels)[kept].mean()) if kept.any() else 1.0
            found[name].append(Labels(calibration_line(own.labels, chances)[0] or 0.0, float(kept.mean()), right))
    return {name: Labels(*np.median(own, axis=0).tolist()) for name, own in found.items()}
