"""Metrics of binary predictions with confidence intervals, and the estimated share of label 1 in an audience."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instagram_assets.age.calibration import Floats, fit_logistic_line, log_odds

Z95 = 1.959963984540054
"""Standard deviations on either side of the mean that hold 95 % of a normal distribution."""

_MOST_BINS = 10
_USERS_PER_BIN = 10

_BinaryLabels = NDArray[np.int64]


@dataclass(frozen=True)
class Share:
    """How many of n, as a share with its 95 % interval; the share of none is None, and may be anything."""

    share: float | None
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Bin:
    """Users with similar probabilities: what was predicted on average, and what share really has label 1."""

    predicted: float
    observed: Share


@dataclass(frozen=True)
class Abstention:
    """What is left when too uncertain users get no label: the share that gets one, and how often it is right."""

    below: float
    coverage: Share
    accuracy: Share


@dataclass(frozen=True)
class GroupMetrics:
    """One group of users, such as those who write Korean."""

    name: str
    positives: int
    accuracy: Share
    auc: float | None
    predicted: float


@dataclass(frozen=True)
class Evaluation:
    """All measures of one set of predictions.

    `confusion` is [[true 0 said 0, true 0 said 1], [true 1 said 0, true 1 said 1]]. `slope` and `intercept` are those
    of the logistic regression of the label on the predicted log-odds (Cox 1958): 1 and 0 when well calibrated; None
    for one class, constant predictions, and predictions that separate the classes.
    """

    n: int
    positives: int
    accuracy: Share
    balanced_accuracy: float | None
    auc: float | None
    brier: float
    calibration_error: float
    slope: float | None
    intercept: float | None
    confusion: list[list[int]]
    bins: list[Bin]
    abstention: Abstention
    groups: dict[str, list[GroupMetrics]] = field(default_factory=dict[str, list[GroupMetrics]])


def evaluate(
    labels: ArrayLike,
    probabilities: ArrayLike,
    groups: Mapping[str, Sequence[str]] | None = None,
    abstain_below: float = 0.5,
) -> Evaluation:
    """All metrics for the labels (0 or 1) and probabilities of the same users, at least one.

    `groups` maps each way of grouping to the group of each user. Raises ValueError for lists of different lengths, no
    users, and invalid labels or probabilities.
    """
    from sklearn.metrics import brier_score_loss, confusion_matrix

    y, p = _checked(labels, probabilities)
    said = (p >= 0.5).astype(np.int64)
    right = said == y
    kept = is_confident(p, abstain_below)
    slope, intercept = calibration_line(y, p)
    found = calibration_bins(y, p)
    return Evaluation(
        n=len(y),
        positives=int(y.sum()),
        accuracy=share(int(right.sum()), len(y)),
        balanced_accuracy=_balanced(y, said),
        auc=auc(y, p),
        brier=float(brier_score_loss(y, p, pos_label=1)),
        calibration_error=sum(b.observed.n * abs(b.predicted - (b.observed.share or 0)) for b in found) / len(y),
        slope=slope,
        intercept=intercept,
        confusion=confusion_matrix(y, said, labels=(0, 1)).tolist(),
        bins=found,
        abstention=Abstention(
            abstain_below, share(int(kept.sum()), len(y)), share(int(right[kept].sum()), int(kept.sum()))
        ),
        groups={name: _grouped(y, p, right, members) for name, members in (groups or {}).items()},
    )


def share(count: int, n: int) -> Share:
    """`count` of `n` as a share with Wilson's 95 % interval, which holds for few users as well."""
    return Share(count / n if n else None, *wilson_interval(count, n), n)


def wilson_interval(count: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % confidence interval of the share `count` of `n` (1927, doi:10.1080/01621459.1927.10502953).

    It also holds for small `n`; for `n` = 0 it is (0, 1).

    >>> wilson_interval(0, 0)
    (0.0, 1.0)
    """
    from scipy.stats import binomtest

    if n == 0:
        return 0.0, 1.0
    found = binomtest(count, n).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def auc(labels: ArrayLike, scores: ArrayLike) -> float | None:
    """Area under the ROC curve: the share of pairs in which label 1 has the higher score; ties count half."""
    from sklearn.metrics import roc_auc_score

    y = np.asarray(labels)
    return float(roc_auc_score(y, np.asarray(scores, dtype=np.float64))) if 0 < y.sum() < len(y) else None


def calibration_line(labels: ArrayLike, probabilities: ArrayLike) -> tuple[float | None, float | None]:
    """Slope and intercept of the label on the predicted log-odds; None, None where they are undefined."""
    y, x = np.asarray(labels, dtype=np.float64), log_odds(probabilities)
    ones, zeros = x[y == 1], x[y == 0]
    if not len(ones) or not len(zeros) or float(np.ptp(x)) < 1e-9:
        return None, None
    if ones.min() >= zeros.max() or ones.max() <= zeros.min():  # the likelihood has no maximum
        return None, None
    return fit_logistic_line(x, y)


def calibration_bins(labels: ArrayLike, probabilities: ArrayLike) -> list[Bin]:
    """Up to ten bins of equal size by ascending probability, with at least ten users each where there are enough."""
    y, p = _checked(labels, probabilities)
    order = np.argsort(p, kind="stable")
    number = max(1, min(_MOST_BINS, len(y) // _USERS_PER_BIN))
    return [Bin(float(p[part].mean()), share(int(y[part].sum()), len(part))) for part in np.array_split(order, number)]


def is_confident(probabilities: Floats, abstain_below: float) -> NDArray[np.bool_]:
    """Which users get a label: the more likely class has at least the probability `abstain_below`."""
    return np.maximum(probabilities, 1 - probabilities) >= abstain_below


def _grouped(y: _BinaryLabels, p: Floats, right: NDArray[np.bool_], members: Sequence[str]) -> list[GroupMetrics]:
    """Metrics by group, sorted by group name, those that begin with a number first."""
    if len(members) != len(y):
        raise ValueError(f"{len(members)} users have a group, {len(y)} a label")
    names = np.asarray(members)
    chosen = {str(name): names == name for name in sorted(set(members), key=_natural)}
    return [
        GroupMetrics(
            name, int(y[own].sum()), share(int(right[own].sum()), int(own.sum())), auc(y[own], p[own]), _mean(p[own])
        )
        for name, own in chosen.items()
    ]


def _natural(name: str) -> tuple[int, str]:
    """Sort key for group names: `2 to 9` before `10 to 49`, and both before words."""
    digits = name.split()[0] if name.strip() else ""
    return (int(digits), "") if digits.isdecimal() else (1 << 62, name)


def _mean(values: Floats) -> float:
    return float(values.mean())


def _balanced(y: _BinaryLabels, said: _BinaryLabels) -> float | None:
    """Balanced accuracy: the mean of both classes' recall."""
    from sklearn.metrics import balanced_accuracy_score

    return float(balanced_accuracy_score(y, said)) if 0 < y.sum() < len(y) else None


def _checked(labels: ArrayLike, probabilities: ArrayLike) -> tuple[_BinaryLabels, Floats]:
    y, p = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    if y.shape != p.shape or y.ndim != 1 or not len(y):
        raise ValueError(f"labels {y.shape} and probabilities {p.shape} must be of the same users, at least one")
    if not np.isin(y, (0, 1)).all():
        raise ValueError("a label is 0 or 1")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("a probability is between 0 and 1")
    return y.astype(np.int64), p


FEWEST = 5
"""Held-out users of each label without which nothing is said about the model's errors."""


_REMEDY = "Label more people, or set a larger INSTAGRAM_ASSETS_AGE__TEST_SHARE"


def too_few(test_users: int, positives: int) -> str:
    """A warning if the test set has too few users of a label; empty when there are enough."""
    if min(positives, test_users - positives) >= FEWEST:
        return ""
    return (
        f"{test_users - positives} test users have the label 0 and {positives} the label 1: with fewer than {FEWEST} "
        f"of one label no share of an audience can be told. {_REMEDY}."
    )


class _Class(NamedTuple):
    """Held-out users of one label: mean and variance of their probabilities, and their number."""

    mean: float
    variance: float
    n: int


@dataclass(frozen=True)
class Prevalence:
    """The estimated share of people at or above the cut-off, with its 95 % interval.

    `uncorrected` is the mean probability. `share` is None when no share is consistent with the data; `note` says why.
    """

    share: float | None
    low: float
    high: float
    uncorrected: float | None
    n: int
    note: str = ""

    @property
    def below(self) -> "Prevalence":
        """The estimate for the people below the cut-off."""
        turned = [None if share is None else 1 - share for share in (self.share, self.uncorrected)]
        return Prevalence(turned[0], 1 - self.high, 1 - self.low, turned[1], self.n, self.note)

    def __str__(self) -> str:
        if self.share is None:
            return f"share of the {self.n} accounts: not known, for {self.note}"
        return f"{self.share:.1%} of {self.n} accounts (95 % interval: {self.low:.1%} to {self.high:.1%})"


def prevalence(probabilities: ArrayLike, held_out_labels: ArrayLike, held_out_probabilities: ArrayLike) -> Prevalence:
    """Estimate the share of label 1 in a population of which `probabilities` are a sample.

    The held-out users must be used neither for training nor for calibration. Assumes that people of the same label
    write alike in both groups; only the shares of the labels may differ (label shift).
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
    """An unknown share with the interval 0 to 1, for the reason `note`, or because there are no probabilities."""
    scores = np.asarray(probabilities, dtype=np.float64)
    if not len(scores):
        return Prevalence(None, 0.0, 1.0, None, 0, "no account has a probability")
    return Prevalence(None, 0.0, 1.0, float(scores.mean()), len(scores), note)


def _class(scores: Floats) -> _Class:
    """The mean, and the variance with two pseudo-observations added: probability 0 and 1.

    A few held-out users without an error do not prove that errors never occur: Agresti and Coull (1998) add the same.
    """
    return _Class(float(scores.mean()), float(np.var([*scores, 0.0, 1.0], ddof=1)), len(scores))


def _interval(mean: float, n: int, zero: _Class, one: _Class) -> tuple[float, float] | None:
    """The shares π with (mean - expected(π))² ≤ z² variance(π), both quadratic in π; None when there is none.

    The variance has three sources: sampling of the audience, and the means of both classes of held-out users.
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
