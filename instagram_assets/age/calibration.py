"""Platt scaling: calibrates the age model's logits on the calibration users, by ridge logistic regression.

Unlike scikit-learn's implementation it has a prior on the slope, which keeps probabilities away from 0 and 1 if there
are few users.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_RIDGE = 0.05
"""Precision of the prior on the slope per standard deviation of the logits; more makes few users' line too flat."""
_LEAST_SPREAD = 0.01
"""Differences of logits below this are noise in half precision, whatever order they put the users in."""


class Calibration(NamedTuple):
    """A calibration: log-odds of label 1 = `slope` × logit + `intercept`."""

    slope: float
    intercept: float

    def probabilities(self, logits: ArrayLike) -> Floats:
        """The probability of label 1 for each logit, float64."""
        return sigmoid(self.slope * np.asarray(logits, dtype=np.float64) + self.intercept)


def calibrate(logits: ArrayLike, labels: ArrayLike) -> Calibration:
    """Fit the calibration on logits and labels (0 or 1) of users who neither trained the model nor chose its epoch.

    For few users, a single class or uninformative logits, probabilities are near the share of label 1, never near 0 or
    1. A slope below 0 would invert the predictions and is set to 0. Raises ValueError without users.
    """
    x, y = _pair(logits, labels)
    ones = y.sum()
    softened = np.where(y == 1, (ones + 1) / (ones + 2), 1 / (len(y) - ones + 2))
    middle, spread = x.mean(), max(float(x.std()), _LEAST_SPREAD)
    slope, intercept = fit_logistic_line((x - middle) / spread, softened, _RIDGE)
    if slope < 0:
        return Calibration(0.0, float(log_odds(softened.mean())))
    return Calibration(slope / spread, intercept - slope / spread * float(middle))


def fit_logistic_line(x: Floats, targets: Floats, ridge: float = 0.0) -> tuple[float, float]:
    """Slope and intercept of the logistic regression of `targets` (0 to 1) on x, by damped Newton steps.

    `ridge` × slope² / 2 is added to the loss. With `ridge` 0, `x` must not separate the targets perfectly.
    """
    design = np.stack([x, np.ones_like(x)], axis=1)
    penalty = np.array([ridge, 0.0])
    line: Floats = np.array([0.0, float(log_odds(targets.mean()))])
    loss = _loss(design, targets, penalty, line)
    for _ in range(100):
        expected = sigmoid(design @ line)
        gradient = design.T @ (expected - targets) + penalty * line
        weights = expected * (1 - expected)
        # The small constant keeps the step finite where all x are one value.
        curvature = design.T @ (design * weights[:, None]) + np.diag(penalty + 1e-12)
        step: Floats = np.linalg.solve(curvature, gradient).astype(np.float64)
        while (better := _loss(design, targets, penalty, line - step)) > loss and np.abs(step).max() > 1e-12:
            step /= 2
        line, loss = line - step, min(better, loss)
        if np.abs(step).max() < 1e-10:
            break
    return float(line[0]), float(line[1])


def sigmoid(values: Floats) -> Floats:
    """1 / (1 + e^-x), without overflow."""
    return 0.5 * (1 + np.tanh(values / 2))


def log_odds(share: ArrayLike) -> Floats:
    """ln(p / (1 - p)), finite for p = 0 and 1 too."""
    p = np.clip(np.asarray(share, dtype=np.float64), 1e-12, 1 - 1e-12)
    return np.log(p / (1 - p))


def _loss(design: Floats, targets: Floats, penalty: Floats, line: Floats) -> float:
    values = design @ line
    return float(np.sum(np.logaddexp(0, values) - targets * values) + (penalty * line**2).sum() / 2)


def _pair(logits: ArrayLike, labels: ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.asarray(logits, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1 or not len(x):
        raise ValueError(f"logits {x.shape} and labels {y.shape} must be two lists of the same users, at least one")
    return x, y
