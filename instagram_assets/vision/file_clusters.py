"""Embeddings and clusters for image files of others, without Dagster: a folder or a merged JSON in, files out."""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from instagram_assets.errors import ContractError, FileError
from instagram_assets.settings import ClusterSettings
from instagram_assets.vision.images import Fault
from instagram_assets.vision.sources import image_ids, images_of

Embed = Callable[[Mapping[str, Path]], pa.Table]
"""From image ids and files to rows with image_id, embedding, status and reason."""

CLUSTER_COLUMNS = ("file", "image_id", "cluster", "is_largest", "reason")


class FileClusters(NamedTuple):
    """One row per file with the columns CLUSTER_COLUMNS, and the files of each cluster, largest first."""

    table: pa.Table
    groups: list[tuple[int, list[Path]]]


def embed_source(source: Path, embed: Embed) -> pa.Table:
    """One row per image file of a folder or merged JSON: file, image_id, embedding, status, reason.

    A file that fails is a row with the reason. Raises FileError when there is no image.
    """
    files = images_of(source)
    if not files:
        raise FileError(str(source), "names no image", "Give a folder of images, or a merged JSON with `images`")
    known = image_ids(files)
    by_id = {image_id: file for file, image_id in reversed(known.items()) if isinstance(image_id, str)}
    rows = embed(by_id)
    places = {image_id: place for place, image_id in enumerate(rows["image_id"].to_pylist())}
    unread = [image_id.reason if isinstance(image_id, Fault) else None for image_id in known.values()]
    found = rows.take(pa.array([places.get(image_id) for image_id in known.values()], pa.int64()))
    return pa.table(
        {
            "file": [_readable(file) for file in files],
            "image_id": found["image_id"],
            "embedding": found["embedding"],
            "status": [
                "failed" if why else status for why, status in zip(unread, _values(found, "status"), strict=True)
            ],
            "reason": [why or reason for why, reason in zip(unread, _values(found, "reason"), strict=True)],
        }
    )


def read_embeddings(file: Path) -> pa.Table:
    """What `embed_source` gave, from a Parquet file. Raises FileError without one, ContractError for another table."""
    import pyarrow.parquet as pq

    if not file.is_file():
        raise FileError(str(file), "no such file", "Make it with `embed`")
    try:
        return pq.read_table(file).select(["file", "image_id", "embedding", "status", "reason"])
    except (pa.ArrowException, KeyError, OSError) as error:
        raise ContractError(f"{file}: holds no embeddings of files ({error}). Make it with `embed`.") from error


def cluster_files(embeddings: pa.Table, options: ClusterSettings) -> FileClusters:
    """The cluster of each file of `embed_source`; a file that equals another has its cluster, and counts once."""
    from instagram_assets.vision.cluster import NOISE, largest
    from instagram_assets.vision.dbscan import dbscan
    from instagram_assets.vision.embed import as_vectors

    rows = embeddings.select(["file", "image_id", "status", "reason"]).to_pylist()
    first = {row["image_id"]: place for place, row in reversed(list(enumerate(rows))) if row["status"] == "ok"}
    ids = sorted(first)
    vectors = as_vectors(embeddings["embedding"].take(pa.array([first[one] for one in ids], pa.int64())))
    labels = dbscan(vectors, options.eps, options.min_samples)
    found = dict(zip(ids, labels.tolist(), strict=True))
    top = largest(labels).label
    groups: dict[int, list[Path]] = {}
    for row in rows:
        row["cluster"] = found.get(row["image_id"])
        row["is_largest"] = row["cluster"] == top != NOISE
        if row["cluster"] is not None:
            groups.setdefault(row["cluster"], []).append(Path(row["file"]))
    sizes = Counter({label: len(files) for label, files in groups.items() if label != NOISE})
    order = [label for label, _ in sizes.most_common()] + [NOISE] * (NOISE in groups)
    table = pa.Table.from_pylist([{name: row[name] for name in CLUSTER_COLUMNS} for row in rows])
    return FileClusters(table, [(label, groups[label]) for label in order])


def _readable(file: Path) -> str:
    """The path as text that can be stored: names on disk need not be UTF-8."""
    return os.fsencode(file).decode("utf-8", "replace")


def _values(table: pa.Table, column: str) -> list[Any]:
    return table[column].to_pylist()
