"""Evaluation after training: calibration on its own users, then predictions for test users, also by baselines."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from instagram_assets.age.calibration import Calibration, Floats, calibrate
from instagram_assets.arrow import compute
from instagram_assets.script_language import detect_language
from instagram_assets.settings import AgeSettings

if TYPE_CHECKING:
    from instagram_assets.age.trainer import TrainedModel


_Texts = Sequence[Sequence[str]]

MAX_TFIDF_FEATURES = 100_000
"""Character n-grams kept, the most frequent ones; bounds memory."""


class TextUsers(NamedTuple):
    """Labelled users: the posts of each, and its label 0 or 1."""

    texts: _Texts
    labels: ArrayLike


def majority_baseline(train_labels: ArrayLike, n: int) -> Floats:
    """The share of label 1 among the training users, as the probability of each of n users: float64[n]."""
    return np.full(n, np.asarray(train_labels, dtype=np.float64).mean())


def fit_tfidf(train: TextUsers, calibration: TextUsers, seed: int) -> Callable[[_Texts], Floats]:
    """Fit logistic regression on character n-grams (1 to 4, within words) with TF-IDF; returns its prediction function.

    For a fair comparison it also weights the classes equally, and is calibrated on the same users. Characters
    instead of words, so that Korean suffixes need no tokenizer.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    count: Any = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True, max_features=MAX_TFIDF_FEATURES
    )
    model: Any = LogisticRegression(class_weight="balanced", max_iter=1000, random_state=seed)
    model.fit(count.fit_transform(_documents(train.texts)), np.asarray(train.labels))

    def logits(texts: _Texts) -> Floats:
        return model.decision_function(count.transform(_documents(texts)))

    line = calibrate(logits(calibration.texts), calibration.labels)
    return lambda texts: line.probabilities(logits(texts))


def _documents(texts: _Texts) -> Iterable[str]:
    return ("\n".join(posts) for posts in texts)


TEST_SCHEMA = pa.schema(
    [
        ("label", pa.int8()),
        ("model", pa.float64()),
        ("tfidf", pa.float64()),
        ("language", pa.string()),
        ("posts", pa.string()),
    ]
)
"""One row per test user, without a name: label, probabilities by the model and by TF-IDF, and what they rest on.

`posts` is one of `POST_COUNT_CLASSES`: an exact number would single people out.
"""

POST_COUNT_CLASSES = {1: "1 post", 2: "2 to 9 posts", 10: "10 to 49 posts", 50: "50 posts or more"}
"""How many posts a user has, told as roughly as it is kept: the least number of each class, and its name."""


class TestPredictions(NamedTuple):
    """The calibration, and the test users with their predictions (the columns of `TEST_SCHEMA`)."""

    calibration: Calibration
    test: pa.Table


def predict_test_set(
    people: pa.Table, parts: Mapping[str, str], trained: "TrainedModel", options: AgeSettings
) -> TestPredictions:
    """Calibrate a trained model and predict the test users, beside the TF-IDF baseline.

    `people` has username, label and texts; `parts` maps each username to its set.
    """
    apart = _part_of(people, parts, "calibration")
    calibration = calibrate(_logits(apart, trained, options), apart["label"].to_numpy())
    train = _users(_part_of(people, parts, "train"), options.max_posts)
    tfidf = fit_tfidf(train, _users(apart, options.max_posts), options.seed)
    # Nothing is tuned below this line: the test users are only used for evaluation.
    test = _part_of(people, parts, "test")
    texts = _users(test, options.max_posts).texts
    rows = pa.table(
        {
            "label": test["label"],
            "model": calibration.probabilities(_logits(test, trained, options)),
            "tfidf": tfidf(texts),
            "language": [detect_language("\n".join(own)) for own in texts],
            "posts": [post_count_class(number) for number in compute.list_value_length(test["texts"]).to_pylist()],
        }
    )
    # Sorted by name, a row would reveal its user.
    return TestPredictions(
        calibration, rows.cast(TEST_SCHEMA).sort_by([("model", "ascending"), ("tfidf", "ascending")])
    )


def _part_of(people: pa.Table, parts: Mapping[str, str], part: str) -> pa.Table:
    return people.filter(pa.array([parts[name] == part for name in people["username"].to_pylist()], pa.bool_()))


def _users(people: pa.Table, most_posts: int) -> TextUsers:
    """The users with their first posts, as many as a training step uses, to limit memory."""
    return TextUsers(compute.list_slice(people["texts"], 0, most_posts).to_pylist(), people["label"].to_numpy())


def _logits(people: pa.Table, trained: "TrainedModel", options: AgeSettings) -> NDArray[np.float64]:
    """The model's logits for these users, float64[users], computed as in predictions."""
    import torch

    from instagram_assets.age.encode import PostEncoder
    from instagram_assets.age.predict import iter_user_texts
    from instagram_assets.models.devices import choose_dtype

    device = next(trained.model.parameters()).device
    dtype = choose_dtype(options.precision, device)
    encoder = PostEncoder(trained.model.backbone, trained.tokenizer, options.max_seq_len, device, dtype)
    vectors = np.stack([user.vector for user in encoder.user_vectors(iter_user_texts(people))])
    with torch.inference_mode():
        return trained.model.head(torch.from_numpy(vectors).to(device)).cpu().double().numpy()


def post_count_class(number: int) -> str:
    """Which of `POST_COUNT_CLASSES` a user with this number of posts belongs to."""
    return POST_COUNT_CLASSES[max(least for least in POST_COUNT_CLASSES if least <= max(number, 1))]
