"""Captions of many images as tables: computed once per image, and put beside the images of posts."""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
from upath import UPath

from instagram_assets.models.sources import ModelSource
from instagram_assets.schemas import CANDIDATES, CAPTIONS
from instagram_assets.settings import CaptionSettings, ModelSettings
from instagram_assets.storage.features import BATCH, FeatureStore, OnProgress, computed
from instagram_assets.vision.caption import SILENT, Captioned, Captioner, Prepared, caption_fingerprint
from instagram_assets.vision.embed import embedding_fingerprint
from instagram_assets.vision.images import Fault, decode_all

T = TypeVar("T")
Row = dict[str, object]

FEATURES = pa.schema(
    [
        pa.field("image_id", pa.string()),
        pa.field("caption", pa.string()),
        pa.field("score", pa.float32()),
        pa.field("candidates", CANDIDATES),
        pa.field("status", pa.string()),
        pa.field("reason", pa.string()),
    ]
)
"""What the feature store keeps of an image; columns as in `schemas.CAPTIONS`."""


def caption_store(
    root: UPath | Path,
    source: ModelSource,
    scorer: ModelSource | None,
    models: ModelSettings,
    options: CaptionSettings,
) -> FeatureStore:
    """Where the captions by these models and settings are kept, below the folder of all features.

    `scorer` is the embedding model, null without scoring.
    """
    scored_by = embedding_fingerprint(scorer, models.precision, draft=False) if scorer else None
    fingerprint = caption_fingerprint(source, models.precision, options, scored_by)
    return FeatureStore(root, "captions", fingerprint, FEATURES)


def caption_all(
    images: Mapping[str, Path],
    store: FeatureStore,
    make: Callable[[], Captioner],
    on_progress: OnProgress | None = None,
    *,
    options: CaptionSettings,
    max_megapixels: float = 40,
) -> pa.Table:
    """One row of FEATURES for each image (image_id → file); what the store knows is not computed again.

    `make` is called only when something is missing. Finished batches are kept as they come: a run that is killed
    loses one. An image that fails is a row with `status` `failed` and its reason.
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
    """One row of `schemas.CAPTIONS` for each row of `schemas.IMAGE_QUALITY`.

    `images` gives the file of each image_id; `caption` makes of some of them the rows of `caption_all`, and is not
    called when there are none. What did not pass the quality filter (with `only_passed=False`: what could not be read)
    is `skipped` with its reason, and so are a post's images beyond the first `max_images_per_post` (0: all) that are
    captioned.
    """
    rows = quality.select(["image_id", "post_id", "account", "day", "position", "passed", "status", "reason"])
    answers = [_without_caption(row, images, only_passed) for row in rows.to_pylist()]
    _limit(answers, max_images_per_post)
    wanted = dict.fromkeys(str(row["image_id"]) for row in answers if "status" not in row)
    captions = caption({one: images[one] for one in wanted}).to_pylist() if wanted else []
    found = {row["image_id"]: row for row in captions}
    return CAPTIONS.table(
        [row if "status" in row else {**row, "model": model, **found[row["image_id"]]} for row in answers]
    )


def _without_caption(row: Row, images: Mapping[str, Path], only_passed: bool) -> Row:
    """A row's place, and, when it gets no caption, its `status` and `reason`."""
    place = {name: row[name] for name in ("image_id", "post_id", "account", "day", "position")}
    if row["status"] != "ok" or (only_passed and not row["passed"]):
        return {**place, "status": "skipped", "reason": row["reason"]}
    if row["image_id"] not in images:
        return {**place, "status": "failed", "reason": "its file is not in the media store"}
    return place


def _limit(rows: list[Row], most: int) -> None:
    """Skip what a post has beyond its first `most` images that are to be captioned, in the order of the post."""
    taken: Counter[tuple[object, object]] = Counter()
    for row in sorted((row for row in rows if "status" not in row), key=lambda row: int(str(row["position"]))):
        post = (row["account"], row["post_id"])
        taken[post] += 1
        if most and taken[post] > most:
            row |= {"status": "skipped", "reason": "beyond max_images_per_post"}


def _caption_batch(captioner: Captioner, batch: list[tuple[str, Prepared | Fault]]) -> pa.Table:
    """The rows of one batch, in its order, with the column `permanent` that `computed` reads."""
    ready = [(image_id, image) for image_id, image in batch if not isinstance(image, Fault)]
    results = dict(zip((image_id for image_id, _ in ready), captioner.captions(ready), strict=True))
    rows = [_row(image_id, image if isinstance(image, Fault) else results[image_id]) for image_id, image in batch]
    return pa.Table.from_pylist(rows, schema=FEATURES.append(pa.field("permanent", pa.bool_())))


def _row(image_id: str, result: Captioned | Fault) -> Row:
    if isinstance(result, Fault):
        # What gets no word today gets none tomorrow; a disk's or a model's failure may pass.
        return {"image_id": image_id, "status": "failed", "reason": result.reason, "permanent": result is SILENT}
    return {
        "image_id": image_id,
        "caption": result.best.caption,
        "score": result.best.score,
        "candidates": [{"caption": one.caption, "score": one.score} for one in result.candidates],
        "status": "ok",
        "reason": result.note or None,
        "permanent": True,
    }


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
