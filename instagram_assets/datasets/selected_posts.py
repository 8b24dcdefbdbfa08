"""Export of selected posts: chosen accounts, days and columns as one file (JSON, Parquet) or one per kind (CSV)."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow as pa
from upath import UPath

from instagram_assets.datasets.csv import IMPRESSION, impression_of_record, write_csv
from instagram_assets.datasets.json import write_json
from instagram_assets.datasets.merged_records import CAPTION_COLUMNS, RECORD_COLUMNS, PostKind, merged_records
from instagram_assets.datasets.parquet import SCHEMA, dataset_tables, write_tables
from instagram_assets.datasets.pseudonymous import Check, named_when_checked, pseudonymous_months
from instagram_assets.datasets.table_parts import Parts, has_rows, only_images
from instagram_assets.errors import NothingDoneError, QueryError
from instagram_assets.privacy.pseudonyms import Pseudonymizer
from instagram_assets.settings import Mode
from instagram_assets.storage.lake import Days, months

SelectionFormat = Literal["csv", "json", "parquet"]
_RECORD = (*(column.name for column in (*RECORD_COLUMNS, *CAPTION_COLUMNS)), IMPRESSION.name)


class PostSelection(NamedTuple):
    """A selection of posts, and of columns to export; a None field selects all. `days` is the first and last day.

    `images` are SHA-256 hashes: only posts with one of these images are exported, with only these images.
    """

    accounts: Sequence[str] | None = None
    days: Days | None = None
    columns: Sequence[str] | None = None
    images: pa.Array | None = None


class WrittenFile(NamedTuple):
    """The path of a written file and its number of posts."""

    path: Path
    rows: int


def format_columns(form: SelectionFormat) -> list[str]:
    """Returns all column names of an export format: the merged record's for CSV and JSON, the lake's for Parquet."""
    return list(SCHEMA.names if form == "parquet" else _RECORD)


def write_selection(
    root: UPath,
    form: SelectionFormat,
    folder: Path,
    chosen: PostSelection,
    mode: Mode = "all",
    media: str = "",
    *,
    spreadsheet_safe: bool = False,
    pseudonyms: Pseudonymizer | None = None,
    check: Check | None = None,
    met: set[str] | None = None,
) -> list[WrittenFile]:
    """Write the selected posts of a lake into `folder`, each once: posts.json, posts.parquet, or post.csv and reel.csv.

    `media` is the path of the media folder relative to `folder`; JSON and CSV refer to images by it. Memory holds one
    account and month. With `pseudonyms` the files contain no account names; if `check` raises an error, no file is
    published. `met` is an output: the SHA-256 hashes of those selected images that were found in a post are added to
    this set. Raises QueryError for an unknown column, and NothingDoneError, before any file is replaced, if no post is
    selected.
    """
    known = format_columns(form)
    names = list(chosen.columns or known)
    if unknown := [name for name in names if name not in known]:
        raise QueryError(f"{form} has no column {', '.join(unknown)}. It has: {', '.join(known)}.")
    parts: Parts = partial(months, root, accounts=chosen.accounts, days=chosen.days)
    if pseudonyms:
        parts = pseudonymous_months(root, pseudonyms, accounts=chosen.accounts, days=chosen.days)
    if chosen.images is not None:
        parts = only_images(parts, chosen.images, met)
    if not has_rows(parts, "posts"):
        of_list = "" if chosen.images is None else " with an image of the list"
        raise NothingDoneError(f"There is no post of these accounts and days{of_list}, so nothing was written.")
    with named_when_checked(check) as place:
        path = folder / f"posts.{form}"
        if form == "parquet":
            tables = (table.select(names) for table in dataset_tables(parts))
            return [WrittenFile(path, write_tables(place(path), tables))]
        records = partial(_records, parts, media, names)
        if form == "json":
            return [WrittenFile(path, write_json(records(mode), place(path)))]
        kinds: list[PostKind] = ["post", "reel"] if mode == "all" else [mode]
        written: list[WrittenFile] = []
        for kind in kinds:
            path = folder / f"{kind}.csv"
            counts = write_csv(
                records(kind),
                place(path),
                kind=None,
                impression=False,
                spreadsheet_safe=spreadsheet_safe,
                columns=names,
            )
            written.append(WrittenFile(path, counts.rows))
        return written


def _records(parts: Parts, media: str, names: Sequence[str], mode: Mode) -> Iterator[dict[str, Any]]:
    for record in merged_records(parts, mode, media, captions=True):
        values = record | {IMPRESSION.name: impression_of_record(record)}
        yield {name: values[name] for name in names}
