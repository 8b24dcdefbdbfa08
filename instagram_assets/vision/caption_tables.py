"""The table of captions: each image captioned once, cached in the feature store, and joined to the images of posts."""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
from upath import UPath

from instagram_assets.media.verify import MAX_MEGAPIXELS
from instagram_assets.models.local_models import ModelSource
from instagram_assets.schemas import CANDIDATES, CAPTIONS
from instagram_assets.settings import CaptionSettings, ModelSettings
from instagram_assets.storage.features import BATCH, FeatureStore, OnProgress, computed
from instagram_assets.vision.caption import EMPTY_CAPTION, Captioned, Captioner, PreparedImage, caption_fingerprint
from instagram_assets.vision.embed import embedding_fingerprint
from instagram_assets.vision.image_batches import Failed, decode_all

_T = TypeVar("_T")
_Row = dict[str, object]

CAPTION_FEATURES = pa.schema(
    [
        pa.field("image_id", pa.string()),
        pa.field("caption", pa.string()),
        pa.field("score", pa.float32()),
        pa.field("candidates", CANDIDATES),
        pa.field("status", pa.string()),
        pa.field("reason", pa.string()),
    ]
)
"""Schema of the cached captions, one row per image; columns as in `schemas.CAPTIONS`."""


def caption_store(
    root: UPath | Path,
    source: ModelSource,
    scorer: ModelSource | None,
    models: ModelSettings,
    options: CaptionSettings,
) -> FeatureStore:
    """The cache of the captions by a model with these settings, below `root`, the folder of all cached features.

    `scorer` is the embedding model that scores captions; None without scoring.
    """
    scored_by = embedding_fingerprint(scorer, models.precision, draft=False) if scorer else None
    fingerprint = caption_fingerprint(source, models.precision, options, scored_by)
    return FeatureStore(root, "captions", fingerprint, CAPTION_FEATURES)


def caption_all(
    images: Mapping[str, Path],
    store: FeatureStore,
    make: Callable[[], Captioner],
    on_progress: OnProgress | None = None,
    *,
    options: CaptionSettings,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> pa.Table:
    """Caption images (image_id → file): a table of `CAPTION_FEATURES`, one row per image; cached rows are reused.

    `make` loads the captioner and is called only when rows are missing. Each finished batch is cached at once, so a
    killed run loses at most one. An image that fails is a row with `status` `failed` and its reason.
    """

    def compute(missing: list[str]) -> Generator[pa.Table]:
        captioner = make()
        files = ((image_id, images[image_id]) for image_id in missing)
        decoded = decode_all(files, captioner.prepare, workers=options.num_workers, max_megapixels=max_megapixels)
        with closing(decoded):
            for batch in _batches(decoded, captioner.batch_size):
                yield _caption_batch(captioner, batch)

    size = options.batch_size if options.batch_processing else 1
    return computed(
        images,
        store,
        compute,
        batch=min(size, BATCH),
        skip_existing=options.skip_existing,
        on_progress=on_progress,
    )


def captions_table(
    quality: pa.Table,
    images: Mapping[str, Path],
    caption: Callable[[Mapping[str, Path]], pa.Table],
    *,
    model: str,
    only_passed: bool,
    max_images_per_post: int,
) -> pa.Table:
    """The table `captions` (`schemas.CAPTIONS`), one row for each row of `image_quality`.

    `images` maps image_id to file; `caption` returns the rows of `caption_all` for a subset of these files, and is only
    called if it is not empty. Images that failed the quality filter (with `only_passed=False`: unreadable images) are
    `skipped` with the reason. So are the images of a post after the first `max_images_per_post` (0: no limit).
    """
    rows = quality.select(["image_id", "post_id", "account", "day", "position", "passed", "status", "reason"])
    answers = [_without_caption(row, images, only_passed) for row in rows.to_pylist()]
    _limit(answers, max_images_per_post)
    image_ids = dict.fromkeys(str(row["image_id"]) for row in answers if "status" not in row)
    captions = caption({image_id: images[image_id] for image_id in image_ids}).to_pylist() if image_ids else []
    found = {row["image_id"]: row for row in captions}
    return CAPTIONS.table(
        [row if "status" in row else {**row, "model": model, **found[row["image_id"]]} for row in answers]
    )


def _without_caption(row: _Row, images: Mapping[str, Path], only_passed: bool) -> _Row:
    """The key columns of a row of `image_quality`, with `status` and `reason` if the image must not be captioned."""
    columns = {name: row[name] for name in ("image_id", "post_id", "account", "day", "position")}
    if row["status"] != "ok" or (only_passed and not row["passed"]):
        return {**columns, "status": "skipped", "reason": row["reason"]}
    if row["image_id"] not in images:
        return {**columns, "status": "failed", "reason": "its file is not in the media store"}
    return columns


def _limit(rows: list[_Row], most: int) -> None:
    """Mark rows as `skipped` except the first `most` images to caption of each post; 0 means no limit."""
    taken: Counter[tuple[object, object]] = Counter()
    for row in sorted((row for row in rows if "status" not in row), key=lambda row: int(str(row["position"]))):
        post = (row["account"], row["post_id"])
        taken[post] += 1
        if most and taken[post] > most:
            row |= {"status": "skipped", "reason": "beyond max_images_per_post"}


def _caption_batch(captioner: Captioner, batch: list[tuple[str, PreparedImage | Failed]]) -> pa.Table:
    """The rows of one batch, in order; the column `permanent` says whether the result of a row can be cached."""
    ready = [(image_id, image) for image_id, image in batch if not isinstance(image, Failed)]
    results = dict(zip((image_id for image_id, _ in ready), captioner.captions(ready), strict=True))
    rows = [_row(image_id, image if isinstance(image, Failed) else results[image_id]) for image_id, image in batch]
    return pa.Table.from_pylist(rows, schema=CAPTION_FEATURES.append(pa.field("permanent", pa.bool_())))


def _row(image_id: str, result: Captioned | Failed) -> _Row:
    if isinstance(result, Failed):
        # An empty caption is deterministic; a failure of disk or model may be transient.
        return {"image_id": image_id, "status": "failed", "reason": result.reason, "permanent": result is EMPTY_CAPTION}
    return {
        "image_id": image_id,
        "caption": result.best.caption,
        "score": result.best.score,
        "candidates": [{"caption": one.caption, "score": one.score} for one in result.candidates],
        "status": "ok",
        "reason": result.note or None,
        "permanent": True,
    }


def _batches(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
