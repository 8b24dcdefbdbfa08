"""What is told of a trained age model: measures, pictures and the card, all made from its test predictions."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

import pyarrow as pa

from instagram_assets.age.baselines import majority
from instagram_assets.age.card import NAMES, Facts, model_card
from instagram_assets.age.evaluate import Evaluation, evaluate
from instagram_assets.media.charts import bar_chart, calibration_plot, line_chart, matrix_chart

TEST = pa.schema(
    [
        ("label", pa.int8()),
        ("model", pa.float64()),
        ("tfidf", pa.float64()),
        ("language", pa.string()),
        ("posts", pa.string()),
    ]
)
"""One row per test user, without a name: label, probabilities by the model and by TF-IDF, and what they rest on.

`posts` is one of `POSTS`: an exact number would single people out.
"""

_LANGUAGES = {"ko": "Korean", "en": "English", "mixed": "Korean and English", "other": "other", None: "no letters"}
POSTS = {1: "1 post", 2: "2 to 9 posts", 10: "10 to 49 posts", 50: "50 posts or more"}
"""How many posts a user has, told as roughly as it is kept: the least number of each class, and its name."""

FEWEST_SHOWN = 10
"""Users of a group below which nothing is told of it alone."""

_SMALLER = "smaller groups"


PICTURES = ("calibration", "confusion", "baselines", "losses", "AUC-by-pass")
"""The names that pictures of a report may have."""


class Report(NamedTuple):
    """All there is to say: evaluations of `model`, `tfidf` and `majority`, pictures as PNG by name, and the card."""

    facts: Facts
    evaluations: dict[str, Evaluation]
    pictures: dict[str, bytes]
    card: str

    @property
    def metrics(self) -> dict[str, Any]:
        """The content of metrics.json: the facts and all measures, as plain values."""
        return {**asdict(self.facts), "test": {name: asdict(found) for name, found in self.evaluations.items()}}

    @property
    def numbers(self) -> dict[str, float]:
        """The measures that are followed from one training to the next; those that are not defined are left out."""
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


def make_report(facts: Facts, test: pa.Table) -> Report:
    """The report of a model by its predictions for the test users (the columns of `TEST`, at least one row)."""
    labels = test["label"].to_pylist()
    train = facts.data["train"]
    chances = {
        "model": test["model"].to_pylist(),
        "tfidf": test["tfidf"].to_pylist(),
        "majority": majority([1] * train["positives"] + [0] * (train["users"] - train["positives"]), len(labels)),
    }
    groups = {
        "language": [_LANGUAGES[language] for language in test["language"].to_pylist()],
        "number of posts": test["posts"].to_pylist(),
    }
    # Of a test set that is itself so small, no part is told.
    groups = {name: _large_enough(own) for name, own in groups.items() if len(labels) >= FEWEST_SHOWN}
    found = {name: evaluate(labels, p, groups, facts.abstain_below) for name, p in chances.items()}
    pictures = _pictures(facts, found)
    return Report(facts, found, pictures, model_card(facts, found, list(pictures)))


def posts_class(number: int) -> str:
    """Which of `POSTS` a user with this number of posts belongs to."""
    return POSTS[max(least for least in POSTS if least <= max(number, 1))]


def _large_enough(groups: list[str]) -> list[str]:
    """The group of each user, the groups with too few users made one.

    Where these together are too few as well, the next larger group joins them: else they would follow from the whole.
    """
    pooled: set[str] = set()
    together = 0
    for name, users in sorted(Counter(groups).items(), key=lambda group: (group[1], group[0])):
        if users >= FEWEST_SHOWN and not 0 < together < FEWEST_SHOWN:
            break
        pooled.add(name)
        together += users
    return [_SMALLER if name in pooled else name for name in groups]


def _pictures(facts: Facts, evaluations: Mapping[str, Evaluation]) -> dict[str, bytes]:
    model, cutoff = evaluations["model"], facts.age_cutoff
    points = [(b.predicted, b.observed.share or 0.0, b.observed.low, b.observed.high, b.observed.n) for b in model.bins]
    accuracies = {NAMES[name]: found.accuracy.share or 0.0 for name, found in evaluations.items()}
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


def _courses(facts: Facts) -> dict[str, bytes]:
    """How the training went, pass by pass; nothing for a model whose training is not known."""
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
