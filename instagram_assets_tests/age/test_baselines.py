"""Baselines: what the age model has to beat is as good as it can be."""

import numpy as np
import pytest

from instagram_assets.age.holdout import TextUsers, fit_tfidf, majority_baseline
from instagram_assets.age.statistics import auc

YOUNG, OLD = ("시험 끝났다", "학교 가기 싫어", "exam tomorrow"), ("둘째 육아일기", "회의가 길다", "mortgage paid")


def _users(n: int, seed: int) -> TextUsers:
    """People whose posts, mostly, are about what people of their label write about."""
    random = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    pools = [(OLD if label else YOUNG) * 2 + (YOUNG if label else OLD) for label in labels]
    return TextUsers([[str(text) for text in random.choice(pool, 5)] for pool in pools], labels)


def test_words_tell_the_classes_apart_in_any_language() -> None:
    train, validation, test = _users(60, 0), _users(40, 1), _users(200, 2)
    probabilities = fit_tfidf(train, validation, 0)(test.texts)
    assert (auc(test.labels, probabilities) or 0) > 0.8
    assert probabilities.mean() == pytest.approx(0.5, abs=0.1)


def test_the_same_users_give_the_same_probabilities() -> None:
    train, validation, test = _users(60, 0), _users(40, 1), _users(20, 2)
    once, again = (fit_tfidf(train, validation, 0)(test.texts) for _ in range(2))
    assert once.tolist() == again.tolist()


def test_the_larger_class_is_said_of_everybody() -> None:
    assert majority_baseline([0, 0, 0, 1], 3).tolist() == [0.25] * 3
