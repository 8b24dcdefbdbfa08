"""Mean vectors are right, and no text is computed twice."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from instagram_assets.age import batching
from instagram_assets.age.batching import mean_vectors, vector_store

TEXTS = [f"text {number}" for number in range(30)]
POSTS = [np.array(own, np.int64) for own in ([0, 1, 1, 29], [], [5], list(range(30)))]


def vector(text: str) -> list[float]:
    number = float(text.split()[1])
    return [number, number**2, -1.0]


class Encoder:
    """Gives vectors, and remembers for which texts; dies after `lasts` calls."""

    def __init__(self, lasts: int = 1000) -> None:
        self.seen: list[str] = []
        self._lasts = lasts

    def __call__(self, texts: list[str]) -> NDArray[np.float32]:
        if not self._lasts:
            raise KeyboardInterrupt
        self._lasts -= 1
        self.seen += texts
        return np.array([vector(text) for text in texts], np.float32)


def test_means_count_what_was_posted_twice_twice(tmp_path: Path) -> None:
    store = vector_store(tmp_path, "model", 18, "float32")
    means = mean_vectors(pa.array(TEXTS), POSTS, store, Encoder())
    expected = [np.mean([vector(TEXTS[post]) for post in own], axis=0) if len(own) else [0, 0, 0] for own in POSTS]
    np.testing.assert_allclose(means, np.array(expected), rtol=1e-6)
    assert means.dtype == np.float32


def test_what_is_known_is_not_computed_again_but_by_another_model_or_length(tmp_path: Path) -> None:
    mean_vectors(pa.array(TEXTS), POSTS, vector_store(tmp_path, "model", 18, "float32"), Encoder())
    for model, length, precision, expected in (
        ("model", 18, "float32", ["text 30"]),
        ("model", 19, "float32", [*TEXTS, "text 30"]),
        ("other", 18, "float32", [*TEXTS, "text 30"]),
        ("model", 18, "bfloat16", [*TEXTS, "text 30"]),
    ):
        encoder = Encoder()
        mean_vectors(pa.array([*TEXTS, "text 30"]), POSTS, vector_store(tmp_path, model, length, precision), encoder)
        assert encoder.seen == expected


def test_a_run_that_dies_has_kept_what_it_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "_AT_ONCE", 10)
    monkeypatch.setattr(batching, "_BATCH", 4)
    store, dying, after = vector_store(tmp_path, "model", 18, "float32"), Encoder(lasts=4), Encoder()
    with pytest.raises(KeyboardInterrupt):
        mean_vectors(pa.array(TEXTS), POSTS, store, dying)
    told: list[tuple[int, int]] = []
    in_parts = mean_vectors(pa.array(TEXTS), POSTS, store, after, lambda *counts: told.append(counts))
    assert dying.seen + after.seen == TEXTS
    assert told == [(10, 30), (20, 30), (30, 30)]
    whole = mean_vectors(pa.array(TEXTS), POSTS, vector_store(tmp_path / "other", "", 1, ""), Encoder())
    np.testing.assert_allclose(in_parts, whole, rtol=1e-6)
