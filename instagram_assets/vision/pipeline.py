"""The image pipeline as configured by the settings: quality filter, captions, embeddings and clusters.

Finds the models, computes results that are not in the feature cache, and returns the lake's tables. A model is loaded
only if results are missing, and is not required if there are no images.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.errors import ModelError
from instagram_assets.models.local_models import ModelSource, find_model
from instagram_assets.schemas import IMAGES
from instagram_assets.settings import Settings
from instagram_assets.storage.features import OnProgress
from instagram_assets.storage.lake import open_lake
from instagram_assets.vision.image_batches import image_paths

_Rows: TypeAlias = pa.Table | pa.RecordBatchReader
_Pairs: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]

EPS_VALUES = (0.02, 0.05, 0.08, 0.1, 0.12, 0.15, 0.18, 0.21, 0.25, 0.3, 0.4)


def measure_quality(images: pa.Table, settings: Settings, on_progress: OnProgress | None = None) -> pa.Table:
    """The table `image_quality` for a table of `images`."""
    from instagram_assets.vision.quality import quality_store, quality_table

    return quality_table(
        images,
        settings.folder("media"),
        quality_store(features_folder(settings)),
        settings.quality,
        max_megapixels=settings.download.max_megapixels,
        on_progress=on_progress,
    )


def caption(quality: pa.Table, images: pa.Table, settings: Settings, on_progress: OnProgress | None = None) -> pa.Table:
    """The table `captions` for tables of `image_quality` and `images`. Raises ModelError before any work."""
    from instagram_assets.vision.caption_tables import captions_table

    options = settings.captions
    return captions_table(
        quality,
        media_files(images, settings),
        partial(caption_files, settings=settings, on_progress=on_progress),
        model=find_captioner(settings).label_in(settings.models.precision) if _any_selected(quality, settings) else "",
        only_passed=settings.quality.only_passed,
        max_images_per_post=options.max_images_per_post,
    )


def embed(quality: pa.Table, images: pa.Table, settings: Settings, on_progress: OnProgress | None = None) -> pa.Table:
    """The table `embeddings` for tables of `image_quality` and `images`. Raises ModelError before any work."""
    from instagram_assets.vision.embed import embeddings_table

    return embeddings_table(
        quality,
        media_files(images, settings),
        partial(embed_files, settings=settings, on_progress=on_progress),
        model=embedder_label(settings) if _any_selected(quality, settings) else "",
        only_passed=settings.quality.only_passed,
    )


def caption_files(files: Mapping[str, Path], *, settings: Settings, on_progress: OnProgress | None = None) -> pa.Table:
    """Caption image files (image_id → file): the table of `caption_all`. Raises ModelError before any work."""
    from instagram_assets.vision.caption import open_captioner
    from instagram_assets.vision.caption_tables import caption_all, caption_store

    source, scorer = find_caption_models(settings)
    return caption_all(
        files,
        caption_store(features_folder(settings), source, scorer, settings.models, settings.captions),
        partial(open_captioner, source, scorer, settings.models, settings.captions),
        on_progress,
        options=settings.captions,
        max_megapixels=settings.download.max_megapixels,
    )


def caption_good_files(
    files: Mapping[str, Path], *, settings: Settings, on_progress: OnProgress | None = None
) -> pa.Table:
    """Caption the image files that pass the quality filter, as `caption_files`; the others are `skipped`.

    With `quality.only_passed=False` in the settings all files pass. Raises ModelError before any work.
    """
    from instagram_assets.vision.caption_tables import CAPTION_FEATURES
    from instagram_assets.vision.quality import measure_all, quality_store, rejection_reason

    if not settings.quality.only_passed:
        return caption_files(files, settings=settings, on_progress=on_progress)
    find_caption_models(settings)
    measures = measure_all(
        files,
        quality_store(features_folder(settings)),
        workers=settings.quality.num_workers,
        max_megapixels=settings.download.max_megapixels,
    )
    problems = {row["image_id"]: rejection_reason(row, settings.quality) for row in measures.to_pylist()}
    good = {image_id: file for image_id, file in files.items() if problems[image_id] is None}
    skipped = [
        {"image_id": image_id, "status": "skipped", "reason": problem}
        for image_id, problem in problems.items()
        if problem is not None
    ]
    captions = [caption_files(good, settings=settings, on_progress=on_progress)] if good else []
    return pa.concat_tables([*captions, pa.Table.from_pylist(skipped, schema=CAPTION_FEATURES)])


def embed_files(files: Mapping[str, Path], *, settings: Settings, on_progress: OnProgress | None = None) -> pa.Table:
    """Embed image files (image_id → file): the table of `embed_all`. Raises ModelError before any work."""
    from instagram_assets.vision.embed import embed_all, embedding_store, open_embedder

    source = find_embedder(settings)
    return embed_all(
        files,
        embedding_store(features_folder(settings), source, settings.models),
        partial(open_embedder, source, settings.models),
        on_progress,
        batch_size=settings.embeddings.batch_size,
        workers=settings.embeddings.num_workers,
        max_megapixels=settings.download.max_megapixels,
    )


class ClusteringResult(NamedTuple):
    """The table `clusters`, counts for display, and an eps sweep in percent for a plot.

    `warning` reports embeddings that were ignored because another model computed them; empty if there are none.
    """

    table: pa.Table
    numbers: dict[str, float]
    sweep: dict[str, list[tuple[float, float]]]
    warning: str


def cluster(
    embeddings: _Rows,
    quality: _Rows,
    settings: Settings,
    on_progress: OnProgress | None = None,
) -> ClusteringResult:
    """Cluster images: the table `clusters`, computed from rows of `embeddings` and `image_quality`.

    If there are embeddings of several models, those of the configured model are used, or if it has none, those of the
    model with most rows. Near-duplicates are images with similar perceptual hashes, and the groups per account and day
    in `image_quality`. With record batch readers, memory holds the embeddings, the image ids and hashes, and one batch.
    """
    from instagram_assets.vision.cluster import cluster_table, eps_sweep
    from instagram_assets.vision.embedding_matrix import read_vectors
    from instagram_assets.vision.near_duplicates import join_groups, phash_groups

    options = settings.clusters
    vectors = read_vectors(embeddings, partial(_embedder_label, settings))
    phashes, same_day = _hashes_of(vectors.image_ids, quality)
    groups = phash_groups(vectors.image_ids, phashes, settings.quality.near_duplicate_bits)
    groups = join_groups(vectors.image_ids, groups, same_day)
    found = cluster_table(vectors, options, dict(zip(vectors.image_ids, groups, strict=True)), on_progress)
    points = eps_sweep(vectors.vectors, options.min_samples, EPS_VALUES) if vectors.image_ids else []
    return ClusteringResult(
        found.table,
        {
            "images": len(vectors.image_ids),
            "clusters": sum(scope.clusters for scope in found.scopes),
            "noise": sum(scope.noise for scope in found.scopes),
            "largest": max((scope.largest.size for scope in found.scopes), default=0),
            "scopes with two largest": sum(scope.largest.tied for scope in found.scopes),
            "near-duplicates": len(groups) - len(set(groups)),
            **vectors.left_out,
        },
        {
            "noise": [(point.eps, 100 * point.noise_share) for point in points],
            "largest cluster": [(point.eps, 100 * point.largest_share) for point in points],
        }
        if points
        else {},
        _other_models(vectors.model, vectors.models, settings),
    )


def cluster_lines(clusters: pa.Table, images: _Rows, settings: Settings, most: int = 6) -> list[tuple[str, list[Path]]]:
    """The largest clusters, then the noise, each with a title and a sample of image files, for a contact sheet.

    `images` are rows of the table `images`, with the columns image_id, path and status.
    """
    from instagram_assets.report.contact_sheets import evenly_spaced
    from instagram_assets.schemas.images import NOISE

    stored = _stored(images)
    known = stored["image_id"].combine_chunks()
    # Partitions of `images` may have been recomputed since the embeddings were.
    there = compute.is_in(clusters["image_id"], value_set=known)
    rows = clusters.select(["scope", "cluster", "image_id"]).filter(there)
    groups: dict[tuple[str, int], list[int]] = {}
    for place, key in enumerate(zip(rows["scope"].to_pylist(), rows["cluster"].to_pylist(), strict=True)):
        groups.setdefault(key, []).append(place)
    noise = [place for key, places in groups.items() if key[1] == NOISE for place in places]
    real = sorted((key for key in groups if key[1] != NOISE), key=lambda key: -len(groups[key]))
    lines = [
        (f"cluster {number}{'' if scope == 'all' else f' of {scope}'}", groups[scope, number])
        for scope, number in real[:most]
    ]
    lines += [("noise", noise)] if noise else []
    media = settings.folder("media")

    def files(places: list[int]) -> list[Path]:
        shown = compute.index_in(rows["image_id"].take(pa.array(evenly_spaced(places))), value_set=known)
        names = stored.take(shown)
        return [
            media / (path or image_id) for image_id, path in zip(*(c.to_pylist() for c in names.columns), strict=True)
        ]

    return [(f"{name}: {len(places)} images", files(places)) for name, places in lines]


def find_captioner(settings: Settings) -> ModelSource:
    """The configured captioning model. Raises ModelError with a remedy if it is not on this machine."""
    models = settings.models
    return find_model(models.caption_model, models.caption_revision, settings.folder("models"))


def find_embedder(settings: Settings) -> ModelSource:
    """The configured embedding model. Raises ModelError with a remedy if it is not on this machine."""
    models = settings.models
    return find_model(models.embedding_model, models.embedding_revision, settings.folder("models"))


def embedder_label(settings: Settings) -> str:
    """The label of the configured embedding model in its configured precision. Raises ModelError as `find_embedder`."""
    return find_embedder(settings).label_in(settings.models.precision)


def find_caption_models(settings: Settings) -> tuple[ModelSource, ModelSource | None]:
    """The configured captioning model, and the embedding model that scores captions (None without scoring).

    Raises ModelError as `find_captioner` and `find_embedder` do.
    """
    return find_captioner(settings), find_embedder(settings) if settings.captions.use_scoring else None


def media_files(images: _Rows, settings: Settings) -> dict[str, Path]:
    """Paths of the stored images, image_id → file; a file can be missing if retention deleted it."""
    stored = _stored(images)
    pairs = zip(*(c.to_pylist() for c in stored.columns), strict=True)
    return image_paths(settings.folder("media"), pairs)


def features_folder(settings: Settings) -> UPath:
    """The folder of cached features (measurements, captions, embeddings) in the lake."""
    return open_lake(settings) / "features"


def _any_selected(quality: pa.Table, settings: Settings) -> bool:
    selected = quality["passed"] if settings.quality.only_passed else compute.equal(quality["status"], "ok")
    return bool(compute.any(selected).as_py())


def _stored(images: _Rows) -> pa.Table:
    """The image_id and path of each row whose image is stored."""
    columns = ["image_id", "path"]
    some = [
        batch.filter(compute.equal(batch.column("status"), "ok")).select(columns)
        for batch in (images.to_batches() if isinstance(images, pa.Table) else images)
    ]
    return pa.Table.from_batches(some, pa.schema([IMAGES.schema.field(name) for name in columns])).combine_chunks()


def _hashes_of(image_ids: Sequence[str], quality: _Rows) -> tuple[list[str | None], list[_Pairs]]:
    """The perceptual hash of each image, and index pairs of images in one `near_group` of `image_quality`."""
    indices = {image_id: index for index, image_id in enumerate(image_ids)}
    phashes: list[str | None] = [None] * len(image_ids)
    first: dict[str, int] = {}
    pairs: list[tuple[int, int]] = []
    for batch in quality.to_batches() if isinstance(quality, pa.Table) else quality:
        columns = (batch.column(name).to_pylist() for name in ("image_id", "phash", "near_group"))
        for image_id, phash, group in zip(*columns, strict=True):
            if (index := indices.get(image_id)) is None:
                continue
            phashes[index] = phash
            # The image that names the group may have no embedding, as it may have been rejected.
            if group and (other := first.setdefault(group, indices.get(group, index))) != index:
                pairs.append((other, index))
    ends = np.array(pairs, np.int64).reshape(-1, 2)
    return phashes, [(ends[:, 0], ends[:, 1])]


def _embedder_label(settings: Settings) -> str | None:
    """The label of the configured embedding model; None if it is not on this machine."""
    try:
        return embedder_label(settings)
    except ModelError:
        return None


def _other_models(chosen: str, models: Mapping[str, int], settings: Settings) -> str:
    """A warning about embeddings by models other than the chosen one; empty if there are none."""
    others = [f"{count:,} by {model or 'an unnamed model'}" for model, count in models.items() if model != chosen]
    if not others:
        return ""
    wanted = _embedder_label(settings) or settings.models.embedding_model
    why = "the settings' model" if chosen == wanted else f"which most rows have: there are none by {wanted}"
    return (
        f"embeddings: only the {models[chosen]:,} by {chosen or 'an unnamed model'} are compared, {why}. Left out: "
        f"{', '.join(others)}. Materialize embeddings again for all partitions to have them in one space."
    )
