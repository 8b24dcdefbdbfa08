"""Measures, captions, embeds and clusters images, each step on the output of the previous one.

Every function takes a folder, one or several files, or a table with a column `file`, and returns one row per image: its
`file`, the post and position if known, its `image_id` (SHA-256 of the bytes), the results, and `status` and `reason`.
An image that fails is a row with the reason.
"""

from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from instagram_assets.local.notebook_arguments import (
    POSITION_COLUMNS,
    ImageInput,
    TableLike,
    cache_folder,
    override,
    resolve_images,
    settings_or_defaults,
    to_table,
)
from instagram_assets.models.local_models import ModelSource, find_model, is_folder
from instagram_assets.schemas import EMBEDDING
from instagram_assets.settings import ModelSettings, Settings
from instagram_assets.storage.features import OnProgress

_EMBED_FIRST = "Give what embed_images gave, or the lake's `embeddings`"


def measure_images(
    pictures: ImageInput,
    *,
    min_side: int | None = None,
    min_sharpness: float | None = None,
    folder: str | Path | None = None,
    settings: Settings | None = None,
    keep: str | Path | None = None,
    on_progress: OnProgress | None = None,
) -> pa.Table:
    """Measures size, sharpness and near-duplicates of images, and whether they pass: `passed`, else with `reason`.

    Columns as in the contract `image_quality`, plus `file`, `width` and `height` (pixels); `near_group` is the image_id
    of the first of its near-duplicates. `min_side` and `min_sharpness` default to those of `settings.quality`. Later
    steps skip images that did not pass. `folder` is the media folder, for the lake's table `images`; measurements are
    cached in the folder `keep`.

    >>> from instagram_assets import measure_images
    >>> measured = measure_images("pictures")
    >>> measured.select(["file", "width", "passed"]).to_pylist()[0]
    {'file': 'pictures/blue_star_0.jpg', 'width': 400, 'passed': True}
    """
    from instagram_assets.vision.quality import measure_all, pass_or_reject, quality_store
    from instagram_assets.vision.view_hashes import near_groups

    chosen = settings_or_defaults(settings)
    options = override(chosen.quality, min_side=min_side, min_sharpness=min_sharpness)
    images = resolve_images(pictures, folder)
    with cache_folder(keep) as root:
        found = measure_all(
            images.files,
            quality_store(root),
            workers=options.num_workers,
            max_megapixels=chosen.download.max_megapixels,
            on_progress=on_progress,
        )
    passed, reasons = pass_or_reject(found, options)
    groups = near_groups(
        found["image_id"].to_pylist(),
        found["phash"].to_pylist(),
        found["views"].to_pylist(),
        options.near_duplicate_bits,
        options.near_duplicate_view_bits,
    )
    found = found.drop_columns("views")
    found = found.set_column(found.column_names.index("reason"), "reason", reasons)
    found = found.append_column("near_group", pa.array(groups, pa.string())).append_column("passed", passed)
    joined = images.join_results(found)
    column = joined.column_names.index("passed")
    return joined.set_column(column, "passed", joined["passed"].fill_null(False))


def caption_images(
    pictures: ImageInput,
    model: str | Path | None = None,
    *,
    scorer: str | Path | None = None,
    revision: str | None = None,
    folder: str | Path | None = None,
    settings: Settings | None = None,
    keep: str | Path | None = None,
    on_progress: OnProgress | None = None,
) -> pa.Table:
    """Describes each image in one sentence: columns `caption`, `score`, `candidates` and `model`.

    `model` is a folder, or a Hub id that `instagram-assets models pull` has fetched (at `revision`); the default is
    that of `settings.models`. With a `scorer`, an embedding model, several captions are generated and the best match is
    returned, with its cosine similarity as `score`; without settings and scorer, the most likely one is. Images of a
    table with `passed` false are skipped. `folder` is the media folder, for the lake's table `images`; captions are
    cached in `keep`. Raises ModelError before any work if a model does not exist.

    >>> from instagram_assets import caption_images
    >>> from instagram_assets.demo import MODELS  # small models that know the demo's coloured shapes
    >>> caption_images("pictures", model=MODELS / "blip")["caption"].to_pylist()[:2]
    ['a blue star on a white background', 'a blue star on a white background']
    """
    from instagram_assets.vision.caption import open_captioner
    from instagram_assets.vision.caption_tables import caption_all, caption_store

    chosen = settings_or_defaults(settings)
    models = chosen.models
    scored = scorer is not None or (settings is not None and chosen.captions.use_scoring)
    options = override(chosen.captions, use_scoring=scored)
    source = _model(model, models.caption_model, revision, models.caption_revision, chosen)
    scoring_model = _model(scorer, models.embedding_model, None, models.embedding_revision, chosen) if scored else None
    images = resolve_images(pictures, folder)
    with cache_folder(keep) as root:
        found = caption_all(
            images.files,
            caption_store(root, source, scoring_model, models, options),
            partial(open_captioner, source, scoring_model, models, options),
            on_progress,
            options=options,
            max_megapixels=chosen.download.max_megapixels,
        )
    return images.join_results(_by(source, models, found))


def embed_images(
    pictures: ImageInput,
    model: str | Path | None = None,
    *,
    revision: str | None = None,
    folder: str | Path | None = None,
    settings: Settings | None = None,
    keep: str | Path | None = None,
    on_progress: OnProgress | None = None,
) -> pa.Table:
    """Embeds images as vectors: column `embedding`, list<float32> of unit length, close together for similar images.

    `model` is a folder, or a Hub id that `instagram-assets models pull` has fetched (at `revision`); the default is
    that of `settings.models`. Images of a table with `passed` false are skipped. `folder` is the media folder, for the
    lake's table `images`; embeddings are cached in `keep`. Raises ModelError before any work if the model does not
    exist.

    >>> from instagram_assets import embed_images
    >>> from instagram_assets.demo import MODELS
    >>> embedded = embed_images("pictures", model=MODELS / "clip")
    >>> embedded.select(["file", "status"]).to_pylist()[0], len(embedded["embedding"][0])
    ({'file': 'pictures/blue_star_0.jpg', 'status': 'ok'}, 512)
    """
    from instagram_assets.vision.embed import embed_all, embedding_store, open_embedder

    chosen = settings_or_defaults(settings)
    models = chosen.models
    source = _model(model, models.embedding_model, revision, models.embedding_revision, chosen)
    images = resolve_images(pictures, folder)
    with cache_folder(keep) as root:
        found = embed_all(
            images.files,
            embedding_store(root, source, models),
            partial(open_embedder, source, models),
            on_progress,
            batch_size=chosen.embeddings.batch_size,
            workers=chosen.embeddings.num_workers,
            max_megapixels=chosen.download.max_megapixels,
        )
    found = found.set_column(1, "embedding", found["embedding"].cast(EMBEDDING))
    return images.join_results(_by(source, models, found))


def cluster_embeddings(
    embeddings: TableLike,
    *,
    eps: float | None = None,
    min_samples: int | None = None,
    settings: Settings | None = None,
) -> pa.Table:
    """Clusters images by embedding: columns `cluster` (-1 noise, null without an embedding) and `is_largest`.

    `embeddings` is the table of `embed_images`, or the lake's table of that name; the result has its rows in the same
    order. DBSCAN on cosine distance: images closer than `eps` (0 to 2) are neighbours, and an image with `min_samples`
    neighbours, itself included, is the core of a cluster; the defaults are those of `settings.clusters`. Identical
    files count once. Raises ContractError for another table.

    >>> from instagram_assets import cluster_embeddings, embed_images, measure_images
    >>> from instagram_assets.demo import MODELS
    >>> clusters = cluster_embeddings(embed_images(measure_images("pictures"), model=MODELS / "clip"))
    >>> clusters.select(["file", "cluster"]).to_pylist()[::4]
    [{'file': 'pictures/blue_star_0.jpg', 'cluster': 1}, {'file': 'pictures/red_circle_0.jpg', 'cluster': 0}]
    """
    from instagram_assets.vision.cluster import cluster_table
    from instagram_assets.vision.embedding_matrix import read_vectors

    chosen = settings_or_defaults(settings)
    options = override(chosen.clusters, eps=eps, min_samples=min_samples, scope="all")
    table = to_table(embeddings, ["image_id", "embedding", "model", "status"], _EMBED_FIRST)
    rows = table.select(["image_id", "embedding", "model", "status"])
    vectors = read_vectors(rows.append_column("account", pa.repeat("", rows.num_rows)))
    found = cluster_table(vectors, options).table
    labels = dict(zip(found["image_id"].to_pylist(), found["cluster"].to_pylist(), strict=True))
    first = {
        image_id
        for image_id, is_one in zip(*(found[name].to_pylist() for name in ("image_id", "is_largest")), strict=True)
        if is_one
    }
    ids: list[str | None] = table["image_id"].to_pylist()
    known = [name for name in ("file", *POSITION_COLUMNS, "image_id") if name in table.column_names]
    results: dict[str, Any] = {
        "cluster": pa.array([labels.get(image_id or "") for image_id in ids], pa.int32()),
        "is_largest": pa.array([image_id in first for image_id in ids]),
    }
    joined = table.select(known)
    for name, values in results.items():
        joined = joined.append_column(name, values)
    for name in ("model", "status", "reason"):
        if name in table.column_names:
            joined = joined.append_column(table.schema.field(name), table[name])
    return joined


def _model(
    given: str | Path | None, default: str, revision: str | None, default_revision: str, settings: Settings
) -> ModelSource:
    name = default if given is None else str(given)
    at = revision or (default_revision if name == default or is_folder(name) else "main")
    return find_model(name, at, settings.folder("models"))


def _by(source: ModelSource, models: ModelSettings, found: pa.Table) -> pa.Table:
    return found.append_column("model", pa.repeat(source.label_in(models.precision), found.num_rows))
