"""Adds captions to the images of a merged JSON or of a folder, without Dagster: reads files, writes files.

The equivalent of image_caption.py of the original project data_refine. How images are captioned is passed in as a
function from image files to a table, such as `caption_all` with its model and store bound to it.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from instagram_assets.datasets.csv import write_csv
from instagram_assets.datasets.image_folder_card import reason_without_numbers
from instagram_assets.datasets.json import write_json
from instagram_assets.datasets.merged_records import CAPTION_COLUMNS
from instagram_assets.ingest.reader.byte_streams import changed, check_regular, identity
from instagram_assets.local.image_files import (
    Warn,
    image_ids,
    images_in_folder,
    is_url,
    log_warning,
    read_merged_json,
    record_images,
    relative_name,
)
from instagram_assets.local.output_paths import OVERWRITE_REMEDY, caption_paths, check_outputs, is_source
from instagram_assets.settings import IngestSettings
from instagram_assets.storage.owned_files import Fill, rewrite, write_ours
from instagram_assets.vision.image_batches import Failed

CaptionFunction = Callable[[Mapping[str, Path]], pa.Table]
"""A function from image ids (the files' SHA-256) and files to rows of image_id, caption, score, status and reason."""

_CAPTIONS, _SCORES = (column.name for column in CAPTION_COLUMNS)


class CaptionSummary(NamedTuple):
    """The output files of a captioning run and its counts.

    Of the `images`, `captioned` got a new caption, `kept` already had one, `left_out` exceeded the limit per post, and
    `without` counts images that got no caption, by reason.
    """

    path: Path
    records: int
    images: int
    captioned: int
    kept: int
    left_out: int
    without: dict[str, int]


class _Result(NamedTuple):
    image_id: str | None
    caption: str | None
    score: float | None
    reason: str


def caption_json(
    file: Path,
    out: Path | None,
    caption: CaptionFunction,
    *,
    skip_existing: bool = True,
    max_images_per_post: int = 0,
    limits: IngestSettings | None = None,
) -> CaptionSummary:
    """Write a copy of a merged JSON with captions of each record's `images`, in the keys `records.CAPTION_COLUMNS`.

    `images` are paths, absolute or relative to the folder of `file`. All other keys keep their values and order. `out`
    defaults to `<name>_with_captions.json` beside `file`, or to `file` itself if it has that name already; it is
    written atomically. `caption` is called once with all images that need a caption, and not at all if none does: with
    `skip_existing` existing captions are kept. `max_images_per_post` 0 means all. An image whose file is unusable gets
    the caption null. The JSON is read twice, so that memory is bounded. Raises FileError if it is not a merged dataset
    or changes during the run, and before any work if it would overwrite a file that was not made from `file`.
    """
    check_regular(file)
    (path,) = outputs = caption_paths(file, out)
    check_outputs(outputs, file)
    before = identity(os.stat(file))
    limit = max_images_per_post or None

    def to_caption(record: Mapping[str, Any]) -> dict[int, object]:
        captions = _existing(record, _CAPTIONS) if skip_existing else [None] * len(record_images(record))
        return {index: image for index, image in enumerate(record_images(record)[:limit]) if captions[index] is None}

    paths = {
        image: file.parent / image
        for record in read_merged_json(file, limits)
        for image in to_caption(record).values()
        if isinstance(image, str) and not is_url(image)
    }
    results = _caption_files(paths.values(), caption)
    counts, without = Counter[str](), Counter[str]()

    def captioned(record: dict[str, Any]) -> dict[str, Any]:
        images, indexes = record_images(record), to_caption(record)
        captions, scores = _existing(record, _CAPTIONS), _existing(record, _SCORES)
        for index, image in indexes.items():
            path = paths.get(image) if isinstance(image, str) else None
            result = results[path] if path else _Result(None, None, None, _why_no_file(image))
            captions[index], scores[index] = result.caption, result.score
            without.update([reason_without_numbers(result.reason)] if result.caption is None else [])
        made = sum(captions[index] is not None for index in indexes)
        kept = sum(text is not None for text in captions) - made
        left_out = sum(text is None for text in captions[limit:]) if limit else 0
        counts.update(records=1, images=len(images), captioned=made, kept=kept, left_out=left_out)
        return {**record, _CAPTIONS: captions, _SCORES: scores} if isinstance(record.get("images"), list) else record

    def records() -> Iterator[dict[str, Any]]:
        yield from map(captioned, read_merged_json(file, limits))
        if identity(os.stat(file)) != before:
            raise changed(file)

    if is_source(path, file):
        rewrite(path, lambda new: write_json(records(), new))
    else:
        write_ours({path: lambda new: write_json(records(), new)}, file, OVERWRITE_REMEDY)
    numbers = (counts[name] for name in ("records", "images", "captioned", "kept", "left_out"))
    return CaptionSummary(path, *numbers, without=dict(without))


def caption_folder(
    folder: Path, out: Path | None, caption: CaptionFunction, warn: Warn = log_warning
) -> CaptionSummary:
    """Write captions of all images below a folder to captions.json and captions.csv in `out`, by default in the folder.

    A record has `file` (relative to `folder`), `image_id`, `caption`, `score`, and `reason` if there is no caption.
    Hidden files are skipped; other files that are not images are skipped with a line to `warn`. Raises FileError if
    there is no such folder, and before any work if it would overwrite files that were not made from `folder`.
    """
    files = images_in_folder(folder, warn)
    path, table = outputs = caption_paths(folder, out)
    check_outputs(outputs, folder)
    results = _caption_files(files, caption)
    records = [{"file": relative_name(folder, file), **results[file]._asdict()} for file in files]
    columns = ["file", *_Result._fields]
    fills: dict[Path, Fill] = {
        path: lambda new: write_json(records, new),
        table: lambda new: write_csv(records, new, kind="post", impression=False, columns=columns),
    }
    write_ours(fills, folder, OVERWRITE_REMEDY)
    without = Counter(reason_without_numbers(result.reason) for result in results.values() if result.caption is None)
    return CaptionSummary(path, len(files), len(files), len(files) - without.total(), 0, 0, dict(without))


def _existing(record: Mapping[str, Any], key: str) -> list[Any]:
    """Returns the list `key` of a record, one value per image; nulls if its length differs from that of the images."""
    images, values = record_images(record), record.get(key)
    return list(values) if isinstance(values, list) and len(values) == len(images) else [None] * len(images)


def _caption_files(files: Iterable[Path], caption: CaptionFunction) -> dict[Path, _Result]:
    """Returns the caption of each file, or why there is none; identical files are captioned once."""
    known = image_ids(files)
    images: dict[str, Path] = {}
    for path, image_id in known.items():
        if isinstance(image_id, str):
            images.setdefault(image_id, path)
    rows = caption(images).select(["image_id", "caption", "score", "status", "reason"]).to_pylist() if images else []
    made = {row["image_id"]: _result(row) for row in rows}
    return {
        path: _Result(None, None, None, image_id.reason)
        if isinstance(image_id, Failed)
        else made.get(image_id, _Result(image_id, None, None, "was not captioned"))
        for path, image_id in known.items()
    }


def _result(row: dict[str, Any]) -> _Result:
    if row["status"] != "ok":
        return _Result(row["image_id"], None, None, row["reason"] or row["status"])
    return _Result(row["image_id"], row["caption"], None if row["score"] is None else round(row["score"], 4), "")


def _why_no_file(image: object) -> str:
    return "an address, not a file" if isinstance(image, str) else "not a path"
