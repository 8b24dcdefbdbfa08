"""Rows of images by their numbers, as the gallery shows them."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from instagram_assets.lake_index.reading import LakeIndex
from instagram_assets.lake_index.rows_of import rows_of

if TYPE_CHECKING:
    import numpy as np

COLUMNS = (
    *("image", "image_id", "account", "search", "post_id", "position", "day", "kind", "status", "reason"),
    *("width", "height", "sharpness", "passed", "near_group", "scope", "cluster", "caption", "caption_score"),
    *("likes", "impression", "viral", "vector", "path"),
)


def image_rows(index: LakeIndex, numbers: "np.ndarray | Iterable[int]") -> list[dict[str, Any]]:
    """The images of these numbers, in their order; `likes`, `impression` and `viral` are their posts'."""
    return rows_of(index, "images", "image", COLUMNS, numbers)


def images_of_post(index: LakeIndex, account: str, post_id: str) -> list[dict[str, Any]]:
    """The images of one post in their order."""
    found = index.rows(
        "SELECT image FROM images WHERE account = $1 AND post_id = $2 ORDER BY position, image", account, post_id
    )
    return image_rows(index, [row["image"] for row in found])


def images_with(index: LakeIndex, image_id: str) -> Sequence[dict[str, Any]]:
    """The images of the same bytes, wherever they are; none where the id is unknown."""
    found = index.rows("SELECT image FROM images WHERE image_id = $1 ORDER BY image", image_id)
    return image_rows(index, [row["image"] for row in found])
