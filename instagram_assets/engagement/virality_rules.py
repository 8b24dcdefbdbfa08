"""Rules that label posts as viral by their metrics, with a score and a reason in words.

Posts are only compared with posts, reels with reels, ads with ads. Undecidable items get a null label and the reason.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instagram_assets.schemas.engagement import VIRALITY_MEASURES
from instagram_assets.settings import ViralitySettings

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MIN_GROUP_SIZE = 5
"""Minimum number of items in a group for a comparison."""
MIN_AGE_HOURS = 1.0
"""Minimum age of a post in hours at its observation; earlier values are not used."""

# 1.4826 times the median absolute deviation of normally distributed values is their standard deviation.
_SIGMA_OF_MAD = 1.4826
# Minimum spread of the logarithm: no account is so steady that a tenth more is exceptional.
_LEAST_SPREAD = 0.1
# Number of values compared in one step, so that long histories need little memory.
_AT_ONCE = 1 << 20
_KINDS = {"post": "posts", "reel": "reels", "ad": "ads"}


@dataclass(frozen=True)
class Items:
    """The input of rules as arrays: per row kind, account, id, time of publication, and age at the observation.

    `taken_at` is in microseconds, `ages` in hours, `numbers` are arrays by metric, NaN where unknown.
    """

    kinds: Sequence[str]
    accounts: Sequence[str | None]
    ids: Sequence[str]
    taken_at: Integers
    ages: Floats
    numbers: dict[str, Floats]

    def measured(self, name: str) -> Floats:
        """Returns the values of the virality measure `name`, one of `VIRALITY_MEASURES`."""
        return self.numbers["likes"] + self.numbers["comments"] if name == "engagement" else self.numbers[name]

    def groups(self, scope: str) -> dict[str, Integers]:
        """Comparison groups as name → row indices: by kind (post, reel, ad), and unless `scope` is `all` by account."""
        rows: dict[str, list[int]] = {}
        for row, (kind, account) in enumerate(zip(self.kinds, self.accounts, strict=True)):
            rows.setdefault(_group(kind, account, scope), []).append(row)
        return {name: np.array(found) for name, found in rows.items()}


@dataclass
class RuleResults:
    """The output of rules per row: viral, not viral or null; the score, NaN if unknown; and the reason."""

    viral: list[bool | None]
    scores: Floats
    reasons: list[str]

    @classmethod
    def none(cls, number: int) -> "RuleResults":
        """Returns empty results for `number` rows, all without a label."""
        return cls([None] * number, np.full(number, np.nan), [""] * number)

    def put(self, row: int, viral: bool | None, score: float, reason: str) -> None:
        self.viral[row], self.scores[row], self.reasons[row] = viral, score, reason


ViralityRule = Callable[[Items, ViralitySettings], RuleResults]


def top_fraction(items: Items, options: ViralitySettings) -> RuleResults:
    """Labels as viral the top `fraction` of each group; the score is the fraction of the other items that are lower.

    A row is viral if the rows with equal or higher values, including itself, are at most that fraction of the group; so
    tied rows at the cut are not viral. Groups of fewer than five items, or in which the fraction is less than one item,
    get no labels. In the scope `all` a post stored for two accounts counts once.
    """
    found, values, what = _begin(items, options)
    for name, rows in items.groups(options.scope).items():
        known = [int(row) for row in rows if not np.isnan(values[row])]
        once = {items.ids[row]: values[row] for row in known}
        ranked, needed = (
            np.sort(np.fromiter(once.values(), float, len(once))),
            max(MIN_GROUP_SIZE, _ceiling(1 / options.fraction)),
        )
        for row in known:
            if len(ranked) < needed:
                reason = f"too few to compare: {len(ranked)} of {name} with known {what}, {needed} are needed"
                found.put(row, None, np.nan, reason)
                continue
            _rank(found, row, values[row], ranked, options.fraction, f"{name} by {what}")
    return found


def threshold(items: Items, options: ViralitySettings) -> RuleResults:
    """Labels as viral the items that reach a configured threshold; the score is the highest value/threshold ratio.

    Unknown values and unset thresholds (0) are ignored. Views and plays differ widely and have separate thresholds.
    """
    found = RuleResults.none(len(items.ids))
    thresholds = {name: getattr(options, f"min_{name}") for name in ("likes", "views", "plays")}
    thresholds = {name: least for name, least in thresholds.items() if least}
    for row in range(len(items.ids)):
        known = {name: items.numbers[name][row] for name in thresholds if not np.isnan(items.numbers[name][row])}
        if not known:
            found.put(row, None, np.nan, f"{' and '.join(thresholds)} unknown")
            continue
        reached = {name: number / thresholds[name] for name, number in known.items()}
        reason = ", ".join(f"{number:,.0f} of {thresholds[name]:,} {name}" for name, number in known.items())
        score = max(reached.values())
        found.put(row, score >= 1, score, reason)
    return found


def account_baseline(items: Items, options: ViralitySettings) -> RuleResults:
    """Labels as viral the posts whose robust z-score relative to the account's previous posts exceeds a threshold.

    z = (x − median) / (1.4826 MAD), x the logarithm of the measure, median and MAD (median absolute deviation) those of
    the `previous` posts of the same kind and account before it. Early observations are extrapolated: a share of 1 −
    2^(−age / half-life) of the final value is expected by then. Later posts are never used, so labels do not change
    when posts are added.

    The spread (1.4826 MAD) is at least 0.1, and at least the Poisson counting error, so that few likes do not look
    unusual. Published half-lives are 19 to 21 hours (Simply Measured, 2014, and later studies). Iglewicz and Hoaglin,
    How to detect and handle outliers, 1993.
    """
    found, values, what = _begin(items, options)
    early = items.ages < MIN_AGE_HOURS
    for row in np.flatnonzero(early & ~np.isnan(values)):
        minutes = max(0.0, items.ages[row]) * 60
        found.put(int(row), None, np.nan, f"too early to tell: read {minutes:.0f} minutes after its publication")
    shares = _expected_share(items.ages, options.half_life_hours)
    for name, rows in items.groups("account").items():
        rows = rows[~np.isnan(values[rows]) & ~early[rows]]
        rows = rows[np.argsort(items.taken_at[rows], kind="stable")]
        if len(rows):
            _compare(found, items, rows, values, shares, options, f"{name} before it", what)
    return found


RULES: dict[str, ViralityRule] = {
    "top_fraction": top_fraction,
    "threshold": threshold,
    "account_baseline": account_baseline,
}
"""The built-in rules, by their name in the settings."""


def rule_description(options: ViralitySettings) -> str:
    """The configured rule with its parameters (a user's rule: with its hash) as text, stored with each label."""
    by = "by all" if options.scope == "all" else "by account"
    if options.rule == "top_fraction":
        return f"top_fraction {options.fraction:g} of {options.measure} {by}"
    if options.rule == "threshold":
        thresholds = {name: getattr(options, f"min_{name}") for name in ("likes", "views", "plays")}
        return f"threshold {' or '.join(f'{name} {least}' for name, least in thresholds.items() if least)}"
    if options.rule == "account_baseline":
        age = f"half-life {options.half_life_hours:g} h" if options.half_life_hours else "age not corrected"
        return f"account_baseline z {options.min_z:g} of {options.measure} over {options.previous} before, {age}"
    version = _version_of(options.rule.partition(":")[0])
    return f"{options.rule} (source {version})" if version else options.rule


def _version_of(module: str) -> str:
    """Returns the first digits of the hash of a module's file, without importing it; empty if there is none."""
    try:
        found = find_spec(module)
        return sha256(Path(found.origin).read_bytes()).hexdigest()[:8] if found and found.origin else ""
    except (Exception, SystemExit):  # the enclosing package is arbitrary user code
        return ""


def _begin(items: Items, options: ViralitySettings) -> tuple[RuleResults, Floats, str]:
    """Returns results with reasons for unknown values only, the values of the measure, and its display name."""
    values, what = items.measured(options.measure), VIRALITY_MEASURES[options.measure]
    found = RuleResults.none(len(items.ids))
    for row in np.flatnonzero(np.isnan(values)):
        found.reasons[row] = f"{what.replace(' and ', ' or ')} hidden or unknown"
    return found, values, what


def _group(kind: str, account: str | None, scope: str) -> str:
    kinds = _KINDS.get(kind, kind)
    if scope == "all":
        return f"all {kinds}"
    return f"the {kinds} of {account}" if account else f"the {kinds} without an account"


def _rank(found: RuleResults, row: int, value: float, ranked: Floats, fraction: float, what: str) -> None:
    """Set the label of one row by the rank of its value among the sorted values `ranked`, which include the value."""
    number = len(ranked)
    below, up_to = (int(np.searchsorted(ranked, value, side)) for side in ("left", "right"))
    above, equal = number - up_to, up_to - below
    # In integer millionths, so that 0.2 of 15 is 3.
    viral = (above + equal) * 1_000_000 <= round(fraction * 1_000_000) * number
    shared = f", shared by {equal:,}" if equal > 1 else ""
    reason = f"place {above + 1:,} of {number:,}{shared}, among {what} ({value:,.0f}); viral are the top {fraction:.4%}"
    found.put(row, viral, below / (number - 1), _without_zeros(reason))


def _compare(
    found: RuleResults,
    items: Items,
    rows: Integers,
    values: Floats,
    shares: Floats,
    options: ViralitySettings,
    group: str,
    what: str,
) -> None:
    """Set the labels of one group's posts: each is compared with the previous ones; `rows` are sorted by time.

    `shares` are the expected fractions (0–1) of the final values at each post's age, by `_expected_share`.
    """
    x = np.log1p(values[rows] / shares[rows])
    # Posts with the same timestamp are not before each other.
    before = np.searchsorted(items.taken_at[rows], items.taken_at[rows], "left")
    usual, spread = _usual(x, before, options.previous)
    counted = 1 / np.sqrt(1 + np.expm1(usual) * shares[rows])
    scores = (x - usual) / np.maximum(np.maximum(spread, counted), _LEAST_SPREAD)
    for index, row in enumerate(map(int, rows)):
        number = min(int(before[index]), options.previous)
        if number < MIN_GROUP_SIZE:
            found.put(row, None, np.nan, f"too few to compare: {number} of {group}, {MIN_GROUP_SIZE} are needed")
            continue
        score, share = float(scores[index]), float(shares[row])
        expected = float(np.expm1(usual[index])) * share
        grown = "" if share > 0.99 else f" {items.ages[row]:.0f} h after publication"
        reason = f"{values[row]:,.0f} {what}{grown}, {expected:,.0f} are usual then" if grown else ""
        reason = reason or f"{values[row]:,.0f} {what}, {expected:,.0f} are usual"
        found.put(
            row, score >= options.min_z, score, f"{reason} by {number} of {group}; z {score:.1f} of {options.min_z:g}"
        )


def _usual(x: Floats, before: Integers, previous: int) -> tuple[Floats, Floats]:
    """Returns median and spread of the `previous` values before each value of `x`; NaN if there are none."""
    windows: Any = np.lib.stride_tricks.sliding_window_view(np.concatenate([np.full(previous, np.nan), x]), previous)
    usual, spread = np.empty(len(x)), np.empty(len(x))
    size = max(1, _AT_ONCE // previous)
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        known = np.minimum(before[part], previous)
        values = windows[before[part]]
        usual[part] = _medians(values, known)
        spread[part] = _SIGMA_OF_MAD * _medians(np.abs(values - usual[part, None]), known)
    return usual, spread


def _expected_share(ages: Floats, half_life: float) -> Floats:
    """Returns the expected fraction (0–1) of a post's final reactions at an age in hours."""
    if not half_life:
        return np.ones(len(ages))
    return 1 - np.exp2(-np.maximum(ages, MIN_AGE_HOURS) / half_life)


def _medians(windows: Floats, numbers: Integers) -> Floats:
    """Returns the median of each row without NaN, NaN if it has no other; `numbers` are the counts of other values."""
    ordered = np.sort(windows, axis=1)  # NaN is sorted last
    rows, last = np.arange(len(windows)), np.maximum(numbers, 1)
    middle: Any = (ordered[rows, (last - 1) // 2] + ordered[rows, last // 2]) / 2
    return middle


def _ceiling(number: float) -> int:
    return int(np.ceil(round(number, 6)))


def _without_zeros(text: str) -> str:
    """Returns a percentage without trailing zeros: `20.0000%` becomes `20 %`."""
    head, _, share = text.rpartition(" ")
    return f"{head} {float(share.removesuffix('%')):g} %"
