"""The posts behind a number or a picture: a list by the same filter, and one with all that is known of it."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from instagram_assets.errors import NotReadyError
from instagram_assets.lake_index.posts import post_rows
from instagram_assets.web.index_memory import orders
from instagram_assets.web.index_service import index_of
from instagram_assets.web.post_details import post_details
from instagram_assets.web.rendering import render, words_of
from instagram_assets.web.services import Given
from instagram_assets.web.shown_gallery import address, chips_of, choices_of, filter_asked, handed_on

router = APIRouter(include_in_schema=False)
SIZE = 50
"""Posts of a page."""
SORTS = ("newest", "oldest", "likes", "impression")
_IN_FORM = ("account", "first", "last", "q", "hashtag", "kind", "viral")


@router.get("/posts", name="posts")
def posts(
    request: Request,
    services: Given,
    sort: Annotated[str, Query(max_length=20)] = "newest",
    number: Annotated[int, Query(ge=1, le=10_000_000, alias="page")] = 1,
) -> HTMLResponse:
    """The posts that the address wants, page by page."""
    wanted, words = filter_asked(request), words_of(request)
    try:
        index = index_of(services)
    except NotReadyError as error:
        return render(request, "not_ready.html", page="gallery", title=words("posts.title"), why=str(error))
    chosen = sort if sort in SORTS else "newest"
    order = orders().posts(index, wanted, chosen)
    pages = max(1, -(-len(order) // SIZE))
    number = min(number, pages)
    also = {"sort": chosen if chosen != "newest" else ""}

    return render(
        request,
        "posts.html",
        page="gallery",
        wanted=wanted,
        chips=chips_of(wanted, words),
        choices=choices_of(index),
        handed_on=handed_on(wanted, _IN_FORM),
        sorts=SORTS,
        sort=chosen,
        total=len(order),
        number=number,
        page_count=pages,
        found=post_rows(index, order[(number - 1) * SIZE : number * SIZE]),
        posts=lambda other=wanted, **changes: address("/posts", other, also | changes),
        gallery=address("/gallery", wanted, also),
        link=post_address,
    )


@router.get("/posts/{account}/{post_id}", name="post")
def post(
    request: Request,
    services: Given,
    account: str,
    post_id: str,
    image: Annotated[int, Query(ge=0, description="Position of the image that is shown large")] = 0,
    part: Annotated[bool, Query(description="Only what the panel of the gallery shows")] = False,
) -> HTMLResponse:
    """One post: its images, its numbers over time, its words, what was made of it, and where it came from."""
    words = words_of(request)
    try:
        index = index_of(services)
    except NotReadyError as error:
        return render(request, "not_ready.html", page="gallery", title=words("posts.title"), why=str(error))
    details = post_details(services, index, account, post_id)
    shown: dict[str, Any] | None = next((row for row in details.images if row["position"] == image), None)
    return render(
        request,
        "post_part.html" if part else "post.html",
        page="gallery",
        post=details.post,
        details=details,
        shown=shown or next(iter(details.images), None),
        zone=services.settings.zone,
        link=post_address,
        part_of=lambda pos: words.known(f"filter.parts.{pos}", otherwise=pos),
        is_part=part,
    )


def post_address(account: str, post_id: str) -> str:
    """The page of a post."""
    return f"/posts/{quote(account, safe='')}/{quote(post_id, safe='')}"
