"""REST API of posts and reels: a filtered and sorted list, and the details of one."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from instagram_assets.errors import NotFoundError
from instagram_assets.lake_index.page_rows import images_of_post, observations_of, post_of, post_rows
from instagram_assets.lake_index.sorted_rows import PostSort, shared_sorted_rows
from instagram_assets.web.dependencies import ServicesDep
from instagram_assets.web.index_service import index_of
from instagram_assets.web.post_details import read_post
from instagram_assets.web.url_filter import DocumentedFilter, Limit, Offset

router = APIRouter(prefix="/api", tags=["posts"])


class PostAnswer(BaseModel):
    """One post or reel with the values of its newest observation."""

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


class NumbersAnswer(BaseModel):
    """Metrics of a post at the time of one observation."""

    observed_at: datetime
    likes: int | None
    comments: int | None
    views: int | None
    plays: int | None


class TokenAnswer(BaseModel):
    """A word of the caption with its part of speech."""

    word: str
    pos: str


class ImageOfPostAnswer(BaseModel):
    """One image of the post."""

    image_id: str | None
    position: int | None
    status: str | None
    reason: str | None
    width: int | None
    height: int | None
    sharpness: float | None
    passed: bool | None
    near_group: str | None
    scope: str | None
    cluster: int | None
    caption: str | None
    caption_score: float | None = Field(description="Cosine of image and caption")

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        """Returns the API response for an image's row of the index."""
        return cls(**{name: row[name] for name in cls.model_fields})


class PostDetailAnswer(PostAnswer):
    """One post or reel with all its details."""

    poster: str | None = Field(description="Of a reel: a frame's file below the media folder")
    stored: list[ImageOfPostAnswer] = Field(description="Its images in their order, also those that are not there")
    numbers: list[NumbersAnswer] = Field(description="Its numbers over time, the oldest first")
    tokens: list[TokenAnswer]
    mentions: list[str]
    viral_rule: str | None = Field(description="The rule behind `viral`, with all that it depends on")
    source_file: str | None = Field(description="Name of the file that its newest record came in")
    source_index: int | None = Field(description="Place of the record in that file, from 0")
    source_sha256: str | None
    source_format: str | None = Field(description="What the file's records are, such as `apify`")
    video: dict[str, Any] | None = Field(description="Of a reel: the row of `reel_videos`")
    analysis: dict[str, Any] | None = Field(description="Of a reel: the row of `reel_analyses`")
    problems: list[str] = Field(description="Tables of the lake that could not be read")


class PostsAnswer(BaseModel):
    """A page of the posts that match a filter."""

    total: int
    offset: int
    posts: list[PostAnswer]


@router.get("/posts", name="api_posts")
def posts(
    services: ServicesDep,
    filters: DocumentedFilter,
    sort: Annotated[PostSort, Query(description="Equal ones stay in the order of account, day and post_id")] = "newest",
    offset: Offset = 0,
    limit: Limit = 60,
) -> PostsAnswer:
    """Posts and reels that match a filter, sorted; filter fields that only images have are ignored."""
    index = index_of(services)
    order = shared_sorted_rows().posts(index, filters, sort)
    found = [_answer(row) for row in post_rows(index, order[offset : offset + limit])]
    return PostsAnswer(total=len(order), offset=offset, posts=found)


@router.get("/posts/{account}/{post_id}", name="api_post")
def post(
    services: ServicesDep,
    account: Annotated[str, Path(max_length=300, description="A hashtag's # is written %23")],
    post_id: Annotated[str, Path(max_length=300)],
) -> PostDetailAnswer:
    """One post with its images, metrics over time, tokens, labels, and source file.

    Fields that are stored in a damaged table of the lake are empty, and `problems` has its error and the remedy.
    """
    index = index_of(services)
    row = post_of(index, account, post_id)
    if row is None:
        raise NotFoundError(f"{account}/{post_id}: no such post in the index.")
    lake = read_post(services.lake, row)
    return PostDetailAnswer(
        **_answer(row).model_dump(),
        **asdict(lake),
        source_file=row["source_file"],
        source_index=row["source_index"],
        poster=row["poster"],
        numbers=[NumbersAnswer(**look) for look in observations_of(index, row["post"])],
        stored=[ImageOfPostAnswer.of(image) for image in images_of_post(index, account, post_id)],
    )


def _answer(row: dict[str, Any]) -> PostAnswer:
    code, segment = row["shortcode"], "reel" if row["kind"] == "reel" else "p"
    also = {
        "hashtags": row["hashtags"] or [],
        "url": f"https://www.instagram.com/{segment}/{code}/" if code else None,
        "images": row["images"] or 0,
    }
    return PostAnswer.model_validate({**row, **also})
