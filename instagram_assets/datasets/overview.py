"""What shows only when all parts were seen: posts that stand in several accounts, pictures that stand in several parts.

Memory holds a few narrow columns of the posts, eight bytes for each picture, and the captions of pictures that stand
in several parts.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets import schemas
from instagram_assets.arrow import compute
from instagram_assets.datasets.parts import Parts
from instagram_assets.settings import Mode

Caption = tuple[str | None, float | None]
Hashes = NDArray[np.int64]

_CAPTION = pa.schema([schemas.CAPTIONS.schema.field(name) for name in ("image_id", "caption", "score")])
_POSTS = ("account", "owner", "day", "post_id", "kind")


@dataclass(frozen=True)
class Overview:
    """What a part must know of the others.

    `repeats` are the keys (`row_key`) of rows of `posts` whose post is kept in another row. `captions` are the caption
    and score of pictures that are in several parts, by image_id.
    """

    repeats: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))
    captions: dict[str, Caption] = field(default_factory=dict[str, Caption])


def look_over(parts: Parts, mode: Mode, *, captions: bool) -> Overview:
    """Read the narrow columns of all parts."""
    narrow: list[pa.Table] = []
    hashes: list[Hashes] = []
    names = ["posts", *(["images", "captions"] if captions else [])]
    columns = {"posts": _POSTS, "images": ["image_id"], "captions": ["image_id", "status"]}
    for part in parts(names, columns):
        narrow.append(_narrow(of_mode(part["posts"], mode)))
        if captions:
            ids = (part["images"]["image_id"], _made(part["captions"])["image_id"])
            hashes.append(_hashes(pa.chunked_array([chunk for column in ids for chunk in column.chunks], pa.string())))
    repeats = _repeats(pa.concat_tables(narrow)) if narrow else Overview().repeats
    narrow.clear()
    shared = _twice(hashes)
    return Overview(repeats, _captions_of(parts, shared) if len(shared) else {})


def of_mode(posts: pa.Table, mode: Mode) -> pa.Table:
    """The posts of one kind, or all."""
    return posts if mode == "all" else posts.filter(compute.equal(posts["kind"], mode))


def foreign(posts: pa.Table) -> Any:
    """True where the account is not known to own the post."""
    return compute.fill_null(compute.not_equal(posts["account"], posts["owner"]), True)


def row_key(posts: pa.Table) -> Any:
    """What names a row of `posts`: account, day and post id as one text."""
    parts = (posts["account"], posts["day"].cast(pa.string()), posts["post_id"])
    return compute.binary_join_element_wise(*parts, "/", null_handling="replace", null_replacement="").combine_chunks()


def _narrow(posts: pa.Table) -> pa.Table:
    return posts.select(["post_id", "account", "day"]).append_column("foreign", foreign(posts)).combine_chunks()


def _repeats(posts: pa.Table) -> pa.Array:
    """The keys of all rows but one of each post; a key that the row to keep has too is left to its part."""
    counts = compute.value_counts(posts["post_id"])
    often = counts.field("values").filter(compute.greater(counts.field("counts"), 1))
    several = posts.filter(compute.is_in(posts["post_id"], value_set=often))
    ranked = several.sort_by([(name, "ascending") for name in ("post_id", "foreign", "account", "day")])
    post_ids = ranked["post_id"].to_pylist()
    starts = [place for place, post_id in enumerate(post_ids) if place == 0 or post_id != post_ids[place - 1]]
    keys = row_key(ranked)
    return keys.filter(compute.invert(compute.is_in(keys, value_set=keys.take(pa.array(starts, pa.int64())))))


def _made(captions: pa.Table) -> pa.Table:
    return captions.filter(compute.equal(captions["status"], "ok"))


def _hashes(image_ids: pa.ChunkedArray) -> Hashes:
    """A number for each different image_id. Of two with the same number a caption may be kept in vain, no more."""
    return np.fromiter(map(hash, compute.unique(image_ids.drop_null()).to_pylist()), np.int64)


def _twice(hashes: list[Hashes]) -> frozenset[int]:
    """The hashes that are in several parts."""
    ordered = np.sort(np.concatenate([np.empty(0, np.int64), *hashes]))
    return frozenset(ordered[1:][ordered[1:] == ordered[:-1]].tolist())


def _captions_of(parts: Parts, shared: frozenset[int]) -> dict[str, Caption]:
    """The first caption that was made of each picture in several parts."""
    found: dict[str, Caption] = {}
    for part in parts(["captions"], {"captions": [*_CAPTION.names, "status"]}):
        rows = zip(*(_made(part["captions"])[name].to_pylist() for name in _CAPTION.names), strict=True)
        for image_id, caption, score in rows:
            if hash(image_id) in shared:
                found.setdefault(image_id, (caption, score))
    return found


def as_table(captions: dict[str, Caption], image_ids: Any) -> pa.Table:
    """The captions of some pictures, those that are known, as columns of `schemas.CAPTIONS`."""
    known = [image_id for image_id in compute.unique(image_ids).to_pylist() if image_id in captions] if captions else []
    rows = [dict(zip(_CAPTION.names, (image_id, *captions[image_id]), strict=True)) for image_id in known]
    return pa.Table.from_pylist(rows, schema=_CAPTION)
