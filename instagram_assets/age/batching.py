"""Users and posts as numbers, and the batches in which they are seen together."""

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


class Group(NamedTuple):
    """Users that one backward pass sees: their places in the step, and of each the numbers of the posts drawn."""

    places: list[int]
    posts: list[NDArray[np.int64]]
    tokens: int


def steps_of(users: int, per_step: int, seed: Sequence[int]) -> list[NDArray[np.int64]]:
    """The numbers of all users in an order drawn for one pass, cut into steps; the last may have fewer."""
    order = np.random.default_rng(seed).permutation(users)
    return [order[start : start + per_step] for start in range(0, users, per_step)]


def drawn(posts: NDArray[np.int64], most: int, seed: Sequence[int]) -> NDArray[np.int64]:
    """All posts of a user, or as many as allowed, drawn without putting back."""
    if len(posts) <= most:
        return posts
    return np.random.default_rng(seed).choice(posts, most, replace=False)


def groups_of(posts: Sequence[NDArray[np.int64]], lengths: NDArray[np.int64], budget: int) -> Iterator[Group]:
    """Whole users packed up to `budget` tokens of different posts; a user with more is alone in a group."""
    group = Group([], [], 0)
    for place, own in enumerate(posts):
        tokens = int(lengths[np.unique(own)].sum())
        if group.places and group.tokens + tokens > budget:
            yield group
            group = Group([], [], 0)
        group = Group([*group.places, place], [*group.posts, own], group.tokens + tokens)
    if group.places:
        yield group


def pieces_of(lengths: NDArray[np.int64], budget: int) -> Iterator[slice]:
    """Runs of posts sorted by length, each of at most `budget` tokens with padding and at least one post."""
    begin = 0
    for end in range(1, len(lengths) + 1):
        if end == len(lengths) or (end + 1 - begin) * lengths[end] > budget:
            yield slice(begin, end)
            begin = end


def padded(posts: Sequence[NDArray[np.int64]], padding: int) -> "tuple[Tensor, Tensor]":
    """Token ids of posts and their attention mask, int64[posts, longest], padded on the right."""
    import torch

    lengths = np.array([len(post) for post in posts])
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(mask.shape, padding, np.int64)
    ids[mask] = np.concatenate(posts)
    return torch.from_numpy(ids), torch.from_numpy(mask.astype(np.int64))


class Users(NamedTuple):
    """People of one part of a split, by name: labels of 0 and 1, and of each the numbers of the texts written.

    A text that a user posted twice is there twice.
    """

    names: list[str]
    labels: NDArray[np.float32]
    posts: list[NDArray[np.int64]]


def read_users(people: pa.Table, parts: Mapping[str, str], wanted: Sequence[str]) -> tuple[pa.Array, dict[str, Users]]:
    """The distinct texts of the people (username, label, texts) of the `wanted` parts, and the people of each part.

    Who has no texts is left out. The order of the rows plays no part.
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

    def of_part(name: str) -> Users:
        places = np.flatnonzero(part_of == name)
        own = [numbers[borders[place] : borders[place + 1]] for place in places]
        return Users([names[place] for place in places], labels[places], own)

    return distinct.dictionary, {name: of_part(name) for name in wanted}


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
