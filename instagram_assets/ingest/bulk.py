"""Many of Apify's posts at once: Arrow's JSON reader makes columns of them, without a Python object for each record.

It takes only what no rule has anything to say about. Every other record is left to the careful way, so that what
becomes of it is decided in one place.
"""

import hashlib
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.ingest import apify, clean, values
from instagram_assets.ingest.blocks import Block
from instagram_assets.ingest.posts import MOST_MEDIA, account_in
from instagram_assets.ingest.source import Source
from instagram_assets.schemas import MEDIA, MOMENT, POSTS_RAW, TEXTS

Flags = npt.NDArray[np.bool_]
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
    number = block.columns.num_rows
    arrays = [columns[field.name] if field.name in columns else pa.nulls(number, field.type) for field in POSTS_RAW.schema]
    table: Any = pa.Table.from_arrays([a.cast(f.type) if a.type != f.type else a for a,f in zip(arrays, POSTS_RAW.schema)], schema=POSTS_RAW.schema)
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
        taken_at = self._moments(source)
        owner = self._by_value("ownerUsername", _account)
        self._need(owner)
        types = self._by_value("type", apify.POST.types.get)
        self._need(types)
        asked = self._by_value("inputUrl", account_in)
        likes = self._clean("likesCount", _likes)
        hidden = compute.fill_null(compute.equal(likes, values.HIDDEN), False)
        place = pa.array(range(first, first + self.number), pa.int64())
        return {
            "account": compute.coalesce(asked, owner),
            "day": compute.local_timestamp(taken_at.cast(pa.timestamp("us", source.zone.key))).cast(pa.date32()),
            "owner": owner,
            "taken_at": taken_at,
            "post_id": self._clean("id", clean.identifiers),
            "shortcode": self._clean("shortCode", clean.identifiers),
            "owner_id": self._clean("ownerId", clean.identifiers),
            "owner_full_name": self._clean("ownerFullName", clean.texts),
            "type": types,
            "kind": self._kinds(source),
            "product_type": self._clean("productType", clean.texts),
            **self._captions(),
            "likes": compute.if_else(hidden, None, likes),
            "likes_hidden": hidden,
            "comments": self._clean("commentsCount", clean.counts),
            "views": self._clean("videoViewCount", clean.counts),
            "plays": compute.coalesce(self._clean("videoPlayCount", clean.counts), self._clean("igPlayCount", clean.counts)),
            "shares": compute.coalesce(self._clean("reshareCount", clean.counts), self._clean("sharesCount", clean.counts)),
            "duration": self._clean("videoDuration", clean.seconds),
            "width": self._clean("dimensionsWidth", clean.sizes),
            "height": self._clean("dimensionsHeight", clean.sizes),
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
            "warnings": _empty_lists(self.number),
            "source_file": pa.repeat(source.file, self.number),
            "source_sha256": pa.repeat(source.sha256, self.number),
            "source_index": place,
        }

    def _need(self, column: Any) -> None:
        if column.null_count:
            self.good &= column.is_valid().to_numpy(False)

    def _clean(self, name: str, is_clean: IsClean) -> Any:
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
        caption = self._clean("caption", clean.texts)
        self._need(caption)
        texts = compute.fill_null(caption, "").to_pylist()
        hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        cut = [len(text) > values.CAPTION_LIMIT for text in texts]
        if any(cut):
            caption = compute.utf8_slice_codeunits(caption, 0, values.CAPTION_LIMIT)
            texts = [text[: values.CAPTION_LIMIT] for text in texts]
        said: list[str] = []
        tags = [values.hashtags(text, None, "", said) if "#" in text else () for text in texts]
        names = [values.mentions(text, None, "", said) if "@" in text else () for text in texts]
        if said:
            self.good &= [max(len(t), len(n)) < values.LIST_LIMIT for t, n in zip(tags, names, strict=True)]
        return {
            "caption": caption,
            "caption_sha256": pa.array(hashes, pa.string()),
            "caption_truncated": pa.array(cut),
            "hashtags": pa.array(tags, TEXTS),
            "mentions": pa.array(names, TEXTS),
        }

    def _people(self, name: str) -> Any:
        column = self.received[name]
        if not len(column.flatten()):
            return _empty_lists(self.number)
        said: list[list[str]] = [[] for _ in range(self.number)]
        names = list(map(values.usernames, column.to_pylist(), repeat(name), said))
        self.good &= [not warned for warned in said]
        return pa.array(names, TEXTS)

    def _media(self) -> Any:
        """Images and videos in order, for each post."""
        sidecar = compute.fill_null(compute.equal(self.received["type"], "Sidecar"), False).to_numpy(False)
        children = self.received["childPosts"]
        inside: Any = children.flatten()
        parents = compute.list_parent_indices(children).to_numpy(False)
        positions = np.arange(len(inside)) - children.offsets.to_numpy(False)[parents]
        chosen = np.flatnonzero(sidecar[parents])
        alone = np.flatnonzero(~sidecar)
        rows = np.concatenate([alone, parents[chosen]])
        positions = np.concatenate([np.zeros(len(alone), np.int64), positions[chosen]])
        found: dict[str, Any] = {}
        for name, is_clean in _PICTURE:
            parts = [self.received[name].take(pa.array(alone)), compute.struct_field(inside, name).take(pa.array(chosen))]
            found[name], fine = _cleaned(pa.concat_arrays(parts), is_clean)
            if fine is not None:
                self.good[rows[~fine]] = False
        image, video, width, height = (found[name] for name, _ in _PICTURE)
        self.good[rows[~image.is_valid().to_numpy(False)]] = False
        # An image stands before the video of the same place.
        places = np.flatnonzero(video.is_valid().to_numpy(False))
        is_video = np.repeat([False, True], [len(rows), len(places)])
        places = np.concatenate([np.arange(len(rows)), places])
        order = np.lexsort((is_video, positions[places], rows[places]))
        places, is_video = places[order], is_video[order]
        at = pa.array(places)
        address = pa.concat_arrays([image, video]).take(pa.array(places + is_video * len(rows)))
        arrays = [
            pa.array(positions[places], pa.int32()),
            pa.array(["image", "video"]).take(pa.array(is_video.astype(np.int8))),
            address,
            width.take(at).cast(pa.int32()),
            height.take(at).cast(pa.int32()),
        ]
        numbers = np.bincount(rows[places], minlength=self.number)
        self.good &= (numbers > 0) & (numbers <= MOST_MEDIA)
        offsets = pa.array(np.append(0, np.cumsum(numbers)), pa.int32())
        structs = pa.StructArray.from_arrays(arrays, fields=list(MEDIA.value_type))
        return pa.ListArray.from_arrays(offsets, structs, type=MEDIA)


def _cleaned(column: Any, is_clean: IsClean) -> tuple[Any, Flags | None]:
    """A column with null where a value is not clean, and which are; None for all."""
    if column.null_count == len(column) and is_clean is not clean.identifiers:
        return column, None
    found = column.to_pylist()
    if is_clean(found, set(map(type, found))):
        return column, None
    fine = np.fromiter((is_clean([value], {type(value)}) for value in found), np.bool_, len(found))
    return compute.if_else(pa.array(fine), column, None), fine


def _likes(column: Sequence[Any], kinds: set[type]) -> bool:
    return all(value is None or value >= values.HIDDEN for value in column)


def _account(name: str) -> str | None:
    return name.casefold() if values.is_account_name(name) else None


def _empty_lists(number: int) -> Any:
    return pa.ListArray.from_arrays(pa.array(np.zeros(number + 1, np.int32)), pa.array([], pa.string()), type=TEXTS)
