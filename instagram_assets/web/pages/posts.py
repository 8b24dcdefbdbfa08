"""Pages of posts: the list of posts that match a filter, and the page of one post."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from instagram_assets.errors import NotFoundError
from instagram_assets.lake_index.facets import choices_of, clusters_of
from instagram_assets.lake_index.page_rows import images_of_post, near_duplicates, observations_of, post_of, post_rows
from instagram_assets.lake_index.sorted_rows import shared_sorted_rows
from instagram_assets.web.dependencies import ServicesDep
from instagram_assets.web.index_service import index_of
from instagram_assets.web.post_details import read_post
from instagram_assets.web.rendering import render, words_of
from instagram_assets.web.svg_charts import line_of
from instagram_assets.web.url_filter import UrlFilter, address, chips_of, kept_fields

router = APIRouter(include_in_schema=False)
SIZE = 50
"""Number of posts per page."""
_SORTS = ("newest", "oldest", "likes", "impression")
_IN_FORM = ("first", "last", "q", "kind", "viral")


@router.get("/posts", name="posts")
def posts(
    request: Request,
    services: ServicesDep,
    filters: UrlFilter,
    sort: Annotated[str, Query(max_length=20)] = "newest",
    number: Annotated[int, Query(ge=1, le=10_000_000, alias="page")] = 1,
) -> HTMLResponse:
    """Responds with a page of the posts that match the URL's filter. Raises QueryError, NotReadyError."""
    index = index_of(services)
    clusters = clusters_of(index)
    chosen = sort if sort in _SORTS else "newest"
    order = shared_sorted_rows().posts(index, filters, chosen)
    pages = max(1, -(-len(order) // SIZE))
    number = min(number, pages)
    also = {"sort": chosen if chosen != "newest" else ""}

    return render(
        request,
        "posts.html",
        page="gallery",
        filters=filters,
        chips=chips_of(filters, words_of(request), (), clusters),
        clusters=clusters,
        choices=choices_of(index),
        hidden=kept_fields(filters, _IN_FORM),
        sorts=_SORTS,
        sort=chosen,
        total=len(order),
        number=number,
        page_count=pages,
        found=post_rows(index, order[(number - 1) * SIZE : number * SIZE]),
        posts=lambda other=filters, **changes: address("/posts", other, also | changes),
        gallery=address("/gallery", filters, also),
        link=post_address,
    )


@router.get("/posts/{account}/{post_id}", name="post")
def post(
    request: Request,
    services: ServicesDep,
    account: str,
    post_id: str,
    image: Annotated[int, Query(ge=0, description="Position of the image that is shown large")] = 0,
    part: Annotated[bool, Query(description="Only what the panel of the gallery shows")] = False,
) -> HTMLResponse:
    """Responds with the page of one post: images, metrics over time, tokens, derived data, and source file.

    Raises NotFoundError, NotReadyError; a damaged table is reported in the page.
    """
    words, index = words_of(request), index_of(services)
    row = post_of(index, account, post_id)
    if row is None:
        raise NotFoundError(f"There is no post {post_id!r} of {account!r}.")
    images, looks = images_of_post(index, account, post_id), observations_of(index, row["post"])
    likes = [(look["observed_at"], look["likes"]) for look in looks if look["likes"] is not None]
    chosen = next((each for each in images if each["position"] == image), None)
    shown = chosen or next(iter(images), None)
    return render(
        request,
        "post_part.html" if part else "post.html",
        page="gallery",
        post=row,
        lake=read_post(services.lake, row),
        images=images,
        looks=looks,
        line=line_of(likes),
        shown=shown,
        near=near_duplicates(index, shown["image_id"]) if shown and shown["image_id"] else 0,
        clusters=clusters_of(index),
        zone=services.settings.zone,
        link=post_address,
        part_of=lambda pos: words.known(f"filter.parts.{pos}", otherwise=pos),
        is_part=part,
    )


def post_address(account: str, post_id: str) -> str:
    """Returns the URL of a post's page."""
    return f"/posts/{quote(account, safe='')}/{quote(post_id, safe='')}"
