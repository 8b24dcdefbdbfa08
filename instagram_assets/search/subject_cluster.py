"""Determines which cluster of a search's images shows what was searched for (the subject), and near-duplicates."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.arrow import compute
from instagram_assets.errors import ModelError
from instagram_assets.schemas import SEARCH_CLUSTERS
from instagram_assets.schemas.images import NOISE
from instagram_assets.search.search_requests import SearchRequest
from instagram_assets.settings import Settings
from instagram_assets.vision import pipeline
from instagram_assets.vision.cluster import ClusterLabels, largest_cluster
from instagram_assets.vision.eps_neighbours import UnitVectors

NEAR_DISTANCE = 0.02
"""Maximum cosine distance of near-duplicates; re-encoded and scaled copies are below 0.01."""


class SubjectChoice(NamedTuple):
    """The cluster of images that shows the subject: `label` is its number, -1 if there is none.

    `tied` is true if another cluster was equally good; `scores` has each cluster's similarity to the query.
    """

    label: int
    tied: bool
    scores: dict[int, float]


def cluster_centres(labels: ClusterLabels, vectors: UnitVectors) -> UnitVectors:
    """Each cluster's centroid: its normalised mean embedding, float32[clusters, width]; zero if the sum is zero."""
    sums = np.stack(
        [vectors[labels == label].sum(axis=0) for label in range(labels.max(initial=NOISE) + 1)]
        or [np.empty(0, np.float32)]
    )
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def choose_subject(
    labels: ClusterLabels, vectors: UnitVectors, text: NDArray[np.float32] | None = None
) -> SubjectChoice:
    """Chooses the largest cluster or, given a text embedding, the one with the nearest centroid.

    `text` is the embedding of the query. Of equally good clusters, the one with the lowest label is chosen. There is no
    threshold: cosines of texts and images differ by model (about 0.2 to 0.35 for what fits with CLIP, less with
    SigLIP), and a model's scale and bias of logits keep their order, which is all that counts here.
    """
    first = largest_cluster(labels)
    if text is None or first.label == NOISE:
        return SubjectChoice(first.label, first.tied, {})
    scores = cluster_centres(labels, vectors) @ text
    best = int(scores.argmax())
    return SubjectChoice(best, bool((scores == scores[best]).sum() > 1), dict(enumerate(scores.tolist())))


def centre_distances(labels: ClusterLabels, vectors: UnitVectors) -> NDArray[np.float32]:
    """Returns the cosine distance of each image to its cluster's centroid, at least 0; NaN for images in no cluster."""
    found = np.full(len(labels), np.nan, np.float32)
    inside = labels != NOISE
    if inside.any():
        middle = cluster_centres(labels, vectors)[labels[inside]]
        found[inside] = np.maximum(0, 1 - (vectors[inside] * middle).sum(axis=1))
    return found


def near_duplicate_groups(
    image_ids: Sequence[str], phashes: Sequence[str | None], vectors: UnitVectors, bits: int
) -> list[str]:
    """Returns for each image the first image_id in its group of near-duplicates; its own if there are none.

    Two images are near-duplicates if their perceptual hashes differ in at most `bits` of 64 bits and the cosine
    distance of their embeddings is at most `NEAR_DISTANCE`. Both are required, since the hash alone has false positives
    for simple images, and the embedding alone for different images of one kind. Groups are connected components.
    """
    from scipy.sparse.csgraph import connected_components

    if not image_ids:
        return []
    hashes = np.array([int(phash or "0", 16) for phash in phashes], np.uint64)
    hashed = np.array([phash is not None for phash in phashes])
    near = np.bitwise_count(hashes[:, np.newaxis] ^ hashes) <= bits
    near &= vectors @ vectors.T >= 1 - NEAR_DISTANCE
    near &= hashed[:, np.newaxis] & hashed
    groups = connected_components(near, directed=False)[1].tolist()
    first: dict[int, str] = {}
    for group, image_id in zip(groups, image_ids, strict=True):
        first.setdefault(group, image_id)
    return [first[group] for group in groups]


class ClusteredSearch(NamedTuple):
    """The result of clustering a search's images by DBSCAN.

    `table` has the rows of the table `search_clusters`, `choice` the cluster that shows the subject. `sweep` has the
    numbers of clusters and of images in none as curves over eps, the neighbourhood radius of DBSCAN. `warnings` are
    those of `query_warnings`.
    """

    table: pa.Table
    choice: SubjectChoice
    sweep: dict[str, list[tuple[float, float]]]
    warnings: list[str]


class _QueryText(NamedTuple):
    """The embedding of a query, and whether the embedding model can read it."""

    vector: NDArray[np.float32]
    is_readable: bool


def clusters_table(
    embeddings: pa.Table, images: pa.Table, request: SearchRequest, settings: Settings
) -> ClusteredSearch:
    """Clusters the embedded images of a search by DBSCAN, and chooses the cluster that shows the subject.

    The table has one row per embedded image, ordered by its first rank. In case of a tie, the subject is the cluster
    with the smallest label, whose first image is nearest to the top of the page.
    """
    from instagram_assets.vision.cluster import eps_sweep
    from instagram_assets.vision.dbscan import dbscan
    from instagram_assets.vision.embed import as_vectors

    rows = embeddings.filter(compute.equal(embeddings["status"], "ok"))
    if not rows.num_rows:
        return ClusteredSearch(SEARCH_CLUSTERS.empty(), SubjectChoice(NOISE, False, {}), {}, [])
    image_ids: list[str] = rows["image_id"].to_pylist()
    vectors = as_vectors(rows["embedding"])
    labels = dbscan(vectors, request.eps, request.min_samples)
    model: str = rows["model"][0].as_py()
    text = _meaning(request.query, model, settings) if request.subject == "query" else None
    choice = choose_subject(labels, vectors, text and text.vector)
    hashes: dict[str, str | None] = dict(zip(images["image_id"].to_pylist(), images["phash"].to_pylist(), strict=True))
    phashes = [hashes.get(image_id) for image_id in image_ids]
    distance = centre_distances(labels, vectors)
    table = pa.table(
        {
            "search": [request.search] * len(image_ids),
            "image_id": image_ids,
            "cluster": pa.array(labels, pa.int32()),
            "distance": pa.array(distance, mask=np.isnan(distance)),
            "query_score": pa.array([choice.scores.get(label) for label in labels.tolist()], pa.float32()),
            "is_subject": pa.array((labels == choice.label) & (labels != NOISE)),
            "near_group": near_duplicate_groups(image_ids, phashes, vectors, settings.quality.near_duplicate_bits),
            "query_similarity": vectors @ text.vector if text else pa.nulls(len(image_ids)),
            "query_readable": [text and text.is_readable] * len(image_ids),
            "model": [model] * len(image_ids),
        },
        schema=SEARCH_CLUSTERS.schema,
    )
    points = eps_sweep(vectors, request.min_samples, sorted({*pipeline.EPS_VALUES, request.eps}))
    sweep = {
        "clusters": [(point.eps, float(point.clusters)) for point in points],
        "noise": [(point.eps, point.noise_share * len(image_ids)) for point in points],
    }
    return ClusteredSearch(table, choice, sweep, query_warnings(table, request.query))


def model_of(clusters: pa.Table) -> str:
    """Returns the label of the embedding model whose vectors were clustered, or why there is none.

    `clusters` has the rows of `search_clusters`.
    """
    return (clusters["model"][0].as_py() or "not recorded") if clusters.num_rows else "none"


def query_warnings(clusters: pa.Table, query: str) -> list[str]:
    """Returns the warning if the subject was chosen by a query that the embedding model cannot read.

    `clusters` has the rows of `search_clusters`, which tell it.
    """
    from instagram_assets.vision.readable_texts import unreadable_warning

    is_unread = compute.any(compute.equal(clusters["query_readable"], False)).as_py()
    return [unreadable_warning(model_of(clusters), query)] if is_unread else []


def _meaning(text: str, model: str, settings: Settings) -> _QueryText:
    """Raises ModelError if `model` gives the text no embedding, or if the settings name another one."""
    from instagram_assets.vision.embed import open_embedder

    if (configured := pipeline.embedder_label(settings)) != model:
        raise ModelError(
            f"the embeddings of this search are of {model}; the settings name {configured}, whose cosines with them "
            "mean nothing. Materialize search_embeddings, too, or name that model again."
        )
    embedder = open_embedder(pipeline.find_embedder(settings), settings.models)
    vector = embedder.texts([text])[0]
    if not np.isfinite(vector).all():
        raise ModelError(f"{embedder.label} makes no vector of {text!r}. Try other words, or the largest cluster.")
    return _QueryText(vector, embedder.reads(text))
