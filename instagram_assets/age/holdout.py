"""Evaluation after training: fits the calibration, then predicts the test users with the model and the baselines."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from instagram_assets.age.calibration import Floats, calibrate
from instagram_assets.age.calibration_by_posts import CalibrationByPosts, calibrate_by_posts
from instagram_assets.age.holdout_scores import holdout_scores
from instagram_assets.age.post_counts import POST_COUNTS, counts_tested, post_count_class
from instagram_assets.arrow import compute
from instagram_assets.script_language import detect_language
from instagram_assets.settings import AgeSettings

if TYPE_CHECKING:
    from instagram_assets.age.trainer import TrainedModel


_Texts = Sequence[Sequence[str]]

MAX_TFIDF_FEATURES = 100_000
"""Character n-grams kept, the most frequent ones; bounds memory."""


class TextUsers(NamedTuple):
    """Labelled users: the post texts and the label (0 or 1) of each."""

    texts: _Texts
    labels: ArrayLike


def majority_baseline(train_labels: ArrayLike, n: int) -> Floats:
    """The share of label 1 among the training users, as the probability of each of n users: float64[n]."""
    return np.full(n, np.asarray(train_labels, dtype=np.float64).mean())


def fit_tfidf(train: TextUsers, calibration: TextUsers, seed: int) -> Callable[[_Texts], Floats]:
    """Fit logistic regression on character n-grams (1 to 4, within words) with TF-IDF; returns its prediction function.

    For a fair comparison with the model, the same calibration users are used, and classes are weighted equally, as by
    default in its training; with any preset the baseline is the same.
    Character n-grams need no tokenizer for Korean suffixes.
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
        ("scores", pa.list_(pa.float64())),
        ("tfidf", pa.float64()),
        ("language", pa.string()),
        ("posts", pa.string()),
    ]
)
"""One row per test user, without a name: label, probabilities by the model and by TF-IDF, and what they rest on.

`model` is the probability by all posts, `scores` those by as many posts as each calibration line is for, null where the
user has fewer. `posts` is one of `POST_COUNT_CLASSES`: an exact number would single people out.
"""


class TestPredictions(NamedTuple):
    """The fitted calibration, and the test users with their predictions (`TEST_SCHEMA`)."""

    calibration: CalibrationByPosts
    test: pa.Table


def predict_test_set(
    people: pa.Table, parts: Mapping[str, str], trained: "TrainedModel", options: AgeSettings
) -> TestPredictions:
    """Calibrate a trained model by number of posts; predict the test users with it and with the TF-IDF baseline.

    `people` has the columns username, label and texts; `parts` maps each username to its set. Which numbers of
    posts are calibrated depends on the test users only through their post counts per label, not through their texts.
    """
    apart, test = (_part_of(people, parts, part) for part in ("calibration", "test"))
    own, tested = (holdout_scores(part, trained, options) for part in (apart, test))
    labels = [part["label"].to_numpy() for part in (apart, test)]
    counts = counts_tested([(labels[0], own.by_count), (labels[1], tested.by_count)])
    calibration = calibrate_by_posts(own.by_count, own.logits, own.posts, labels[0], counts)
    train = _users(_part_of(people, parts, "train"), options.max_posts)
    tfidf = fit_tfidf(train, _users(apart, options.max_posts), options.seed)
    # Nothing is tuned below this line: the test users are only used for evaluation.
    texts = _users(test, options.max_posts).texts
    scores = np.stack(
        [calibration.probabilities(tested.by_count[:, POST_COUNTS.index(count)], count) for count in counts], axis=1
    )
    rows = pa.table(
        {
            "label": test["label"],
            "model": calibration.probabilities(tested.logits, tested.posts),
            "scores": [[None if np.isnan(score) else score for score in user] for user in scores.tolist()],
            "tfidf": tfidf(texts),
            "language": [detect_language("\n".join(user)) for user in texts],
            "posts": [post_count_class(number) for number in tested.posts.tolist()],
        }
    )
    # Sorted by name, a row would reveal its user.
    return TestPredictions(
        calibration, rows.cast(TEST_SCHEMA).sort_by([("model", "ascending"), ("tfidf", "ascending")])
    )


def _part_of(people: pa.Table, parts: Mapping[str, str], part: str) -> pa.Table:
    return people.filter(pa.array([parts[name] == part for name in people["username"].to_pylist()], pa.bool_()))


def _users(people: pa.Table, most_posts: int) -> TextUsers:
    """The users of a table, with at most `most_posts` posts each, to limit memory."""
    return TextUsers(compute.list_slice(people["texts"], 0, most_posts).to_pylist(), people["label"].to_numpy())
