"""Which field of which format goes into which column, as data; the shapes of the formats say it, and nothing else."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from instagram_assets.ingest.formats import download_information, merged, pages
from instagram_assets.ingest.formats.shapes import PostShape, Shape
from instagram_assets.schemas import POSTS_RAW, PROFILES_RAW

SHAPES: tuple[tuple[str, Shape], ...] = (
    *((name, shape) for name, _, shape in pages.POSTS),
    ("merged", merged.POST),
    (download_information.NAME, download_information.POST),
    *((name, shape) for name, _, shape in pages.PROFILES),
)
"""Every shape with the name of its format."""

_NAMES = {id(shape): name for name, shape in SHAPES}


class Mapped(NamedTuple):
    """One column of ours in one format, and where it comes from.

    `kind` is `post` (reels too) or `profile`; `fields` are places in a record, the first that says something counts;
    `type` is Arrow's of the column. A `computed` column is made of these fields and is not the value itself.
    """

    format: str
    kind: str
    column: str
    fields: tuple[str, ...]
    type: str
    computed: bool


def mapping() -> list[Mapped]:
    """The columns of every format, posts before profiles, in the order of the table."""
    return [mapped for name, shape in SHAPES for mapped in _columns(name, shape)]


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
    is_post = isinstance(shape, PostShape)
    contract = POSTS_RAW if is_post else PROFILES_RAW
    places = dict(shape.fields)
    if isinstance(shape, PostShape):
        places["media"] = tuple(dict.fromkeys(shape.media_fields))
    for column in contract.columns:
        if fields := places.get(column.name):
            computed = column.name in shape.derived or column.name == "media"
            yield Mapped(name, "post" if is_post else "profile", column.name, fields, str(column.type), computed)
