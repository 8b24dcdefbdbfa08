"""What people wrote: the texts of each account that a language model can read."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa

from instagram_assets.errors import RecordError
from instagram_assets.ingest import values
from instagram_assets.schemas import TEXTS

USER_TEXTS = pa.schema([("username", pa.string()), ("texts", TEXTS), ("left_out", pa.int64()), ("reason", pa.string())])
"""One row per account: its texts, how many posts had none, and what is wrong; `reason` is null when nothing is."""

# Letters and digits that are part of an emoji: keycaps such as 1 + VS16 + U+20E3, and ℹ with VS16.
_EMOJI_PARTS = re.compile("[0-9#*]\ufe0f?\u20e3|.\ufe0f")
_BATCH = 10_000_000


class UserTexts(NamedTuple):
    """One account: its texts, how many of its posts had none, and why there are no texts or what could not be read."""

    username: str
    texts: list[str]
    left_out: int = 0
    reason: str | None = None


def readable(value: object) -> str | None:
    """A post's text in NFC without white space around it; null when it has neither letter nor digit, as emojis."""
    try:
        text = (values.text(value, "text", []) or "").strip()
    except RecordError:
        return None
    if any(map(str.isalnum, text if text.isascii() else _EMOJI_PARTS.sub("", text))):
        return text
    return None


def user_texts(
    username: str, captions: Iterable[object], *, by_others: int = 0, reason: str | None = None
) -> UserTexts:
    """An account with the readable ones among its captions; `by_others` are posts in its timeline that others wrote."""
    received = list(captions)
    texts = [text for caption in received if (text := readable(caption))]
    left_out = len(received) - len(texts) + by_others
    return UserTexts(username, texts, left_out, reason or (None if texts else _why_none(len(received), by_others)))


def texts_of_posts(posts: pa.Table | pa.RecordBatchReader) -> pa.Table:
    """The texts of each account's own posts (a table of `posts`), in the order in which accounts first appear.

    Posts in a timeline that somebody else wrote, as in collaborations, do not count; where the owner is not known it
    is the account. Returns the columns of `USER_TEXTS`.
    """
    captions: dict[str, list[str | None]] = defaultdict(list)
    by_others: Counter[str] = Counter()
    for batch in posts.to_batches() if isinstance(posts, pa.Table) else posts:
        for account, owner, caption in zip(
            *(batch.column(name).to_pylist() for name in ("account", "owner", "caption")), strict=True
        ):
            own = captions[account]
            if owner is None or owner == account:
                own.append(caption)
            else:
                by_others[account] += 1
    return texts_table(user_texts(name, own, by_others=by_others[name]) for name, own in captions.items())


def texts_table(users: Iterable[UserTexts]) -> pa.Table:
    """Accounts as a table with the columns of `USER_TEXTS`."""
    return pa.Table.from_batches(_batches(users), USER_TEXTS)


def _batches(users: Iterable[UserTexts]) -> Iterator[pa.RecordBatch]:
    """Batches with a bounded amount of text: a list of strings cannot hold more than 2 GiB."""
    held, size = list[UserTexts](), 0
    for user in users:
        held.append(user)
        size += sum(map(len, user.texts))
        if size >= _BATCH:
            yield _batch(held)
            held, size = [], 0
    if held:
        yield _batch(held)


def _batch(users: list[UserTexts]) -> pa.RecordBatch:
    columns = [pa.array(column, field.type) for column, field in zip(zip(*users, strict=True), USER_TEXTS, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=USER_TEXTS)


def _why_none(total: int, by_others: int) -> str:
    if not total:
        return f"all of its {by_others} posts are by others" if by_others else "there are no posts"
    others = f", {by_others} more are by others" if by_others else ""
    return f"none of its {total} posts has words{others}"
