"""The impression of a post: its likes and comments per follower of its owner."""

from typing import Any

import pyarrow as pa

from instagram_assets import schemas
from instagram_assets.arrow import compute


def impression(likes: int | None, comments: int | None, followers: int | None) -> float | None:
    """Returns (likes + comments) / followers of one post.

    None if a number is unknown or negative (hidden likes arrive as -1), or if there are no followers.
    """
    if likes is None or comments is None or followers is None:
        return None
    if likes < 0 or comments < 0 or followers <= 0:
        return None
    return (likes + comments) / followers


def impressions(posts: pa.Table) -> pa.Table:
    """Returns the impression of every post: a table of `schemas.IMPRESSIONS` in the order of `posts`.

    `posts` is a table of `schemas.POSTS`; its `followers` were observed nearest to the post's own observation. Computed
    as by `impression`, with the same nulls; hidden likes are unknown even if the data contains a number.
    """
    hidden = compute.fill_null(posts["likes_hidden"], False)
    likes = compute.if_else(hidden, None, _at_least(posts["likes"], 0))
    reactions = compute.add(likes, _at_least(posts["comments"], 0))
    followers = _at_least(posts["followers"], 1)
    ratio = compute.divide(reactions.cast(pa.float64()), followers.cast(pa.float64()))
    known = posts.select(["post_id", "account", "day", "kind", "likes", "comments", "followers"])
    return schemas.IMPRESSIONS.conform(known.append_column("impression", ratio), "impressions")


def _at_least(numbers: Any, least: int) -> Any:
    return compute.if_else(compute.greater_equal(numbers, least), numbers, None)
