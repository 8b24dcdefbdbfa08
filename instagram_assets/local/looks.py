"""Pictures measured, captioned, embedded and clustered, each step taking what the one before it gave.

Every function takes a folder, one file or several, or a table with a column `file`, and gives one row per picture:
its `file`, which picture of which post it is where that is known, its `image_id` (SHA-256 of the bytes), what was
found, and `status` and `reason`. A picture that fails is a row with the reason.
"""

from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from instagram_assets.local.arguments import Table, settings_or_defaults, table_of, with_values
from instagram_assets.local.pictures import PLACE, Source, kept_in, read_pictures
from instagram_assets.models.local_models import ModelSource, find_model, is_folder
from instagram_assets.schemas import EMBEDDING
from instagram_assets.settings import Settings
from instagram_assets.storage.features import OnProgress

_EMBED_FIRST = "Give what embed_images gave, or the lake's `embeddings`"


def measure_images(
    pictures: Source,
    *,
    min_side: int | None = None,
    min_sharpness: float | None = None,
    folder: str | Path | None = None,
    settings: Settings | None = None,
    keep: str | Path | None = None,
    on_progress: OnProgress | None = None,
) -> pa.Table:
    """How large, how sharp and how alike pictures are, and which are good enough: `passed`, with the `reason` if not.

    Columns as in the contract `image_quality`, beside `file`, `width` and `height` (pixels); `near_group` is the
    image_id of the first of those that look alike. The limits are those of `settings.quality` but for what is given.
    What comes next leaves out what did not pass. `folder` is the media folder, for the lake's table `images`; in
    `keep` measures stay for the next time.

    >>> from instagram_assets import measure_images
    >>> measured = measure_images("pictures")
    >>> measured.select(["file", "width", "passed"]).to_pylist()[0]
    {'file': 'pictures/blue_star_0.jpg', 'width': 400, 'passed': True}
    """
    from instagram_assets.vision.near_duplicates import phash_groups
    from instagram_assets.vision.quality import measure_all, pass_or_reject, quality_store

    chosen = settings_or_defaults(settings)
    options = with_values(chosen.quality, min_side=min_side, min_sharpness=min_sharpness)
    some = read_pictures(pictures, folder)
    with kept_in(keep) as root:
        found = measure_all(
            some.files,
            quality_store(root),
            workers=options.num_workers,
            max_megapixels=chosen.download.max_megapixels,
            on_progress=on_progress,
        )
    passed, reasons = pass_or_reject(found, options)
    groups = phash_groups(found["image_id"].to_pylist(), found["phash"].to_pylist(), options.near_duplicate_bits)
    found = found.set_column(found.column_names.index("reason"), "reason", reasons)
    found = found.append_column("near_group", pa.array(groups, pa.string())).append_column("passed", passed)
    answered = some.answered(found)
    place = answered.column_names.index("passed")
    return answered.set_column(place, "passed", answered["passed"].fill_null(False))


def caption_images(
    pictures: Source,
    model: str | Path | None = None,
    *,
    scorer: str | Path | None = None,
    revision: str | None = None,
    folder: str | Path | None = None,
    settings: Settings | None = None,
    keep: str | Path | None = None,
    on_progress: OnProgress | None = None,
) -> pa.Table:
    """What pictures show, in one sentence each: columns `caption`, `score`, `candidates` and `model`.

    `model` is a folder, or a hub id that `instagram-assets models pull` has fetched (`revision` says which of it);
    else the one of `settings.models`. With a `scorer`, an embedding model, several captions are made and the one that
    fits best is kept, with its cosine as `score`; without settings and scorer the likeliest one is. Pictures of a
    table with `passed` false are skipped. `folder` is the media folder, for the lake's table `images`; in `keep`
    captions stay for the next time. Raises ModelError before any work when a model is not there.

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
    options = with_values(chosen.captions, use_scoring=scored)
    source = _model(model, models.caption_model, revision, models.caption_revision, chosen)
    judge = _model(scorer, models.embedding_model, None, models.embedding_revision, chosen) if scored else None
    some = read_pictures(pictures, folder)
    with kept_in(keep) as root:
        found = caption_all(
            some.files,
            caption_store(root, source, judge, models, options),
            partial(open_captioner, source, judge, models, options),
            on_progress,
            options=options,
            max_megapixels=chosen.download.max_megapixels,
        )
    return some.answered(_by(source, found))


def embed_images(
    pictures: Source,
    model: str | Path | None = None,
    *,
    revision: str | None = None,
    folder: str | Path | None = None,
    settings: Settings | None = None,
    keep: str | Path | None = None,
    on_progress: OnProgress | None = None,
) -> pa.Table:
    """Pictures as vectors: column `embedding`, list<float32> of unit length, near each other when pictures are alike.

    `model` is a folder, or a hub id that `instagram-assets models pull` has fetched (`revision` says which of it);
    else the one of `settings.models`. Pictures of a table with `passed` false are skipped. `folder` is the media
    folder, for the lake's table `images`; in `keep` embeddings stay for the next time. Raises ModelError before any
    work when the model is not there.

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
    some = read_pictures(pictures, folder)
    with kept_in(keep) as root:
        found = embed_all(
            some.files,
            embedding_store(root, source, models),
            partial(open_embedder, source, models),
            on_progress,
            batch_size=chosen.embeddings.batch_size,
            workers=chosen.embeddings.num_workers,
            max_megapixels=chosen.download.max_megapixels,
        )
    found = found.set_column(1, "embedding", found["embedding"].cast(EMBEDDING))
    return some.answered(_by(source, found))


def cluster_embeddings(
    embeddings: Table,
    *,
    eps: float | None = None,
    min_samples: int | None = None,
    settings: Settings | None = None,
) -> pa.Table:
    """Which pictures show the same kind of thing: columns `cluster` (-1 noise, null for no embedding) and `is_largest`.

    `embeddings` is what `embed_images` gave, or the lake's table of that name; the answer has its rows in their order.
    DBSCAN on cosine distance: pictures nearer than `eps` (0 to 2) are neighbours, and one with `min_samples` of them,
    itself included, is the core of a cluster; both are as in `settings.clusters` when not given. Equal files count
    once. Raises ContractError for another table.

    >>> from instagram_assets import cluster_embeddings, embed_images, measure_images
    >>> from instagram_assets.demo import MODELS
    >>> clusters = cluster_embeddings(embed_images(measure_images("pictures"), model=MODELS / "clip"))
    >>> clusters.select(["file", "cluster"]).to_pylist()[::4]
    [{'file': 'pictures/blue_star_0.jpg', 'cluster': 1}, {'file': 'pictures/red_circle_0.jpg', 'cluster': 0}]
    """
    from instagram_assets.vision.cluster import cluster_table
    from instagram_assets.vision.embedding_matrix import read_vectors

    chosen = settings_or_defaults(settings)
    options = with_values(chosen.clusters, eps=eps, min_samples=min_samples, scope="all")
    table = table_of(embeddings, ["image_id", "embedding", "model", "status"], _EMBED_FIRST)
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
    kept = [name for name in ("file", *PLACE, "image_id") if name in table.column_names]
    answers: dict[str, Any] = {
        "cluster": pa.array([labels.get(image_id or "") for image_id in ids], pa.int32()),
        "is_largest": pa.array([image_id in first for image_id in ids]),
    }
    answered = table.select(kept)
    for name, values in answers.items():
        answered = answered.append_column(name, values)
    for name in ("model", "status", "reason"):
        if name in table.column_names:
            answered = answered.append_column(table.schema.field(name), table[name])
    return answered


def _model(
    given: str | Path | None, usual: str, revision: str | None, usual_revision: str, settings: Settings
) -> ModelSource:
    name = usual if given is None else str(given)
    at = revision or (usual_revision if name == usual or is_folder(name) else "main")
    return find_model(name, at, settings.folder("models"))


def _by(source: ModelSource, found: pa.Table) -> pa.Table:
    return found.append_column("model", pa.repeat(source.label, found.num_rows))
