"""Table of the source fields and columns of each format, derived from the formats' field mappings."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from instagram_assets.ingest.formats import (
    ads,
    comment_detection,
    comments,
    download_information,
    graph_api,
    merged_dataset,
    nested_posts,
)
from instagram_assets.ingest.formats.field_mapping import AdMapping, CommentMapping, FieldMapping, PostMapping
from instagram_assets.schemas import POSTS_RAW, PROFILES_RAW, RAW_ADS, RAW_COMMENTS
from instagram_assets.schemas.contract import Contract

FIELD_MAPPINGS: tuple[tuple[str, FieldMapping], ...] = (
    *((name, mapping) for name, _, mapping in nested_posts.POST_FORMATS),
    ("graph_api_hashtags", graph_api.OF_HASHTAG),
    ("merged", merged_dataset.POST),
    (download_information.NAME, download_information.POST),
    *((name, mapping) for name, _, mapping in nested_posts.PROFILE_FORMATS),
    (ads.FORMAT, ads.AD),
    (comment_detection.FORMAT, comments.COMMENT),
)
"""Every field mapping with the name of its format."""

CONTRACT_OF_KIND: dict[str, Contract] = {
    "post": POSTS_RAW,
    "profile": PROFILES_RAW,
    "ad": RAW_ADS,
    "comment": RAW_COMMENTS,
}
"""The table contract for each kind of record."""

_NAMES = {id(mapping): name for name, mapping in FIELD_MAPPINGS}


class Mapped(NamedTuple):
    """The source fields of one of our columns in one format.

    `kind` is `post` (reels too), `profile`, `ad` or `comment`; `fields` are paths in a record, or columns of a table of
    ads, of which the first non-empty one is used; `type` is the column's Arrow type. A `computed` column is derived
    from these fields instead of copied.
    """

    format: str
    kind: str
    column: str
    fields: tuple[str, ...]
    type: str
    computed: bool


def mapping_table() -> list[Mapped]:
    """Return the source fields of every column of every format: posts first, then profiles, ads and comments."""
    return [mapped for name, mapping in FIELD_MAPPINGS for mapped in _columns(name, mapping)]


def kind_of(mapping: FieldMapping) -> str:
    """Return the kind of record that a mapping describes: `post` (reels too), `profile`, `ad` or `comment`."""
    if isinstance(mapping, PostMapping):
        return "post"
    if isinstance(mapping, CommentMapping):
        return "comment"
    return "ad" if isinstance(mapping, AdMapping) else "profile"


def format_name(mapping: FieldMapping) -> str:
    """Return the name of a mapping's format; empty for one that is not in FIELD_MAPPINGS."""
    return _NAMES.get(id(mapping), "")


@cache
def columns_of(name: str, kind: str) -> dict[str, str]:
    """Return our column for each source field of format `name` and a kind of record, by the field's top-level name."""
    found: dict[str, str] = {}
    for mapped in mapping_table():
        if mapped.format == name and mapped.kind == kind:
            for field in mapped.fields:
                found.setdefault(field.partition(".")[0], mapped.column)
    return found


def _columns(name: str, mapping: FieldMapping) -> Iterator[Mapped]:
    kind = kind_of(mapping)
    paths = dict(mapping.fields)
    if isinstance(mapping, PostMapping):
        paths["media"] = tuple(dict.fromkeys(mapping.media_fields))
    for column in CONTRACT_OF_KIND[kind].columns:
        if fields := paths.get(column.name):
            computed = column.name in mapping.derived or column.name == "media"
            yield Mapped(name, kind, column.name, fields, str(column.type), computed)
