"""The share of an audience at or above the cut-off age: prevalence corrected for a classifier's errors.

The correction is that of Rogan and Gladen (1978, doi:10.1093/oxfordjournals.aje.a112510) and of Forman's adjusted count
(2008, doi:10.1007/s10618-008-0097-y), on mean probabilities (Bella et al. 2010, doi:10.1109/ICDM.2010.75), for accounts
and test users scored on the same number of posts. It assumes label shift: given the label, the score distribution is
the same in audience and test set.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instagram_assets.age.calibration import Floats

Z95 = 1.959963984540054
"""Standard deviations on either side of the mean that hold 95 % of a normal distribution."""

FEWEST = 5
"""Held-out users of each label without which nothing is said about the model's errors."""

WIDEST = 0.8
"""Length of an interval from which on no single share is told."""

ALIKE = "if people on one side of the age write alike here and among the model's test users"
"""What an interval by test users assumes, said wherever one is shown."""

_CLEARLY = 2.5
"""Standard errors that the means of both labels must be apart, so that a division by the difference is safe."""
_MOST_UNTESTED = 0.2
"""Part of an audience that may be unlike anything tested where a single share is told."""

_REMEDY = "Label more people, or set a larger INSTAGRAM_ASSETS_AGE__TEST_SHARE"


@dataclass(frozen=True)
class Prevalence:
    """The estimated share of people at or above the cut-off, with its 95 % interval.

    `uncorrected` is the mean probability. `share` is None if there is no reliable point estimate, for the reason in
    `note`. The interval is valid only under the assumption stated in `assumes`.
    """

    share: float | None
    low: float
    high: float
    uncorrected: float | None
    n: int
    note: str = ""
    assumes: str = ""

    @property
    def below(self) -> "Prevalence":
        """The estimate for the people below the cut-off."""
        turned = [None if share is None else 1 - share for share in (self.share, self.uncorrected)]
        return replace(self, share=turned[0], low=1 - self.high, high=1 - self.low, uncorrected=turned[1])

    def __str__(self) -> str:
        if (self.low, self.high) == (0, 1):
            return f"share of the {self.n} accounts: not known, for {self.note}"
        limits = f"{self.low:.1%} to {self.high:.1%}"
        if self.share is None:
            return f"{limits} of {self.n} accounts (95 % interval, {self.assumes}); no single share, for {self.note}"
        return f"{self.share:.1%} of {self.n} accounts (95 % interval: {limits}, {self.assumes})"


def too_few(test_users: int, positives: int) -> str:
    """A warning if the test set has too few users of one label; empty if there are enough."""
    if min(positives, test_users - positives) >= FEWEST:
        return ""
    return (
        f"{test_users - positives} test users have the label 0 and {positives} the label 1: with fewer than {FEWEST} "
        f"of one label no share of an audience can be told. {_REMEDY}."
    )


def prevalence(
    scores: ArrayLike, labels: ArrayLike, held_out: ArrayLike, columns: ArrayLike | None = None
) -> Prevalence:
    """Estimate the share of label 1 in a population of which the accounts with `scores` (0 to 1) are a sample.

    `held_out` has the scores of test users with known `labels` (0 or 1), float64[users, post counts], NaN if a user has
    fewer posts; a single column can be one-dimensional. `columns` is the column that each account is compared with. The
    test users must not have been used for training or calibration. The interval is a Fieller interval (1954), the set
    of all shares that a test does not reject, so it is also valid if the scores hardly separate the labels.

    >>> prevalence([0.8] * 50 + [0.2] * 50, [0] * 40 + [1] * 40, [0.2] * 40 + [0.8] * 40).share
    0.5
    """
    audience, y = np.asarray(scores, dtype=np.float64), np.asarray(labels)
    tested = np.asarray(held_out, dtype=np.float64)
    tested = tested[:, None] if tested.ndim == 1 else tested
    of = np.zeros(len(audience), np.int64) if columns is None else np.asarray(columns, dtype=np.int64)
    if not len(audience):
        return unknown(audience, "")
    if min((y == 0).sum(), (y == 1).sum()) < FEWEST:
        note = f"fewer than {FEWEST} test users of one label: the model's errors are not known. {_REMEDY}"
        return unknown(audience, note)
    groups = [_Group.of(audience[of == column], y, tested[:, column]) for column in np.unique(of)]
    known = [group for group in groups if group.is_clear]
    if not known:
        return unknown(audience, "the model does not tell the test users of the two labels apart")
    inside = sum(group.n for group in known) / len(audience)
    found = _estimate(known, y)
    if found is None:
        note = "no share explains these probabilities: the accounts are unlike the users the model was tested on"
        return unknown(audience, note)
    best, low, high = found
    limits = low * inside, high * inside + 1 - inside
    whole = Prevalence(best, *limits, float(audience.mean()), len(audience), assumes=ALIKE)
    if 1 - inside > _MOST_UNTESTED:
        note = f"from as few posts as {1 - inside:.0%} of the accounts have, the model does not tell people apart"
        return replace(whole, share=None, note=note)
    return or_interval_alone(whole)


def or_interval_alone(found: Prevalence) -> Prevalence:
    """The estimate `found`; if its interval is too wide for a point estimate, with the interval only."""
    if found.high - found.low <= WIDEST:
        return found
    return replace(found, share=None, note="the data leave nearly every share possible")


def unknown(probabilities: ArrayLike, note: str) -> Prevalence:
    """An unknown share with the interval 0 to 1; `note` is the reason, unless there are no probabilities."""
    scores = np.asarray(probabilities, dtype=np.float64)
    if not len(scores):
        return Prevalence(None, 0.0, 1.0, None, 0, "no account has a probability")
    return Prevalence(None, 0.0, 1.0, float(scores.mean()), len(scores), note)


class _Class(NamedTuple):
    """Held-out users of one label: mean and variance of their scores, and deviations from the mean (0 for NaN).

    The variance includes two pseudo-observations, 0 and 1, as in Agresti and Coull 1998: without them, a few users
    without errors would give variance 0.
    """

    mean: float
    variance: float
    n: int
    deviations: Floats

    @staticmethod
    def of(scores: Floats) -> "_Class":
        there = scores[np.isfinite(scores)]
        mean = float(there.mean()) if len(there) else 0.5
        variance = float(np.var([*there, 0.0, 1.0], ddof=1))
        return _Class(mean, variance, len(there), np.nan_to_num(scores - mean))


class _Group(NamedTuple):
    """Accounts compared with held-out users at one number of posts: mean score, number, held-out users by label."""

    mean: float
    n: int
    zero: _Class
    one: _Class

    @staticmethod
    def of(scores: Floats, labels: NDArray[np.int64], tested: Floats) -> "_Group":
        return _Group(float(scores.mean()), len(scores), _Class.of(tested[labels == 0]), _Class.of(tested[labels == 1]))

    @property
    def gap(self) -> float:
        return self.one.mean - self.zero.mean

    @property
    def is_clear(self) -> bool:
        """Whether users of label 1 have significantly higher scores than those of label 0 at this number of posts."""
        if min(self.zero.n, self.one.n) == 0:
            return False
        error = self.zero.variance / self.zero.n + self.one.variance / self.one.n
        return self.gap > _CLEARLY * error**0.5


def _estimate(groups: Sequence[_Group], labels: NDArray[np.int64]) -> tuple[float, float, float] | None:
    """The share, and the limits of its interval; None when no share from 0 to 1 is consistent with the scores.

    The shares of the groups are averaged, weighted by number of accounts. The interval contains the shares π with
    (share - π)² ≤ z² variance(π); both sides are quadratic in π.
    """
    total = sum(group.n for group in groups)
    weights = [group.n / total / group.gap for group in groups]
    raw = sum(weight * (group.mean - group.zero.mean) for weight, group in zip(weights, groups, strict=True))
    # Coefficients of 1, π and π².
    audience = sum(
        weight**2
        / group.n
        * np.array([group.zero.variance, group.one.variance - group.zero.variance + group.gap**2, -(group.gap**2)])
        for weight, group in zip(weights, groups, strict=True)
    )
    of_zero = _variance_of_means(weights, [group.zero for group in groups])
    of_one = _variance_of_means(weights, [group.one for group in groups])
    deviation = np.array([raw**2, -2 * raw, 1.0])
    variance = audience + np.array([1.0, -2.0, 1.0]) * of_zero + np.array([0.0, 0.0, 1.0]) * of_one
    c, b, a = deviation - Z95**2 * variance
    inside = [share for share in (0.0, 1.0) if a * share**2 + b * share + c <= 0]
    crossings = [float(root.real) for root in np.roots([a, b, c]) if abs(root.imag) < 1e-12 and 0 <= root.real <= 1]
    edges = sorted([*inside, *crossings])
    best = min(max(raw, 0.0), 1.0)
    return (best, min(edges[0], best), max(edges[-1], best)) if edges else None


def _variance_of_means(weights: Sequence[float], classes: Sequence[_Class]) -> float:
    """Variance of Σ weight × class mean; the means are correlated, since they are over the same held-out users."""
    together = sum(weight / own.n * own.deviations for weight, own in zip(weights, classes, strict=True))
    spread = float(np.square(together).sum())
    extra = sum(
        weight**2 / own.n * max(own.variance - float(np.square(own.deviations).sum()) / own.n, 0.0)
        for weight, own in zip(weights, classes, strict=True)
    )
    return spread + extra
