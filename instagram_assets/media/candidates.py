"""From the results of an image search to their images: the original, or its thumbnail when that cannot be had."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from instagram_assets.media.excluded import WAS_FORGOTTEN
from instagram_assets.media.options import DownloadOptions
from instagram_assets.media.outcomes import MediaRequest, Outcome, Progress
from instagram_assets.media.store import MediaStore


def fetch_candidates(
    results: pa.Table,
    store: MediaStore,
    options: DownloadOptions,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[Outcome]:
    """The outcomes for a table of `search_results`, in its order, each with the rank as its key.

    A host that gives no connection is asked once in all. Raises StorageError when the disk refuses.
    """
    from instagram_assets.media.download import download_all

    rows: list[dict[str, Any]] = results.select(["rank", "url", "fallback_url"]).to_pylist()
    patient_once = replace(options, skip_dead_hosts=True)
    originals = download_all(_requests(rows, "url"), store, patient_once, on_progress)
    failed = {outcome.key: outcome for outcome in originals if outcome.status != "ok"}
    # The thumbnail of what was forgotten is the same picture.
    second = [
        row
        for row in rows
        if row["rank"] in failed and row["fallback_url"] and failed[row["rank"]].reason != WAS_FORGOTTEN
    ]
    thumbnails = download_all(_requests(second, "fallback_url"), store, patient_once, on_progress) if second else []
    instead = {outcome.key: _explained(outcome, failed) for outcome in thumbnails}
    return [instead.get(outcome.key, outcome) for outcome in originals]


def _requests(rows: Sequence[Mapping[str, Any]], column: str) -> list[MediaRequest]:
    return [MediaRequest(row["rank"], row[column]) for row in rows]


def _explained(outcome: Outcome, failed: Mapping[Any, Outcome]) -> Outcome:
    """The outcome of a thumbnail, whose reason also says why it is not the original."""
    parts = [f"original: {failed[outcome.key].reason}", *([f"thumbnail: {outcome.reason}"] if outcome.reason else [])]
    return replace(outcome, reason="; ".join(parts))
