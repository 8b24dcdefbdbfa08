"""Results out: the files that people open, train on and share."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from instagram_assets.assets.parts import OWNERS, whole
from instagram_assets.datasets.csv import write_csv
from instagram_assets.datasets.json import json_name, write_json
from instagram_assets.datasets.parquet import write_parquet
from instagram_assets.datasets.parts import has_rows
from instagram_assets.datasets.records import CAPTION_COLUMNS, COLUMNS, Kind, merged_records
from instagram_assets.progress import counted, each, reporting
from instagram_assets.settings import settings
from instagram_assets.storage.lake import files, lake, months
from instagram_assets.storage.parquet_files import footer_counts

KINDS: tuple[Kind, ...] = ("post", "reel")
SHOWN: dict[str, Any] = {"group_name": "datasets", "owners": OWNERS}
# The media folder lies beside the datasets folder, so the pair can be moved together.
IMAGE_FOLDER = "../media"


# What these are made of is not handed to them: they take the lake month by month, so that it need not fit into memory.
@dg.asset(deps=whole("posts", "images", "captions"), kinds={"json"}, **SHOWN)
def dataset_json(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Every post with its profile and its pictures' files, as one JSON array; a second file has captions, too."""
    mode, folder, parts = settings().mode, settings().folder("datasets"), partial(months, lake())
    path = folder / json_name(mode)
    with _counting(context) as counted_records:
        rows = write_json(counted_records(merged_records(parts, mode, IMAGE_FOLDER)), path)
        if has_rows(parts, "captions"):
            records = counted_records(merged_records(parts, mode, IMAGE_FOLDER, captions=True))
            write_json(records, folder / json_name(mode, captions=True))
    return _written(path, rows)


@dg.asset(deps=whole("posts", "images", "captions"), kinds={"csv"}, **SHOWN)
def dataset_csv(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """One CSV per kind: captions on one line, lists joined by commas, made for machine learning."""
    options, folder, rows = settings().export, settings().folder("datasets"), 0
    for kind in KINDS:
        if settings().mode not in ("all", kind):
            continue
        records = merged_records(partial(months, lake()), kind, IMAGE_FOLDER, captions=True)
        with _counting(context) as counted_records:
            counts = write_csv(
                counted_records(records),
                folder / f"{kind}.csv",
                kind=kind,
                impression=options.csv_impression,
                caption_raw=options.caption_raw,
                spreadsheet_safe=options.spreadsheet_safe,
                columns=[column.name for column in (*COLUMNS, *CAPTION_COLUMNS)],
            )
        rows += counts.rows
    return _written(folder, rows)


@dg.asset(deps=whole("posts", "images", "impressions", "captions"), kinds={"parquet"}, **SHOWN)
def dataset_parquet(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Every post with its images, their captions and impression, typed, one folder per account."""
    folder = settings().folder("datasets") / "parquet"
    total = len(files(lake(), "posts"))
    with reporting(context.log.info, counted("months")) as report:

        def parts(*asked: Any) -> Iterator[Mapping[str, pa.Table]]:
            return each(months(lake(), *asked), report, total)

        return _written(folder, write_parquet(parts, folder))


@contextmanager
def _counting(
    context: dg.AssetExecutionContext,
) -> Generator[Callable[[Iterable[dict[str, Any]]], Iterator[dict[str, Any]]]]:
    """What shows how far the records are that are taken through it."""
    total = sum(footer_counts(path, "posts")[0] for path in files(lake(), "posts"))
    with reporting(context.log.info, counted("records")) as report:
        yield lambda records: each(records, report, total)


def _written(path: Path, rows: int) -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"dagster/row_count": rows, "path": dg.MetadataValue.path(str(path))})
