"""Predictions of the age model for each account: a calibrated probability, or the reason why there is none."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.age.calibration_by_posts import CalibrationByPosts
from instagram_assets.age.encode import UserVector, is_visible
from instagram_assets.age.post_counts import compared_count, sample_texts
from instagram_assets.age.user_texts import UserTexts, texts_of_posts, user_texts
from instagram_assets.arrow import compute
from instagram_assets.arrow import compute as arrow
from instagram_assets.schemas import AGE_PREDICTIONS
from instagram_assets.script_language import detect_language

if TYPE_CHECKING:
    from instagram_assets.age.model_files import LoadedAgeModel


AUTHOR_TEXT_COLUMNS = ("account", "owner", "caption")
"""The columns of `posts` that texts are made of."""

_AT_ONCE = 20_000_000
_USER = 200


def audience(accounts: Sequence[str], posts: pa.RecordBatchReader) -> Iterator[UserTexts]:
    """Yields the texts of each account: first accounts with posts, in the order of `posts`, then accounts without.

    `posts` must be grouped by account, as the lake returns them.
    """
    missing = dict.fromkeys(accounts)
    for account, parts in groupby(_by_account(posts), key=lambda part: part[0]):
        missing.pop(account)
        [user] = texts_of_posts(pa.Table.from_batches([batch for _, batch in parts])).to_pylist()
        yield UserTexts(**user)
    yield from (user_texts(account, []) for account in missing)


def bounded_batches(users: Iterable[UserTexts]) -> Iterator[list[UserTexts]]:
    """Split users into batches with about 20 million characters of text each."""
    held, size = list[UserTexts](), 0
    for user in users:
        held.append(user)
        size += _USER + sum(map(len, user.texts))
        if size >= _AT_ONCE:
            yield held
            held, size = [], 0
    if held:
        yield held


def with_reasons(predictions: pa.Table, users: Sequence[UserTexts]) -> pa.Table:
    """Predictions with the reason filled in for users without texts."""
    reasons = pa.array([user.reason for user in users], pa.string())
    skipped = compute.equal(predictions["status"], "skipped")
    told = compute.if_else(skipped, compute.coalesce(reasons, predictions["reason"]), predictions["reason"])
    return predictions.set_column(predictions.column_names.index("reason"), "reason", told)


def _by_account(posts: pa.RecordBatchReader) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yields slices of record batches with adjacent rows of one account, with the account name."""
    for batch in posts:
        own = batch.select(AUTHOR_TEXT_COLUMNS)
        names = own["account"].to_pylist()
        start = 0
        for end in range(1, len(names) + 1):
            if end == len(names) or names[end] != names[start]:
                yield names[start], own.slice(start, end - start)
                start = end


_OnProgress = Callable[[int, int], None]

_NO_TEXT = "no post with text"
_NO_NUMBER = "the model gave no number"
_USERS_AT_ONCE = 256
_READ_FOR_LANGUAGE = 200
"""Posts that tell a user's language, as many as of test users by default."""


def predict(users: pa.Table, loaded: "LoadedAgeModel", on_progress: _OnProgress | None = None) -> pa.Table:
    """One row of `age_predictions` for each row of `users`, in their order.

    `users` has the columns `username` and `texts` (list<string>), as `age.labels` returns; null and blank texts are
    ignored. Users without text have the status `skipped`, with the reason. `on_progress` is called with the number of
    posts done.
    """
    config = loaded.source.config
    by_posts = CalibrationByPosts(config.calibration)
    lengths = arrow.list_value_length(users["texts"]).drop_null().to_pylist()
    total = sum(length + (compared_count(length, by_posts.compared) or 0) for length in lengths)
    done = 0

    def tell(posts: int) -> None:
        nonlocal done
        done += posts
        if on_progress is not None:
            on_progress(done, total)

    languages: deque[str | None] = deque()
    vectors = loaded.encoder.user_vectors(_with_samples(users, by_posts.compared, languages), tell)
    rows: list[dict[str, Any]] = []
    # Each user is two rows of vectors: of all posts, and of those that are compared with test users.
    while some := list(islice(vectors, 2 * _USERS_AT_ONCE)):
        probabilities = by_posts.probabilities(_logits(some, loaded), [user.posts for user in some]).tolist()
        for user, compared, own, of_compared in zip(
            some[::2], some[1::2], probabilities[::2], probabilities[1::2], strict=True
        ):
            rows.append(
                {
                    "account": user.username,
                    **_judged(own, of_compared, compared.posts, config.abstain_below),
                    "n_posts": user.posts,
                    "language": languages.popleft(),
                    "age_cutoff": config.age_cutoff,
                    "model": loaded.source.label,
                }
            )
    return pa.Table.from_pylist(rows, AGE_PREDICTIONS.schema)


def visible_texts(users: pa.Table) -> Iterator[tuple[str, list[str]]]:
    """Yields username and texts of each row, without null and blank texts."""
    for name, some in zip(users["username"], users["texts"], strict=True):
        texts = (text.as_py() for text in some) if some.is_valid else iter(())
        yield name.as_py(), [text for text in texts if text is not None and is_visible(text)]


def _with_samples(
    users: pa.Table, counts: Sequence[int], languages: deque[str | None]
) -> Iterator[tuple[str, list[str]]]:
    """Yields each user twice: with all texts, and with a sample of `compared_count` texts.

    Appends the language of each user's texts to `languages`.
    """
    for name, texts in visible_texts(users):
        languages.append(detect_language("\n".join(texts[:_READ_FOR_LANGUAGE])))
        yield name, texts
        yield name, sample_texts(name, texts, compared_count(len(texts), counts) or 0)


def _logits(users: list[UserVector], loaded: "LoadedAgeModel") -> NDArray[np.float64]:
    """The model's logit of each user's mean vector, float64[users]."""
    import torch

    vectors = torch.from_numpy(np.stack([user.vector for user in users])).to(loaded.device)
    with torch.inference_mode():
        return loaded.model.head(vectors).cpu().double().numpy()


def _judged(probability: float, compared: float, posts: int, abstain_below: float) -> dict[str, Any]:
    """The columns derived from the probability over all posts and the probability `compared` over a sample of `posts`.

    Without text or with a NaN they are null, with the reason.
    """
    if posts and np.isfinite(probability) and np.isfinite(compared):
        abstained = max(probability, 1 - probability) < abstain_below
        return {
            "probability": probability,
            "at_least_cutoff": None if abstained else probability >= 0.5,
            "abstained": abstained,
            "compared_posts": posts,
            "compared_probability": compared,
            "status": "ok",
        }
    reason = _NO_NUMBER if posts else _NO_TEXT
    return {"abstained": True, "status": "skipped", "reason": reason}
