"""Results out: the files that people open, train on and share."""

from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from instagram_assets.assets.parts import OWNERS
from instagram_assets.datasets.csv import write_csv
from instagram_assets.datasets.json import json_name, write_json
from instagram_assets.datasets.parquet import write_parquet
from instagram_assets.datasets.records import CAPTION_COLUMNS, COLUMNS, Kind, merged_records
from instagram_assets.settings import settings

KINDS: tuple[Kind, ...] = ("post", "reel")
SHOWN: dict[str, Any] = {"group_name": "datasets", "owners": OWNERS}
# The media folder lies beside the datasets folder, so the pair can be moved together.
IMAGE_FOLDER = "../media"


@dg.asset(kinds={"json"}, **SHOWN)
def dataset_json(posts: pa.Table, images: pa.Table, captions: pa.Table) -> dg.MaterializeResult:
    """Every post with its profile and its pictures' files, as one JSON array; a second file has captions, too."""
    mode, folder = settings().mode, settings().folder("datasets")
    path = folder / json_name(mode)
    rows = write_json(merged_records(posts, images, mode, IMAGE_FOLDER), path)
    if captions.num_rows:
        records = merged_records(posts, images, mode, IMAGE_FOLDER, captions)
        write_json(records, folder / json_name(mode, captions=True))
    return _written(path, rows)


@dg.asset(kinds={"csv"}, **SHOWN)
def dataset_csv(posts: pa.Table, images: pa.Table, captions: pa.Table) -> dg.MaterializeResult:
    """One CSV per kind: captions on one line, lists joined by commas, made for machine learning."""
    options, folder, rows = settings().export, settings().folder("datasets"), 0
    for kind in KINDS:
        if settings().mode not in ("all", kind):
            continue
        counts = write_csv(
            merged_records(posts, images, kind, IMAGE_FOLDER, captions),
            folder / f"{kind}.csv",
            kind=kind,
            impression=options.csv_impression,
            caption_raw=options.caption_raw,
            spreadsheet_safe=options.spreadsheet_safe,
            columns=[column.name for column in (*COLUMNS, *CAPTION_COLUMNS)],
        )
        rows += counts.rows
    return _written(folder, rows)


@dg.asset(kinds={"parquet"}, **SHOWN)
def dataset_parquet(
    posts: pa.Table, images: pa.Table, impressions: pa.Table, captions: pa.Table
) -> dg.MaterializeResult:
    """Every post with its images, their captions and impression, typed, one folder per account."""
    folder = settings().folder("datasets") / "parquet"
    return _written(folder, write_parquet(posts, images, impressions, folder, captions))


def _written(path: Path, rows: int) -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"dagster/row_count": rows, "path": dg.MetadataValue.path(str(path))})
