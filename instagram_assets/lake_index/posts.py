"""Rows of posts by their numbers, and one post with its numbers over time."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from instagram_assets.lake_index.reading import LakeIndex
from instagram_assets.lake_index.rows_of import finite, rows_of

if TYPE_CHECKING:
    import numpy as np

COLUMNS = (
    *("post", "account", "post_id", "shortcode", "day", "kind", "owner", "taken_at", "observed_at"),
    *("caption", "language", "hashtags", "likes", "comments", "views", "plays", "followers", "impression"),
    *("viral", "viral_score", "viral_reason", "images", "first_image", "poster", "hook", "hypotheses"),
    *("source_file", "source_index"),
)


def post_rows(index: LakeIndex, numbers: "np.ndarray | Iterable[int]") -> list[dict[str, Any]]:
    """The posts of these numbers, in their order."""
    return rows_of(index, "posts", "post", COLUMNS, numbers)


def post_of(index: LakeIndex, account: str, post_id: str) -> dict[str, Any] | None:
    """One post; null where there is none such."""
    found = index.rows("SELECT post FROM posts WHERE account = $1 AND post_id = $2", account, post_id)
    return next(iter(post_rows(index, [found[0]["post"]])), None) if found else None


def looks_of(index: LakeIndex, post: int) -> list[dict[str, Any]]:
    """A post's numbers over time, the oldest first: `observed_at`, `likes`, `comments`, `views`, `plays`."""
    return finite(
        index.rows(
            "SELECT observed_at, likes, comments, views, plays FROM looks WHERE post = $1 ORDER BY observed_at", post
        )
    )
