"""Contrasts of viral and other reels of a week in numeric features: differences of means, intervals, p-values.

The p-value is that of a permutation test of the difference of means (Fisher 1935, Pitman 1937): how often a random
permutation of the labels among the same reels gives a difference as large. It assumes no distribution of the values;
proportions and counts of few reels are not normally distributed. The interval is Welch's (1947), which does not assume
equal variances of the two groups. The q-value is that of Benjamini and Hochberg (1995) over all comparisons of the
week.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

SMALLEST_GROUP = 5
"""The minimum number of viral reels, and of others, for a comparison; with fewer there is no row."""
RESAMPLES = 1999
"""The number of label permutations; where fewer different ones exist, each is used once."""
CONFIDENCE = 0.95

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Row = dict[str, object]

# Permutations held in memory at once: a few tens of megabytes for a thousand reels.
_BATCH = 200


class Feature(NamedTuple):
    """A numeric feature of a reel, with the sentences for higher, lower or equal means of viral reels.

    `more`, `less` and `same` are these sentences. `unit` is the unit in reports: `%` for fractions.
    """

    more: str
    less: str
    same: str
    unit: str = ""


def _how_often(words: str) -> Feature:
    more, less, same = (f"Viral reels {often} {words}" for often in ("more often", "less often", "as often"))
    return Feature(more, less, same, "%")


FEATURES: Mapping[str, Feature] = {
    "duration": Feature("Viral reels are longer", "Viral reels are shorter", "Viral reels are as long", "s"),
    "cuts_per_minute": Feature(
        "Viral reels are cut faster", "Viral reels are cut slower", "Viral reels are cut as fast", "cuts/min"
    ),
    "has_audio": _how_often("have sound"),
    "loudness": Feature("Viral reels are louder", "Viral reels are quieter", "Viral reels are as loud", "dB"),
    "caption_length": Feature(
        "Viral reels have longer captions", "Viral reels have shorter captions", "Viral reels have as long captions"
    ),
    "hashtags": Feature(
        "Viral reels have more hashtags", "Viral reels have fewer hashtags", "Viral reels have as many hashtags"
    ),
    "mentions": Feature(
        "Viral reels mention more accounts",
        "Viral reels mention fewer accounts",
        "Viral reels mention as many accounts",
    ),
    "topics": Feature(
        "Viral reels are about more topics",
        "Viral reels are about fewer topics",
        "Viral reels are about as many topics",
    ),
    "night": _how_often("appear at night, from 0 to 6 o'clock"),
    "morning": _how_often("appear in the morning, from 6 to 12 o'clock"),
    "afternoon": _how_often("appear in the afternoon, from 12 to 18 o'clock"),
    "evening": _how_often("appear in the evening, from 18 to 24 o'clock"),
    "weekend": _how_often("appear on a Saturday or Sunday"),
}
"""The compared features by name. Likes, comments, views and plays are excluded: labels are computed from them."""

PARTS_OF_DAY = ("night", "morning", "afternoon", "evening")
"""Six hours each, from midnight on: as a number, the hours 23 and 0 would be far apart."""


class LabelledReel(NamedTuple):
    """A reel with its viral label and its values of FEATURES; unknown values are left out."""

    post_id: str
    viral: bool
    numbers: Mapping[str, float]


def contrasts(week: date, reels: Sequence[LabelledReel]) -> list[Row]:
    """Returns the rows of `schemas.VIRAL_HYPOTHESES` of kind `contrast` for one week, in the order of FEATURES.

    A feature is left out when fewer than SMALLEST_GROUP viral or other reels have a value, or all values are equal.
    """
    compared = [found for name in FEATURES if (found := _Compared.of(name, reels)) is not None]
    if not compared:
        return []
    from scipy.stats import false_discovery_control

    chances = _chances(compared, seed=week.toordinal())
    corrected = false_discovery_control(chances, method="bh").tolist()
    return [
        {"week": week, "kind": "contrast", **each.row(), "p_value": p_value, "q_value": q_value}
        for each, p_value, q_value in zip(compared, chances, corrected, strict=True)
    ]


class _Compared(NamedTuple):
    """One feature in a week: the values and viral labels of the reels for which the feature is known."""

    name: str
    post_ids: list[str]
    has_it: tuple[bool, ...]
    values: Floats
    viral: Bools

    @classmethod
    def of(cls, name: str, reels: Sequence[LabelledReel]) -> "_Compared | None":
        has_it = tuple(name in reel.numbers for reel in reels)
        chosen = [reel for reel in reels if name in reel.numbers]
        viral = np.array([reel.viral for reel in chosen], np.bool_)
        values = np.array([reel.numbers[name] for reel in chosen], np.float64)
        smaller = min(int(viral.sum()), int((~viral).sum()))
        if smaller < SMALLEST_GROUP or bool((values == values[0]).all()):
            return None
        return cls(name, [reel.post_id for reel in chosen], has_it, values, viral)

    def row(self) -> Row:
        one, two = self.values[self.viral], self.values[~self.viral]
        means = float(one.mean()), float(two.mean())
        difference = means[0] - means[1]
        low, high = welch_interval(one, two)
        supporting, contradicting = self._sides(sum(means) / 2, difference)
        return {
            "hypothesis": _sentence(self.name, difference),
            "feature": self.name,
            "viral": len(one),
            "others": len(two),
            "viral_mean": means[0],
            "others_mean": means[1],
            "difference": difference,
            "low": low,
            "high": high,
            "supported_by": supporting,
            "contradicted_by": contradicting,
        }

    def _sides(self, middle: float, difference: float) -> tuple[list[str], list[str]]:
        """Returns the ids of the posts that support the feature's sentence, and of those that contradict it.

        A reel supports it if it is on its group's side of `middle`, the midpoint between the two groups' means.
        """
        supporting: list[str] = []
        contradicting: list[str] = []
        for post_id, value, viral in zip(self.post_ids, self.values.tolist(), self.viral.tolist(), strict=True):
            if value == middle or not difference:
                continue
            as_said = ((value > middle) == (difference > 0)) == viral
            (supporting if as_said else contradicting).append(post_id)
        return supporting, contradicting


def _sentence(name: str, difference: float) -> str:
    feature = FEATURES[name]
    if not difference:
        return feature.same
    return feature.more if difference > 0 else feature.less


def welch_interval(one: Floats, two: Floats, confidence: float = CONFIDENCE) -> tuple[float | None, float | None]:
    """Returns Welch's confidence interval (1947) of the difference of two means; nulls if both groups are constant."""
    from scipy.stats import t

    parts = [float(group.var(ddof=1)) / len(group) for group in (one, two)]
    squared = sum(parts)
    if not squared:
        return None, None
    degrees = squared**2 / sum(part**2 / (len(group) - 1) for part, group in zip(parts, (one, two), strict=True))
    half = float(t.ppf((1 + confidence) / 2, degrees)) * squared**0.5
    difference = float(one.mean() - two.mean())
    return difference - half, difference + half


def _chances(compared: Sequence[_Compared], seed: int) -> list[float]:
    """Returns one p-value per feature, in their order; features known for the same reels share permutations."""
    from scipy.stats import permutation_test

    test: Callable[..., Any] = permutation_test
    together: dict[tuple[bool, ...], list[int]] = {}
    for place, each in enumerate(compared):
        together.setdefault(each.has_it, []).append(place)
    chances = [1.0] * len(compared)
    for places in together.values():
        viral = compared[places[0]].viral
        values = np.stack([_scaled(compared[place].values) for place in places])
        found = test(
            (values[:, viral], values[:, ~viral]),
            _difference,
            vectorized=True,
            n_resamples=RESAMPLES,
            batch=_BATCH,
            axis=1,
            rng=np.random.default_rng(seed),
        )
        for place, chance in zip(places, found.pvalue.tolist(), strict=True):
            chances[place] = chance
    return chances


def _scaled(values: Floats) -> Floats:
    return (values - values.mean()) / values.std()


def _difference(one: Floats, two: Floats, axis: int) -> Floats:
    # Another order of summation makes equal differences unequal in the last digits, which would count as smaller.
    return np.round(one.mean(axis=axis) - two.mean(axis=axis), 12)
