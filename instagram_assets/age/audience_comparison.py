"""Detection of distribution shift between an audience and the age model's test users: languages, post counts, scores.

A share is corrected with the error rates on the test users, so it is only valid if they resemble the audience.
Differences are reported as warnings. A distribution shift can look just like a different share (Lipton et al. 2018,
arXiv 1802.03916), so the absence of a warning is no proof that there is none: only accounts of known age can give that.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.age.calibration import Floats
from instagram_assets.age.post_counts import post_count_class

FEWEST_COMPARED = 30
"""Accounts with a probability from which on an audience is compared."""

_MUCH, _CHANCE = 0.2, 0.001
"""Part of the accounts that is of other groups, and the probability of so much by chance, from which on it is told."""
_CRITICAL = 1.63
"""Kolmogorov and Smirnov's distance in standard errors that chance exceeds once in a hundred (Smirnov 1948)."""
_REMEDY = "Give people of this audience whose age is known (`--labelled`), or train on such people"

_LANGUAGES = {"ko": "Korean", "en": "English", "mixed": "Korean and English", "other": "another language"}


def audience_warnings(predictions: pa.Table, test: pa.Table, columns: NDArray[np.int64], scores: Floats) -> list[str]:
    """Warnings about differences between an audience and the test users, one sentence each; none for few accounts.

    `predictions` are rows of `age_predictions` with a probability, `test` are the test users (`TEST_SCHEMA`), and
    `scores`, float64[test users, post counts], their scores. `columns` is the column of `scores` that each account is
    compared with.
    """
    if predictions.num_rows < FEWEST_COMPARED or not test.num_rows:
        return []
    posts = [post_count_class(number or 0) for number in predictions["n_posts"].to_pylist()]
    languages = [_LANGUAGES.get(language or "", "no letters") for language in predictions["language"].to_pylist()]
    tested = [_LANGUAGES.get(language or "", "no letters") for language in test["language"].to_pylist()]
    found = [
        _groups_differ("write", languages, tested),
        _groups_differ("have", posts, test["posts"].to_pylist()),
        _scores_differ(predictions["compared_probability"].to_numpy(), columns, test["label"].to_numpy(), scores),
    ]
    return [warning for warning in found if warning]


def _groups_differ(verb: str, audience: Sequence[str], tested: Sequence[str]) -> str:
    """A warning if the group frequencies of audience and test users differ clearly (chi-squared test); else empty.

    `audience` and `tested` are the group names of each account and test user; `verb` precedes a group in the warning.
    """
    from scipy.stats import chi2_contingency

    groups = sorted({*audience, *tested})
    if len(groups) < 2:
        return ""
    counts = np.array([[Counter(people)[group] for group in groups] for people in (audience, tested)], np.int64)
    shares = counts / counts.sum(axis=1, keepdims=True)
    apart = 0.5 * float(np.abs(shares[0] - shares[1]).sum())
    test: Any = chi2_contingency(counts)
    if apart < _MUCH or test.pvalue > _CHANCE:
        return ""
    most = int((shares[0] - shares[1]).argmax())
    return (
        f"{shares[0, most]:.0%} of the accounts {verb} {groups[most]}, and {shares[1, most]:.0%} of the test "
        f"users: the share may be off. {_REMEDY}."
    )


def _scores_differ(scores: Floats, columns: NDArray[np.int64], labels: NDArray[np.int64], tested: Floats) -> str:
    """A warning if the accounts' score distribution fits no mixture of the two labels' test distributions; else empty.

    The test statistic is the Kolmogorov-Smirnov distance, minimised over the mixture weight, in standard errors.
    """
    at = np.unique(np.round(scores, 6))
    audience = np.searchsorted(np.sort(np.round(scores, 6)), at, side="right") / len(scores)
    mixed: list[Floats] = []
    numbers: list[int] = []
    for label in (0, 1):
        whole, fewest = np.zeros(len(at)), len(labels)
        for column in np.unique(columns):
            own = tested[labels == label, column]
            own = np.sort(np.round(own[np.isfinite(own)], 6))
            if not len(own):
                return ""
            whole += (columns == column).mean() * np.searchsorted(own, at, side="right") / len(own)
            fewest = min(fewest, len(own))
        mixed.append(whole)
        numbers.append(fewest)
    shares = np.linspace(0, 1, 51)[:, None]
    distances = np.abs(audience - (1 - shares) * mixed[0] - shares * mixed[1]).max(axis=1)
    errors = np.sqrt(1 / len(scores) + (1 - shares) ** 2 / numbers[0] + shares**2 / numbers[1])[:, 0]
    if float((distances / errors).min()) <= _CRITICAL:
        return ""
    return (
        "the scores are distributed unlike those of any mix of test users of both labels "
        f"(distance {distances.min():.2f}), so the share is probably off. {_REMEDY}."
    )
