"""What comes after the training: calibration on the validation users, then one look at the test users."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.age.baselines import Users, fit_tfidf
from instagram_assets.age.calibrate import Calibration, calibrate
from instagram_assets.age.report import TEST, posts_class
from instagram_assets.arrow import compute
from instagram_assets.settings import AgeSettings
from instagram_assets.text.language import language

if TYPE_CHECKING:
    from instagram_assets.age.train import Trained


class Judged(NamedTuple):
    """The calibration, and the test users with what was predicted of them (the columns of `report.TEST`)."""

    calibration: Calibration
    test: pa.Table


def judge(people: pa.Table, parts: Mapping[str, str], trained: "Trained", options: AgeSettings) -> Judged:
    """Calibrate a trained model and predict the test users, beside the TF-IDF baseline.

    `people` has username, label and texts, `parts` says the part of each username.
    """
    calibration = calibrate(trained.logits, trained.labels)
    train, validation = (_users(_part_of(people, parts, part), options.max_posts) for part in ("train", "validation"))
    tfidf = fit_tfidf(train, validation, options.seed)
    # Nothing is chosen below this line: the test users only say how good all of it is.
    test = _part_of(people, parts, "test")
    texts = _users(test, options.max_posts).texts
    rows = pa.table(
        {
            "label": test["label"],
            "model": calibration.probabilities(_logits(test, trained, options)),
            "tfidf": tfidf(texts),
            "language": [language("\n".join(own)) for own in texts],
            "posts": [posts_class(number) for number in compute.list_value_length(test["texts"]).to_pylist()],
        }
    )
    # In the order of the names a row would say whose it is.
    return Judged(calibration, rows.cast(TEST).sort_by([("model", "ascending"), ("tfidf", "ascending")]))


def _part_of(people: pa.Table, parts: Mapping[str, str], part: str) -> pa.Table:
    return people.filter(pa.array([parts[name] == part for name in people["username"].to_pylist()], pa.bool_()))


def _users(people: pa.Table, most_posts: int) -> Users:
    """The people with their first posts, as many as a training step sees: memory does not grow with the others."""
    return Users(compute.list_slice(people["texts"], 0, most_posts).to_pylist(), people["label"].to_numpy())


def _logits(people: pa.Table, trained: "Trained", options: AgeSettings) -> NDArray[np.float64]:
    """The model's logits of these users, float64[users], computed as predictions are."""
    import torch

    from instagram_assets.age.encode import PostEncoder
    from instagram_assets.age.predict import users_of
    from instagram_assets.models.devices import choose_dtype

    device = next(trained.model.parameters()).device
    dtype = choose_dtype(options.precision, device)
    encoder = PostEncoder(trained.model.backbone, trained.tokenizer, options.max_seq_len, device, dtype)
    vectors = np.stack([user.vector for user in encoder.user_vectors(users_of(people))])
    with torch.inference_mode():
        return trained.model.head(torch.from_numpy(vectors).to(device)).cpu().double().numpy()
