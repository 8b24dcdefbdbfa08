"""Which images show the same kind of thing: the table of clusters, the largest one, and how both hang on eps."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.schemas import CLUSTERS
from instagram_assets.settings import ClusterSettings
from instagram_assets.vision.dbscan import dbscan
from instagram_assets.vision.eps_neighbours import Vectors
from instagram_assets.vision.vectors import ImageVectors

Labels = NDArray[np.int32]

NOISE = -1


class Largest(NamedTuple):
    """The label with the most members, how many, and whether another has as many; -1 and 0 without a cluster."""

    label: int
    size: int
    tied: bool


class SweepPoint(NamedTuple):
    """What one eps gives: how many clusters, and the shares of the rows in none and in the largest."""

    eps: float
    clusters: int
    noise_share: float
    largest_share: float


@dataclass(frozen=True)
class Scope:
    """What clustering found in one scope, in images."""

    name: str
    images: int
    clusters: int
    noise: int
    largest: Largest


@dataclass(frozen=True)
class Clustering:
    """The table of `schemas.CLUSTERS`, and what was found in each scope."""

    table: pa.Table
    scopes: list[Scope]


def cluster_table(
    images: ImageVectors,
    options: ClusterSettings,
    near_groups: Mapping[str, str] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Clustering:
    """Every image with its cluster, one row per scope and image, sorted by both.

    `near_groups` names a group of near-duplicates for each image_id; without it, or where it lacks an image, each
    stands alone. Clusters are numbered by their first core image; of several largest clusters the first is marked, and
    with none but noise no image is. `on_progress` gets the images that are finished, and all.
    """
    everything = {"all": np.arange(len(images.image_ids))}
    members = everything if options.scope == "all" else images.accounts
    total, before = sum(map(len, members.values())), 0
    tables: list[pa.Table] = []
    scopes: list[Scope] = []
    for name, rows in members.items():
        # All rows are taken as they are: a copy would double the memory.
        vectors = images.vectors if len(rows) == len(images.vectors) else images.vectors[rows]
        report = _after(before, total, on_progress)
        labels = dbscan(vectors, options.eps, options.min_samples, on_progress=report)
        first = largest(labels)
        image_ids = [images.image_ids[row] for row in rows]
        tables.append(_rows(name, image_ids, labels, first.label, near_groups or {}, images.model))
        scopes.append(Scope(name, len(rows), _clusters(labels), int((labels == NOISE).sum()), first))
        before += len(rows)
    return Clustering(pa.concat_tables(tables) if tables else CLUSTERS.empty(), scopes)


def largest(labels: Labels) -> Largest:
    """The cluster with the most members; of several the smallest label, and -1 when all is noise or nothing there."""
    sizes = np.bincount(labels[labels != NOISE])
    if not len(sizes):
        return Largest(NOISE, 0, False)
    return Largest(int(sizes.argmax()), int(sizes.max()), bool((sizes == sizes.max()).sum() > 1))


def eps_sweep(vectors: Vectors, min_samples: int, values: Iterable[float], most_rows: int = 5000) -> list[SweepPoint]:
    """What each eps would give, for a plot.

    Above `most_rows` rows a sample of that many is clustered, the same at every call. A sample is thinner than the
    whole, so it shows where the curves bend, with more noise than the whole would have.
    """
    if len(vectors) > most_rows:
        chosen = np.random.default_rng(0).choice(len(vectors), most_rows, replace=False)
        vectors = vectors[np.sort(chosen)]
    return [_sweep_point(eps, dbscan(vectors, eps, min_samples)) for eps in values]


def _sweep_point(eps: float, labels: Labels) -> SweepPoint:
    rows, noise = max(1, len(labels)), int((labels == NOISE).sum())
    return SweepPoint(eps, _clusters(labels), noise / rows, largest(labels).size / rows)


def _clusters(labels: Labels) -> int:
    return int(labels.max(initial=NOISE)) + 1


def _rows(
    scope: str, image_ids: Sequence[str], labels: Labels, first: int, near_groups: Mapping[str, str], model: str
) -> pa.Table:
    """One scope's rows; a group of near-duplicates is named after its first image in this scope."""
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
