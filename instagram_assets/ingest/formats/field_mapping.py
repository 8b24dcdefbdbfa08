"""Field mappings from the records of each format to our columns: one `FieldMapping` for each kind of record.

All formats share the rules by which values are parsed (`ingest.field_values`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from instagram_assets.errors import RecordError
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.record_source import OBSERVED_FIELDS

# Comments, likers and images of people who did not agree to be collected are dropped on purpose.
PRIVATE = frozenset(
    {
        *("latestComments", "firstComment", "ownerProfilePicUrl", "likedBy", "relatedProfiles", "latestIgtvVideos"),
        *("edge_media_to_comment", "edge_media_to_parent_comment", "edge_media_preview_comment", "preview_comments"),
        *("edge_media_to_hoisted_comment", "edge_media_preview_like", "edge_liked_by", "likers", "facepile_top_likers"),
        *("top_likers", "social_context", "edge_mutual_followed_by", "edge_related_profiles", "friendship_status"),
        *("comments_preview", "hoisted_comments"),
    }
)


class Picture(NamedTuple):
    """One media item of a post, unparsed: the URLs of its image and video, and its size in pixels."""

    image: object
    video: object = None
    width: object = None
    height: object = None


@dataclass(frozen=True)
class FieldMapping:
    """Mapping of one kind of record in one format: which paths in it hold the value of each of our columns.

    `fields` maps a column to its possible paths ("owner.username"); the first with a value is used. `derived` computes
    a column's value that no single path holds; `fields` then still names the source. `known` are keys of the record
    that are left out of `extra`.
    """

    fields: Mapping[str, tuple[str, ...]]
    known: frozenset[str]
    derived: Mapping[str, Callable[[Record], object]] = field(default_factory=dict[str, Callable[[Record], object]])

    def column(self, name: str, records: Sequence[Record]) -> list[Any]:
        """Return one column's unparsed values of many records."""
        if derive := self.derived.get(name):
            return [derive(record) for record in records]
        paths = self.fields.get(name)
        if not paths:
            return [None] * len(records)
        if len(paths) == 1 and "." not in paths[0]:
            key = paths[0]
            return [record.get(key) for record in records]
        return [first_value(record, paths) for record in records]

    def value(self, name: str, record: Record) -> Any:
        """Return one column's unparsed value of one record."""
        return self.column(name, [record])[0]

    def name(self, column: str, record: Record) -> str:
        """Return the path in the record from which `column` is filled, for messages."""
        paths = self.fields.get(column, (column,))
        return next((path for path in paths if value_at(record, path) is not None), paths[0])

    def only_path(self, column: str) -> str | None:
        """Return the only path from which a column can be taken; None when there are several."""
        paths = self.fields.get(column, (column,))
        return paths[0] if len(paths) == 1 else None

    def unknown(self, record: Record) -> Record:
        """Return the fields of a record that are not mapped to any column."""
        return {key: value for key, value in record.items() if key not in self.known and key not in OBSERVED_FIELDS}


@dataclass(frozen=True)
class PostMapping(FieldMapping):
    """Field mapping for a post, with its types, its media items in order, and the test for a reel.

    `media_fields` are the paths of the image, the video, and the items of an album; `cover` is the image to use when
    the album's items are missing. `bare` is the advice that a post without media gets as a warning, in formats where
    type and media are optional; empty where they are required. If a post has a separate record for each media item,
    `join` merges them into one.
    """

    types: Mapping[object, str] = field(default_factory=dict[object, str])
    pictures: Callable[[Record], list[Picture]] = lambda _: []
    media_fields: tuple[str, str, str] = ("", "", "")
    is_reel: Callable[[Record, str], bool] = lambda _, __: False
    cover: Callable[[Record], Picture] = lambda _: Picture(None)
    bare: str = ""
    join: Callable[[Sequence[Record]], Record] | None = None


@dataclass(frozen=True)
class ProfileMapping(FieldMapping):
    """Field mapping for a profile."""


@dataclass(frozen=True)
class AdMapping(FieldMapping):
    """Field mapping for an ad."""


@dataclass(frozen=True)
class CommentMapping(FieldMapping):
    """Field mapping for a comment."""


class Part(NamedTuple):
    """A post, profile, ad or comment found in a record: its field mapping, its path in the record, and its context.

    `account` is the collected account and `observed_at` the observation time, if the object itself does not have them.
    `aside` marks incidental objects, nested in another one: fields that they lack do not mean that the format changed.
    Of posts in one record with the same non-empty `twin`, only the first valid one is used.
    """

    mapping: FieldMapping
    record: Record
    path: str = ""
    account: str | None = None
    observed_at: datetime | None = None
    aside: bool = False
    twin: str = ""


class Problem(NamedTuple):
    """An error in the record at `position` of the file, or in a part of it, and the offending content.

    `lacks` is the required field that is missing; `known` is True if the record is certainly of a known format.
    """

    position: int
    error: RecordError
    content: object
    lacks: str = ""
    known: bool = False


def value_at(record: Record, path: str) -> Any:
    """Return the value at a path such as "owner.username" or "edges.0.node"; None when the path does not exist."""
    value: Any = record
    for step in path.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def first_value(record: Record, paths: Sequence[str]) -> Any:
    """Return the first value that is not null at one of the paths; None if there is none."""
    for path in paths:
        if (value := value_at(record, path)) is not None:
            return value
    return None


def records_in(value: object) -> list[Record]:
    """Return the objects in a JSON list; empty for anything else."""
    items: list[Any] = list(value) if isinstance(value, list) else []  # pyright: ignore[reportUnknownArgumentType]
    return [item for item in items if isinstance(item, dict)]


def nodes_in(connection: object) -> Iterator[tuple[str, Record]]:
    """Yield the nodes of a GraphQL connection {"edges": [{"node": …}]}, each with its path in the connection."""
    for number, edge in enumerate(records_in(connection.get("edges") if isinstance(connection, dict) else None)):
        node = edge.get("node")
        if isinstance(node, dict):
            yield f"edges[{number}].node", node
