"""Joins shared by all datasets: deduplicated posts with their images, captions and engagement rates."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets import schemas
from instagram_assets.arrow import compute
from instagram_assets.datasets.table_parts import Parts
from instagram_assets.settings import Mode

Caption = tuple[str | None, float | None]
Hashes = NDArray[np.int64]

_CAPTION = pa.schema([schemas.CAPTIONS.schema.field(name) for name in ("image_id", "caption", "score")])
_POSTS = ("account", "owner", "day", "post_id", "kind")


@dataclass(frozen=True)
class Overview:
    """What joining one part needs from the others: duplicate posts to skip, and captions of images in several parts.

    `repeats` are the keys (`row_key`) of duplicate rows of `posts`: their post is kept in another row. `captions` maps
    the image_id of images in several parts to (caption, score).
    """

    repeats: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))
    captions: dict[str, Caption] = field(default_factory=dict[str, Caption])


def look_over(parts: Parts, mode: Mode, *, captions: bool) -> Overview:
    """Read the key columns of all parts; return duplicate posts and the captions of images in several parts."""
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
    """Returns the posts of the kind `mode` (`post` or `reel`); all posts if `mode` is `all`."""
    return posts if mode == "all" else posts.filter(compute.equal(posts["kind"], mode))


def foreign(posts: pa.Table) -> Any:
    """Returns a boolean per row: true if the account is not the post's owner, or the owner is unknown."""
    return compute.fill_null(compute.not_equal(posts["account"], posts["owner"]), True)


def row_key(posts: pa.Table) -> Any:
    """Returns the unique key of each row of `posts`: account, day and post id, joined by `/`."""
    parts = (posts["account"], posts["day"].cast(pa.string()), posts["post_id"])
    return compute.binary_join_element_wise(*parts, "/", null_handling="replace", null_replacement="").combine_chunks()


def _narrow(posts: pa.Table) -> pa.Table:
    return posts.select(["post_id", "account", "day"]).append_column("foreign", foreign(posts)).combine_chunks()


def _repeats(posts: pa.Table) -> pa.Array:
    """Returns the keys of the duplicate rows to skip: all rows of a post except the one that is kept."""
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
    """Returns a hash of each distinct image_id. A collision of hashes only costs memory for an unneeded caption."""
    return np.fromiter(map(hash, compute.unique(image_ids.drop_null()).to_pylist()), np.int64)


def _twice(hashes: list[Hashes]) -> frozenset[int]:
    """Returns the hashes of image_ids that are in several parts."""
    ordered = np.sort(np.concatenate([np.empty(0, np.int64), *hashes]))
    return frozenset(ordered[1:][ordered[1:] == ordered[:-1]].tolist())


def _captions_of(parts: Parts, shared: frozenset[int]) -> dict[str, Caption]:
    """Returns the first (caption, score) of each image in several parts; `shared` are the hashes of their image_ids."""
    found: dict[str, Caption] = {}
    for part in parts(["captions"], {"captions": [*_CAPTION.names, "status"]}):
        rows = zip(*(_made(part["captions"])[name].to_pylist() for name in _CAPTION.names), strict=True)
        for image_id, caption, score in rows:
            if hash(image_id) in shared:
                found.setdefault(image_id, (caption, score))
    return found


def _as_table(captions: dict[str, Caption], image_ids: Any) -> pa.Table:
    """Returns those of `captions` that belong to these images, as a table with columns of `schemas.CAPTIONS`."""
    known = [image_id for image_id in compute.unique(image_ids).to_pylist() if image_id in captions] if captions else []
    rows = [dict(zip(_CAPTION.names, (image_id, *captions[image_id]), strict=True)) for image_id in known]
    return pa.Table.from_pylist(rows, schema=_CAPTION)


def posts_once(posts: pa.Table, mode: Mode, overview: Overview | None = None) -> pa.Table:
    """Returns the posts of the kind `mode` (or `all`) without duplicates, sorted by account, time and post id.

    Of a collaboration that was collected under several accounts, the row whose account is the owner is kept, else the
    row of the first account by name. If the row to keep is in another part, according to `overview`, the post is left
    out.
    """
    posts = of_mode(posts, mode)
    if overview and len(overview.repeats):
        posts = posts.filter(compute.invert(compute.is_in(row_key(posts), value_set=overview.repeats)))
    ranked = posts.append_column("_foreign", foreign(posts)).sort_by(
        [("post_id", "ascending"), ("_foreign", "ascending"), ("account", "ascending"), ("day", "ascending")]
    )
    first_of_post = compute.run_end_encode(ranked["post_id"].combine_chunks())
    starts = _offsets(first_of_post)[:-1]
    once = ranked.take(starts).drop_columns(["_foreign"])
    return once.sort_by([("account", "ascending"), ("taken_at", "ascending"), ("post_id", "ascending")])


def images_beside(posts: pa.Table, images: pa.Table, columns: list[str]) -> pa.Array:
    """Returns, for each post, the list of its images in order, as structs of `columns`.

    `images` is a table of `schemas.IMAGES`; a post without images has an empty list.
    """
    ordered = images.sort_by([("account", "ascending"), ("post_id", "ascending"), ("position", "ascending")])
    groups = compute.run_end_encode(_post_key(ordered))
    none_at_the_end = pa.concat_arrays([_offsets(groups), pa.array([images.num_rows], pa.int32())])
    values = ordered.select(columns).to_struct_array().combine_chunks()
    lists = pa.ListArray.from_arrays(none_at_the_end, values)
    place = compute.index_in(_post_key(posts), value_set=groups.values)
    return lists.take(compute.fill_null(place, len(groups.values)))


def with_captions(images: pa.Table, captions: pa.Table, overview: Overview | None = None) -> pa.Table:
    """Returns the images with additional columns `caption` and `caption_score`; null for images without a caption.

    `captions` is a table of `schemas.CAPTIONS`. An image that is captioned in one post gets the caption in all posts,
    and through `overview` in all parts.
    """
    made = captions.filter(compute.equal(captions["status"], "ok")).select(["image_id", "caption", "score"])
    if overview:
        made = pa.concat_tables([_as_table(overview.captions, images["image_id"]), made])
    place = compute.index_in(images["image_id"], value_set=made["image_id"].combine_chunks())
    for name, source in (("caption", "caption"), ("caption_score", "score")):
        images = images.append_column(name, made[source].take(place))
    return images


def values_beside(posts: pa.Table, table: pa.Table, column: str) -> Any:
    """Returns, for each post, its value in a column of a table with one row per post; null if it has no row."""
    return table[column].combine_chunks().take(compute.index_in(_post_key(posts), value_set=_post_key(table)))


def _post_key(rows: pa.Table) -> Any:
    key = compute.binary_join_element_wise(rows["account"], rows["post_id"], "/")
    return key.combine_chunks()


def _offsets(groups: Any) -> Any:
    return pa.concat_arrays([pa.array([0], pa.int32()), groups.run_ends])
