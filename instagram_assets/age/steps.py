"""What the settings ask of the age model, done: trained, judged and kept, and used for shares of an audience."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from instagram_assets.age.prevalence import Prevalence
from instagram_assets.age.report import Report
from instagram_assets.errors import SettingsError
from instagram_assets.settings import Settings

OnProgress = Callable[[int, int], None]

WAY = 1
"""Counted up when a change of the program makes other models of the same data and options."""


class Training(NamedTuple):
    """A trained model: its folder, whether it was trained just now or kept from before, and what is told of it."""

    folder: Path
    trained: bool
    report: Report


class Predicted(NamedTuple):
    """The rows of `age_predictions`, the share of people at or above the cut-off, and how it went in numbers."""

    table: pa.Table
    share: Prevalence
    numbers: dict[str, float]


def check_enabled(settings: Settings) -> None:
    """Raise SettingsError unless the age model is turned on and says what for."""
    missing = [
        line
        for line, there in (
            ("INSTAGRAM_ASSETS_AGE__ENABLED=true", settings.age.enabled),
            ("INSTAGRAM_ASSETS_AGE__PURPOSE=… (what it is for, in a sentence)", settings.age.purpose.strip()),
        )
        if not there
    ]
    if missing:
        raise SettingsError(
            "The age model is off, because the age of people is sensitive and many of them are minors. To turn it on, "
            f"set {' and '.join(missing)} in .env or the environment. The purpose stands in the model's card."
        )


def model_folder(settings: Settings) -> Path:
    """Where the trained model of the settings lies, whether it is there or not."""
    return settings.folder("age") / settings.age.finetuned_model_name


def train_model(
    settings: Settings,
    posts: pa.RecordBatchReader | None = None,
    on_progress: OnProgress | None = None,
    folder: Path | None = None,
) -> Training:
    """The age model of the labels and texts that the settings name, in `folder` (null: `model_folder`).

    A model that is there and was made from the same people, options and language model is not trained again.
    `posts` are the rows of the lake's `posts`, read where no folder of texts is set (null: those of the lake).
    Raises SettingsError, FileError, ModelError or TrainingDataError before any training.
    """
    raise NotImplementedError


def predict_accounts(
    accounts: Sequence[str], posts: pa.RecordBatchReader, settings: Settings, on_progress: OnProgress | None = None
) -> Predicted:
    """One row of `schemas.AGE_PREDICTIONS` for each account, from the captions of its own posts.

    In `posts` the rows of an account stand together. Raises SettingsError when the age model is off, ModelError when
    it is not trained or damaged.
    """
    raise NotImplementedError


def predict_users(
    users: Iterable[tuple[str, Sequence[str]]],
    settings: Settings,
    on_progress: OnProgress | None = None,
    folder: Path | None = None,
) -> Predicted:
    """As `predict_accounts`, for users and their texts, by the model in `folder` (null: `model_folder`)."""
    raise NotImplementedError
