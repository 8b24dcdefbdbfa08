"""What the settings ask of the age model, done: trained, judged and kept, and used for shares of an audience."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from instagram_assets.age.card import Facts
from instagram_assets.age.prevalence import Prevalence, prevalence
from instagram_assets.age.report import TEST, Report, make_report
from instagram_assets.age.texts import UserTexts, texts_table, user_texts
from instagram_assets.age.training_data import TrainingData, training_data
from instagram_assets.errors import ModelError, SettingsError
from instagram_assets.models.sources import ModelSource, find_model
from instagram_assets.schemas import AGE_PREDICTIONS
from instagram_assets.settings import AgeSettings, Settings

OnProgress = Callable[[int, int], None]

METRICS, TEST_USERS = "metrics.json", "test_users.parquet"
"""Files beside the weights: the facts and measures, and the test users without names."""

_AT_ONCE = 20_000_000
"""Characters of texts that are held at a time while predicting."""


class Training(NamedTuple):
    """A trained model: its folder, whether it was trained just now or kept from before, and what is told of it."""

    folder: Path
    trained: bool
    report: Report


class Predicted(NamedTuple):
    """The rows of `age_predictions`, and the share of people at or above the cut-off age."""

    table: pa.Table
    share: Prevalence

    @property
    def numbers(self) -> dict[str, float]:
        """What is shown of a run; shares that cannot be told are left out."""
        labelled = self.table.num_rows - sum(self.table["abstained"].to_pylist())
        below, below_low, below_high = self.share.below
        found = {
            "accounts": self.table.num_rows,
            "with a probability": self.share.n,
            "with a label": labelled,
            "coverage": self.share.n / self.table.num_rows if self.table.num_rows else None,
            "share at or above the cut-off": self.share.share,
            "share at or above, low": self.share.low,
            "share at or above, high": self.share.high,
            "share below the cut-off": below,
            "share below, low": below_low,
            "share below, high": below_high,
            "mean probability, uncorrected": self.share.uncorrected,
        }
        return {name: value for name, value in found.items() if value is not None}

    @property
    def told(self) -> str:
        """The result in a sentence."""
        if self.share.share is None:
            return f"share of {self.share.n} accounts: not known, {self.share.note}"
        return (
            f"of {self.share.n} accounts {self.share.share:.1%} are at or above the cut-off age "
            f"(95 % interval {self.share.low:.1%} to {self.share.high:.1%})"
        )


def check_enabled(settings: Settings) -> None:
    """Raise SettingsError unless the age model is turned on and says what for."""
    switches = {
        "INSTAGRAM_ASSETS_AGE__ENABLED=true": settings.age.enabled,
        'INSTAGRAM_ASSETS_AGE__PURPOSE="what it is for, in a sentence"': bool(settings.age.purpose.strip()),
    }
    if missing := [name for name, there in switches.items() if not there]:
        raise SettingsError(
            "The age model is off: it guesses something sensitive of people, many of them minors. To turn it on, set "
            f"{' and '.join(missing)} in .env or the environment. The purpose will stand in the model's card."
        )


def model_folder(settings: Settings) -> Path:
    """Where the age model that the settings name lies, whether it is trained or not."""
    return settings.folder("age") / settings.age.finetuned_model_name


def train_model(
    settings: Settings,
    posts: pa.RecordBatchReader | None = None,
    on_progress: OnProgress | None = None,
    folder: Path | None = None,
) -> Training:
    """The age model of the people, options and language model that the settings name, in `folder`.

    What is there already and was made of the same is kept: nothing is trained, and the test users are not looked at
    again. `posts` are rows of the lake's `posts`, for settings without a folder of texts; null: all of the lake.
    `folder` is `model_folder` when null. Raises SettingsError, FileError, ModelError or TrainingDataError before any
    training.
    """
    check_enabled(settings)
    options, folder = settings.age, folder or model_folder(settings)
    backbone = find_model(options.model_name_or_path, options.model_revision, settings.folder("models"), pictures=False)
    data = training_data(settings, posts)
    fingerprint = data.fingerprint(options, backbone.fingerprint)
    kept = _kept_facts(folder)
    if kept is None or kept.fingerprint != fingerprint:
        return Training(folder, True, _train(settings, data, backbone, fingerprint, folder, on_progress))
    facts = _described(kept, options)
    report = make_report(facts, _read_test(folder))
    if facts != kept:
        _describe_anew(folder, report, settings)
    return Training(folder, False, report)
