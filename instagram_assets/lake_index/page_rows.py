"""Reads the rows of images and posts that one page shows, by row index and in the given order."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from instagram_assets.lake_index.filter_sql import Of, condition_of
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_reader import LakeIndex

if TYPE_CHECKING:
    import numpy as np


def rows_by_number(
    index: LakeIndex, of: Of, number: str, columns: Sequence[str], numbers: "np.ndarray | Iterable[int]"
) -> list[dict[str, Any]]:
    """Returns the rows of an index table with these row indices, in that order; indices without a row are skipped.

    `of` is the table and `number` its column with the row index, which must be among `columns`.
    """
    requested = [int(each) for each in numbers]
    if not requested:
        return []
    # A join reads only the blocks that contain these rows; `IN` with a list reads the whole table.
    of_row = ", ".join(f"t.{name}" for name in columns)
    sql = f"SELECT {of_row} FROM (SELECT unnest($1::INTEGER[]) AS {number}) n JOIN {of} t USING ({number})"
    found = index.rows(sql, sorted(requested))
    by_number = {row[number]: row for row in nan_as_none(found)}
    return [by_number[each] for each in requested if each in by_number]


def nan_as_none(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Replaces NaN and infinity in the rows by None, since JSON does not have them; returns the same list."""
    for row in rows:
        for name, value in row.items():
            if isinstance(value, float) and not math.isfinite(value):
                row[name] = None
    return rows


IMAGE_COLUMNS = (
    *("image", "image_id", "account", "search", "post_id", "position", "day", "kind", "status", "reason"),
    *("width", "height", "sharpness", "passed", "near_group", "scope", "cluster", "caption", "caption_score"),
    *("likes", "impression", "viral", "vector", "path"),
)


def image_rows(index: LakeIndex, numbers: "np.ndarray | Iterable[int]") -> list[dict[str, Any]]:
    """Returns the images with these row indices, in that order; `likes`, `impression`, `viral` are of their posts."""
    return rows_by_number(index, "images", "image", IMAGE_COLUMNS, numbers)


def images_of_post(index: LakeIndex, account: str, post_id: str) -> list[dict[str, Any]]:
    """Returns the images of one post, sorted by their position in the post."""
    found = index.rows(
        "SELECT image FROM images WHERE account = $1 AND post_id = $2 ORDER BY position, image", account, post_id
    )
    return image_rows(index, [row["image"] for row in found])


def images_with(index: LakeIndex, image_id: str) -> Sequence[dict[str, Any]]:
    """Returns all rows of an image, one for each post or search that has it; empty if the `image_id` is unknown."""
    found = index.rows("SELECT image FROM images WHERE image_id = $1 ORDER BY image", image_id)
    return image_rows(index, [row["image"] for row in found])


def near_duplicates(index: LakeIndex, image_id: str) -> int:
    """Returns how many other image rows are near-duplicates or copies of an image, as matched by `Filter.near`."""
    where = condition_of(Filter(near=image_id), "images")
    [row] = index.rows(f"SELECT count(*) AS number FROM images WHERE {where.sql}", *where.values)
    return max(0, row["number"] - 1)


_POST_COLUMNS = (
    *("post", "account", "post_id", "shortcode", "day", "kind", "owner", "taken_at", "observed_at"),
    *("caption", "language", "hashtags", "likes", "comments", "views", "plays", "followers", "impression"),
    *("viral", "viral_score", "viral_reason", "images", "first_image", "poster", "hook", "hypotheses"),
    *("source_file", "source_index"),
)


def post_rows(index: LakeIndex, numbers: "np.ndarray | Iterable[int]") -> list[dict[str, Any]]:
    """Returns the posts with these row indices, in that order."""
    return rows_by_number(index, "posts", "post", _POST_COLUMNS, numbers)


def post_of(index: LakeIndex, account: str, post_id: str) -> dict[str, Any] | None:
    """Returns one post; None if it is not in the index."""
    found = index.rows("SELECT post FROM posts WHERE account = $1 AND post_id = $2", account, post_id)
    return next(iter(post_rows(index, [found[0]["post"]])), None) if found else None


def observations_of(index: LakeIndex, post: int) -> list[dict[str, Any]]:
    """Returns a post's metrics over time, oldest first: `observed_at`, `likes`, `comments`, `views`, `plays`.

    `post` is the post's row index.
    """
    return nan_as_none(
        index.rows(
            "SELECT observed_at, likes, comments, views, plays FROM looks WHERE post = $1 ORDER BY observed_at", post
        )
    )
