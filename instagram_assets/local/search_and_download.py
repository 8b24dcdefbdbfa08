"""Notebook functions that get images: an image search for a word, and the download of posts, search results or URLs."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from instagram_assets.errors import ContractError
from instagram_assets.local.notebook_arguments import TableLike, is_table_like, settings_or_defaults, to_table
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.download_types import DownloadOutcome, DownloadProgress, MediaRequest
from instagram_assets.media.post_images import fetch_images
from instagram_assets.media.store import MediaStore
from instagram_assets.schemas import IMAGES
from instagram_assets.search.candidate_images import fetch_candidates
from instagram_assets.search.image_search import search_source
from instagram_assets.search.scroll_results import HitProgress
from instagram_assets.search.search_requests import SearchRequest, results_table
from instagram_assets.settings import Settings


def search_images(
    word: str, limit: int | None = None, *, settings: Settings | None = None, on_progress: HitProgress | None = None
) -> pa.Table:
    """Returns the URLs of the images that an image search shows for a word: the contract `search_results`.

    Requires Chromium and its driver on this machine; `settings.search` chooses the site and how it is read. Pass the
    result to `download_images`. A page without images is saved in `settings.folder("reports")`, and named in the error.
    Raises a subclass of SearchError, whose message says what to do.

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


_REMEDY = "Give addresses, posts as merge_posts gives them, or what search_images gave"
_OF_POSTS = ["account", "day", "post_id", "media"]
_OF_RESULTS = ["rank", "url", "fallback_url"]


def download_images(
    images: str | Iterable[str | None] | TableLike,
    folder: str | Path,
    *,
    images_per_post: int | None = None,
    settings: Settings | None = None,
    on_progress: Callable[[DownloadProgress], None] | None = None,
) -> pa.Table:
    """Download images into `folder`, each once; returns a row per image: the contract `images`, and its `file`.

    `images` is a table of posts (the first `images_per_post` images of each are downloaded; 0, the default: all), the
    table of `search_images`, or URLs. For URLs and search results, post, account and day are null and `position` is the
    index from 0. Files already in the folder are not downloaded again. `status` is `ok`, `failed`, `expired` or
    `refused`, with the `reason`; only public https URLs are requested, unless `settings.download` allows others. Raises
    StorageError if writing to the disk fails.

    >>> from instagram_assets import download_images, load_settings
    >>> here = load_settings(download={"allow_http": True, "allow_loopback": True})  # this machine's own test server
    >>> images = download_images([f"{address}/0.jpg", "ftp://example.org/two.jpg"], "fetched", settings=here)
    >>> images.select(["width", "status", "reason"]).to_pylist()
    [{'width': 64, 'status': 'ok', 'reason': None}, {'width': None, 'status': 'refused', 'reason': 'ftp scheme, only \
https is fetched'}]
    """
    download = settings_or_defaults(settings).download
    options = DownloadOptions.of(download)
    root = Path(folder).expanduser()
    given: Any = to_table(images, [], _REMEDY) if is_table_like(images) else _addresses(images)
    columns = set(given.column_names) if isinstance(given, pa.Table) else set[str]()
    is_posts, is_results = columns >= set(_OF_POSTS), columns >= set(_OF_RESULTS)
    if isinstance(given, pa.Table) and not is_posts and not is_results:
        raise ContractError(f"neither posts nor search results: {', '.join(given.column_names)}. {_REMEDY}.")
    with MediaStore(root) as store:  # creates the folder, so only after all arguments were checked
        if is_posts:
            most = download.images_per_post if images_per_post is None else images_per_post
            rows, _ = fetch_images(given, store, options, most, on_progress)
        elif is_results:
            rows = _rows(fetch_candidates(given, store, options, on_progress))
        else:
            rows = _rows(_fetch(given, store, options, on_progress))
    files = [path and str(root / path) for path in rows["path"].to_pylist()]
    return rows.append_column("file", pa.array(files, pa.string()))


def _addresses(images: Any) -> list[str | None]:
    return [images] if isinstance(images, str) else list(images)


def _fetch(
    addresses: Sequence[str | None],
    store: MediaStore,
    options: DownloadOptions,
    on_progress: Callable[[DownloadProgress], None] | None,
) -> list[DownloadOutcome]:
    from instagram_assets.media.download import download_all

    keys: Iterable[Hashable] = range(len(addresses))
    requests = [MediaRequest(key, address) for key, address in zip(keys, addresses, strict=True)]
    return download_all(requests, store, options, on_progress)


def _rows(outcomes: Iterable[DownloadOutcome]) -> pa.Table:
    """Returns download outcomes as rows of `images` without a post."""
    known = [name for name in IMAGES.schema.names if name in DownloadOutcome.__dataclass_fields__]
    return IMAGES.table(
        [
            {"position": position, **{name: getattr(outcome, name) for name in known}}
            for position, outcome in enumerate(outcomes)
        ]
    )
