"""What one image search asks for, done: its images fetched and judged, embedded, clustered, and the subject chosen."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.arrow import compute
from instagram_assets.ingest.search_requests import SearchRequest
from instagram_assets.media.candidates import fetch_candidates
from instagram_assets.media.options import DownloadOptions
from instagram_assets.media.outcomes import Outcome, Progress
from instagram_assets.media.store import MediaStore
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.schemas import SEARCH_CLUSTERS, SEARCH_EMBEDDINGS, SEARCH_IMAGES
from instagram_assets.settings import Settings
from instagram_assets.storage.features import OnProgress
from instagram_assets.vision import pipeline
from instagram_assets.vision.subject import Choice, choose, distances, same_pictures


def fetch(
    results: pa.Table, settings: Settings, on_progress: Callable[[Progress], None] | None = None
) -> list[Outcome]:
    """The images of a table of `search_results`, in the media store: one outcome per row, in its order."""
    options = DownloadOptions.of(settings.download, load_tombstones(settings.folder("privacy")))
    with MediaStore(settings.folder("media")) as store:
        return fetch_candidates(results, store, options, on_progress)


def images_table(
    outcomes: list[Outcome], request: SearchRequest, settings: Settings, on_progress: OnProgress | None = None
) -> pa.Table:
    """The rows of `search_images`: what was fetched, measured and judged by this search's own limits."""
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
    found: dict[str, dict[str, Any]] = {row["image_id"]: row for row in measures.to_pylist()}
    limits = {"min_side": request.min_side, "min_sharpness": request.min_sharpness, "sharpness": "standard"}
    judged = settings.quality.model_copy(update=limits)
    names = SEARCH_IMAGES.schema.names
    rows: list[dict[str, object]] = []
    for outcome in outcomes:
        row: dict[str, Any] = {"search": request.search, "rank": outcome.key, "passed": False}
        row |= {name: getattr(outcome, name) for name in names if hasattr(outcome, name)}
        if outcome.image_id:
            measured = found[outcome.image_id]
            problem = rejection_reason(measured, judged)
            row |= {
                name: value for name, value in measured.items() if name in names and name not in ("status", "reason")
            }
            row |= {"passed": problem is None, "reason": _joined(problem, outcome.reason)}
        rows.append(row)
    return SEARCH_IMAGES.table(rows)


def embeddings_table(
    images: pa.Table, request: SearchRequest, settings: Settings, on_progress: OnProgress | None = None
) -> pa.Table:
    """The rows of `search_embeddings`, one per different image that passed. Raises ModelError before any work."""
    passed = images.filter(images["passed"])
    if not passed.num_rows:
        return SEARCH_EMBEDDINGS.empty()
    files = pipeline.media_files(passed, settings)
    table = pipeline.embed_files(files, settings=settings, on_progress=on_progress)
    every = {"search": request.search, "model": pipeline.find_embedder(settings).label}
    for name, value in every.items():
        table = table.append_column(name, pa.array([value] * table.num_rows))
    return SEARCH_EMBEDDINGS.conform(table.select(SEARCH_EMBEDDINGS.schema.names), "search_embeddings")


class Clustered(NamedTuple):
    """The rows of `search_clusters`, the subject's cluster, and what other values of eps would give."""

    table: pa.Table
    choice: Choice
    sweep: dict[str, list[tuple[float, float]]]


def clusters_table(embeddings: pa.Table, images: pa.Table, request: SearchRequest, settings: Settings) -> Clustered:
    """The rows of `search_clusters`, one per embedded image, in the order of their first rank.

    Of clusters that fit equally well the smallest label is the subject, so the one that the page shows first.
    """
    from instagram_assets.vision.cluster import NOISE, eps_sweep
    from instagram_assets.vision.dbscan import dbscan
    from instagram_assets.vision.embed import as_vectors

    rows = embeddings.filter(compute.equal(embeddings["status"], "ok"))
    if not rows.num_rows:
        return Clustered(SEARCH_CLUSTERS.empty(), Choice(NOISE, False, {}), {})
    image_ids: list[str] = rows["image_id"].to_pylist()
    vectors = as_vectors(rows["embedding"])
    labels = dbscan(vectors, request.eps, request.min_samples)
    text = _meaning(request.query, settings) if request.subject == "query" else None
    choice = choose(labels, vectors, text)
    hashes: dict[str, str | None] = dict(zip(images["image_id"].to_pylist(), images["phash"].to_pylist(), strict=True))
    phashes = [hashes.get(image_id) for image_id in image_ids]
    distance = distances(labels, vectors)
    table = pa.table(
        {
            "search": [request.search] * len(image_ids),
            "image_id": image_ids,
            "cluster": pa.array(labels, pa.int32()),
            "distance": pa.array(distance, mask=np.isnan(distance)),
            "query_score": pa.array([choice.scores.get(label) for label in labels.tolist()], pa.float32()),
            "is_subject": pa.array((labels == choice.label) & (labels != NOISE)),
            "near_group": same_pictures(image_ids, phashes, vectors, settings.quality.near_duplicate_bits),
        },
        schema=SEARCH_CLUSTERS.schema,
    )
    points = eps_sweep(vectors, request.min_samples, sorted({*pipeline.EPS_VALUES, request.eps}))
    sweep = {
        "clusters": [(point.eps, float(point.clusters)) for point in points],
        "noise": [(point.eps, point.noise_share * len(image_ids)) for point in points],
    }
    return Clustered(table, choice, sweep)


def _meaning(text: str, settings: Settings) -> NDArray[np.float32]:
    from instagram_assets.vision.embed import open_embedder

    return open_embedder(pipeline.find_embedder(settings), settings.models).texts([text])[0]


def _joined(*reasons: str | None) -> str | None:
    return "; ".join(reason for reason in reasons if reason) or None
