"""The share of an audience estimated from accounts of known age: unbiased even under distribution shift.

The known ages determine the share; the model's probabilities for all accounts reduce the variance. This is the
regression estimator of survey sampling (Cochran 1977, ch. 7), also known as prediction-powered inference (Angelopoulos
et al. 2023, arXiv 2301.09633; with fitted slope: arXiv 2311.01453). Bad probabilities do no harm: the fitted slope is
then near 0. It assumes that accounts of known age are a random sample of the audience.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from instagram_assets.age.calibration import Floats
from instagram_assets.age.prevalence import Prevalence, or_interval_alone, unknown

FEWEST_LABELLED = 50
"""People of the audience whose age must be known."""

SAMPLED = "if the people of known age are a random sample of this audience"
"""What an interval by known ages assumes, said wherever one is shown."""


@dataclass(frozen=True)
class Anchored:
    """The share estimated with accounts of known age (`labelled`: how many), and `before`, the share without them."""

    share: Prevalence
    before: Prevalence
    labelled: int

    @property
    def change(self) -> str:
        """A sentence about how the known ages changed share and interval."""
        old, new = self.before, self.share
        widths = f"the interval is {_points(new.high - new.low)} long instead of {_points(old.high - old.low)}"
        if old.share is None or new.share is None:
            return f"By {self.labelled} people of known age {widths}; without them: {old}."
        moved = new.share - old.share
        apart = new.low > old.high or new.high < old.low
        told = "; the two intervals do not meet, so the audience is unlike the test users" if apart else ""
        return (
            f"{self.labelled} people of known age moved the share by {_points(moved, '+')} from {old.share:.1%}, and "
            f"{widths}{told}."
        )


def share_by_labelled(probabilities: ArrayLike, places: ArrayLike, labels: ArrayLike) -> Prevalence:
    """Estimate the share of label 1 from the `probabilities` of all accounts and the labels (0 or 1) of some.

    `places` are the indices of the labelled accounts in `probabilities`. The interval is Wilson's for the effective
    sample size (as in Korn and Graubard 1998), which increases with the correlation of probabilities and labels. Raises
    ValueError for lists of different lengths and fewer than `FEWEST_LABELLED` labels.

    >>> share_by_labelled([0.2, 0.8] * 100, range(50), [0, 1] * 25).share
    0.5
    """
    scores, y = np.asarray(probabilities, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    own = scores[np.asarray(places, dtype=np.int64)]
    if len(own) != len(y) or len(y) < FEWEST_LABELLED:
        raise ValueError(f"{len(y)} labels of {len(own)} accounts: at least {FEWEST_LABELLED} of as many are needed")
    slope, explained = _regression(own, y)
    raw = float(y.mean() + slope * (scores.mean() - own.mean()))
    worth = 1 / ((1 - explained) / len(y) + explained / len(scores))
    best = min(max(raw, 0.0), 1.0)
    low, high = _interval(best, worth)
    return or_interval_alone(
        Prevalence(best, min(low, best), max(high, best), float(scores.mean()), len(scores), assumes=SAMPLED)
    )


def anchored(before: Prevalence, probabilities: ArrayLike, places: ArrayLike, labels: ArrayLike) -> Anchored:
    """The share estimated with accounts of known age, and `before`, the share without them.

    The other arguments are those of `share_by_labelled`.
    """
    if not len(np.asarray(probabilities)):
        return Anchored(unknown([], ""), before, 0)
    return Anchored(share_by_labelled(probabilities, places, labels), before, len(np.asarray(labels)))


def _interval(share: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share for the effective sample size `n`, with Student's t quantile.

    `statistics.wilson_interval` is scipy's, which takes counts: an effective sample size is fractional.
    """
    from scipy.stats import t

    z2 = float(t.ppf(0.975, max(n - 1, 2))) ** 2
    middle, half = share + z2 / (2 * n), (z2 * share * (1 - share) / n + z2**2 / (4 * n**2)) ** 0.5
    return max((middle - half) / (1 + z2 / n), 0.0), min((middle + half) / (1 + z2 / n), 1.0)


def _regression(x: Floats, y: Floats) -> tuple[float, float]:
    """Slope of the linear regression of y on x, and its adjusted R²; 0, 0 unless both are positive."""
    if float(np.ptp(x)) < 1e-9 or float(np.ptp(y)) == 0:
        return 0.0, 0.0
    covariance = np.cov(x, y)
    slope = float(covariance[0, 1] / covariance[0, 0])
    explained = float(covariance[0, 1] ** 2 / (covariance[0, 0] * covariance[1, 1]))
    careful = 1 - (1 - explained) * (len(x) - 1) / (len(x) - 3)
    # Probabilities that go against the labels, or hardly with them, say nothing: the labels alone do.
    return (slope, careful) if slope > 0 and careful > 0 else (0.0, 0.0)


def _points(share: float, sign: str = "") -> str:
    return f"{100 * share:{sign}.1f} percentage points"
