"""docs/columns.md says what every column is, from the contracts; `python -m` this module writes it anew."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from instagram_assets import schemas
from instagram_assets.datasets import csv, merged_records
from instagram_assets.datasets.parquet import SCHEMA, write_parquet
from instagram_assets.datasets.table_parts import one_part
from instagram_assets.schemas import Column
from instagram_assets_tests.datasets.tables import posts

PAGE = Path(__file__).parents[2] / "docs" / "columns.md"

_BEGIN = """\
# Columns

The datasets are one table in three forms. Parquet has the names of the lake; JSON and CSV have those of Apify's
exports, so that what reads such an export reads them, too. One post or reel is one row in each.

`impression` is (likes + comments) / followers, the followers as they were nearest to when the numbers were read; it is
null when one of the three is unknown or hidden. It is not what Instagram calls impressions, which only an owner sees.
`export json` writes it, too; the `merged_dataset_….json` of a run have not got it.

Times are moments in UTC: `2025-07-29T11:15:43.000Z` in JSON and CSV, where `type` is `Image`, `Sidecar` or `Video`.
[The CSV](csv.md) tells how lists and nulls are written there.

## Posts

"""
_PICTURES = """
## Pictures

In Parquet `images` is a list of these structs; JSON and CSV have a list for each that they have at all.

"""
_MEDIA = """
`media`, in Parquet alone, is what the post itself names, fetched or not.

"""
_COMMENTS = """
## Comments

`raw_comments` is a table of the lake and of no dataset, there where [a setting keeps comments](formats.md#comments).

"""
_KINDS = {pa.string(): "text", pa.bool_(): "true or false", pa.date32(): "day", schemas.MOMENT: "moment"}


def _kind(type_: pa.DataType | None) -> str:
    """A type in plain words."""
    if type_ is None:
        return ""
    if pa.types.is_list(type_):
        of = type_.value_type
        return (
            "list of structs" if pa.types.is_struct(of) else "list of numbers" if of != pa.string() else "list of texts"
        )
    return _KINDS.get(type_) or ("whole number" if pa.types.is_integer(type_) else "number")


def _comments() -> str:
    rows = [f"| `{column.name}` | {_kind(column.type)} | {column.meaning} |" for column in schemas.RAW_COMMENTS.columns]
    return "\n".join(["| column | type | meaning |", "| --- | --- | --- |", *rows]) + "\n"


def _table(rows: Iterable[tuple[str, str, str, str]]) -> str:
    lines = [("Parquet", "JSON and CSV", "type", "meaning"), ("---",) * 4]
    for parquet, record, kind, meaning in rows:
        lines.append((parquet and f"`{parquet}`", record and f"`{record}`", kind, meaning.replace("|", "\\|")))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _posts() -> Iterable[tuple[str, str, str, str]]:
    names = {source: name for name, source in merged_records.FROM_POSTS.items()}
    meanings = {column.name: column.meaning for column in (*schemas.POSTS.columns, *schemas.IMPRESSIONS.columns)}
    for field in SCHEMA:
        if field.name != "images":
            name = csv.IMPRESSION.name if field.name == csv.IMPRESSION.name else names.get(field.name, "")
            yield field.name, name, _kind(field.type), meanings[field.name]
    only: list[Column] = [
        column for column in merged_records.RECORD_COLUMNS if column.name not in merged_records.FROM_POSTS
    ]
    for column in (*only, *merged_records.CAPTION_COLUMNS):
        if column.name != "images":
            yield "", column.name, _kind(column.type), column.meaning
    raw = csv.CAPTION_RAW
    yield "", raw.name, _kind(raw.type), f"{raw.meaning}; in CSV alone, where it is asked for"
    (files,) = (column for column in only if column.name == "images")
    yield "images", files.name, "list", f"In Parquet the pictures as below; in JSON and CSV: {files.meaning}"


def _pictures() -> Iterable[tuple[str, str, str, str]]:
    meanings = {column.name: column.meaning for column in (*schemas.CAPTIONS.columns, *schemas.IMAGES.columns)}
    captions = {column.name: column.meaning for column in schemas.CAPTIONS.columns}
    meanings |= {"caption": captions["caption"], "caption_score": captions["score"]}
    names = {"path": "images", "caption": "imageCaptions", "caption_score": "imageCaptionScores", "url": "imageUrls"}
    for field in SCHEMA.field("images").type.value_type:
        yield field.name, names.get(field.name, ""), _kind(field.type), meanings[field.name]


def page() -> str:
    """The page as the contracts have it."""
    media = [f"`{field.name}` ({_kind(field.type)})" for field in schemas.MEDIA.value_type]
    of_posts = f"{_BEGIN}{_table(_posts())}{_PICTURES}{_table(_pictures())}{_MEDIA}It has {', '.join(media)}.\n"
    return f"{of_posts}{_COMMENTS}{_comments()}"


def test_the_page_says_what_the_columns_are() -> None:
    assert PAGE.read_text("utf-8") == page(), f"python -m {__name__} writes it anew"


def test_every_column_of_every_form_is_on_the_page() -> None:
    text = PAGE.read_text("utf-8")
    written = (
        *SCHEMA.names,
        *csv.keys_of_records([{c.name: None for c in merged_records.RECORD_COLUMNS}]),
        csv.IMPRESSION.name,
    )
    assert [name for name in written if f"`{name}`" not in text] == []


def test_a_parquet_file_says_what_an_impression_is(tmp_path: Path) -> None:
    write_parquet(one_part(posts=posts()), tmp_path / "parquet")
    (path,) = (tmp_path / "parquet").rglob("*.parquet")
    described = pq.read_schema(path).field("impression").metadata
    assert described[b"description"] == b"(likes + comments) / followers; null when one is unknown"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
