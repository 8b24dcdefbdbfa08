"""Training data as index arrays, batches by token budget, and cached mean embeddings of users."""

import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.arrow import compute
from instagram_assets.storage.features import FeatureStore, computed

if TYPE_CHECKING:
    from torch import Tensor


class UserGroup(NamedTuple):
    """Users of one backward pass: their indices within the optimiser step, and the sampled post indices of each."""

    places: list[int]
    posts: list[NDArray[np.int64]]
    tokens: int


def shuffled_steps(users: int, per_step: int, seed: Sequence[int]) -> list[NDArray[np.int64]]:
    """Shuffled user indices of one epoch, split into optimiser steps of `per_step` users; the last can be smaller."""
    order = np.random.default_rng(seed).permutation(users)
    return [order[start : start + per_step] for start in range(0, users, per_step)]


def sample_posts(posts: NDArray[np.int64], most: int, seed: Sequence[int]) -> NDArray[np.int64]:
    """A user's post indices; if more than `most`, a random sample of `most` without replacement."""
    if len(posts) <= most:
        return posts
    return np.random.default_rng(seed).choice(posts, most, replace=False)


def token_budget_groups(
    posts: Sequence[NDArray[np.int64]], lengths: NDArray[np.int64], budget: int
) -> Iterator[UserGroup]:
    """Pack users into groups of at most `budget` tokens in distinct posts; a user with more tokens is a group alone."""
    group = UserGroup([], [], 0)
    for place, own in enumerate(posts):
        tokens = int(lengths[np.unique(own)].sum())
        if group.places and group.tokens + tokens > budget:
            yield group
            group = UserGroup([], [], 0)
        group = UserGroup([*group.places, place], [*group.posts, own], group.tokens + tokens)
    if group.places:
        yield group


def token_budget_slices(lengths: NDArray[np.int64], budget: int) -> Iterator[slice]:
    """Batches (slices) of posts sorted by length, each of at most `budget` tokens including padding."""
    begin = 0
    for end in range(1, len(lengths) + 1):
        if end == len(lengths) or (end + 1 - begin) * lengths[end] > budget:
            yield slice(begin, end)
            begin = end


def pad_batch(posts: Sequence[NDArray[np.int64]], padding: int) -> "tuple[Tensor, Tensor]":
    """Token ids and attention mask of a batch of posts, int64[posts, longest], padded on the right."""
    import torch

    lengths = np.array([len(post) for post in posts])
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(mask.shape, padding, np.int64)
    ids[mask] = np.concatenate(posts)
    return torch.from_numpy(ids), torch.from_numpy(mask.astype(np.int64))


class LabelledUsers(NamedTuple):
    """Users of one set (such as `train`), sorted by name: labels 0 or 1, and the text indices of each user.

    Indices are into the distinct texts of all users; the index of a text that a user posted twice occurs twice.
    """

    names: list[str]
    labels: NDArray[np.float32]
    posts: list[NDArray[np.int64]]


def read_users(
    people: pa.Table, parts: Mapping[str, str], wanted: Sequence[str]
) -> tuple[pa.Array, dict[str, LabelledUsers]]:
    """The distinct texts of all users in the sets `wanted` (such as `train`), and the users of each set.

    `people` has the columns username, label and texts; `parts` maps each username to its set. Users without texts are
    omitted. The order of rows does not matter.
    """
    part = pa.array([parts.get(name) for name in people["username"].to_pylist()], pa.string())
    rows = people.append_column("part", part).sort_by("username")
    rows = rows.filter(compute.is_in(rows["part"], value_set=pa.array(wanted, pa.string())))
    rows = rows.filter(compute.greater(compute.list_value_length(rows["texts"]), 0))
    texts = rows["texts"].combine_chunks()
    distinct = texts.flatten().dictionary_encode()
    numbers = distinct.indices.to_numpy().astype(np.int64)
    borders = np.cumsum([0, *compute.list_value_length(texts).to_pylist()])
    names, labels = rows["username"].to_pylist(), rows["label"].to_numpy().astype(np.float32)
    part_of = np.array(rows["part"].to_pylist(), object)

    def of_part(name: str) -> LabelledUsers:
        places = np.flatnonzero(part_of == name)
        own = [numbers[borders[place] : borders[place + 1]] for place in places]
        return LabelledUsers([names[place] for place in places], labels[places], own)

    return distinct.dictionary, {name: of_part(name) for name in wanted}


TextEncoder = Callable[[list[str]], NDArray[np.float32]]
"""A text encoder: texts to vectors, float32[texts, width]."""

_OnProgress = Callable[[int, int], None]

_DEFINITION = "age-post-1"
_AT_ONCE = 4096
"""Texts whose vectors memory holds: 50 MB for a language model of width 768."""
_BATCH = 1024
"""Texts encoded per call and cached together; a killed run loses at most one such batch."""
_SCHEMA = pa.schema([("text_sha256", pa.string()), ("vector", pa.list_(pa.float32()))])


def vector_store(root: Path, model: str, max_seq_len: int, precision: str) -> FeatureStore:
    """The cache of text vectors by the language model with the fingerprint `model`, below `root`."""
    parts = (_DEFINITION, model, str(max_seq_len), precision)
    return FeatureStore(root, "age_posts", hashlib.sha256("\0".join(parts).encode()).hexdigest(), _SCHEMA)


def mean_vectors(
    texts: pa.Array,
    posts: Sequence[NDArray[np.int64]],
    store: FeatureStore,
    encode: TextEncoder,
    on_progress: _OnProgress | None = None,
) -> NDArray[np.float32]:
    """Mean text vector of each user, float32[users, width]; zero for a user without texts.

    `posts` are the indices into `texts` of each user. Vectors are read from the cache `store`, or computed by `encode`
    and cached. Memory holds the means and the vectors of 4,096 texts.
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


def _vectors(texts: list[str], store: FeatureStore, encode: TextEncoder) -> NDArray[np.float32]:
    """The vectors of distinct texts, in the order of `texts`, from the cache or computed and cached."""
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
