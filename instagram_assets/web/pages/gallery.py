"""Every image of the lake and of searches: filtered, sorted, looked at, kept and dropped."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from instagram_assets.errors import NotFoundError, NotReadyError
from instagram_assets.lake_index.images import images_with
from instagram_assets.web.index_service import index_of
from instagram_assets.web.rendering import render, words_of
from instagram_assets.web.services import Given
from instagram_assets.web.shown_gallery import address, chips_of, choices_of, filter_asked, handed_on
from instagram_assets.web.words import Words

router = APIRouter(include_in_schema=False)
SORTS = ("newest", "oldest", "likes", "impression", "sharpest", "blurriest")
_LONGEST = 300
_SCRIPT = (
    *("count", "selected", "kept", "dropped", "undone", "nothing", "no_undo", "found", "too_many", "label"),
    *("is_kept", "is_dropped", "missing", "default_list", "failed"),
)


@router.get("/gallery", name="gallery")
def gallery(
    request: Request,
    services: Given,
    sort: Annotated[str, Query(max_length=_LONGEST)] = "",
    like: Annotated[str, Query(max_length=_LONGEST)] = "",
    to: Annotated[str, Query(max_length=_LONGEST)] = "",
) -> HTMLResponse:
    """The images that the address wants, as a grid that fetches what is looked at."""
    wanted, words = filter_asked(request), words_of(request)
    try:
        choices = choices_of(index_of(services))
    except NotReadyError as error:
        return render(request, "not_ready.html", page="gallery", title=words("gallery.title"), why=str(error))
    sorts = (*SORTS, "similar") if like or to else SORTS
    chosen = sort if sort in sorts else "similar" if like or to else "newest"
    also = {"sort": chosen if chosen != "newest" else "", "like": like, "to": to}
    return render(
        request,
        "gallery.html",
        page="gallery",
        wanted=wanted,
        chips=chips_of(wanted, words),
        choices=choices,
        handed_on=handed_on(wanted),
        sorts=sorts,
        sort=chosen,
        like=like,
        to=to,
        query=wanted.to_query(**also),
        filter_json=_as_json(request),
        gallery=lambda other=wanted, **changes: address("/gallery", other, also | changes),
        posts=address("/posts", wanted, {"sort": chosen if chosen in ("oldest", "likes", "impression") else ""}),
        texts=script_words(words),
    )


@router.get("/gallery/images/{image_id}", name="gallery_image")
def gallery_image(
    request: Request, services: Given, image_id: str, search: Annotated[str, Query(max_length=_LONGEST)] = ""
) -> HTMLResponse:
    """The part of the panel about an image of a search, or one of any place: where it is from."""
    found = [row for row in images_with(index_of(services), image_id) if not search or row["search"] == search]
    if not found:
        raise NotFoundError(f"There is no image {image_id[:80]!r}.")
    return render(request, "gallery_image.html", images=found, image=found[0])


def script_words(words: Words) -> dict[str, str]:
    """The words that the script of the grid needs."""
    return {name: words(f"gallery.script.{name}") for name in _SCRIPT}


def _as_json(request: Request) -> str:
    """The filter of the address as the API takes it in a body: lists for what may stand several times."""
    wanted: dict[str, Any] = {}
    for name, value in filter_asked(request).__dict__.items():
        if value not in ((), None, ""):
            wanted[name] = list(value) if isinstance(value, tuple) else str(value)
    return json.dumps(wanted)
