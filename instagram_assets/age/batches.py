"""Which users and posts are seen together: drawn anew in each pass, packed so that little is padding.

All that is drawn follows from the seed and the place in the training, so a training that goes on draws the same.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
