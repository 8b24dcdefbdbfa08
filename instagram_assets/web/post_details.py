"""One post with all that is known of it: from the index, and its words from the lake."""

from dataclasses import dataclass
from typing import Any

from instagram_assets.errors import NotFoundError
from instagram_assets.lake_index.images import images_of_post
from instagram_assets.lake_index.posts import looks_of, post_of
from instagram_assets.lake_index.reading import LakeIndex
from instagram_assets.storage.lake import read_table
from instagram_assets.web.line_chart import Line, line_of
from instagram_assets.web.services import Services

Row = dict[str, Any]


@dataclass(frozen=True)
class PostDetails:
    """A post, its images in their order, its numbers over time, and its words with their part of speech."""

    post: Row
    images: list[Row]
    looks: list[Row]
    line: Line | None
    """Likes over time; null where they were not read twice."""
    tokens: list[Row]


def post_details(services: Services, index: LakeIndex, account: str, post_id: str) -> PostDetails:
    """All of one post. Raises NotFoundError where there is none such, StorageError for a damaged table."""
    post = post_of(index, account, post_id)
    if post is None:
        raise NotFoundError(f"There is no post {post_id!r} of {account!r}.")
    looks = looks_of(index, post["post"])
    likes = [(look["observed_at"], look["likes"]) for look in looks if look["likes"] is not None]
    days = (post["day"], post["day"]) if post["day"] else None
    table = read_table(services.lake, "tokens", [account], days, ["post_id", "tokens"])
    tokens = next((row["tokens"] for row in table.to_pylist() if row["post_id"] == post_id), None)
    return PostDetails(post, images_of_post(index, account, post_id), looks, line_of(likes), tokens or [])
