"""Posts and reels: filtered, sorted, and one with all that is known of it."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from instagram_assets.lake_index.orders import PostSort
from instagram_assets.lake_index.posts import post_rows
from instagram_assets.web.asked import Limit, Offset, Wanted, orders
from instagram_assets.web.index_service import index_of
from instagram_assets.web.services import Given

router = APIRouter(prefix="/api", tags=["posts"])


class PostAnswer(BaseModel):
    """One post or reel by its newest observation."""

    account: str = Field(description="Account or hashtag that was collected; a hashtag's begins with #")
    post_id: str
    shortcode: str | None
    url: str | None = Field(description="Its address at Instagram")
    day: date | None
    kind: str | None = Field(description="`post` or `reel`")
    owner: str | None = Field(description="Who posted it")
    taken_at: datetime | None
    observed_at: datetime | None = Field(description="When its numbers were read")
    caption: str | None
    language: str | None = Field(description="`ko`, `en`, `mixed` or `other`")
    hashtags: list[str]
    likes: int | None
    comments: int | None
    views: int | None
    plays: int | None
    followers: int | None
    impression: float | None = Field(description="(likes + comments) / followers")
    viral: bool | None
    viral_score: float | None
    viral_reason: str | None
    images: int = Field(description="Stored images")
    first_image: str | None = Field(description="image_id of the first stored one")
    hook: str | None = Field(description="Of a reel: what holds the viewer in the first seconds")


class PostsAnswer(BaseModel):
    """A page of the posts that a filter wants."""

    total: int
    offset: int
    posts: list[PostAnswer]


@router.get("/posts", name="api_posts")
def posts(
    services: Given,
    wanted: Wanted,
    sort: Annotated[PostSort, Query(description="Equal ones stay in the order of account, day and post_id")] = "newest",
    offset: Offset = 0,
    limit: Limit = 60,
) -> PostsAnswer:
    """Posts and reels that fit a filter, sorted; fields of the filter that only images have are passed over."""
    index = index_of(services)
    order = orders().posts(index, wanted, sort)
    found = [_answer(row) for row in post_rows(index, order[offset : offset + limit])]
    return PostsAnswer(total=len(order), offset=offset, posts=found)


def _answer(row: dict[str, object]) -> PostAnswer:
    code, place = row["shortcode"], "reel" if row["kind"] == "reel" else "p"
    also = {
        "hashtags": row["hashtags"] or [],
        "url": f"https://www.instagram.com/{place}/{code}/" if code else None,
        "images": row["images"] or 0,
    }
    return PostAnswer.model_validate({**row, **also})
