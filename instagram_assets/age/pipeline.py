"""The age model as configured by the settings: training, evaluation, saving, and prediction of an audience's share."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from instagram_assets.age.artifacts import (
    TEST_USERS,
    ModelReport,
    is_model_file,
    make_report,
    read_facts,
    read_people,
    read_test,
    report_files,
    unexpected_files,
)
from instagram_assets.age.audience_share import AudienceShare, share_of
from instagram_assets.age.calibration_by_posts import PostLine
from instagram_assets.age.card import TrainingFacts
from instagram_assets.age.dataset import TrainingData, defining_options, training_data
from instagram_assets.age.known_people import PEOPLE, known_people
from instagram_assets.age.labels import read_labels
from instagram_assets.age.predict import bounded_batches, with_reasons
from instagram_assets.age.prevalence import Prevalence
from instagram_assets.age.user_texts import UserTexts, texts_table
from instagram_assets.calendar import today
from instagram_assets.errors import ModelError, SettingsError
from instagram_assets.models.digests import DIGESTS, read_digests
from instagram_assets.models.local_models import ModelSource, find_model
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.schemas import AGE_PREDICTIONS
from instagram_assets.settings import Settings
from instagram_assets.storage.locks import alone_or

if TYPE_CHECKING:
    from instagram_assets.age.model import AgeModel
    from instagram_assets.age.model_files import AgeConfig, AgeModelSource


class TrainingResult(NamedTuple):
    """The result of `train_model`: the model's folder, whether it was trained now or reused, and its report."""

    folder: Path
    trained: bool
    report: ModelReport


class Predictions(NamedTuple):
    """The rows of `age_predictions` for an audience, and its estimated share at or above the cut-off age.

    `forgotten` counts users that were omitted because their data was erased on request. `warnings` describe differences
    between the audience and the test users and what is not known of the model (`about_model`), `words` explains the
    interval, as heading → text.
    """

    table: pa.Table
    audience: AudienceShare
    forgotten: int = 0
    about_model: tuple[str, ...] = ()

    @property
    def share(self) -> Prevalence:
        return self.audience.share

    @property
    def warnings(self) -> tuple[str, ...]:
        return (*self.audience.warnings, *self.about_model)

    @property
    def words(self) -> dict[str, str]:
        return self.audience.words

    @property
    def numbers(self) -> dict[str, float]:
        """The metrics to show for a run, by name; undefined metrics are omitted."""
        accounts, below = self.table.num_rows, self.share.below
        told = accounts - self.table["probability"].null_count
        found = {
            "accounts": accounts,
            "with a probability": told,
            "with a label": accounts - sum(self.table["abstained"].to_pylist()),
            "coverage": told / accounts if accounts else None,
            "share at or above the cut-off": self.share.share,
            "share at or above, low": self.share.low,
            "share at or above, high": self.share.high,
            "share below the cut-off": below.share,
            "share below, low": below.low,
            "share below, high": below.high,
            "share at or above, uncorrected": self.share.uncorrected,
            "forgotten, left out": self.forgotten or None,
            "of the training, left out": self.audience.left_out or None,
        }
        return {name: value for name, value in found.items() if value is not None}


def check_enabled(settings: Settings) -> None:
    """Raise SettingsError unless the settings enable the age model and state its purpose."""
    switches = {
        "INSTAGRAM_ASSETS_AGE__ENABLED=true": settings.age.enabled,
        'INSTAGRAM_ASSETS_AGE__PURPOSE="what it is for, in a sentence"': bool(settings.age.purpose.strip()),
    }
    if missing := [name for name, there in switches.items() if not there]:
        raise SettingsError(
            "The age model is off: it guesses something sensitive of people, many of them minors. To turn it on, set "
            f"{' and '.join(missing)} in .env or the environment, or give a command `--purpose`. The purpose will "
            "stand in the model's card."
        )


def model_folder(settings: Settings) -> Path:
    """The configured folder of the age model; it does not need to exist yet."""
    return settings.folder("age") / settings.age.finetuned_model_name


def train_model(
    settings: Settings,
    posts: pa.RecordBatchReader | None = None,
    on_progress: Callable[[str], None] | None = None,
    folder: Path | None = None,
    on_data: Callable[[TrainingData], object] | None = None,
    on_unused: Callable[[list[str]], object] | None = None,
) -> TrainingResult:
    """Train the age model on the configured users, options and language model, and save it in `folder`.

    Idempotent: a model trained from the same inputs is reused without training or evaluation. `posts` are rows of the
    lake's table `posts` (None: all), used if the settings name no folder of texts. `folder` defaults to `model_folder`.
    `on_unused` is called with one message per unusable row and user, also before an error is raised, `on_data` with the
    training data, `on_progress` with progress messages. Raises SettingsError, FileError, ModelError or
    TrainingDataError before training starts, TrainingError if training cannot continue.
    """
    check_enabled(settings)
    options, folder = settings.age, (folder or model_folder(settings)).absolute()
    _check_replaceable(folder)
    kept = _kept_facts(folder, settings)
    backbone = find_model(options.model_name_or_path, options.model_revision, settings.folder("models"), pictures=False)
    data = training_data(settings, posts, on_unused)
    if on_data is not None:
        on_data(data)
    fingerprint = data.fingerprint(options, backbone.fingerprint)
    if kept is None or kept.fingerprint != fingerprint:
        facts = TrainingFacts(
            purpose=options.purpose.strip(),
            age_cutoff=options.age_cutoff,
            fingerprint=fingerprint,
            backbone=backbone.label,
            options=defining_options(options),
            abstain_below=options.abstain_below,
            data=data.counts,
            left_out=data.left_out,
        )
        return TrainingResult(folder, True, _train(settings, data, backbone, facts, folder, on_progress))
    # A model of an earlier version lacks later options, which have the values that it was trained with.
    facts = replace(
        kept,
        purpose=options.purpose.strip(),
        abstain_below=options.abstain_below,
        options=defining_options(options),
    )
    report = make_report(facts, read_test(folder))
    if facts != kept or read_digests(folder) is None or not _knows_its_people(folder):
        _describe_anew(folder, report, data, settings)
    return TrainingResult(folder, False, report)


def predict_users(
    users: Iterable[UserTexts],
    settings: Settings,
    on_progress: Callable[[int], None] | None = None,
    folder: Path | None = None,
    labelled: Path | None = None,
) -> Predictions:
    """Predict the age label of each user (a row of `age_predictions`), and the share at or above the cut-off age.

    `folder` is the folder of the model and defaults to `model_folder`. Users whose data was erased on request are
    omitted. `labelled` is a CSV of users of this audience with known age (`username` and `age` or `birth_year`), which
    improves the estimated share (see `labelled_audience`). `on_progress` is called with the number of users done.
    Raises SettingsError if the age model is disabled or was trained for another cut-off age, ModelError if it is
    missing or damaged, FileError if `labelled` cannot be read.
    """
    from instagram_assets.age.model_files import find_age_model, load_age_model
    from instagram_assets.age.predict import predict

    check_enabled(settings)
    options, folder = settings.age, folder or model_folder(settings)
    source = find_age_model(folder, settings.folder("models"))
    if options.age_cutoff != source.config.age_cutoff:
        raise SettingsError(
            f"INSTAGRAM_ASSETS_AGE__AGE_CUTOFF={options.age_cutoff}, but the model in {folder} was trained for "
            f"{source.config.age_cutoff}. Set it to that, or train again."
        )
    ages = _known_ages(labelled, settings) if labelled else None
    loaded = load_age_model(source, options.device, options.precision)
    tables, done = [AGE_PREDICTIONS.empty()], 0
    gone, forgotten = 0, load_tombstones(settings.folder("privacy"))

    def left() -> Iterator[UserTexts]:
        nonlocal gone
        for user in users:
            if forgotten.has("account", user.username):
                gone += 1
            else:
                yield user

    for some in bounded_batches(left()):

        def tell(posts: int, of: int, before: int = done, users: int = len(some)) -> None:
            if on_progress is not None:
                on_progress(before + users * posts // of)

        tables.append(with_reasons(predict(texts_table(some), loaded, tell), some))
        done += len(some)
        tell(0, 1, done)
    table = pa.concat_tables(tables)
    return Predictions(table, share_of(table, folder, source.config, ages), gone, _warnings_about(source))


def _warnings_about(source: "AgeModelSource") -> tuple[str, ...]:
    if source.was_saved_with_digests:
        return ()
    return (
        f"the model in {source.files.name} has no {DIGESTS}, since an earlier version saved it or that file was lost: "
        "whether another file there was changed cannot be seen. Train it again with the same labels and texts: it is "
        "made good without a new training.",
    )


def _known_ages(path: Path, settings: Settings) -> dict[str, int]:
    """The label (0 or 1) of each user in a CSV with ages, by username in lower case. Raises FileError."""
    table = read_labels(path, settings.age.age_cutoff, today(settings.zone).year, settings.ingest).table
    return dict(zip(table["username"].to_pylist(), table["label"].to_pylist(), strict=True))


def stored_report(settings: Settings) -> ModelReport | None:
    """The report of the age model in the configured folder; None when it is not trained, or has no test users."""
    folder = model_folder(settings)
    facts = read_facts(folder)
    return make_report(facts, read_test(folder)) if facts and (folder / TEST_USERS).is_file() else None


def _check_replaceable(folder: Path) -> None:
    """Raise ModelError if a model cannot be saved in `folder`, or would overwrite files of other programs."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        raise ModelError(f"{there}: is a file, so no model can be kept there. Name a folder.")
    if there == folder and (names := unexpected_files(folder)):
        raise ModelError(
            f"{folder}: holds other files ({names[0]!a}{f' and {len(names) - 1} more' if names[1:] else ''}), and a "
            "training would replace them. Move them away, or name another folder."
        )


def _kept_facts(folder: Path, settings: Settings) -> TrainingFacts | None:
    """The training facts of the complete model in the folder; None when it is missing or damaged."""
    from instagram_assets.age.model_files import find_age_model

    try:
        find_age_model(folder, settings.folder("models"))
        read_test(folder)
    except ModelError:
        return None
    return read_facts(folder)


def _knows_its_people(folder: Path) -> bool:
    """Whether the model has the hashes of its own people; else they are made of the same labels, without a training."""
    try:
        return read_people(folder) is not None
    except ModelError:
        return False


def _train(
    settings: Settings,
    data: TrainingData,
    backbone: ModelSource,
    facts: TrainingFacts,
    folder: Path,
    on_progress: Callable[[str], None] | None,
) -> ModelReport:
    """Train, evaluate and save a model, holding its lock; an interrupted training resumes from its checkpoint."""
    from instagram_assets.age.holdout import predict_test_set
    from instagram_assets.age.trainer import train

    options, work = settings.age, folder.with_name(f".{folder.name}.training")
    people, parts = data.split.people, data.split.parts
    with alone_or(work, ModelError(f"{folder}: another training is at work on this model. Wait until it has ended.")):
        trained = train(people, parts, backbone, options, work, on_progress)
        calibration, test = predict_test_set(people, parts, trained, options)
        lines = [list(line) for line in calibration.lines]
        history = [epoch._asdict() for epoch in trained.history]
        report = make_report(replace(facts, calibration=lines, history=history), test)
        _save(folder, trained.model, trained.tokenizer, report, test, data)
        shutil.rmtree(work, ignore_errors=True)
    return report


def _describe_anew(folder: Path, report: ModelReport, data: TrainingData, settings: Settings) -> None:
    """Save a model anew with another purpose or abstention threshold, or with what an earlier version did not save."""
    from instagram_assets.age.model_files import describe_age_model, find_age_model

    source = find_age_model(folder, settings.folder("models"))
    beside = _beside(report, read_test(folder), data)
    describe_age_model(source, _config_of(report), report.card, beside, is_model_file)


def _save(
    folder: Path, model: "AgeModel", tokenizer: Any, report: ModelReport, test: pa.Table, data: TrainingData
) -> None:
    """Write or replace the model's folder atomically."""
    from instagram_assets.age.model_files import save_age_model

    beside = _beside(report, test, data)
    save_age_model(folder, model, tokenizer, _config_of(report), report.card, beside, is_model_file)


def _beside(report: ModelReport, test: pa.Table, data: TrainingData) -> dict[str, bytes]:
    """The files beside the weights, as file name → content; the training's fingerprint is the salt of its people."""
    people = known_people(data.split.parts, report.facts.fingerprint)
    return {**report_files(report, test), PEOPLE: people.content}


def _config_of(report: ModelReport) -> "AgeConfig":
    from instagram_assets.age.model_files import AgeConfig

    facts = report.facts
    return AgeConfig(
        age_cutoff=facts.age_cutoff,
        max_seq_len=facts.options["max_seq_len"],
        model_name_or_path=facts.backbone,
        purpose=facts.purpose,
        calibration=tuple(PostLine(int(posts), slope, shift) for posts, slope, shift in facts.calibration),
        abstain_below=facts.abstain_below,
        metrics=report.numbers,
    )
