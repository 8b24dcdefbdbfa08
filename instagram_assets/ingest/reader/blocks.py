"""Neighbouring records read at once: Arrow's JSON reader makes columns of them, without a Python object for each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.ingest.reader.json_values import BadRecord, Record, parse

_TEXT, _COUNT, _FLAG, _TEXTS = pa.string(), pa.int64(), pa.bool_(), pa.list_(pa.string())
_PERSON = {"id": _TEXT, "username": _TEXT, "full_name": _TEXT, "is_verified": _FLAG, "profile_pic_url": _TEXT}
_COMMENT = {
    **dict.fromkeys(("id", "text", "ownerUsername", "ownerProfilePicUrl", "timestamp"), _TEXT),
    **dict.fromkeys(("repliesCount", "likesCount"), _COUNT),
    "owner": pa.struct(_PERSON),
}
_PEOPLE = pa.list_(pa.struct(_PERSON))
_POST = {
    **dict.fromkeys(("inputUrl", "id", "type", "shortCode", "caption", "url", "displayUrl", "videoUrl", "alt"), _TEXT),
    **dict.fromkeys(("firstComment", "productType", "timestamp", "locationName", "ownerProfilePicUrl"), _TEXT),
    **dict.fromkeys(("ownerFullName", "ownerUsername", "ownerId"), _TEXT),
    **dict.fromkeys(("dimensionsHeight", "dimensionsWidth", "commentsCount", "likesCount", "videoViewCount"), _COUNT),
    **dict.fromkeys(("videoPlayCount", "igPlayCount", "reshareCount", "sharesCount"), _COUNT),
    "videoDuration": pa.float64(),
    **dict.fromkeys(("isSponsored", "isPinned", "isCommentsDisabled"), _FLAG),
    **dict.fromkeys(("hashtags", "mentions", "images"), _TEXTS),
    **dict.fromkeys(("taggedUsers", "coauthorProducers"), _PEOPLE),
}
_NOTHING = pa.list_(pa.null())
_REPLY = pa.struct({**_COMMENT, "replies": _NOTHING})
_CHILD = pa.struct({**_POST, "latestComments": _NOTHING, "childPosts": _NOTHING})
_RECORD = {
    **_POST,
    "latestComments": pa.list_(pa.struct({**_COMMENT, "replies": pa.list_(_REPLY)})),
    "childPosts": pa.list_(_CHILD),
}
# What Apify writes about a post, apart from what goes into `extra`.
SCHEMA = pa.schema(list(_RECORD.items()))
FIELDS = frozenset(_RECORD)


@dataclass(frozen=True)
class Block:
    """Neighbouring records of a file: the place of the first, their text, what stands between them, their columns."""

    first: int
    text: bytes
    between: bytes
    columns: pa.Table

    def __len__(self) -> int:
        return self.columns.num_rows

    def __iter__(self) -> Iterator[tuple[int, Record | BadRecord]]:
        return self.records(range(self.columns.num_rows))

    def records(self, rows: Sequence[int]) -> Iterator[tuple[int, Record | BadRecord]]:
        """Some of the records in the form that the careful way takes, each with its place in the file."""
        if not rows:
            return iter(())
        first, *others = self.text.removesuffix(b"}").split(self.between)
        texts = [first + b"}", *(_opening(self.between) + text + b"}" for text in others)]
        return ((self.first + row, parse(texts[row].decode().strip(), 0)[0]) for row in rows)


def read_columns(text: bytes, between: bytes) -> pa.Table | None:
    """Records as columns of SCHEMA; None when one of them is not just such a post.

    `between` stands between each two of them: "}", a comma, white space, "{" and a first key. It cannot stand in a
    string, since that would end at the key's quote, and without its comma it is only right between two records.
    So as many objects as were parted are the records, and nothing else can be.
    Arrow's reader refuses fields and types that are not in the schema, repeated keys, lone surrogates, numbers that
    do not fit: whatever it would hide. It lets infinite numbers pass, so they are looked for here.
    """
    import pyarrow.json as pj

    opening = b"}" + _opening(between)
    data = text.replace(between, opening)
    reading = pj.ReadOptions(use_threads=False, block_size=len(data) + 1)
    try:
        parsing = pj.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="error")
        table: Any = pj.read_json(pa.BufferReader(data), read_options=reading, parse_options=parsing)
        table.validate(full=True)  # is it UTF-8?
    except pa.ArrowInvalid:
        return None
    table = table.combine_chunks()
    lengths = (table["videoDuration"], compute.struct_field(compute.list_flatten(table["childPosts"]), "videoDuration"))
    finite = all(compute.all(compute.is_finite(column)).as_py() is not False for column in lengths)
    parted = (len(text) - len(data)) // (len(between) - len(opening))
    return table if table.num_rows == parted + 1 and finite else None


def _opening(between: bytes) -> bytes:
    return between[between.index(b"{") :]
