"""REST API of the gallery: images of the lake, filtered, sorted and paged, and counts for the filter form."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from instagram_assets.lake_index.facets import facets_of
from instagram_assets.lake_index.page_rows import image_rows
from instagram_assets.lake_index.sorted_rows import Sort, shared_sorted_rows
from instagram_assets.web.dependencies import ServicesDep
from instagram_assets.web.gallery_lists import decisions_of
from instagram_assets.web.index_service import index_of
from instagram_assets.web.semantic_search import reads, similarities
from instagram_assets.web.url_filter import DocumentedFilter, Limit, Offset

router = APIRouter(prefix="/api", tags=["gallery"])


class ImageAnswer(BaseModel):
    """One image of a post or of a search."""

    image_id: str | None = Field(description="SHA-256 of its bytes; null unless it is stored")
    account: str | None = Field(description="Null for images of searches")
    search: str | None = Field(description="Null for images of posts")
    post_id: str | None
    position: int | None = Field(description="Place in the post from 0, or rank in the search")
    day: date | None
    kind: str | None = Field(description="`post` or `reel`")
    status: str | None = Field(description="`ok`, `failed`, `expired` or `refused`")
    reason: str | None = Field(description="Why it is not there or did not pass, or what was odd about it")
    width: int | None
    height: int | None
    sharpness: float | None = Field(description="Variance of the Laplacian with the short side reduced to 300 px")
    passed: bool | None = Field(description="Large and sharp enough by the settings")
    near_group: str | None = Field(description="The same for near-duplicates")
    scope: str | None = Field(description="What it was clustered in: `all`, an account, or `search:NAME`")
    cluster: int | None = Field(description="-1: noise")
    caption: str | None = Field(description="What it shows, in a sentence")
    likes: int | None = Field(description="Of its post")
    impression: float | None = Field(description="Of its post")
    viral: bool | None = Field(description="Of its post")
    similarity: float | None = Field(description="Cosine to what `like` or `to` names")
    decision: str | None = Field(description="What the list of `list_name` says: `keep` or `drop`")


class GalleryAnswer(BaseModel):
    """A page of the images that match a filter."""

    total: int = Field(description="All images that the filter wants")
    offset: int
    images: list[ImageAnswer]
    reads: bool = Field(description="False where the embedding model does not know the words of `like`")


@router.get("/gallery", name="api_gallery")
def gallery(
    services: ServicesDep,
    filters: DocumentedFilter,
    sort: Annotated[
        Sort | None,
        Query(
            description="Equal ones stay in the order of account, day, post and position; not given: `newest`, and "
            "with `like` or `to` `similar`"
        ),
    ] = None,
    like: Annotated[str, Query(max_length=300, description="A text: how near it is to what each image shows")] = "",
    to: Annotated[str, Query(pattern="^[0-9a-f]{64}$|^$", description="An `image_id`: how near it is to each")] = "",
    offset: Offset = 0,
    limit: Limit = 60,
) -> GalleryAnswer:
    """Images of posts and searches that match a filter, sorted.

    With `like`, they are sorted by similarity to a text, computed by the embedding model: 409 while the model is
    loading, and if there is none.
    """
    index, decisions = index_of(services), decisions_of(services, filters.list_name)
    near = similarities(services, index, text=like.strip(), image_id=to) if like.strip() or to else None
    order = shared_sorted_rows().images(
        index, filters, sort or ("newest" if near is None else "similar"), decisions, near
    )
    rows = image_rows(index, order[offset : offset + limit])
    images: list[ImageAnswer] = []
    for row in rows:
        known: dict[str, Any] = {name: row.get(name) for name in ImageAnswer.model_fields}
        cosine = None if near is None or row["vector"] is None else float(near[row["vector"]])
        also = {"similarity": cosine, "decision": decisions.get(row["image_id"])}
        images.append(ImageAnswer.model_validate(known | also))
    is_read = not like.strip() or reads(services, like.strip())
    return GalleryAnswer(total=len(order), offset=offset, images=images, reads=is_read)


class CountAnswer(BaseModel):
    """A value and how many images have it."""

    value: str | bool
    images: int


class FacetsAnswer(BaseModel):
    """Counts of each field's values among the images that match a filter: most frequent first, at most 500."""

    total: int
    first: date | None
    last: date | None
    account: list[CountAnswer]
    search: list[CountAnswer]
    kind: list[CountAnswer]
    status: list[CountAnswer]
    passed: list[CountAnswer]
    cluster: list[CountAnswer] = Field(description="`SCOPE/NUMBER`; -1: noise")
    hashtag: list[CountAnswer] = Field(description="Without #; counts posts")


@router.get("/gallery/facets", name="api_gallery_facets")
def facets(services: ServicesDep, filters: DocumentedFilter) -> FacetsAnswer:
    """Counts of the values of each field among the images that match a filter."""
    index = index_of(services)
    order = shared_sorted_rows().images(index, filters, "newest", decisions_of(services, filters.list_name))
    return FacetsAnswer(total=len(order), **facets_of(index, order))
