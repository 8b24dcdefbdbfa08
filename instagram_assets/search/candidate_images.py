"""The candidate images of a search: downloaded, measured against the search's limits, and embedded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.download_types import DownloadOutcome, DownloadProgress, MediaRequest
from instagram_assets.media.never_download import WAS_FORGOTTEN
from instagram_assets.media.store import MediaStore
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.schemas import SEARCH_EMBEDDINGS, SEARCH_IMAGES
from instagram_assets.search.search_requests import SearchRequest
from instagram_assets.settings import Settings
from instagram_assets.storage.features import OnProgress
from instagram_assets.vision import pipeline


def fetch_candidates(
    results: pa.Table,
    store: MediaStore,
    options: DownloadOptions,
    on_progress: Callable[[DownloadProgress], None] | None = None,
) -> list[DownloadOutcome]:
    """Downloads the images of a table of `search_results`; returns one outcome per row, keyed by rank.

    The outcomes are in the order of the table. If an original fails, its thumbnail is downloaded instead. A host that
    cannot be connected to is not tried again. Raises StorageError if a file cannot be written.
    """
    from instagram_assets.media.download import download_all

    rows: list[dict[str, Any]] = results.select(["rank", "url", "fallback_url"]).to_pylist()
    skip_dead = replace(options, skip_dead_hosts=True)
    originals = download_all(_requests(rows, "url"), store, skip_dead, on_progress)
    failed = {outcome.key: outcome for outcome in originals if outcome.status != "ok"}
    # The thumbnail of an image erased on request must not be downloaded either.
    second = [
        row
        for row in rows
        if row["rank"] in failed and row["fallback_url"] and failed[row["rank"]].reason != WAS_FORGOTTEN
    ]
    thumbnails = download_all(_requests(second, "fallback_url"), store, skip_dead, on_progress) if second else []
    instead = {outcome.key: _with_both_reasons(outcome, failed) for outcome in thumbnails}
    return [instead.get(outcome.key, outcome) for outcome in originals]


def _requests(rows: Sequence[Mapping[str, Any]], column: str) -> list[MediaRequest]:
    return [MediaRequest(row["rank"], row[column]) for row in rows]


def _with_both_reasons(outcome: DownloadOutcome, failed: Mapping[Any, DownloadOutcome]) -> DownloadOutcome:
    """Returns a thumbnail's download outcome, its reason extended by the reason why the original image failed."""
    parts = [f"original: {failed[outcome.key].reason}", *([f"thumbnail: {outcome.reason}"] if outcome.reason else [])]
    return replace(outcome, reason="; ".join(parts))


def fetch_results(
    results: pa.Table, settings: Settings, on_progress: Callable[[DownloadProgress], None] | None = None
) -> list[DownloadOutcome]:
    """Downloads the images of a table of `search_results` into the media store; returns one outcome per row."""
    options = DownloadOptions.of(settings.download, load_tombstones(settings.folder("privacy")))
    with MediaStore(settings.folder("media")) as store:
        return fetch_candidates(results, store, options, on_progress)


def images_table(
    outcomes: list[DownloadOutcome], request: SearchRequest, settings: Settings, on_progress: OnProgress | None = None
) -> pa.Table:
    """Returns the rows of the table `search_images`: each image's measurements, and if it passes the limits.

    The limits are those of the search request, such as a minimum sharpness.
    """
    from instagram_assets.vision.quality import measure_all, quality_store, rejection_reason

    media = settings.folder("media")
    files = {outcome.image_id: media / outcome.path for outcome in outcomes if outcome.image_id and outcome.path}
    measures = measure_all(
        files,
        quality_store(pipeline.features_folder(settings)),
        workers=settings.quality.num_workers,
        max_megapixels=settings.download.max_megapixels,
        on_progress=on_progress,
    )
    measures_of: dict[str, dict[str, Any]] = {row["image_id"]: row for row in measures.to_pylist()}
    limits = {"min_side": request.min_side, "min_sharpness": request.min_sharpness, "sharpness": "standard"}
    quality = settings.quality.model_copy(update=limits)
    names = SEARCH_IMAGES.schema.names
    rows: list[dict[str, object]] = []
    for outcome in outcomes:
        row: dict[str, Any] = {"search": request.search, "rank": outcome.key, "passed": False}
        row |= {name: getattr(outcome, name) for name in names if hasattr(outcome, name)}
        if outcome.image_id:
            measured = measures_of[outcome.image_id]
            problem = rejection_reason(measured, quality)
            row |= {
                name: value for name, value in measured.items() if name in names and name not in ("status", "reason")
            }
            row |= {"passed": problem is None, "reason": _joined(problem, outcome.reason)}
        rows.append(row)
    return SEARCH_IMAGES.table(rows)


def embeddings_table(
    images: pa.Table, request: SearchRequest, settings: Settings, on_progress: OnProgress | None = None
) -> pa.Table:
    """Returns the rows of table `search_embeddings`: the embedding of each distinct image that passed the limits.

    Raises ModelError, before any work, if the embedding model cannot be used.
    """
    passed = images.filter(images["passed"])
    if not passed.num_rows:
        return SEARCH_EMBEDDINGS.empty()
    files = pipeline.media_files(passed, settings)
    table = pipeline.embed_files(files, settings=settings, on_progress=on_progress)
    every = {"search": request.search, "model": pipeline.embedder_label(settings)}
    for name, value in every.items():
        table = table.append_column(name, pa.array([value] * table.num_rows))
    return SEARCH_EMBEDDINGS.conform(table.select(SEARCH_EMBEDDINGS.schema.names), "search_embeddings")


def _joined(*reasons: str | None) -> str | None:
    return "; ".join(reason for reason in reasons if reason) or None
