"""After the training: calibration on validation users, then one look at test users, beside baselines."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from instagram_assets.arrow import compute
from instagram_assets.settings import AgeSettings
from instagram_assets.text.language import language

if TYPE_CHECKING:
    from instagram_assets.age.train import Trained


Floats = NDArray[np.float64]

_RIDGE = 0.05
"""Precision of the prior on the slope per standard deviation of the logits; more makes few users' line too flat."""
_LEAST_SPREAD = 0.01
"""Differences of logits below this are noise in half precision, whatever order they put the users in."""


class Calibration(NamedTuple):
    """The line from a logit to the log-odds of label 1: `slope` × logit + `intercept`."""

    slope: float
    intercept: float

    def probabilities(self, logits: ArrayLike) -> Floats:
        """The probability of label 1 for each logit, float64."""
        return sigmoid(self.slope * np.asarray(logits, dtype=np.float64) + self.intercept)


def calibrate(logits: ArrayLike, labels: ArrayLike) -> Calibration:
    """The calibration for these users, who were not trained on: logits, and labels 0 or 1.

    Few users, one class only or logits that tell nothing give probabilities near the share of label 1, never
    near 0 or 1. A slope below 0 would turn the model's answers around; it becomes 0. Raises ValueError without users.
    """
    x, y = _pair(logits, labels)
    ones = y.sum()
    softened = np.where(y == 1, (ones + 1) / (ones + 2), 1 / (len(y) - ones + 2))
    middle, spread = x.mean(), max(float(x.std()), _LEAST_SPREAD)
    slope, intercept = fit_line((x - middle) / spread, softened, _RIDGE)
    if slope < 0:
        return Calibration(0.0, float(log_odds(softened.mean())))
    return Calibration(slope / spread, intercept - slope / spread * float(middle))


def fit_line(x: Floats, targets: Floats, ridge: float = 0.0) -> tuple[float, float]:
    """Slope and intercept of the logistic regression of `targets` (0 to 1) on x, by damped Newton steps.

    `ridge` × slope² / 2 is added to the loss. Without a ridge x must not separate the targets.
    """
    design = np.stack([x, np.ones_like(x)], axis=1)
    penalty = np.array([ridge, 0.0])
    line: Floats = np.array([0.0, float(log_odds(targets.mean()))])
    loss = _loss(design, targets, penalty, line)
    for _ in range(100):
        expected = sigmoid(design @ line)
        gradient = design.T @ (expected - targets) + penalty * line
        weights = expected * (1 - expected)
        # The small constant keeps the step finite where all x are one value.
        curvature = design.T @ (design * weights[:, None]) + np.diag(penalty + 1e-12)
        step: Floats = np.linalg.solve(curvature, gradient).astype(np.float64)
        while (better := _loss(design, targets, penalty, line - step)) > loss and np.abs(step).max() > 1e-12:
            step /= 2
        line, loss = line - step, min(better, loss)
        if np.abs(step).max() < 1e-10:
            break
    return float(line[0]), float(line[1])


def sigmoid(values: Floats) -> Floats:
    """1 / (1 + e^-x), without overflow."""
    return 0.5 * (1 + np.tanh(values / 2))


def log_odds(share: ArrayLike) -> Floats:
    """ln(p / (1 - p)), finite for p = 0 and 1 too."""
    p = np.clip(np.asarray(share, dtype=np.float64), 1e-12, 1 - 1e-12)
    return np.log(p / (1 - p))


def _loss(design: Floats, targets: Floats, penalty: Floats, line: Floats) -> float:
    values = design @ line
    return float(np.sum(np.logaddexp(0, values) - targets * values) + (penalty * line**2).sum() / 2)


def _pair(logits: ArrayLike, labels: ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.asarray(logits, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1 or not len(x):
        raise ValueError(f"logits {x.shape} and labels {y.shape} must be two lists of the same users, at least one")
    return x, y


Texts = Sequence[Sequence[str]]

MOST_FEATURES = 100_000
"""Character n-grams kept, the most frequent ones; bounds memory."""


class Users(NamedTuple):
    """People with labels: the posts of each, and 0 or 1 for each."""

    texts: Texts
    labels: ArrayLike


def majority(train_labels: ArrayLike, n: int) -> Floats:
    """The share of label 1 among the training users, as the probability of each of n users: float64[n]."""
    return np.full(n, np.asarray(train_labels, dtype=np.float64).mean())


def fit_tfidf(train: Users, validation: Users, seed: int) -> Callable[[Texts], Floats]:
    """Logistic regression on TF-IDF of characters (1 to 4 within words); gives the probabilities of any users.

    It is as well off as the age model: it weighs the classes equally, and is calibrated on the validation users.
    Characters and not words, so that Korean endings need no tokenizer.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    count: Any = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True, max_features=MOST_FEATURES)
    model: Any = LogisticRegression(class_weight="balanced", max_iter=1000, random_state=seed)
    model.fit(count.fit_transform(_documents(train.texts)), np.asarray(train.labels))

    def logits(texts: Texts) -> Floats:
        return model.decision_function(count.transform(_documents(texts)))

    calibration = calibrate(logits(validation.texts), validation.labels)
    return lambda texts: calibration.probabilities(logits(texts))


def _documents(texts: Texts) -> Iterable[str]:
    return ("\n".join(posts) for posts in texts)


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

POSTS = {1: "1 post", 2: "2 to 9 posts", 10: "10 to 49 posts", 50: "50 posts or more"}
"""How many posts a user has, told as roughly as it is kept: the least number of each class, and its name."""


class Judged(NamedTuple):
    """The calibration, and the test users with what was predicted of them (the columns of `TEST`)."""

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


def posts_class(number: int) -> str:
    """Which of `POSTS` a user with this number of posts belongs to."""
    return POSTS[max(least for least in POSTS if least <= max(number, 1))]
