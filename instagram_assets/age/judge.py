"""What comes after the training: calibration on the validation users, then one look at the test users."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.age.baselines import Users, fit_tfidf
from instagram_assets.age.calibrate import Calibration, calibrate, log_odds
from instagram_assets.age.report import TEST
from instagram_assets.arrow import compute
from instagram_assets.errors import ModelError
from instagram_assets.settings import AgeSettings
from instagram_assets.text.language import language

if TYPE_CHECKING:
    from instagram_assets.age.model_files import LoadedAgeModel


class Judged(NamedTuple):
    """The calibration, and the test users with what was predicted of them (the columns of `report.TEST`)."""

    calibration: Calibration
    test: pa.Table


def judge(people: pa.Table, parts: Mapping[str, str], trained: "LoadedAgeModel", options: AgeSettings) -> Judged:
    """Calibrate a trained model and predict the test users, beside the TF-IDF baseline.

    `people` has username, label and texts, `parts` says the part of each username. Raises ModelError when the model
    gives no number.
    """
    train, validation, test = (part_of(people, parts, name) for name in ("train", "validation", "test"))
    calibration = calibrate(_logits(validation, trained), validation["label"].to_numpy())
    tfidf = fit_tfidf(_users(train), _users(validation), options.max_posts, options.seed)
    # Nothing is chosen below this line: the test users only say how good all of it is.
    rows = pa.table(
        {
            "label": test["label"],
            "model": calibration.probabilities(_logits(test, trained)),
            "tfidf": tfidf(_users(test).texts),
            "language": [language("\n".join(texts[: options.max_posts])) for texts in test["texts"].to_pylist()],
            "posts": compute.list_value_length(test["texts"]),
        }
    )
    # In the order of the names a row would say whose it is.
    return Judged(calibration, rows.cast(TEST).sort_by([("model", "ascending"), ("tfidf", "ascending")]))


def part_of(people: pa.Table, parts: Mapping[str, str], part: str) -> pa.Table:
    """The people of one part, in their order."""
    return people.filter(pa.array([parts[name] == part for name in people["username"].to_pylist()], pa.bool_()))


def _users(people: pa.Table) -> Users:
    return Users(people["texts"].to_pylist(), people["label"].to_numpy())


def _logits(people: pa.Table, trained: "LoadedAgeModel") -> NDArray[np.float64]:
    """The model's own logits, computed in the way in which it will predict."""
    from instagram_assets.age.predict import predict

    config = replace(trained.source.config, calibration=(1.0, 0.0))
    predicted = predict(people, replace(trained, source=replace(trained.source, config=config)))
    if predicted["probability"].null_count:
        raise ModelError("The trained model gives no number. Lower INSTAGRAM_ASSETS_AGE__LEARN_RATE and train again.")
    return log_odds(predicted["probability"].to_numpy())
