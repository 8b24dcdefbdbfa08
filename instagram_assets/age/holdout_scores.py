"""Logits of held-out users, over all of their posts and over samples of `POST_COUNTS` posts."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.age.post_counts import POST_COUNTS, sample_texts
from instagram_assets.settings import AgeSettings

if TYPE_CHECKING:
    from instagram_assets.age.trainer import TrainedModel

Floats = NDArray[np.float64]


class HoldoutScores(NamedTuple):
    """Logits of users: `logits`, float64[users], over all posts, and `by_count`, float64[users, len(POST_COUNTS)].

    `by_count` is over random samples of `POST_COUNTS` posts, NaN where a user has fewer. `posts`, int64[users], counts
    posts with text.
    """

    logits: Floats
    by_count: Floats
    posts: NDArray[np.int64]


def holdout_scores(people: pa.Table, trained: "TrainedModel", options: AgeSettings) -> HoldoutScores:
    """Compute the trained model's logits of users (columns username and texts), as at inference.

    Each distinct post is encoded only once, even if it is in several samples.
    """
    import torch

    from instagram_assets.age.encode import PostEncoder
    from instagram_assets.age.predict import visible_texts
    from instagram_assets.models.devices import choose_dtype

    device = next(trained.model.parameters()).device
    dtype = choose_dtype(options.precision, device)
    encoder = PostEncoder(trained.model.backbone, trained.tokenizer, options.max_seq_len, device, dtype)
    users = list(visible_texts(people))
    posts = np.array([len(texts) for _, texts in users], np.int64)
    vectors = np.stack([user.vector for user in encoder.user_vectors(_with_samples(users))])
    with torch.inference_mode():
        logits = trained.model.head(torch.from_numpy(vectors).to(device)).cpu().double().numpy()
    by_count = np.full((len(users), len(POST_COUNTS)), np.nan)
    fits = posts[:, None] >= np.array(POST_COUNTS)
    first = np.concatenate([[0], np.cumsum(1 + fits.sum(axis=1))])[:-1].astype(np.int64)
    own = np.ones(len(logits), np.bool_)
    own[first] = False
    by_count[fits] = logits[own]
    return HoldoutScores(logits[first], by_count, posts)


def _with_samples(users: Iterable[tuple[str, list[str]]]) -> Iterator[tuple[str, list[str]]]:
    """Yields each user with all texts, followed by the user's samples of texts, smallest first."""
    for name, texts in users:
        yield name, texts
        yield from ((name, sample_texts(name, texts, count)) for count in POST_COUNTS if count <= len(texts))
