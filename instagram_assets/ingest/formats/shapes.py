"""Where each kind of record keeps what we want to know: one shape for each, the rules are the same for all."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from instagram_assets.errors import RecordError
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.record_source import OBSERVED_FIELDS

# Comments, likers and pictures of people who never asked to be collected are dropped on purpose.
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
    """One place of a post as received: the addresses of its image and its video, and the size in pixels."""

    image: object
    video: object = None
    width: object = None
    height: object = None


@dataclass(frozen=True)
class Shape:
    """Where a record of one kind keeps each of our columns.

    `fields` maps a column to the places where it may stand ("owner.username"); the first that says something
    counts. `derived` computes a column's value where no single place holds it; `fields` then still names the place.
    `known` are the record's own keys that need no mention in `extra`.
    """

    fields: Mapping[str, tuple[str, ...]]
    known: frozenset[str]
    derived: Mapping[str, Callable[[Record], object]] = field(default_factory=dict[str, Callable[[Record], object]])

    def column(self, name: str, records: Sequence[Record]) -> list[Any]:
        """One column's values of many records, as received."""
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
        """One column's value of one record, as received."""
        return self.column(name, [record])[0]

    def name(self, column: str, record: Record) -> str:
        """The place that a column's value comes from, for people to read."""
        places = self.fields.get(column, (column,))
        return next((place for place in places if find(record, place) is not None), places[0])

    def only_place(self, column: str) -> str | None:
        """The place that a column always comes from; None when there are several."""
        places = self.fields.get(column, (column,))
        return places[0] if len(places) == 1 else None

    def unknown(self, record: Record) -> Record:
        """The part of a record that has no column."""
        return {key: value for key, value in record.items() if key not in self.known and key not in OBSERVED_FIELDS}


@dataclass(frozen=True)
class PostShape(Shape):
    """The shape of a post: besides its fields also its types, its pictures in order, and what makes it a reel.

    `media_fields` name where the image, the video, and the places of a sidecar stand; `cover` is the picture that is
    left where a sidecar's places are not there. `bare` says what to do about posts without pictures, where the type
    and the pictures are no required part; empty where they are. Where a post has a record for each of its pictures,
    `join` makes one of them.
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
    """The shape of a profile."""


@dataclass(frozen=True)
class AdShape(Shape):
    """The shape of an ad."""


@dataclass(frozen=True)
class CommentShape(Shape):
    """The shape of a comment."""


class Part(NamedTuple):
    """A post, profile or ad in a record: its shape, where in the record it stands, and what the record says about it.

    `account` is who was collected, `observed_at` when, where the part itself does not say so. `aside` parts came
    along with something else: what they lack is no sign of a changed format. Of the posts of one record that have the
    same `twin`, not empty, the first good one counts.
    """

    shape: Shape
    record: Record
    place: str = ""
    account: str | None = None
    observed_at: datetime | None = None
    aside: bool = False
    twin: str = ""


class Problem(NamedTuple):
    """What is wrong with the record at a place of its file, or with a part of it, and what stood there.

    `lacks` is the required field that it has not; `known` says that it is certainly about a post or a profile.
    """

    place: int
    error: RecordError
    content: object
    lacks: str = ""
    known: bool = False


def find(record: Record, place: str) -> Any:
    """What stands at a place such as "owner.username" or "edges.0.node"; None when there is no such place."""
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
    """What stands at the first of the places that holds something."""
    for place in places:
        if (value := find(record, place)) is not None:
            return value
    return None


def records_in(value: object) -> list[Record]:
    """The objects of a list; nothing for anything else."""
    items: list[Any] = list(value) if isinstance(value, list) else []  # pyright: ignore[reportUnknownArgumentType]
    return [item for item in items if isinstance(item, dict)]


def nodes_in(connection: object) -> Iterator[tuple[str, Record]]:
    """The nodes of a GraphQL connection {"edges": [{"node": …}]}, each with its place in it."""
    for number, edge in enumerate(records_in(connection.get("edges") if isinstance(connection, dict) else None)):
        node = edge.get("node")
        if isinstance(node, dict):
            yield f"edges[{number}].node", node
