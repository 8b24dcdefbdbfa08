"""Metrics of binary predictions with confidence intervals: accuracy, AUC, calibration, abstention."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instagram_assets.age.calibration import Floats, fit_logistic_line, log_odds

_MOST_BINS = 10
_USERS_PER_BIN = 10

_BinaryLabels = NDArray[np.int64]


@dataclass(frozen=True)
class Share:
    """A proportion of `n` users with its 95 % interval; for `n` = 0 the share is None and the interval 0 to 1."""

    share: float | None
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Bin:
    """A calibration bin: mean predicted probability of its users, and their observed share of label 1."""

    predicted: float
    observed: Share


@dataclass(frozen=True)
class Abstention:
    """Performance if users with probability below `below` get no label: share of users with a label, and accuracy."""

    below: float
    coverage: Share
    accuracy: Share


@dataclass(frozen=True)
class GroupMetrics:
    """Metrics of one group of users, such as those who write Korean; `predicted` is their mean probability."""

    name: str
    positives: int
    accuracy: Share
    auc: float | None
    predicted: float


@dataclass(frozen=True)
class Evaluation:
    """All metrics of one set of predictions.

    `confusion` counts users by true and predicted label: [[0 as 0, 0 as 1], [1 as 0, 1 as 1]]. `slope` and `intercept`
    are those of the logistic regression of the label on the predicted log-odds (Cox 1958): 1 and 0 when well
    calibrated; None for one class, constant predictions, and predictions that separate the classes.
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
    """Compute all metrics from labels (0 or 1) and predicted probabilities of at least one user.

    `groups` maps each grouping criterion (such as language) to the group name of each user. Raises ValueError for lists
    of different lengths, no users, and invalid labels or probabilities.
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
    """The proportion `count` / `n` with Wilson's 95 % interval, which is valid for small `n` too."""
    return Share(count / n if n else None, *wilson_interval(count, n), n)


def wilson_interval(count: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % confidence interval of the share `count` of `n` (1927, doi:10.1080/01621459.1927.10502953).

    It is valid for small `n` too; for `n` = 0 it is (0, 1).

    >>> wilson_interval(0, 0)
    (0.0, 1.0)
    """
    from scipy.stats import binomtest

    if n == 0:
        return 0.0, 1.0
    found = binomtest(count, n).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def auc(labels: ArrayLike, scores: ArrayLike) -> float | None:
    """Area under the ROC curve, ties counted half; None for a single class."""
    from sklearn.metrics import roc_auc_score

    y = np.asarray(labels)
    return float(roc_auc_score(y, np.asarray(scores, dtype=np.float64))) if 0 < y.sum() < len(y) else None


def calibration_line(labels: ArrayLike, probabilities: ArrayLike) -> tuple[float | None, float | None]:
    """Slope and intercept of the logistic regression of labels on predicted log-odds; None, None if undefined."""
    y, x = np.asarray(labels, dtype=np.float64), log_odds(probabilities)
    ones, zeros = x[y == 1], x[y == 0]
    if not len(ones) or not len(zeros) or float(np.ptp(x)) < 1e-9:
        return None, None
    if ones.min() >= zeros.max() or ones.max() <= zeros.min():  # the likelihood has no maximum
        return None, None
    return fit_logistic_line(x, y)


def calibration_bins(labels: ArrayLike, probabilities: ArrayLike) -> list[Bin]:
    """Up to ten calibration bins of equal size, by ascending probability, with at least ten users each if possible."""
    y, p = _checked(labels, probabilities)
    order = np.argsort(p, kind="stable")
    number = max(1, min(_MOST_BINS, len(y) // _USERS_PER_BIN))
    return [Bin(float(p[part].mean()), share(int(y[part].sum()), len(part))) for part in np.array_split(order, number)]


def is_confident(probabilities: Floats, abstain_below: float) -> NDArray[np.bool_]:
    """A mask of the users that get a label: their more likely class has at least the probability `abstain_below`."""
    return np.maximum(probabilities, 1 - probabilities) >= abstain_below


def _grouped(y: _BinaryLabels, p: Floats, right: NDArray[np.bool_], members: Sequence[str]) -> list[GroupMetrics]:
    """Metrics of each group, sorted by `_natural` name order; `right` marks correct predictions."""
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
