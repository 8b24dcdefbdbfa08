"""Image searches started from a shell: what is asked is checked before any work, and ends as a folder of images."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg

from instagram_assets.datasets.folder import why_not
from instagram_assets.datasets.folder_state import check_growing
from instagram_assets.datasets.overrides import read_overrides
from instagram_assets.errors import SearchRequestError
from instagram_assets.ingest.search_requests import SearchRequest, find_request, search_name
from instagram_assets.partitions import PARTITION, register_search
from instagram_assets.runs import run_job
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake, read_table

_STAGES: dict[str, Any] = {"loggers": {"stages": {"config": {"seconds": 0.0}}}}


class SearchResult(NamedTuple):
    """What a search left: its name, the images kept, the candidates, and how many were left out for which reason."""

    search: str
    kept: int
    candidates: int
    left_out: dict[str, int]


def search_folder(search: str) -> Path:
    """Where the images of a search lie."""
    return settings().folder("datasets") / "search" / search


def search_request(query: str, out: str = "", *, refresh: bool = False, **given: Any) -> SearchRequest:
    """What a search is asked for, checked against what is there; as `search`.

    Raises SearchRequestError for what makes no sense, for a path in the place of a name, and, unless `refresh` is
    given, where `out` is the name of another query's search or images would be taken away that the folder has.
    """
    if "/" in out or "\\" in out:
        name = search_name(re.split(r"[/\\]+", out.rstrip("/\\"))[-1] or query)
        raise SearchRequestError(
            f"--out {out}: a path, and a name is wanted: folders of searches lie in {search_folder('')}. "
            f"With --out {name!r} the images come into {search_folder(name)}."
        )
    request = SearchRequest.of(settings(), query, out and search_name(out), **given)
    before = find_request(open_lake(settings()), request.search)
    if before and before.query != request.query and not refresh:
        raise SearchRequestError(
            f"{request.search} holds the images of {before.query!r}. Give --out another name, "
            "or replace them with --refresh."
        )
    if not refresh:
        by_hand = read_overrides(open_lake(settings()), request.search)
        check_growing(search_folder(request.search), request.limit, request.min_side, request.min_sharpness, by_hand)
    return request


def search(
    instance: dg.DagsterInstance, query: str, out: str = "", *, refresh: bool = False, **given: Any
) -> SearchResult:
    """Make the folder of one image search, with progress on the standard error; `out` names it, else the query does.

    `given` are fields of SearchRequest; null is as the settings say. What was finished before is not done again.
    Raises SearchRequestError before any work, as `search_request` does, RunFailedError with the reason when no image is
    kept or, without `refresh`, when the folder would have fewer than before.
    """
    request = search_request(query, out, refresh=refresh, **given)
    register_search(instance, request.search)
    options = {"query": request.query, "refresh": refresh, **request.model_dump(exclude={"search", "query"})}
    config = {"ops": {"search_results": {"config": options}}, **_STAGES}
    run_job(instance, "search", tags={PARTITION: request.search}, config=config)
    rows = read_table(open_lake(settings()), "search_dataset", [request.search])
    candidates = rows.to_pylist()
    return SearchResult(request.search, sum(rows["kept"].to_pylist()), len(candidates), why_not(candidates))
