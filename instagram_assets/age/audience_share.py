"""The share of an audience at or above the cut-off, estimated from predictions, test users and known ages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from instagram_assets.age.artifacts import read_people, read_test
from instagram_assets.age.audience_comparison import audience_warnings
from instagram_assets.age.calibration_by_posts import CalibrationByPosts
from instagram_assets.age.known_people import PEOPLE, KnownPeople
from instagram_assets.age.labelled_audience import FEWEST_LABELLED, Anchored, anchored
from instagram_assets.age.model_files import TEST_USERS, AgeConfig
from instagram_assets.age.prevalence import Prevalence, prevalence, unknown
from instagram_assets.arrow import compute
from instagram_assets.errors import ModelError

COLUMNS = ("account", "probability", "n_posts", "language", "compared_posts", "compared_probability")
"""The columns of `age_predictions` that a share is made of."""


_UNKNOWN_PEOPLE = (
    "whom the model was trained with is not known, since an earlier version saved it, it was converted from a .pth, or "
    f"its {PEOPLE} was taken away: if such people are in this audience, the share may be off. "
    "Leave them out, or train again."
)


@dataclass(frozen=True)
class AudienceShare:
    """The estimated share of an audience, what may be wrong with it, and the effect of known ages.

    `anchor` is the estimate with known ages; None if there are none, or too few (which is reported as a warning).
    `left_out` counts accounts with a probability that do not count, since the model was trained, selected, calibrated
    or tested with them.
    """

    share: Prevalence
    warnings: tuple[str, ...] = ()
    anchor: Anchored | None = None
    left_out: int = 0

    @property
    def of_training(self) -> str:
        """How many people do not count and why; empty if there are none."""
        if not self.left_out:
            return ""
        return f"{self.left_out} people that the model was trained or tested with: about them it is surer"

    @property
    def words(self) -> dict[str, str]:
        """Explanations of the share, as heading → text: assumption, who does not count, warnings, known ages."""
        found = {
            "the interval assumes": self.share.assumes,
            "left out of the share": self.of_training,
            "warnings": "\n".join(self.warnings),
            "by known ages": self.anchor.change if self.anchor else "",
        }
        return {name: words for name, words in found.items() if words}


def share_of(
    predictions: pa.Table, folder: Path, config: AgeConfig, ages: Mapping[str, int] | None = None
) -> AudienceShare:
    """The share of label 1 among the accounts of `age_predictions` that have a probability, corrected for errors.

    People of the model's training and test do not count. `folder` is the folder of the model with the configuration
    `config`, `ages` the known labels (0 or 1) by account name in lower case. Without `ages`, the share is unknown (with
    the reason) if the stored test users are missing, or were stored by an earlier version of this program, which did
    not score them by number of posts.
    """
    there = predictions.filter(compute.is_valid(predictions["probability"]))
    try:
        people = read_people(folder)
    except ModelError as error:
        return AudienceShare(unknown(there["probability"], str(error)))
    counted = without_people(there, people) if people else there
    left_out = there.num_rows - counted.num_rows
    found = _by_test_users(counted, folder, config)
    if left_out and not counted.num_rows:
        note = f"all {left_out} accounts are of people that it was trained or tested with"
        return replace(found, share=replace(found.share, note=note), left_out=left_out)
    if ages is not None:
        found = with_known_ages(found, counted, ages)
    warning = people.warning if people else _UNKNOWN_PEOPLE
    told = (warning,) if warning and (found.share.low, found.share.high) != (0, 1) else ()
    return replace(found, warnings=(*found.warnings, *told), left_out=left_out)


def without_people(predictions: pa.Table, people: KnownPeople) -> pa.Table:
    """The rows of `age_predictions` without those of the model's training and test."""
    others = [not people.has(account) for account in predictions["account"].to_pylist()]
    return predictions.filter(pa.array(others, pa.bool_()))


def share_by_test(predictions: pa.Table, test: pa.Table, counts: Sequence[int]) -> AudienceShare:
    """The share of label 1 among accounts with a probability, corrected for the errors on test users (`TEST_SCHEMA`).

    `counts` are the numbers of posts that the test users' scores are based on.
    """
    if predictions["compared_probability"].null_count:
        note = "these predictions were made before accounts were compared by number of posts. Predict again"
        return AudienceShare(unknown(predictions["probability"], note))
    compared = np.asarray(predictions["compared_posts"].to_pylist(), np.int64)
    columns = np.searchsorted(np.asarray(counts), compared)
    scores = np.array([[np.nan if score is None else score for score in own] for own in test["scores"].to_pylist()])
    share = prevalence(predictions["compared_probability"], test["label"], scores, columns)
    return AudienceShare(share, tuple(audience_warnings(predictions, test, columns, scores)))


def with_known_ages(found: AudienceShare, predictions: pa.Table, ages: Mapping[str, int]) -> AudienceShare:
    """The share re-estimated with accounts of known age; unchanged, with a warning, if these are too few.

    `ages` are labels (0 or 1) by account name in lower case; `found` is the share without them.
    """
    names = [name.lower() for name in predictions["account"].to_pylist()]
    places = [place for place, name in enumerate(names) if name in ages]
    if len(places) < FEWEST_LABELLED:
        warning = (
            f"of {len(ages)} people of known age {len(places)} are in this audience with a probability, and "
            f"{FEWEST_LABELLED} are needed: they change nothing"
        )
        return replace(found, warnings=(*found.warnings, warning))
    anchor = anchored(found.share, predictions["probability"], places, [ages[names[place]] for place in places])
    return replace(found, share=anchor.share, anchor=anchor)


def _by_test_users(predictions: pa.Table, folder: Path, config: AgeConfig) -> AudienceShare:
    chances = predictions["probability"]
    if not config.metrics:
        note = (
            f"the model in {folder} was converted from a .pth, which brings no test users ({TEST_USERS}), and without "
            "them a share cannot be corrected. Train an age model to get one"
        )
        return AudienceShare(unknown(chances, note))
    try:
        test = read_test(folder)
    except ModelError as error:
        return AudienceShare(unknown(chances, str(error)))
    return share_by_test(predictions, test, CalibrationByPosts(config.calibration).compared)
