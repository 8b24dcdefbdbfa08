"""The dataset as Parquet: typed, one file per account, read as one table by pandas, DuckDB, polars and Spark."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from instagram_assets import schemas
from instagram_assets.arrow import compute
from instagram_assets.datasets.post_joins import (
    Overview,
    images_beside,
    look_over,
    posts_once,
    values_beside,
    with_captions,
)
from instagram_assets.datasets.pseudonymous import Check
from instagram_assets.datasets.table_parts import Parts, one_part
from instagram_assets.privacy.identifier_leaks import named_files
from instagram_assets.storage.atomic import write_atomic
from instagram_assets.storage.folder_swap import replace_folder
from instagram_assets.storage.layout import folder_name

ROWS_OF_GROUP = 10_000
"""Rows of a row group: the unit of reading, and the memory limit while an account is written."""

# Also matches the paths of earlier versions, in which only the folder's name had the account.
_OURS = re.compile(r"([^/]+/)?part-0\.parquet")
_TABLES = ("posts", "images", "captions", "impressions")
_IMAGE_FIELDS = (
    *(f for f in schemas.IMAGES.schema if f.name not in ("post_id", "account", "day")),
    schemas.CAPTIONS.schema.field("caption"),
    schemas.CAPTIONS.schema.field("score").with_name("caption_score"),
)
(_IMPRESSION,) = (column.meaning for column in schemas.IMPRESSIONS.columns if column.name == "impression")
SCHEMA = pa.schema(
    [
        *schemas.POSTS.schema,
        pa.field("images", pa.list_(pa.struct(_IMAGE_FIELDS))),
        # `impression` has other meanings elsewhere, so its definition is stored in the file.
        schemas.IMPRESSIONS.schema.field("impression").with_metadata({"description": _IMPRESSION}),
    ]
)


def write_parquet(parts: Parts, folder: Path, *, check: Check | None = None) -> int:
    """Replace `folder` by the Parquet dataset: a row per post, with its images; returns the number of posts.

    Raises StorageError, and changes nothing, if the folder has files that are not of such a dataset.

    The parts must have the tables `posts`, `images`, `impressions` and `captions`; `one_part(posts=…, …)` gives them
    for tables in memory. A row has the columns of `POSTS`, then `images`, a list of structs with the columns of
    `IMAGES`, `caption` and `caption_score`, and `impression`, the engagement rate: (likes + comments) / followers. The
    files are `<account>/part-0.parquet`, with the account encoded by `folder_name`. Memory holds one part and one row
    group. Equal rows give equal bytes, however they are split into parts. The folder is replaced atomically, and not at
    all if `check` raises an error for the new files.
    """
    rows = 0

    def fill(new: Path) -> None:  # `replace_folder` syncs it
        nonlocal rows
        for account, tables in groupby(_by_account(dataset_tables(parts)), key=lambda item: item[0]):
            path = new / folder_name(account) / "part-0.parquet"
            rows += write_tables(path, (table for _, table in tables), sync_folder=False)
        if not rows:
            # Readers refuse a folder without files, so a dataset without posts has a file with columns only.
            write_tables(new / "part-0.parquet", dataset_tables(one_part()), sync_folder=False)
        if check:
            check(named_files(sorted(new.iterdir())))

    replace_folder(folder, fill, is_ours)
    return rows


def is_ours(name: str) -> bool:
    """Whether `name`, a path relative to the dataset's folder, is one at which `write_parquet` writes a file."""
    return _OURS.fullmatch(name) is not None


def dataset_tables(parts: Parts) -> Iterator[pa.Table]:
    """Yields the dataset's rows, part by part: each post once, with its images and its engagement rate `impression`.

    Rows are sorted by account, time and post id.
    """
    overview = look_over(parts, "all", captions=True)
    return (_with_all(part, overview) for part in parts(_TABLES))


def _with_all(part: Mapping[str, pa.Table], overview: Overview) -> pa.Table:
    once = posts_once(part["posts"], "all", overview)
    seen = with_captions(part["images"], part["captions"], overview)
    pictures = images_beside(once, seen, [field.name for field in _IMAGE_FIELDS])
    table = once.append_column("images", pictures)
    table = table.append_column("impression", values_beside(once, part["impressions"], "impression"))
    # Arrow names list items differently in lists read from a file, and the name would be written to the dataset.
    return table.cast(SCHEMA)


def _by_account(tables: Iterable[pa.Table]) -> Iterator[tuple[str, pa.Table]]:
    """Yields (account, rows) for each account in each table, whose rows must be sorted by account."""
    for table in tables:
        accounts = compute.run_end_encode(table["account"].combine_chunks())
        begin = 0
        for account, end in zip(accounts.values.to_pylist(), accounts.run_ends.to_pylist(), strict=True):
            yield account, table.slice(begin, end - begin)
            begin = end


def write_tables(path: Path, tables: Iterator[pa.Table], *, sync_folder: bool = True) -> int:
    """Write tables of one schema atomically as one Parquet file; returns the number of rows."""
    import pyarrow.parquet as pq

    rows = 0

    def write(stream: BinaryIO) -> None:
        nonlocal rows
        first = next(tables)
        with pq.ParquetWriter(stream, first.schema, compression="zstd", write_page_checksum=True) as writer:
            for group in _row_groups(first, tables):
                writer.write_table(group, row_group_size=ROWS_OF_GROUP)
                rows += group.num_rows

    write_atomic(path, write, sync_folder=sync_folder)
    return rows


def _row_groups(first: pa.Table, others: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yields row groups of a fixed size, so that the bytes do not depend on how the rows were split into tables."""
    held = first
    for table in others:
        held = pa.concat_tables([held, table])
        while held.num_rows >= ROWS_OF_GROUP:
            yield held.slice(0, ROWS_OF_GROUP).combine_chunks()
            held = held.slice(ROWS_OF_GROUP)
    for begin in range(0, held.num_rows, ROWS_OF_GROUP):
        yield held.slice(begin, ROWS_OF_GROUP).combine_chunks()
