"""How good predictions are, with the uncertainty that the number of users leaves.

The label is 1 for people of the cut-off age and older; a probability is that of label 1. Where a measure is not
defined, as the AUC of one class, it is None.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instagram_assets.age.calibrate import fit_line, log_odds

Z95 = 1.959963984540054
"""Standard deviations on either side of the mean that hold 95 % of a normal distribution."""

_MOST_BINS = 10
_USERS_PER_BIN = 10

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


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
class Group:
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
    groups: dict[str, list[Group]] = field(default_factory=dict[str, list[Group]])


def evaluate(
    labels: ArrayLike,
    probabilities: ArrayLike,
    groups: Mapping[str, Sequence[str]] | None = None,
    abstain_below: float = 0.5,
) -> Evaluation:
    """All measures for the labels (0 or 1) and probabilities of the same users, at least one.

    `groups` says for each way of grouping which group each user is in. Raises ValueError for lists of different
    users, no user, and what is no label or probability.
    """
    y, p = _checked(labels, probabilities)
    said = (p >= 0.5).astype(np.int64)
    right = said == y
    confusion = [[int(((y == true) & (said == given)).sum()) for given in (0, 1)] for true in (0, 1)]
    kept = is_kept(p, abstain_below)
    slope, intercept = calibration_line(y, p)
    found = calibration_bins(y, p)
    return Evaluation(
        n=len(y),
        positives=int(y.sum()),
        accuracy=share(int(right.sum()), len(y)),
        balanced_accuracy=_balanced(confusion),
        auc=auc(y, p),
        brier=float(((p - y) ** 2).mean()),
        calibration_error=sum(b.observed.n * abs(b.predicted - (b.observed.share or 0)) for b in found) / len(y),
        slope=slope,
        intercept=intercept,
        confusion=confusion,
        bins=found,
        abstention=Abstention(
            abstain_below, share(int(kept.sum()), len(y)), share(int(right[kept].sum()), int(kept.sum()))
        ),
        groups={name: _grouped(y, p, right, members) for name, members in (groups or {}).items()},
    )


def share(count: int, n: int) -> Share:
    """`count` of `n` as a share with Wilson's 95 % interval (Wilson 1927), which holds for few users as well."""
    if n == 0:
        return Share(None, 0.0, 1.0, 0)
    middle = (count + Z95**2 / 2) / (n + Z95**2)
    half = Z95 / (n + Z95**2) * sqrt(count * (n - count) / n + Z95**2 / 4)
    return Share(count / n, max(0.0, middle - half), min(1.0, middle + half), n)


def auc(labels: ArrayLike, scores: ArrayLike) -> float | None:
    """The share of pairs, one user of each class, in which label 1 has the higher score; a tie counts half."""
    y, s = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    ones = int((y == 1).sum())
    zeros = len(y) - ones
    if not ones or not zeros:
        return None
    _, place, counts = np.unique(s, return_inverse=True, return_counts=True)
    middle_ranks = counts.cumsum() - (counts - 1) / 2
    return float((middle_ranks[place][y == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def calibration_line(labels: ArrayLike, probabilities: ArrayLike) -> tuple[float | None, float | None]:
    """Slope and intercept of the label on the predicted log-odds; None, None where there is no such line."""
    y, x = np.asarray(labels, dtype=np.float64), log_odds(probabilities)
    ones, zeros = x[y == 1], x[y == 0]
    if not len(ones) or not len(zeros) or float(np.ptp(x)) < 1e-9:
        return None, None
    if ones.min() >= zeros.max() or ones.max() <= zeros.min():  # the best slope has no end
        return None, None
    return fit_line(x, y)


def calibration_bins(labels: ArrayLike, probabilities: ArrayLike) -> list[Bin]:
    """Up to ten bins with equally many users, at least ten where there are so many, lowest probabilities first."""
    y, p = _checked(labels, probabilities)
    order = np.argsort(p, kind="stable")
    number = max(1, min(_MOST_BINS, len(y) // _USERS_PER_BIN))
    return [Bin(float(p[part].mean()), share(int(y[part].sum()), len(part))) for part in np.array_split(order, number)]


def is_kept(probabilities: Floats, abstain_below: float) -> NDArray[np.bool_]:
    """Which users get a label: the likelier one has at least the probability `abstain_below`."""
    return np.maximum(probabilities, 1 - probabilities) >= abstain_below


def _grouped(y: Labels, p: Floats, right: NDArray[np.bool_], members: Sequence[str]) -> list[Group]:
    """The groups: those whose names begin with a number by that, then the others by name."""
    if len(members) != len(y):
        raise ValueError(f"{len(members)} users have a group, {len(y)} a label")
    names = np.asarray(members)
    chosen = {str(name): names == name for name in sorted(set(members), key=_natural)}
    return [
        Group(name, int(y[own].sum()), share(int(right[own].sum()), int(own.sum())), auc(y[own], p[own]), _mean(p[own]))
        for name, own in chosen.items()
    ]


def _natural(name: str) -> tuple[int, str]:
    """Sorts `2 to 9` before `10 to 49`, and both before words."""
    digits = name.split()[0] if name.strip() else ""
    return (int(digits), "") if digits.isdecimal() else (1 << 62, name)


def _mean(values: Floats) -> float:
    return float(values.mean())


def _balanced(confusion: list[list[int]]) -> float | None:
    """The mean share of right answers of the two classes."""
    sizes = [sum(line) for line in confusion]
    return None if 0 in sizes else (confusion[0][0] / sizes[0] + confusion[1][1] / sizes[1]) / 2


def _checked(labels: ArrayLike, probabilities: ArrayLike) -> tuple[Labels, Floats]:
    y, p = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    if y.shape != p.shape or y.ndim != 1 or not len(y):
        raise ValueError(f"labels {y.shape} and probabilities {p.shape} must be of the same users, at least one")
    if not np.isin(y, (0, 1)).all():
        raise ValueError("a label is 0 or 1")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("a probability is between 0 and 1")
    return y.astype(np.int64), p
