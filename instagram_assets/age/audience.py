"""The accounts of an audience with their texts, one after another: memory does not grow with their number."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import pyarrow as pa

from instagram_assets.age.texts import UserTexts, texts_of_posts, user_texts
from instagram_assets.arrow import compute

OF_TEXTS = ("account", "owner", "caption")
"""The columns of `posts` that texts are made of."""

_AT_ONCE = 20_000_000
_USER = 200


def audience(accounts: Sequence[str], posts: pa.RecordBatchReader) -> Iterator[UserTexts]:
    """The texts of each account once: first those that have posts, in the order of `posts`, then the others.

    In `posts` the rows of an account stand together, as the lake gives them.
    """
    missing = dict.fromkeys(accounts)
    for account, parts in groupby(_by_account(posts), key=lambda part: part[0]):
        missing.pop(account)
        [user] = texts_of_posts(pa.Table.from_batches([batch for _, batch in parts])).to_pylist()
        yield UserTexts(**user)
    yield from (user_texts(account, []) for account in missing)


def in_bounds(users: Iterable[UserTexts]) -> Iterator[list[UserTexts]]:
    """Users in lists with about 20 million characters of text each."""
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
    """Predictions of these users where those without texts say why they have none."""
    reasons = pa.array([user.reason for user in users], pa.string())
    skipped = compute.equal(predictions["status"], "skipped")
    told = compute.if_else(skipped, compute.coalesce(reasons, predictions["reason"]), predictions["reason"])
    return predictions.set_column(predictions.column_names.index("reason"), "reason", told)


def _by_account(posts: pa.RecordBatchReader) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The stretches of rows of one account in each batch."""
    for batch in posts:
        own = batch.select(OF_TEXTS)
        names = own["account"].to_pylist()
        start = 0
        for end in range(1, len(names) + 1):
            if end == len(names) or names[end] != names[start]:
                yield names[start], own.slice(start, end - start)
                start = end
