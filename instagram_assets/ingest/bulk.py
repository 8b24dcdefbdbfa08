"""Many of Apify's posts at once: Arrow's JSON reader makes columns of them, without a Python object for each record.

It takes only what no rule has anything to say about. Every other record is left to the careful way, so that what
becomes of it is decided in one place.
"""

import hashlib
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.calendar import day_of
from instagram_assets.ingest import clean, values
from instagram_assets.ingest.formats import apify
from instagram_assets.ingest.posts import MOST_MEDIA, account_in
from instagram_assets.ingest.reader.blocks import Block
from instagram_assets.ingest.source import Source
from instagram_assets.schemas import MEDIA, MOMENT, POSTS_RAW, TEXTS

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]
IsClean = Callable[[Sequence[Any], set[type]], bool]

_REEL_SIGNS = ("type", "productType", "url", "inputUrl")
_PICTURE = (
    *(("displayUrl", clean.addresses), ("videoUrl", clean.addresses)),
    *(("dimensionsWidth", clean.sizes), ("dimensionsHeight", clean.sizes)),
)


def rows(block: Block, source: Source) -> tuple[pa.Table, Sequence[int]]:
    """The posts of a block that are all right as rows of POSTS_RAW, and which records are left to the careful way."""
    posts = _Posts(block.columns)
    columns = posts.columns(source, block.first)
    table: Any = pa.Table.from_arrays([columns[name] for name in POSTS_RAW.schema.names], schema=POSTS_RAW.schema)
    if posts.good.all():
        return table, ()
    return table.filter(pa.array(posts.good)), np.flatnonzero(~posts.good).tolist()


class _Posts:
    """Posts on their way to rows, and which of them are `good`: no rule changes or minds anything in them."""

    def __init__(self, received: pa.Table) -> None:
        self.received: dict[str, Any] = {name: received[name].chunk(0) for name in received.column_names}
        self.number = received.num_rows
        self.good: Flags = np.ones(self.number, np.bool_)

    def columns(self, source: Source, first: int) -> dict[str, Any]:
        """The columns of POSTS_RAW; where a row is not good, anything."""
        taken_at = self._moments(source)
        owner = self._needed(self._by_value("ownerUsername", _account))
        likes = self._clean("likesCount", _likes)
        hidden = compute.fill_null(compute.equal(likes, values.HIDDEN), False)
        return {
            "account": compute.coalesce(self._by_value("inputUrl", account_in), owner),
            "day": _days(taken_at, source.zone),
            "owner": owner,
            "taken_at": taken_at,
            "post_id": self._clean("id", clean.identifiers),
            "shortcode": self._clean("shortCode", clean.identifiers),
            "owner_id": self._clean("ownerId", clean.identifiers),
            "owner_full_name": self._clean("ownerFullName", clean.texts),
            "type": self._needed(self._by_value("type", apify.POST.types.get)),
            "kind": self._kinds(source),
            "product_type": self._clean("productType", clean.texts),
            **self._captions(),
            "likes": compute.if_else(hidden, None, likes),
            "likes_hidden": hidden,
            "comments": self._clean("commentsCount", clean.counts),
            "views": self._clean("videoViewCount", clean.counts),
            "plays": compute.coalesce(*(self._clean(name, clean.counts) for name in ("videoPlayCount", "igPlayCount"))),
            "shares": compute.coalesce(*(self._clean(name, clean.counts) for name in ("reshareCount", "sharesCount"))),
            "duration": self._clean("videoDuration", clean.seconds),
            "width": self._clean("dimensionsWidth", clean.sizes).cast(pa.int32()),
            "height": self._clean("dimensionsHeight", clean.sizes).cast(pa.int32()),
            "url": self._clean("url", clean.addresses),
            "location": self._clean("locationName", clean.texts),
            "alt": self._clean("alt", clean.texts),
            "pinned": compute.fill_null(self.received["isPinned"], False),
            "sponsored": self.received["isSponsored"],
            "comments_disabled": self.received["isCommentsDisabled"],
            "coauthors": self._people("coauthorProducers"),
            "tagged": self._people("taggedUsers"),
            "media": self._media(),
            "observed_at": pa.repeat(pa.scalar(source.default_observed_at, taken_at.type), self.number),
            "extra": pa.nulls(self.number, pa.string()),
            "warnings": _empty_lists(self.number),
            "source_file": pa.repeat(source.file, self.number),
            "source_sha256": pa.repeat(source.sha256, self.number),
            "source_index": pa.array(range(first, first + self.number), pa.int64()),
        }

    def _needed(self, column: Any) -> Any:
        """The same column; rows without a value are not good."""
        if column.null_count:
            self.good &= column.is_valid().to_numpy(False)
        return column

    def _clean(self, name: str, is_clean: IsClean) -> Any:
        """A column whose values are clean; rows with others are not good."""
        column, fine = _cleaned(self.received[name], is_clean)
        if fine is not None:
            self.good &= fine
        return column

    def _by_value(self, name: str, rule: Callable[[str], str | None]) -> Any:
        """A column that repeats a few texts, the rule asked once for each; null where it has no answer."""
        encoded = self.received[name].dictionary_encode()
        answers = [rule(value) for value in encoded.dictionary.to_pylist()]
        return pa.array(answers, pa.string()).take(encoded.indices)

    def _moments(self, source: Source) -> Any:
        """When each was published, where it is written as nearly always: 2025-07-29T11:15:43.000Z."""
        column = self.received["timestamp"]
        written = compute.and_(compute.equal(compute.binary_length(column), 24), compute.ends_with(column, "Z"))
        try:
            moments = compute.if_else(written, column, None).cast(MOMENT)
        except pa.ArrowInvalid:  # the 30th of February somewhere
            moments = pa.nulls(self.number, MOMENT)
        inside = compute.and_(
            compute.greater_equal(moments, values.INSTAGRAM_BEGAN), compute.less_equal(moments, source.first_seen)
        )
        self.good &= compute.fill_null(inside, False).to_numpy(False)
        return moments

    def _kinds(self, source: Source) -> Any:
        """Reel or post; only videos need a closer look."""
        asked: list[Any] = [self.received[name] for name in _REEL_SIGNS]
        may_be = compute.or_kleene(compute.equal(asked[0], "Video"), compute.equal(asked[1], "clips"))
        places = np.flatnonzero(compute.fill_null(may_be, False).to_numpy(False))
        kinds = np.full(self.number, "post", object)
        signs = pa.table(dict(zip(_REEL_SIGNS, asked, strict=True))).take(pa.array(places)).to_pylist()
        kinds[places] = ["reel" if apify.is_reel(record, source.file) else "post" for record in signs]
        return pa.array(kinds, pa.string())

    def _captions(self) -> dict[str, Any]:
        """The captions and what follows from them."""
        caption = self._needed(self._clean("caption", clean.texts))
        texts = compute.fill_null(caption, "").to_pylist()
        hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        cut = [len(text) > values.CAPTION_LIMIT for text in texts]
        if any(cut):
            caption = compute.utf8_slice_codeunits(caption, 0, values.CAPTION_LIMIT)
            texts = [text[: values.CAPTION_LIMIT] for text in texts]
        said: list[str] = []
        tags = self._found(texts, "hashtags", values.hashtags, said)
        names = self._found(texts, "mentions", values.mentions, said)
        if said:
            self.good &= [max(len(t), len(n)) < values.LIST_LIMIT for t, n in zip(tags, names, strict=True)]
        return {
            "caption": caption,
            "caption_sha256": pa.array(hashes, pa.string()),
            "caption_truncated": pa.array(cut),
            "hashtags": pa.array(tags, TEXTS),
            "mentions": pa.array(names, TEXTS),
        }

    def _found(self, texts: list[str], name: str, rule: Any, said: list[str]) -> list[list[str]]:
        """What a rule finds in the captions; it also looks into the collector's list where that is the longer one."""
        found: list[list[str]] = [rule(text, None, "", said) for text in texts]
        lists = self.received[name]
        lengths = compute.fill_null(compute.list_value_length(lists), 0).to_numpy(False)
        for row in np.flatnonzero(lengths > np.fromiter(map(len, found), np.int64, len(found))):
            found[row] = rule(texts[row], lists[int(row)].as_py(), "", said)
        return found

    def _people(self, name: str) -> Any:
        """The names of some accounts."""
        column = self.received[name]
        if not len(column.flatten()):
            return _empty_lists(self.number)
        said: list[list[str]] = [[] for _ in range(self.number)]
        names = list(map(values.usernames, column.to_pylist(), repeat(name), said))
        self.good &= [not warned for warned in said]
        return pa.array(names, TEXTS)

    def _media(self) -> Any:
        """Images and videos in order, for each post."""
        rows, positions, pictures = self._pictures()
        image, video, width, height = (pictures[name] for name, _ in _PICTURE)
        self.good[rows[~image.is_valid().to_numpy(False)]] = False
        # Every image, then every video: sorted by post and position, an image stands before its video.
        videos = np.flatnonzero(video.is_valid().to_numpy(False))
        is_video = np.repeat([0, 1], [len(rows), len(videos)])
        place = np.concatenate([np.arange(len(rows)), videos])
        order = np.lexsort((is_video, positions[place], rows[place]))
        place, is_video = place[order], is_video[order]
        columns = [
            pa.array(positions[place], pa.int32()),
            pa.array(["image", "video"]).take(pa.array(is_video)),
            pa.concat_arrays([image, video]).take(pa.array(place + is_video * len(rows))),
            *(size.take(pa.array(place)).cast(pa.int32()) for size in (width, height)),
        ]
        numbers = np.bincount(rows[place], minlength=self.number)
        self.good &= (numbers > 0) & (numbers <= MOST_MEDIA)
        offsets = pa.array(np.append(0, np.cumsum(numbers)), pa.int32())
        return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(columns, fields=list(MEDIA.value_type)))

    def _pictures(self) -> tuple[Numbers, Numbers, dict[str, Any]]:
        """Each post itself, or a sidecar's children: the row, the position in it, the columns of _PICTURE."""
        sidecar = compute.fill_null(compute.equal(self.received["type"], "Sidecar"), False).to_numpy(False)
        lists = self.received["childPosts"]
        children, parents = lists.flatten(), compute.list_parent_indices(lists).to_numpy(False)
        inside, alone = np.flatnonzero(sidecar[parents]), np.flatnonzero(~sidecar)
        rows = np.concatenate([alone, parents[inside]])
        positions = np.arange(len(children)) - lists.offsets.to_numpy(False)[parents]
        positions = np.concatenate([np.zeros(len(alone), np.int64), positions[inside]])
        pictures: dict[str, Any] = {}
        for name, is_clean in _PICTURE:
            own, of_children = self.received[name], compute.struct_field(children, name)
            both: Any = pa.concat_arrays([own.take(pa.array(alone)), of_children.take(pa.array(inside))])
            pictures[name], fine = _cleaned(both, is_clean)
            if fine is not None:
                self.good[rows[~fine]] = False
        return rows, positions, pictures


def _cleaned(column: Any, is_clean: IsClean) -> tuple[Any, Flags | None]:
    """A column with null where a value is not clean, and which are; None for all."""
    if column.null_count == len(column) and is_clean is not clean.identifiers:
        return column, None
    found = column.to_pylist()
    if is_clean(found, set(map(type, found))):
        return column, None
    fine = np.fromiter((is_clean([value], {type(value)}) for value in found), np.bool_, len(found))
    return compute.if_else(pa.array(fine), column, None), fine


def _days(moments: Any, zone: ZoneInfo) -> Any:
    try:
        return compute.local_timestamp(moments.cast(pa.timestamp("us", zone.key))).cast(pa.date32())
    except pa.ArrowInvalid:  # Arrow finds no time zones on this machine
        return pa.array([moment and day_of(moment, zone) for moment in moments.to_pylist()], pa.date32())


def _likes(column: Sequence[Any], kinds: set[type]) -> bool:
    return all(value is None or value >= values.HIDDEN for value in column)


def _account(name: str) -> str | None:
    return name.casefold() if values.is_account_name(name) else None


def _empty_lists(number: int) -> Any:
    return pa.ListArray.from_arrays(pa.array(np.zeros(number + 1, np.int32)), pa.array([], pa.string()), type=TEXTS)
