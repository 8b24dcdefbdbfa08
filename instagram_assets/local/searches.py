"""Runs an image search for a word, for use in notebooks."""

import pyarrow as pa

from instagram_assets.local.arguments import settings_or_defaults
from instagram_assets.search.engine import search_source
from instagram_assets.search.requests import SearchRequest, results_table
from instagram_assets.search.visit import HitProgress
from instagram_assets.settings import Settings


def search_images(
    word: str, limit: int | None = None, *, settings: Settings | None = None, on_progress: HitProgress | None = None
) -> pa.Table:
    """Returns the URLs of the images that an image search shows for a word: the contract `search_results`.

    Requires Chromium and its driver on this machine; `settings.search` chooses the site and how it is read. Pass the
    result to `download_images`. A page without images is saved in `settings.folder("reports")`, and named in the error.
    Raises SearchError, of which each subclass says what to do.

    >>> from instagram_assets import load_settings, search_images
    >>> found = search_images("고양이", 3, settings=load_settings())
    >>> found.select(["query", "rank"]).to_pylist()
    [{'query': '고양이', 'rank': 1}, {'query': '고양이', 'rank': 2}, {'query': '고양이', 'rank': 3}]
    """
    chosen = settings_or_defaults(settings)
    request = SearchRequest.of(chosen, word, limit=limit)
    source = search_source(chosen)
    hits = source.search(request.query, request.limit, on_progress)
    return results_table(request, source.site.name, hits)
