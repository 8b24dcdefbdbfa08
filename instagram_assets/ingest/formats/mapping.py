"""Table of which source field of each format is stored in which column, derived from the formats' field mappings."""

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
from instagram_assets.ingest.formats.shapes import AdShape, CommentShape, PostShape, Shape
from instagram_assets.schemas import POSTS_RAW, PROFILES_RAW, RAW_ADS, RAW_COMMENTS
from instagram_assets.schemas.contract import Contract

SHAPES: tuple[tuple[str, Shape], ...] = (
    *((name, shape) for name, _, shape in nested_posts.POSTS),
    ("graph_api_hashtags", graph_api.OF_HASHTAG),
    ("merged", merged_dataset.POST),
    (download_information.NAME, download_information.POST),
    *((name, shape) for name, _, shape in nested_posts.PROFILES),
    (ads.FORMAT, ads.AD),
    (comment_detection.FORMAT, comments.COMMENT),
)
"""Every field mapping with the name of its format."""

CONTRACTS: dict[str, Contract] = {
    "post": POSTS_RAW,
    "profile": PROFILES_RAW,
    "ad": RAW_ADS,
    "comment": RAW_COMMENTS,
}
"""The table contract for each kind of record."""

_NAMES = {id(shape): name for name, shape in SHAPES}


class Mapped(NamedTuple):
    """One of our columns in one format, and the source fields that it comes from.

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


def mapping() -> list[Mapped]:
    """Return the columns of every format, posts before profiles, ads and comments, in the order of the table."""
    return [mapped for name, shape in SHAPES for mapped in _columns(name, shape)]


def kind_of(shape: Shape) -> str:
    """Return the kind of record that a shape describes, as in `Mapped.kind`."""
    if isinstance(shape, PostShape):
        return "post"
    if isinstance(shape, CommentShape):
        return "comment"
    return "ad" if isinstance(shape, AdShape) else "profile"


def format_name(shape: Shape) -> str:
    """Return the name of a shape's format; empty for one that is not in SHAPES."""
    return _NAMES.get(id(shape), "")


@cache
def columns_of(name: str, kind: str) -> dict[str, str]:
    """Return our column for each of a format's fields, by the field's top-level name."""
    found: dict[str, str] = {}
    for mapped in mapping():
        if mapped.format == name and mapped.kind == kind:
            for field in mapped.fields:
                found.setdefault(field.partition(".")[0], mapped.column)
    return found


def _columns(name: str, shape: Shape) -> Iterator[Mapped]:
    kind = kind_of(shape)
    places = dict(shape.fields)
    if isinstance(shape, PostShape):
        places["media"] = tuple(dict.fromkeys(shape.media_fields))
    for column in CONTRACTS[kind].columns:
        if fields := places.get(column.name):
            computed = column.name in shape.derived or column.name == "media"
            yield Mapped(name, kind, column.name, fields, str(column.type), computed)
