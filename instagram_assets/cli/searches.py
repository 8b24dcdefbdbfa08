"""Image searches from a shell: validates the request, runs the search, and returns a summary of its folder."""

from typing import Any, NamedTuple

import dagster as dg

from instagram_assets.automation.search_runs import search_request, search_run_config, search_run_tags
from instagram_assets.automation.shell_runs import run_job
from instagram_assets.datasets.image_folder import why_not
from instagram_assets.partitions import register_search
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake, read_table

_STAGES: dict[str, Any] = {"loggers": {"stages": {"config": {"seconds": 0.0}}}}


class SearchResult(NamedTuple):
    """The result of a search: its name, the images kept, the candidates, and counts of those left out by reason."""

    search: str
    kept: int
    candidates: int
    left_out: dict[str, int]


def search(
    instance: dg.DagsterInstance, query: str, out: str = "", *, refresh: bool = False, **given: Any
) -> SearchResult:
    """Run one image search, with progress on stderr; `out` names its folder, else the query does.

    `given` are fields of SearchRequest; null means the setting's value. Results of earlier runs are reused. Raises
    SearchRequestError before any work, as `search_request` does, RunFailedError with the reason when no image is kept
    or, without `refresh`, when the folder would have fewer than before.
    """
    request = search_request(settings(), query, out, refresh=refresh, **given)
    register_search(instance, request.search)
    config = search_run_config(request, refresh=refresh) | _STAGES
    run_job(instance, "search", tags=search_run_tags(request), config=config)
    rows = read_table(open_lake(settings()), "search_dataset", [request.search])
    candidates = rows.to_pylist()
    return SearchResult(request.search, sum(rows["kept"].to_pylist()), len(candidates), why_not(candidates))
