"""Users' mean vectors of a language model that stays as it is: each distinct text computed once and kept on disk."""

import hashlib
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.storage.features import FeatureStore, computed

Encode = Callable[[list[str]], NDArray[np.float32]]
"""Texts to their vectors, float32[texts, width]."""

OnProgress = Callable[[int, int], None]

_DEFINITION = "age-post-1"
_AT_ONCE = 4096
"""Texts whose vectors memory holds: 50 MB for a language model of width 768."""
_BATCH = 1024
"""Texts computed at once, of all lengths; so many a death may cost."""
_SCHEMA = pa.schema([("text_sha256", pa.string()), ("vector", pa.list_(pa.float32()))])


def vector_store(root: Path, model: str, max_seq_len: int, precision: str) -> FeatureStore:
    """Where the vectors by the language model with the fingerprint `model` are kept, below `root`."""
    parts = (_DEFINITION, model, str(max_seq_len), precision)
    return FeatureStore(root, "age_posts", hashlib.sha256("\0".join(parts).encode()).hexdigest(), _SCHEMA)


def mean_vectors(
    texts: pa.Array,
    posts: Sequence[NDArray[np.int64]],
    store: FeatureStore,
    encode: Encode,
    on_progress: OnProgress | None = None,
) -> NDArray[np.float32]:
    """The mean vector of each user, float32[users, width], from the numbers of their texts; zero without texts.

    Vectors come from the store where it has them, the rest is computed and kept. Memory holds the means and the
    vectors of 4,096 texts.
    """
    import torch

    counts = np.array([len(own) for own in posts], np.int64)
    numbers = np.concatenate([np.empty(0, np.int64), *posts])
    order = np.argsort(numbers, kind="stable")
    numbers, owners = numbers[order], np.repeat(np.arange(len(posts)), counts)[order]
    sums = torch.zeros(len(posts), 0, dtype=torch.float64)
    for start in range(0, len(texts), _AT_ONCE):
        vectors = _vectors(texts.slice(start, _AT_ONCE).to_pylist(), store, encode)
        if not sums.shape[1]:
            sums = torch.zeros(len(posts), vectors.shape[1], dtype=torch.float64)
        first, last = np.searchsorted(numbers, [start, start + len(vectors)])
        for begin in range(int(first), int(last), _AT_ONCE):
            some = slice(begin, min(begin + _AT_ONCE, last))
            own = vectors[numbers[some] - start].astype(np.float64)
            sums.index_add_(0, torch.from_numpy(owners[some]), torch.from_numpy(own))
        if on_progress is not None:
            on_progress(start + len(vectors), len(texts))
    return (sums.numpy() / np.maximum(counts, 1)[:, None]).astype(np.float32)


def _vectors(texts: list[str], store: FeatureStore, encode: Encode) -> NDArray[np.float32]:
    """The vectors of texts, each once, in their order."""
    by_key = {hashlib.sha256(text.encode()).hexdigest(): text for text in texts}

    def compute(missing: list[str]) -> Generator[pa.Table]:
        for start in range(0, len(missing), _BATCH):
            some = missing[start : start + _BATCH]
            vectors = encode([by_key[key] for key in some])
            borders = np.arange(len(some) + 1, dtype=np.int32) * vectors.shape[1]
            lists = pa.ListArray.from_arrays(pa.array(borders), pa.array(vectors.ravel()))
            yield pa.table([pa.array(some), lists], schema=_SCHEMA)

    column = computed(by_key, store, compute)["vector"].combine_chunks()
    return column.flatten().to_numpy().reshape(len(by_key), -1)
