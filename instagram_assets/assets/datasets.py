"""The dataset assets: exported files (JSON, CSV, Parquet, Delta) to open, train on and share."""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from instagram_assets.assets.asset_helpers import OWNERS, whole_table_deps
from instagram_assets.datasets.csv import CAPTION_RAW, IMPRESSION, write_csv
from instagram_assets.datasets.delta import TABLES, ExportedTable, delta_target, write_delta
from instagram_assets.datasets.json import json_name, write_json
from instagram_assets.datasets.merged_records import CAPTION_COLUMNS, RECORD_COLUMNS, PostKind, merged_records
from instagram_assets.datasets.parquet import SCHEMA, write_parquet
from instagram_assets.datasets.pseudonymous import (
    PSEUDONYMS,
    Check,
    check_before,
    declared_pseudonyms,
    named_when_checked,
    pseudonymous_by,
    pseudonymous_months,
)
from instagram_assets.datasets.table_parts import Parts, has_rows, read_once
from instagram_assets.privacy.lake_names import read_lake_names
from instagram_assets.privacy.pseudonyms import Pseudonymizer
from instagram_assets.report.progress import counter, show_progress, track
from instagram_assets.schemas import IMPRESSIONS, POSTS, Column
from instagram_assets.settings import settings
from instagram_assets.storage.lake import months, open_lake

_KINDS: tuple[PostKind, ...] = ("post", "reel")
SHOWN: dict[str, Any] = {"group_name": "datasets", "owners": OWNERS}
_RECORD = (*RECORD_COLUMNS, *CAPTION_COLUMNS)
_MEANINGS = {column.name: column.meaning for column in (*POSTS.columns, *IMPRESSIONS.columns)}
_OF_PARQUET = [Column(field.name, field.type, _MEANINGS.get(field.name, "The post's pictures")) for field in SCHEMA]
_OF_DELTA = [Column(field.name, field.type, field.metadata[b"comment"].decode()) for field in TABLES[0].schema]


def _shown(kind: str, columns: Iterable[Column]) -> dict[str, Any]:
    """Arguments for `dg.asset` that describe a dataset in the UI: columns with their meaning, file kind, owners."""
    named = [dg.TableColumn(column.name, str(column.type), description=column.meaning) for column in columns]
    return {"kinds": {kind}, "metadata": {"dagster/column_schema": dg.TableSchema(columns=named)}, **SHOWN}


def _image_folder() -> str:
    """Path of the media folder relative to the datasets folder, so that the two can be moved together."""
    return Path(os.path.relpath(settings().folder("media"), settings().folder("datasets"))).as_posix()


@lru_cache(maxsize=1)
def _parts(run: str) -> Parts:
    """The lake's tables for all steps of a run (by its id), month by month, so that they need not fit into memory.

    A lake that fits is read only once for all steps. Names are replaced by pseudonyms if the settings say so.
    """
    root, pseudonyms = open_lake(settings()), _pseudonyms(run)
    parts: Parts = pseudonymous_months(root, pseudonyms) if pseudonyms else partial(months, root)
    return read_once(parts, ["posts", "images", "captions", "impressions"])


@lru_cache(maxsize=1)
def _pseudonyms(run: str) -> Pseudonymizer | None:
    """The pseudonymizer for the datasets of a run (by its id); None if the settings keep real names."""
    return declared_pseudonyms(settings(), open_lake(settings()))


@lru_cache(maxsize=1)
def _check(run: str) -> Check | None:
    """The check, before publishing, that a dataset contains no real names; None if datasets are not pseudonymous."""
    return check_before(read_lake_names(open_lake(settings()))) if _pseudonyms(run) else None


@dg.asset(deps=whole_table_deps("posts", "images", "captions"), **_shown("json", _RECORD))
def dataset_json(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Every post with its profile and its image files, as one JSON array; a second file has captions, too."""
    mode, folder, parts = settings().mode, settings().folder("datasets"), _parts(context.run.run_id)
    path = folder / json_name(mode)
    checked = named_when_checked(_check(context.run.run_id))
    with _counting(context, parts) as counted_records, checked as place:
        rows = write_json(counted_records(merged_records(parts, mode, _image_folder())), place(path))
        if has_rows(parts, "captions"):
            records = counted_records(merged_records(parts, mode, _image_folder(), captions=True))
            write_json(records, place(folder / json_name(mode, captions=True)))
    return _written(path, rows)


@dg.asset(deps=whole_table_deps("posts", "images", "captions"), **_shown("csv", (*_RECORD, IMPRESSION, CAPTION_RAW)))
def dataset_csv(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """One CSV per kind of record, for machine learning: captions on one line, lists joined by commas."""
    options, folder, rows = settings().export, settings().folder("datasets"), 0
    parts = _parts(context.run.run_id)
    with named_when_checked(_check(context.run.run_id)) as place:
        for kind in _KINDS:
            if settings().mode not in ("all", kind):
                continue
            records = merged_records(parts, kind, _image_folder(), captions=True)
            with _counting(context, parts) as counted_records:
                counts = write_csv(
                    counted_records(records),
                    place(folder / f"{kind}.csv"),
                    kind=kind,
                    impression=options.csv_impression,
                    caption_raw=options.caption_raw,
                    spreadsheet_safe=options.spreadsheet_safe,
                    columns=[column.name for column in _RECORD],
                )
            rows += counts.rows
    return _written(folder, rows)


@dg.asset(deps=whole_table_deps("posts", "images", "impressions", "captions"), **_shown("parquet", _OF_PARQUET))
def dataset_parquet(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Every post with its images, their captions and impression, typed, one folder per account."""
    folder, given = settings().folder("datasets") / "parquet", _parts(context.run.run_id)
    total = sum(1 for _ in given(["posts"], {"posts": ["account"]}))
    with show_progress(context.log.info, counter("parts")) as report:

        def parts(*asked: Any) -> Iterator[Mapping[str, pa.Table]]:
            return track(given(*asked), report, total)

        return _written(folder, write_parquet(parts, folder, check=_check(context.run.run_id)))


@dg.asset(
    deps=[*whole_table_deps("posts", "reel_analyses"), "viral_labels", "viral_hypotheses", "raw_ads"],
    **_shown("deltalake", _OF_DELTA),
)
def dataset_delta(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Posts, reels, labels, analyses and ads as Delta tables for Databricks and Spark; written incrementally."""
    target, options = delta_target(settings()), settings().delta.options
    pseudonyms, warn = _pseudonyms(context.run.run_id), context.log.warning
    check = _check(context.run.run_id)
    made = write_delta(open_lake(settings()), target, options, pseudonyms=pseudonyms, check=check, warn=warn)
    tables = dg.MetadataValue.md(_delta_tables(made))
    rows = sum(table.rows for table in made if table.table == "posts")
    made_of = {"dagster/row_count": rows, "path": dg.MetadataValue.path(target), "tables": tables}
    return dg.MaterializeResult(metadata={**made_of, **_people()})


def _delta_tables(made: Iterable[ExportedTable]) -> str:
    lines = [f"| {t.table} | {t.version} | {t.rows:,} | {t.files:,} | {t.written:,} | {t.removed:,} |" for t in made]
    return "\n".join(["| table | version | rows | files | written | removed |", "|---|--:|--:|--:|--:|--:|", *lines])


@contextmanager
def _counting(
    context: dg.AssetExecutionContext, parts: Parts
) -> Generator[Callable[[Iterable[dict[str, Any]]], Iterator[dict[str, Any]]]]:
    """Context manager: returns a function that passes records through and logs the progress."""
    total = sum(part["posts"].num_rows for part in parts(["posts"], {"posts": ["account"]}))
    with show_progress(context.log.info, counter("records")) as report:
        yield lambda records: track(records, report, total)


def _written(path: Path, rows: int) -> dg.MaterializeResult:
    made = {"dagster/row_count": rows, "path": dg.MetadataValue.path(str(path))}
    return dg.MaterializeResult(metadata={**made, **_people()})


def _people() -> dict[str, str]:
    """Metadata with the id of the key with which a dataset was pseudonymised; empty if it has real names."""
    key = pseudonymous_by(settings())
    return {PSEUDONYMS: key} if key else {}
