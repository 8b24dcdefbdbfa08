"""The share of an audience at or above the cut-off age, from predictions that are sometimes wrong.

Counting labels pulls the share towards that of the users whom the model was trained on. Rogan and Gladen (1978)
undo it with the model's known errors; here on the mean probability in the place of the count of labels, as Bella et
al. (Quantification via probability estimators, 2010) do, because it wastes less. A share π of the audience makes the
mean probability m0 + π (m1 - m0), where m0 and m1 are the means of held-out users of label 0 and 1. The interval holds
every share whose expected mean the seen one does not contradict. So it is wide, up to "anything", when
the model cannot tell the classes apart, and it is Wilson's when the model is never wrong.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instagram_assets.age.evaluate import Z95

Floats = NDArray[np.float64]

FEWEST = 5
"""Held-out users of each label without which nothing is said about the model's errors."""


_REMEDY = "Label more people, or set a larger INSTAGRAM_ASSETS_AGE__TEST_SHARE"


def too_few(test_users: int, positives: int) -> str:
    """The warning about a test set with too few users of a label; empty when there are enough."""
    if min(positives, test_users - positives) >= FEWEST:
        return ""
    return (
        f"{test_users - positives} test users have the label 0 and {positives} the label 1: with fewer than {FEWEST} "
        f"of one label no share of an audience can be told. {_REMEDY}."
    )


class _Class(NamedTuple):
    """Held-out users of one label: the mean and variance of their probabilities, and how many they are."""

    mean: float
    variance: float
    n: int


@dataclass(frozen=True)
class Prevalence:
    """The estimated share of people at or above the cut-off, with its 95 % interval.

    `uncorrected` is the mean probability. `share` is None when no share explains what was seen; `note` says why.
    """

    share: float | None
    low: float
    high: float
    uncorrected: float | None
    n: int
    note: str = ""

    @property
    def below(self) -> "Prevalence":
        """The same for the people below the cut-off."""
        turned = [None if share is None else 1 - share for share in (self.share, self.uncorrected)]
        return Prevalence(turned[0], 1 - self.high, 1 - self.low, turned[1], self.n, self.note)

    def __str__(self) -> str:
        if self.share is None:
            return f"share of the {self.n} accounts: not known, for {self.note}"
        return f"{self.share:.1%} of {self.n} accounts (95 % interval: {self.low:.1%} to {self.high:.1%})"


def prevalence(probabilities: ArrayLike, held_out_labels: ArrayLike, held_out_probabilities: ArrayLike) -> Prevalence:
    """The share of label 1 among the people of whom `probabilities` are a sample.

    The held-out users were used neither to train nor to calibrate. That the method holds asks that people of the same
    label write alike in both groups; only how many there are of each label may differ.
    """
    scores = np.asarray(probabilities, dtype=np.float64)
    y, p = np.asarray(held_out_labels), np.asarray(held_out_probabilities, dtype=np.float64)
    if not len(scores):
        return unknown(scores, "")
    if min((y == 0).sum(), (y == 1).sum()) < FEWEST:
        note = f"fewer than {FEWEST} test users of one label: the model's errors are not known. {_REMEDY}"
        return unknown(scores, note)
    uncorrected = float(scores.mean())
    zero, one = _class(p[y == 0]), _class(p[y == 1])
    if one.mean <= zero.mean:
        note = "the model does not tell the test users of the two labels apart"
        return unknown(scores, note)
    limits = _interval(uncorrected, len(scores), zero, one)
    if limits is None:
        note = "no share explains these probabilities: the accounts are unlike the users the model was tested on"
        return unknown(scores, note)
    best = min(max((uncorrected - zero.mean) / (one.mean - zero.mean), 0.0), 1.0)
    return Prevalence(best, min(limits[0], best), max(limits[1], best), uncorrected, len(scores))


def unknown(probabilities: ArrayLike, note: str) -> Prevalence:
    """Any share is possible, for the reason `note`, or because nobody has a probability."""
    scores = np.asarray(probabilities, dtype=np.float64)
    if not len(scores):
        return Prevalence(None, 0.0, 1.0, None, 0, "no account has a probability")
    return Prevalence(None, 0.0, 1.0, float(scores.mean()), len(scores), note)


def _class(scores: Floats) -> _Class:
    """The mean, and the variance as if one user more had probability 0 and one more 1.

    Few held-out users without an error do not prove that there are none: Agresti and Coull (1998) add the same users.
    """
    return _Class(float(scores.mean()), float(np.var([*scores, 0.0, 1.0], ddof=1)), len(scores))


def _interval(mean: float, n: int, zero: _Class, one: _Class) -> tuple[float, float] | None:
    """The shares π with (mean - expected(π))² ≤ z² variance(π), both quadratic in π; None when there is none.

    The variance has three sources: who is in the audience and how they score, and both means of the held-out users.
    """
    gap = one.mean - zero.mean
    # Coefficients of 1, π and π².
    deviation = np.array([(mean - zero.mean) ** 2, -2 * (mean - zero.mean) * gap, gap**2])
    audience = np.array([zero.variance, one.variance - zero.variance + gap**2, -(gap**2)]) / n
    of_zero = np.array([1.0, -2.0, 1.0]) * zero.variance / zero.n
    of_one = np.array([0.0, 0.0, 1.0]) * one.variance / one.n
    c, b, a = deviation - Z95**2 * (audience + of_zero + of_one)
    inside = [share for share in (0.0, 1.0) if a * share**2 + b * share + c <= 0]
    crossings = [float(root.real) for root in np.roots([a, b, c]) if abs(root.imag) < 1e-12 and 0 <= root.real <= 1]
    edges = sorted([*inside, *crossings])
    return (edges[0], edges[-1]) if edges else None
