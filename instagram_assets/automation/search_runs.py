"""Image searches as runs of the job `search`: validation of a request, run config and run tags.

Used by the command line, the web app and the Dagster UI. The tags contain the query, so that it can be listed without
reading the config of each run.
"""

import re
from typing import Any

from instagram_assets.datasets.manual_overrides import read_overrides
from instagram_assets.errors import ImagesWouldGoError, SearchRequestError
from instagram_assets.partitions import PARTITION, search_tags
from instagram_assets.report.safe_text import first_control_character, replace_control_characters
from instagram_assets.search.search_requests import (
    SearchRequest,
    find_request,
    search_folder,
    search_name,
    searches_folder,
)
from instagram_assets.settings import Settings
from instagram_assets.storage.image_folder_state import check_growing
from instagram_assets.storage.lake import lake_root

SEARCH_STEPS = ("search_results", "search_images", "search_embeddings", "search_clusters", "search_dataset")
"""The steps of a run of the job `search`, in order."""


def search_request(
    settings: Settings, query: str, folder: str = "", *, refresh: bool = False, **given: Any
) -> SearchRequest:
    """Create and validate a search request; `given` are further fields of SearchRequest.

    Raises SearchRequestError for invalid values, for a `folder` that is a path instead of a name, and, unless `refresh`
    is set, if `folder` belongs to a search with another query or images in it would be removed.
    """
    if "/" in folder or "\\" in folder:
        name = search_name(re.split(r"[/\\]+", folder.rstrip("/\\"))[-1] or query)
        raise SearchRequestError(
            f"{folder} as the folder: a path, and a name is wanted: folders of searches lie in "
            f"{searches_folder(settings)}. With {name!r} the images come into {search_folder(settings, name)}."
        )
    if sign := first_control_character(folder):
        raise SearchRequestError(
            f"the folder '{replace_control_characters(folder, 80)}' holds the control character "
            f"U+{ord(sign):04X}. Take it out."
        )
    request = SearchRequest.of(settings, query, folder and search_name(folder), **given)
    if refresh:
        return request
    lake = lake_root(settings)
    before = find_request(lake, request.search)
    if before and before.query != request.query:
        raise ImagesWouldGoError(
            f"{request.search} holds the images of {before.query!r}. Give another folder (--out), or replace them "
            "with refresh (--refresh; in the web app 'Search anew, and replace what the folder holds')."
        )
    folder_there, by_hand = search_folder(settings, request.search), read_overrides(lake, request.search)
    check_growing(folder_there, request.limit, request.min_side, request.min_sharpness, by_hand)
    return request


def search_run_config(request: SearchRequest, *, refresh: bool = False) -> dict[str, Any]:
    """The run config of the job `search` for a search request."""
    options = {"query": request.query, "refresh": refresh, **request.model_dump(exclude={"search", "query"})}
    return {"ops": {SEARCH_STEPS[0]: {"config": options}}}


def search_run_tags(request: SearchRequest) -> dict[str, str]:
    """The run tags of the job `search` for a search request, including its partition."""
    return {PARTITION: request.search, **search_tags(request.query, request.limit, request.search)}
