"""Equivalents of refine.py and to_csv.py of the original project data_refine, without Dagster.

`refine` turns a folder with an export into a merged JSON with its images; `to_csv` turns any merged or captioned JSON
into CSV.
"""

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from instagram_assets import schemas
from instagram_assets.datasets.csv import keys_of_records, write_csv
from instagram_assets.datasets.json import json_name, write_json
from instagram_assets.datasets.merged_records import PostKind, kind_of, merged_records
from instagram_assets.datasets.post_joins import posts_once
from instagram_assets.datasets.table_parts import one_part
from instagram_assets.errors import FileError
from instagram_assets.ingest.merge import merge_posts
from instagram_assets.local.export_tables import read_export
from instagram_assets.local.image_files import read_merged_json
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.download_types import DownloadProgress
from instagram_assets.media.post_images import fetch_images
from instagram_assets.media.store import MediaStore
from instagram_assets.settings import IngestSettings, Settings
from instagram_assets.storage.atomic import write_atomic
from instagram_assets.storage.owned_files import check_free, remove_ours, write_ours

IMAGES_FOLDER = "images"
QUARANTINE_FILE = "quarantine.jsonl"
_REMEDY = "Take it away, or give another --out"
_CSV_REMEDY = "Take it away, or give the JSON another name"

_POSTS = ("posts.json", "post.json", "reels.json", "reel.json")
_PROFILES = ("profiles.json", "profile.json")


class RefineResult(NamedTuple):
    """The result of `refine`: the merged JSON, its counts, and the file of invalid records, if any."""

    json: Path
    records: int
    posts: int
    reels: int
    images_ok: int
    images_failed: int
    quarantined: int
    quarantine: Path | None


class CsvFile(NamedTuple):
    """A CSV file written by `to_csv`."""

    path: Path
    kind: PostKind
    rows: int
    left_out: int


def refine(
    folder: Path,
    out: Path,
    *,
    settings: Settings,
    observed_at: datetime | None = None,
    on_progress: Callable[[DownloadProgress], None] | None = None,
) -> RefineResult:
    """Merge the export in `folder` and download its images; all output is written to `out`.

    The export is posts.json, reels.json and profiles.json (or post.json, reel.json, profile.json); posts or reels are
    required; there is no date filter. `out` gets the merged JSON, `images/` and, if records were invalid,
    quarantine.jsonl. Records without an observation time get `observed_at`, or else the modification time of their
    file. Idempotent: running it again downloads no image twice and writes identical files. Raises FileError for an
    unusable file, or, before any work, if it would overwrite a file that was edited by hand or made from another
    folder.
    """
    path = out / json_name(settings.mode)
    for output in (path, out / QUARANTINE_FILE):
        check_free(output, folder, _REMEDY)
    posts, reels, profiles, bad = read_export(_export_files(folder), observed_at=observed_at, settings=settings)
    posts = posts_once(merge_posts(posts, reels, profiles, settings.mode), settings.mode)
    images, progress = _images(posts, out / IMAGES_FOLDER, settings, on_progress)
    kinds: Counter[str] = Counter()

    def counted(record: dict[str, object]) -> dict[str, object]:
        kinds[str(record["kind"])] += 1
        return record

    merged = merged_records(one_part(posts=posts, images=images), settings.mode, IMAGES_FOLDER)
    write_ours({path: lambda new: write_json(map(counted, merged), new)}, folder, _REMEDY)
    return RefineResult(
        json=path,
        records=kinds.total(),
        posts=kinds["post"],
        reels=kinds["reel"],
        images_ok=progress.ok,
        images_failed=progress.done - progress.ok,
        quarantined=bad.num_rows,
        quarantine=_write_quarantine(bad, out / QUARANTINE_FILE, folder),
    )


def to_csv(
    path: Path,
    *,
    kind: PostKind | None = None,
    impression: bool = True,
    caption_raw: bool = False,
    spreadsheet_safe: bool = False,
    limits: IngestSettings | None = None,
) -> list[CsvFile]:
    """Write a merged or captioned JSON as CSV beside it, with a column for every key of its records.

    With `kind` (`post` or `reel`), or if all records have the same kind, the file is `<name>.csv`; else there are two,
    `<name>_post.csv` and `<name>_reel.csv`. Records without a kind count as `kind`, or as posts if that is None.
    `impression`, `caption_raw` and `spreadsheet_safe` are as for `datasets.csv.write_csv`. The JSON is read twice, so
    that memory is bounded. Raises FileError if it is not a merged dataset, and if it would overwrite a CSV that was not
    made from it by this function, or that was changed since.
    """

    def kind_or_default(record: dict[str, Any]) -> PostKind:
        return kind_of(record) or kind or "post"

    numbers: Counter[PostKind] = Counter()
    keys: dict[PostKind, dict[str, None]] = {"post": {}, "reel": {}}
    for record in read_merged_json(path, limits):
        numbers[kind_or_default(record)] += 1
        keys[kind_or_default(record)].update(dict.fromkeys(record))
    files: list[CsvFile] = []
    requested: list[PostKind] = [kind] if kind else sorted(numbers) or ["post"]
    targets: dict[PostKind, Path] = {one: _csv_beside(path, one if len(requested) > 1 else None) for one in requested}
    for target in targets.values():
        check_free(target, path, _CSV_REMEDY)
    for one, target in targets.items():
        write = partial(
            write_csv,
            (record for record in read_merged_json(path, limits) if kind_or_default(record) == one),
            kind=one,
            impression=impression,
            caption_raw=caption_raw,
            spreadsheet_safe=spreadsheet_safe,
            columns=keys_of_records([keys[one]]),
        )
        write_ours({target: write}, path, _CSV_REMEDY)
        files.append(CsvFile(target, one, numbers[one], numbers.total() - numbers[one]))
    return files


def _csv_beside(path: Path, kind: PostKind | None) -> Path:
    target = path.with_name(f"{path.stem}_{kind}.csv") if kind else path.with_suffix(".csv")
    if target == path:
        raise FileError(str(path), "the CSV would replace its own source", "Give the JSON a name that ends in .json")
    return target


def _export_files(folder: Path) -> list[Path]:
    posts = [path for name in _POSTS if (path := folder / name).exists()]
    if not posts:
        remedy = f"Put an export there: posts.json or reels.json, and {_PROFILES[0]} for the profiles"
        raise FileError(str(folder), "holds neither posts.json nor reels.json", remedy)
    return posts + [path for name in _PROFILES if (path := folder / name).exists()]


def _images(
    posts: pa.Table, folder: Path, settings: Settings, on_progress: Callable[[DownloadProgress], None] | None
) -> tuple[pa.Table, DownloadProgress]:
    download = settings.download
    if not download.download_images:
        return schemas.IMAGES.empty(), DownloadProgress()
    with MediaStore(folder) as store:
        return fetch_images(posts, store, DownloadOptions.of(download), download.images_per_post, on_progress)


def _write_quarantine(bad: pa.Table, path: Path, folder: Path) -> Path | None:
    if not bad.num_rows:
        remove_ours(path, folder)
        return None
    lines = [f"{json.dumps(row, ensure_ascii=False)}\n".encode() for row in bad.to_pylist()]
    write_ours({path: lambda new: write_atomic(new, lambda stream: stream.writelines(lines))}, folder, _REMEDY)
    return path
