"""Field mappings from the formats' records to our columns: one `Shape` for each kind of record.

The rules are shared.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from instagram_assets.errors import RecordError
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.record_source import OBSERVED_FIELDS

# Comments, likers and pictures of people who did not agree to be collected are dropped on purpose.
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
    """One image or video of a post as received: the URLs of image and video, and the size in pixels."""

    image: object
    video: object = None
    width: object = None
    height: object = None


@dataclass(frozen=True)
class Shape:
    """Field mapping for one kind of record: where it has the value of each of our columns.

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
        places = self.fields.get(name)
        if not places:
            return [None] * len(records)
        if len(places) == 1 and "." not in places[0]:
            key = places[0]
            return [record.get(key) for record in records]
        return [first(record, places) for record in records]

    def value(self, name: str, record: Record) -> Any:
        """Return one column's unparsed value of one record."""
        return self.column(name, [record])[0]

    def name(self, column: str, record: Record) -> str:
        """Return the path that a column's value comes from, for messages."""
        places = self.fields.get(column, (column,))
        return next((place for place in places if find(record, place) is not None), places[0])

    def only_place(self, column: str) -> str | None:
        """Return the only path that a column can come from; None when there are several."""
        places = self.fields.get(column, (column,))
        return places[0] if len(places) == 1 else None

    def unknown(self, record: Record) -> Record:
        """Return the part of a record that is not mapped to any column."""
        return {key: value for key, value in record.items() if key not in self.known and key not in OBSERVED_FIELDS}


@dataclass(frozen=True)
class PostShape(Shape):
    """Field mapping for a post, with its types, its pictures in order, and the test for a reel.

    `media_fields` are the paths of the image, the video, and the items of a sidecar; `cover` is the picture to use when
    the sidecar's items are missing. `bare` is the advice for posts without pictures, in formats where type and pictures
    are optional; empty where they are required. If a post has a separate record for each picture, `join` merges them
    into one.
    """

    types: Mapping[object, str] = field(default_factory=dict[object, str])
    pictures: Callable[[Record], list[Picture]] = lambda _: []
    media_fields: tuple[str, str, str] = ("", "", "")
    is_reel: Callable[[Record, str], bool] = lambda _, __: False
    cover: Callable[[Record], Picture] = lambda _: Picture(None)
    bare: str = ""
    join: Callable[[Sequence[Record]], Record] | None = None


@dataclass(frozen=True)
class ProfileShape(Shape):
    """Field mapping for a profile."""


@dataclass(frozen=True)
class AdShape(Shape):
    """Field mapping for an ad."""


@dataclass(frozen=True)
class CommentShape(Shape):
    """Field mapping for a comment."""


class Part(NamedTuple):
    """A post, profile, ad or comment in a record: its field mapping, its path in the record, and its context.

    `account` is the collected account and `observed_at` the time, if the part itself does not have them. `aside` parts
    are incidental (nested in something else): missing fields in them do not mean that the format changed. Of posts in
    one record with the same non-empty `twin`, only the first valid one is used.
    """

    shape: Shape
    record: Record
    place: str = ""
    account: str | None = None
    observed_at: datetime | None = None
    aside: bool = False
    twin: str = ""


class Problem(NamedTuple):
    """An error in a record at a position of the file, or in a part of it, and the offending content.

    `lacks` is the required field that is missing; `known` is True if the record is certainly a post or a profile.
    """

    place: int
    error: RecordError
    content: object
    lacks: str = ""
    known: bool = False


def find(record: Record, place: str) -> Any:
    """Return the value at a path such as "owner.username" or "edges.0.node"; None when the path does not exist."""
    value: Any = record
    for step in place.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def first(record: Record, places: Sequence[str]) -> Any:
    """Return the value of the first path that has one."""
    for place in places:
        if (value := find(record, place)) is not None:
            return value
    return None


def records_in(value: object) -> list[Record]:
    """Return the objects in a list; empty for anything else."""
    items: list[Any] = list(value) if isinstance(value, list) else []  # pyright: ignore[reportUnknownArgumentType]
    return [item for item in items if isinstance(item, dict)]


def nodes_in(connection: object) -> Iterator[tuple[str, Record]]:
    """Return the nodes of a GraphQL connection {"edges": [{"node": …}]}, each with its path in it."""
    for number, edge in enumerate(records_in(connection.get("edges") if isinstance(connection, dict) else None)):
        node = edge.get("node")
        if isinstance(node, dict):
            yield f"edges[{number}].node", node
