"""The gallery of all images, with filters, sorting and keep/drop decisions; and the page of named lists of images."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, cast
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from instagram_assets.datasets.lists import list_names
from instagram_assets.datasets.manual_overrides import read_overrides
from instagram_assets.errors import InstagramAssetsError, NotFoundError, StorageError
from instagram_assets.lake_index.facets import choices_of, clusters_of
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.lake_index.page_rows import images_with, near_duplicates, rows_by_number
from instagram_assets.lake_index.sorted_rows import Sort, shared_sorted_rows
from instagram_assets.schemas.search import Override
from instagram_assets.web.collection_jobs import Job, folder_path, newest_of
from instagram_assets.web.dagster_queries import DagsterDownError, DagsterRefusedError
from instagram_assets.web.dependencies import Services, ServicesDep
from instagram_assets.web.index_service import index_of
from instagram_assets.web.rendering import render, words_of
from instagram_assets.web.url_filter import UrlFilter, address, chips_of, kept_fields
from instagram_assets.web.words import Words

router = APIRouter(include_in_schema=False)
_SORTS = ("newest", "oldest", "likes", "impression", "sharpest", "blurriest")
IN_FORM = ("first", "last", "q", "kind", "viral", "source", "status", "quality", "sharp", "list_name", "decided")
"""Filter fields that have an input field in the gallery's form; the others are hidden fields."""
_LONGEST = 300
_FIRST = 60
"""Number of images that are visible at first on a wide screen."""
_SCRIPT = (
    *("count", "selected", "kept", "dropped", "undone", "nothing", "no_undo", "found", "too_many", "label"),
    *("is_kept", "is_dropped", "missing", "default_list", "bad_list", "failed", "unread"),
)


@router.get("/gallery", name="gallery")
def gallery(
    request: Request,
    services: ServicesDep,
    filters: UrlFilter,
    sort: Annotated[str, Query(max_length=_LONGEST)] = "",
    like: Annotated[str, Query(max_length=_LONGEST)] = "",
    to: Annotated[str, Query(max_length=_LONGEST)] = "",
) -> HTMLResponse:
    """Responds with the images that match the URL's filter, as a lazy grid. Raises QueryError, NotReadyError."""
    words, index = words_of(request), index_of(services)
    clusters = clusters_of(index)
    sorts = (*_SORTS, "similar") if like or to else _SORTS
    chosen = sort if sort in sorts else "similar" if like or to else "newest"
    also = {"sort": chosen if chosen != "newest" or like or to else "", "like": like, "to": to}
    return render(
        request,
        "gallery.html",
        page="gallery",
        filters=filters,
        chips=chips_of(filters, words, (), clusters),
        choices=choices_of(index),
        clusters=clusters,
        first_images=_first_images(index, filters, chosen),
        hidden=kept_fields(filters.but(cluster=()), IN_FORM),
        sorts=sorts,
        sort=chosen,
        like=like,
        to=to,
        query=filters.to_query(**also),
        filter_json=_as_json(filters),
        gallery=lambda other=filters, **changes: address("/gallery", other, also | changes),
        posts=address("/posts", filters, {"sort": chosen if chosen in ("oldest", "likes", "impression") else ""}),
        texts=script_words(words),
    )


@router.get("/gallery/images/{image_id}", name="gallery_image")
async def gallery_image(
    request: Request, services: ServicesDep, image_id: str, search: Annotated[str, Query(max_length=_LONGEST)] = ""
) -> HTMLResponse:
    """Responds with the panel about one image and its sources, as a page fragment. Raises NotFoundError.

    An image has one row for each post or search that has it. With `search`, that search's row is shown, else the first.
    """

    def look() -> tuple[dict[str, Any], Override | None, str, dict[str, Any]]:
        index = index_of(services)
        found = [row for row in images_with(index, image_id) if not search or row["search"] == search]
        if not found:
            raise NotFoundError(f"There is no image {image_id[:80]!r}.")
        search_of, trouble = found[0]["search"], ""
        try:
            by_hand: Mapping[str, Override] = read_overrides(services.lake, search_of) if search_of else {}
        except StorageError as error:
            by_hand, trouble = {}, str(error)
        also = {"near": near_duplicates(index, image_id), "clusters": clusters_of(index)}
        return found[0], by_hand.get(image_id), trouble, also

    image, override, trouble, also = await run_in_threadpool(look)
    job = await _job_of(services, image["search"]) if image["search"] else None
    return render(
        request,
        "gallery_image.html",
        image=image,
        override=override,
        problem=trouble,
        job=job,
        folder=folder_path(services.settings, job) if job else None,
        **also,
    )


def _first_images(index: LakeIndex, filters: Filter, sort: str) -> list[str]:
    """Returns the image_ids of the first images in the grid, which the browser fetches before the grid's script runs.

    Empty if finding them needs the embedding model or a named list, which would delay the page.
    """
    if sort not in _SORTS or filters.decided:
        return []
    order = shared_sorted_rows().images(index, filters, cast("Sort", sort))
    found = (row["image_id"] for row in rows_by_number(index, "images", "image", ("image", "image_id"), order[:_FIRST]))
    return [image_id for image_id in found if image_id]


def script_words(words: Words) -> dict[str, str]:
    """Returns the translations that the grid's script needs, by key."""
    return {name: words(f"gallery.script.{name}") for name in _SCRIPT}


async def _job_of(services: Services, search: str) -> Job | None:
    """Returns the job that collected the images of a search; None if it is unknown or Dagster does not respond."""
    try:
        return await newest_of(services, search)
    except (DagsterDownError, DagsterRefusedError):
        return None


def _as_json(filters: Filter) -> str:
    """Returns the filter as JSON for bodies of the REST API: multi-value fields are arrays."""
    fields = {name: value for name, value in asdict(filters).items() if value not in ((), None, "")}
    return json.dumps({name: list(value) if isinstance(value, tuple) else str(value) for name, value in fields.items()})


@router.get("/lists", name="lists")
def lists(request: Request, services: ServicesDep) -> HTMLResponse:
    """Responds with the page of all named lists, or why they cannot be read."""
    found, problem = [], ""
    try:
        found = list_names(services.lake)
    except InstagramAssetsError as error:
        problem = str(error)
    return render(
        request,
        "lists.html",
        page="gallery",
        lists=found,
        problem=problem,
        gallery_of=gallery_of,
        api_of=api_of,
        is_pseudonymous=services.settings.privacy.pseudonymous_exports,
    )


def gallery_of(name: str, decided: str = "") -> str:
    """Returns the URL of the gallery filtered by a named list; `decided` is `kept`, `dropped`, or empty for both."""
    fields = {"list_name": name, "decided": decided}
    return f"/gallery?{urlencode({field: value for field, value in fields.items() if value}, quote_via=quote)}"


def api_of(name: str) -> str:
    """Returns the URL of a named list in the REST API."""
    return f"/api/lists/{quote(name, safe='')}"
