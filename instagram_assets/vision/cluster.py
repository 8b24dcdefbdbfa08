"""DBSCAN clustering of image embeddings: the table of clusters, the largest cluster, and a sweep over eps."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.schemas import CLUSTERS
from instagram_assets.schemas.images import NOISE
from instagram_assets.settings import ClusterSettings
from instagram_assets.vision.dbscan import dbscan
from instagram_assets.vision.embedding_matrix import ImageVectors
from instagram_assets.vision.eps_neighbours import UnitVectors

ClusterLabels = NDArray[np.int32]


class LargestCluster(NamedTuple):
    """Label and size of the largest cluster (-1 and 0 if all rows are noise), and whether another one is as large."""

    label: int
    size: int
    tied: bool


class SweepPoint(NamedTuple):
    """Result of clustering with one eps: number of clusters, fractions (0–1) of noise and of the largest cluster."""

    eps: float
    clusters: int
    noise_share: float
    largest_share: float


@dataclass(frozen=True)
class ScopeSummary:
    """Counts of images, clusters and noise in one scope (the whole lake, or one account)."""

    name: str
    images: int
    clusters: int
    noise: int
    largest: LargestCluster


@dataclass(frozen=True)
class Clustering:
    """The table of `schemas.CLUSTERS`, and a summary of each scope."""

    table: pa.Table
    scopes: list[ScopeSummary]


def cluster_table(
    images: ImageVectors,
    options: ClusterSettings,
    near_groups: Mapping[str, str] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Clustering:
    """Cluster images: a table with one row per scope and image, sorted by both, with the image's cluster label.

    `near_groups` maps image_id to its group of near-duplicates; an image that is not in it has no near-duplicates.
    Clusters are numbered by their first core image. `is_largest` marks the first of the largest clusters. `on_progress`
    is called with the numbers of processed images and all images.
    """
    everything = {"all": np.arange(len(images.image_ids))}
    members = everything if options.scope == "all" else images.accounts
    total, before = sum(map(len, members.values())), 0
    tables: list[pa.Table] = []
    scopes: list[ScopeSummary] = []
    for name, rows in members.items():
        # No copy where all rows are used: it would double the memory.
        vectors = images.vectors if len(rows) == len(images.vectors) else images.vectors[rows]
        report = _after(before, total, on_progress)
        labels = dbscan(vectors, options.eps, options.min_samples, on_progress=report)
        first = largest_cluster(labels)
        image_ids = [images.image_ids[row] for row in rows]
        tables.append(_rows(name, image_ids, labels, first.label, near_groups or {}, images.model))
        scopes.append(ScopeSummary(name, len(rows), _clusters(labels), int((labels == NOISE).sum()), first))
        before += len(rows)
    return Clustering(pa.concat_tables(tables) if tables else CLUSTERS.empty(), scopes)


def largest_cluster(labels: ClusterLabels) -> LargestCluster:
    """The largest cluster; for ties the smallest label, and -1 if all rows are noise."""
    sizes = np.bincount(labels[labels != NOISE])
    if not len(sizes):
        return LargestCluster(NOISE, 0, False)
    return LargestCluster(int(sizes.argmax()), int(sizes.max()), bool((sizes == sizes.max()).sum() > 1))


def eps_sweep(
    vectors: UnitVectors, min_samples: int, values: Iterable[float], most_rows: int = 5000
) -> list[SweepPoint]:
    """Cluster the rows with each value of eps in `values`, for a plot.

    If there are more than `most_rows` rows, a random sample of `most_rows` is clustered (deterministic). Since its
    density is lower, the curves have the same shape but more noise than those of all rows.
    """
    if len(vectors) > most_rows:
        chosen = np.random.default_rng(0).choice(len(vectors), most_rows, replace=False)
        vectors = vectors[np.sort(chosen)]
    return [_sweep_point(eps, dbscan(vectors, eps, min_samples)) for eps in values]


def _sweep_point(eps: float, labels: ClusterLabels) -> SweepPoint:
    rows, noise = max(1, len(labels)), int((labels == NOISE).sum())
    return SweepPoint(eps, _clusters(labels), noise / rows, largest_cluster(labels).size / rows)


def _clusters(labels: ClusterLabels) -> int:
    return int(labels.max(initial=NOISE)) + 1


def _rows(
    scope: str, image_ids: Sequence[str], labels: ClusterLabels, first: int, near_groups: Mapping[str, str], model: str
) -> pa.Table:
    """The rows of `clusters` for one scope; a group of near-duplicates is named by its first image in this scope."""
    groups = [near_groups.get(image_id, image_id) for image_id in image_ids]
    names: dict[str, str] = {}
    for image_id, group in zip(image_ids, groups, strict=True):
        names.setdefault(group, image_id)
    return pa.table(
        {
            "scope": pa.repeat(scope, len(image_ids)),
            "image_id": pa.array(image_ids, pa.string()),
            "cluster": pa.array(labels, pa.int32()),
            "is_largest": pa.array((labels == first) & (labels != NOISE)),
            "near_group": pa.array([names[group] for group in groups], pa.string()),
            "model": pa.repeat(model, len(image_ids)),
        },
        schema=CLUSTERS.schema,
    )


def _after(
    before: int, total: int, on_progress: Callable[[int, int], None] | None
) -> Callable[[int, int], None] | None:
    if on_progress is None:
        return None
    return lambda done, _: on_progress(before + done, total)
