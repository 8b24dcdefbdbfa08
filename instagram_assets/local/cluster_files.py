"""Embeds and clusters the images of a folder or merged JSON, without Dagster: reads files, writes files."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from instagram_assets.errors import ContractError, FileError
from instagram_assets.local.image_files import Warn, find_images, image_ids, log_warning, relative_name
from instagram_assets.settings import ClusterSettings, IngestSettings
from instagram_assets.vision.image_batches import Failed

EmbedFunction = Callable[[Mapping[str, Path]], pa.Table]
"""A function from image ids and files to a table of image_id, embedding, status and reason."""

CLUSTER_COLUMNS: tuple[str, ...] = ("file", "image_id", "cluster", "is_largest", "reason")
_SOURCE = b"instagram_assets.source"


class FileGroup(NamedTuple):
    """A cluster, or the noise: its number, its files, and its number of distinct images."""

    label: int
    files: list[Path]
    images: int


class FileClusters(NamedTuple):
    """One row per file with the columns CLUSTER_COLUMNS, and the files of each cluster, largest first, noise last."""

    table: pa.Table
    groups: list[FileGroup]

    @property
    def equal_files(self) -> str:
        """A message that identical files are counted once; empty if there are no identical files."""
        files, images = sum(len(group.files) for group in self.groups), sum(group.images for group in self.groups)
        return f"Equal files count once: {files:,} files are {_counted(images)}." if images < files else ""


def embed_source(
    source: Path, embed: EmbedFunction, limits: IngestSettings | None = None, warn: Warn = log_warning
) -> pa.Table:
    """One row per image of a folder or merged JSON: file (as by `relative_name`), image_id, embedding, status, reason.

    The schema metadata contain the path of the folder or JSON. A file that fails is a row with the reason; `warn` is
    called with a line about files that are not images. Raises FileError if there is no image.
    """
    files = find_images(source, limits, warn)
    if not files:
        raise FileError(str(source), "names no image", "Give a folder of images, or a merged JSON with `images`")
    known = image_ids(files)
    by_id = {image_id: file for file, image_id in reversed(known.items()) if isinstance(image_id, str)}
    rows = embed(by_id)
    indexes = {image_id: index for index, image_id in enumerate(rows["image_id"].to_pylist())}
    unread = [image_id.reason if isinstance(image_id, Failed) else None for image_id in known.values()]
    found = rows.take(pa.array([indexes.get(image_id) for image_id in known.values()], pa.int64()))
    return pa.table(
        {
            "file": [relative_name(source, file) for file in files],
            "image_id": [None if isinstance(image_id, Failed) else image_id for image_id in known.values()],
            "embedding": found["embedding"],
            "status": [
                "failed" if why else status for why, status in zip(unread, _values(found, "status"), strict=True)
            ],
            "reason": [why or reason for why, reason in zip(unread, _values(found, "reason"), strict=True)],
        }
    ).replace_schema_metadata({_SOURCE: str(source.absolute()).encode(errors="surrogateescape")})


def embeddings_source(embeddings: pa.Table, file: Path) -> Path:
    """Returns the folder or JSON that `embeddings`, read from `file`, were computed from; `file` itself if unknown.

    If it does not exist any more, it was moved together with its embeddings: returns the folder of `file`.
    """
    recorded = (embeddings.schema.metadata or {}).get(_SOURCE)
    if recorded is None:
        return file
    source = Path(recorded.decode(errors="surrogateescape"))
    return source if source.exists() else file.parent


def read_embeddings(file: Path) -> pa.Table:
    """Reads the table of `embed_source` from Parquet. Raises FileError if missing, ContractError for another table."""
    import pyarrow.parquet as pq

    if not file.is_file():
        raise FileError(str(file), "no such file", "Make it with `embed`")
    try:
        return pq.read_table(file).select(["file", "image_id", "embedding", "status", "reason"])
    except (pa.ArrowException, KeyError, OSError) as error:
        raise ContractError(f"{file}: holds no embeddings of files ({error}). Make it with `embed`.") from error


def cluster_files(embeddings: pa.Table, options: ClusterSettings, source: Path) -> FileClusters:
    """Clusters the files of a table of `embed_source`; identical files share a cluster and count once.

    `source` is the folder or JSON that file names are relative to, as returned by `embeddings_source`.
    """
    from instagram_assets.schemas.images import NOISE
    from instagram_assets.vision.cluster import largest_cluster
    from instagram_assets.vision.dbscan import dbscan
    from instagram_assets.vision.embed import as_vectors

    rows = embeddings.select(["file", "image_id", "status", "reason"]).to_pylist()
    first = {row["image_id"]: index for index, row in reversed(list(enumerate(rows))) if row["status"] == "ok"}
    ids = sorted(first)
    vectors = as_vectors(embeddings["embedding"].take(pa.array([first[one] for one in ids], pa.int64())))
    labels = dbscan(vectors, options.eps, options.min_samples)
    found = dict(zip(ids, labels.tolist(), strict=True))
    top = largest_cluster(labels).label
    folder = Path() if source.suffix == ".parquet" else source if source.is_dir() else source.parent
    files: dict[int, list[Path]] = {}
    for row in rows:
        row["cluster"] = found.get(row["image_id"])
        row["is_largest"] = row["cluster"] == top != NOISE
        if row["cluster"] is not None:
            files.setdefault(row["cluster"], []).append(folder / row["file"])
    images = Counter(found.values())
    order = sorted(files, key=lambda label: (label == NOISE, -images[label], label))
    table = pa.Table.from_pylist([{name: row[name] for name in CLUSTER_COLUMNS} for row in rows])
    return FileClusters(table, [FileGroup(label, files[label], images[label]) for label in order])


def _counted(images: int) -> str:
    return "1 image" if images == 1 else f"{images:,} images"


def _values(table: pa.Table, column: str) -> list[Any]:
    return table[column].to_pylist()
