"""Which field of which format goes into which column, as data; the shapes of the formats say it, and nothing else."""

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
"""Every shape with the name of its format."""

CONTRACTS: dict[str, Contract] = {
    "post": POSTS_RAW,
    "profile": PROFILES_RAW,
    "ad": RAW_ADS,
    "comment": RAW_COMMENTS,
}
"""The table that each kind of record goes into."""

_NAMES = {id(shape): name for name, shape in SHAPES}


class Mapped(NamedTuple):
    """One column of ours in one format, and where it comes from.

    `kind` is `post` (reels too), `profile`, `ad` or `comment`; `fields` are places in a record, or columns of a table
    of ads, the first that says something counts; `type` is Arrow's of the column. A `computed` column is made of these
    fields and is not the value itself.
    """

    format: str
    kind: str
    column: str
    fields: tuple[str, ...]
    type: str
    computed: bool


def mapping() -> list[Mapped]:
    """The columns of every format, posts before profiles, ads and comments, in the order of the table."""
    return [mapped for name, shape in SHAPES for mapped in _columns(name, shape)]


def kind_of(shape: Shape) -> str:
    """What a shape is one of: the kind under which its columns stand in the mapping."""
    if isinstance(shape, PostShape):
        return "post"
    if isinstance(shape, CommentShape):
        return "comment"
    return "ad" if isinstance(shape, AdShape) else "profile"


def format_name(shape: Shape) -> str:
    """The name of a shape's format; empty for one that is not in SHAPES."""
    return _NAMES.get(id(shape), "")


@cache
def columns_of(name: str, kind: str) -> dict[str, str]:
    """The column of ours that each of a format's own fields goes into, by the field's name at the top of a record."""
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
