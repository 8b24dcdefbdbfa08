"""The dataset as Parquet: typed, one file per account, read as one table by pandas, DuckDB, polars and Spark."""

import re
from pathlib import Path

import pyarrow as pa

from instagram_assets import schemas
from instagram_assets.arrow import compute
from instagram_assets.datasets.joins import images_beside, posts_once, values_beside, with_captions
from instagram_assets.datasets.swap import replace_folder
from instagram_assets.storage.parquet_files import write_file

_IMAGE_COLUMNS = [
    *("image_id", "position", "url", "path", "width", "height", "bytes", "status", "reason"),
    *("caption", "caption_score"),
]
_OURS = re.compile(r"(account=[^/]+/)?part-0\.parquet")


def write_parquet(
    posts: pa.Table, images: pa.Table, impressions: pa.Table, folder: Path, captions: pa.Table | None = None
) -> int:
    """Replace `folder` with the dataset: every post once, with its images and impression; how many posts.

    Raises StorageError, and changes nothing, where the folder holds other files than those of such a dataset.

    The tables are those of `schemas.POSTS`, `IMAGES`, `IMPRESSIONS` and `CAPTIONS`. A row has the columns of `POSTS`,
    then `images`, a list of structs with the columns of `IMAGES`, `caption` and `caption_score`, and `impression`.
    The files are `account=<account>/part-0.parquet`; the account stands in the folder's name only, as readers of
    such folders expect. Equal tables give equal bytes, and the folder is replaced whole or not at all.
    """
    table = dataset_table(posts, images, impressions, captions)
    replace_folder(folder, lambda new: _write_accounts(table, new), lambda name: bool(_OURS.fullmatch(name)))
    return table.num_rows


def dataset_table(
    posts: pa.Table, images: pa.Table, impressions: pa.Table, captions: pa.Table | None = None
) -> pa.Table:
    """Every post once, in the order account, time, post id, with the columns `images` and `impression`."""
    once = posts_once(posts, "all")
    seen = with_captions(images, schemas.CAPTIONS.empty() if captions is None else captions)
    with_images = once.append_column("images", images_beside(once, seen, _IMAGE_COLUMNS))
    return with_images.append_column("impression", values_beside(once, impressions, "impression"))


def _write_accounts(table: pa.Table, folder: Path) -> None:
    if not table.num_rows:
        # Readers refuse a folder without files, so the columns are there even when no post is.
        write_file(folder / "part-0.parquet", table, sync_folder=False)
        return
    accounts = compute.run_end_encode(table["account"].combine_chunks())
    begin = 0
    for account, end in zip(accounts.values.to_pylist(), accounts.run_ends.to_pylist(), strict=True):
        rows = table.slice(begin, end - begin).drop_columns(["account"]).combine_chunks()
        begin = end
        write_file(folder / f"account={account}" / "part-0.parquet", rows, sync_folder=False)
