"""What the age model has to beat: always the larger class, and word counts with logistic regression."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instagram_assets.age.calibrate import calibrate

Floats = NDArray[np.float64]
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
