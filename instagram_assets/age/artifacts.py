"""The report files of a trained age model, stored beside its weights: metrics, plots, model card, test predictions."""

import io
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from instagram_assets.age.card import PREDICTOR_NAMES, TrainingFacts, model_card
from instagram_assets.age.holdout import TEST_SCHEMA, majority_baseline
from instagram_assets.age.known_people import PEOPLE, KnownPeople, read_known_people
from instagram_assets.age.model_files import CARD, CONFIG, HEAD, TEST_USERS
from instagram_assets.age.statistics import Evaluation, evaluate
from instagram_assets.errors import ModelError
from instagram_assets.models.digests import DIGESTS, read_digests, sha256
from instagram_assets.report.charts import bar_chart, calibration_plot, line_chart, matrix_chart
from instagram_assets.storage.folder_swap import LITTER

_LANGUAGES = {"ko": "Korean", "en": "English", "mixed": "Korean and English", "other": "other", None: "no letters"}
FEWEST_SHOWN = 10
"""Users of a group below which nothing is told of it alone."""

_SMALLER = "smaller groups"


PLOT_NAMES = ("calibration", "confusion", "baselines", "losses", "AUC-by-pass")
"""The names that pictures of a report may have."""


class ModelReport(NamedTuple):
    """The report of a trained model: its and two baselines' evaluations, plots (name → PNG), and the model card."""

    facts: TrainingFacts
    evaluations: dict[str, Evaluation]
    pictures: dict[str, bytes]
    card: str

    @property
    def metrics(self) -> dict[str, Any]:
        """The content of metrics.json: training facts and all metrics, as JSON-serialisable values."""
        return {**asdict(self.facts), "test": {name: asdict(found) for name, found in self.evaluations.items()}}

    @property
    def numbers(self) -> dict[str, float]:
        """The metrics to compare between trainings, by name; undefined metrics are omitted."""
        model, base, words = (self.evaluations[name] for name in ("model", "majority", "tfidf"))
        found = {
            "test users": model.n,
            "accuracy": model.accuracy.share,
            "accuracy, low": model.accuracy.low,
            "accuracy, high": model.accuracy.high,
            "accuracy of the larger class": base.accuracy.share,
            "accuracy of TF-IDF": words.accuracy.share,
            "balanced accuracy": model.balanced_accuracy,
            "AUC": model.auc,
            "Brier score": model.brier,
            "calibration slope": model.slope,
            "calibration error": model.calibration_error,
            "share that gets a label": model.abstention.coverage.share,
            "accuracy of these labels": model.abstention.accuracy.share,
        }
        return {name: value for name, value in found.items() if value is not None}


def make_report(facts: TrainingFacts, test: pa.Table) -> ModelReport:
    """The report of a model, computed from its predictions for the test users (`TEST_SCHEMA`, at least one row)."""
    labels = test["label"].to_pylist()
    train = facts.data["train"]
    chances = {
        "model": test["model"].to_pylist(),
        "tfidf": test["tfidf"].to_pylist(),
        "majority": majority_baseline(
            [1] * train["positives"] + [0] * (train["users"] - train["positives"]), len(labels)
        ),
    }
    groups = {
        "language": [_LANGUAGES[language] for language in test["language"].to_pylist()],
        "number of posts": test["posts"].to_pylist(),
    }
    # If the test set itself is below the minimum size, it is not divided into groups.
    groups = {name: _large_enough(own) for name, own in groups.items() if len(labels) >= FEWEST_SHOWN}
    found = {name: evaluate(labels, p, groups, facts.abstain_below) for name, p in chances.items()}
    pictures = _pictures(facts, found)
    return ModelReport(facts, found, pictures, model_card(facts, found, list(pictures)))


def _large_enough(groups: list[str]) -> list[str]:
    """The group name of each user, after merging groups below the minimum size for privacy.

    If the merged group is still too small, the next larger group is merged too: otherwise the metrics of the hidden
    users could be computed as total minus the other groups.
    """
    pooled: set[str] = set()
    together = 0
    for name, users in sorted(Counter(groups).items(), key=lambda group: (group[1], group[0])):
        if users >= FEWEST_SHOWN and not 0 < together < FEWEST_SHOWN:
            break
        pooled.add(name)
        together += users
    return [_SMALLER if name in pooled else name for name in groups]


def _pictures(facts: TrainingFacts, evaluations: Mapping[str, Evaluation]) -> dict[str, bytes]:
    model, cutoff = evaluations["model"], facts.age_cutoff
    points = [(b.predicted, b.observed.share or 0.0, b.observed.low, b.observed.high, b.observed.n) for b in model.bins]
    accuracies = {PREDICTOR_NAMES[name]: found.accuracy.share or 0.0 for name, found in evaluations.items()}
    return {
        "calibration": calibration_plot(points, f"{cutoff} or older: predicted and observed share"),
        "confusion": matrix_chart(
            [f"is under {cutoff}", f"is {cutoff} or older"],
            [f"said under {cutoff}", f"said {cutoff} or older"],
            model.confusion,
            f"{model.n} test users",
        ),
        "baselines": bar_chart(accuracies, "accuracy on the test users"),
        **_courses(facts),
    }


def _courses(facts: TrainingFacts) -> dict[str, bytes]:
    """Plots of losses and AUC by epoch, as PNG by name; empty for a model without training history."""
    if not facts.history:
        return {}
    curves = {
        name: [(place, float(epoch[key])) for place, epoch in enumerate(facts.history, 1)]
        for name, key in (("training", "train_loss"), ("validation", "validation_loss"), ("AUC", "validation_auc"))
    }
    auc = {"validation": curves.pop("AUC")}
    return {
        "losses": line_chart(curves, "loss per user, by pass over the users"),
        "AUC-by-pass": line_chart(auc, "AUC on the validation users, by pass over the users"),
    }


METRICS = "metrics.json"

_OURS = {CARD, CONFIG, HEAD, METRICS, TEST_USERS, PEOPLE, DIGESTS, *(f"{name}.png" for name in PLOT_NAMES)}
# Files that transformers saves for an encoder and its tokenizer.
_SAVED = re.compile(
    r"config\.json|generation_config\.json|model(-\d+-of-\d+)?\.safetensors|model\.safetensors\.index\.json"
    r"|tokenizer(_config)?\.json|special_tokens_map\.json|added_tokens\.json|chat_template\.jinja"
    r"|vocab\.(txt|json)|merges\.txt|bpe\.codes|(tokenizer|spiece|spm|sentencepiece\.bpe)\.model"
)


def unexpected_files(folder: Path) -> list[str]:
    """The names of files in a model folder that do not belong to an age model, sorted.

    Saving a model there would overwrite them. If the folder contains no age model, these are all of its files, even a
    `config.json`, which then belongs to another program.
    """
    names = sorted(path.name for path in folder.iterdir() if path.name not in LITTER)
    if CONFIG not in names:
        return names
    return [name for name in names if (folder / name).is_dir() or not is_model_file(name)]


def is_model_file(name: str) -> bool:
    """Whether a file of this name is part of an age model."""
    return name in _OURS or _SAVED.fullmatch(name) is not None


def report_files(report: ModelReport, test: pa.Table) -> dict[str, bytes]:
    """The report's files as file name → content, deterministic; `test` are the test users with their predictions."""
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(test, stream)
    metrics = json.dumps(report.metrics, indent=2, ensure_ascii=False, allow_nan=False)
    pictures = {f"{name}.png": picture for name, picture in report.pictures.items()}
    return {METRICS: metrics.encode(), TEST_USERS: stream.getvalue(), **pictures}


def read_facts(folder: Path) -> TrainingFacts | None:
    """The training facts of the model in a folder; None if there is no model or no valid metrics file."""
    try:
        content = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        return TrainingFacts(**{field.name: content[field.name] for field in fields(TrainingFacts)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_people(folder: Path) -> KnownPeople | None:
    """The people of the training of the model in a folder; None if an earlier version saved it, or it was converted.

    Raises ModelError if the file is damaged, or of another training than `METRICS`: its salt is that fingerprint. If
    no measures are there (a model converted from a .pth), whose people they are cannot be compared.
    """
    people, facts = read_known_people(folder), read_facts(folder)
    if people and facts and people.salt != facts.fingerprint:
        raise ModelError(
            f"{folder / PEOPLE}: is of another model than {METRICS} beside it, so people of the training cannot be "
            "left out of an audience. Copy the whole folder again from where it came, or train the age model again."
        )
    return people


def read_test(folder: Path) -> pa.Table:
    """The test users and their predictions (`TEST_SCHEMA`).

    Raises ModelError if the file is missing, damaged, or another than the model was saved with.
    """
    import pyarrow.parquet as pq

    path = folder / TEST_USERS
    try:
        test = pq.read_table(path)
    except FileNotFoundError as error:
        raise _without_test(path, "is missing") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        first_line = next(iter(str(error).splitlines()), "")
        raise _without_test(path, f"damaged or not ours ({first_line})") from error
    # No cast: older files have exact numbers of posts, which are no longer stored.
    if test.column_names == [name for name in TEST_SCHEMA.names if name != "scores"]:
        raise _without_test(path, "is of an older version, which did not test people by number of posts")
    if test.schema != TEST_SCHEMA:
        raise _without_test(path, "damaged or not ours (it has other columns)")
    stored = read_digests(folder)
    if stored is not None and stored.get(TEST_USERS) != sha256(path):
        raise _without_test(path, "is not the file that the model was saved with")
    return test


def _without_test(path: Path, problem: str) -> ModelError:
    return ModelError(f"{path}: {problem}; without it no share can be corrected. Train the age model again.")
