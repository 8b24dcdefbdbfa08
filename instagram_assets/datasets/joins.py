"""What every dataset starts from: each post once, with its images beside it."""

from typing import Any

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.datasets.overview import Overview, as_table, foreign, of_mode, row_key
from instagram_assets.settings import Mode


def posts_once(posts: pa.Table, mode: Mode, overview: Overview | None = None) -> pa.Table:
    """The posts of a mode, each once, in the order account, time, post id.

    A collaboration that was collected under several accounts keeps the row whose account is its
    owner, else that of the first account by name; if that is in another part, which `overview` knows, it has none here.
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
    """For each post the list of its images, in their order, as structs of `columns`.

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
    """The images with the columns `caption` and `caption_score` of the same picture; null where it has none.

    `captions` is a table of `schemas.CAPTIONS`; a picture that is captioned in one post is so in all, also in those of
    other parts, which `overview` knows.
    """
    made = captions.filter(compute.equal(captions["status"], "ok")).select(["image_id", "caption", "score"])
    if overview:
        made = pa.concat_tables([as_table(overview.captions, images["image_id"]), made])
    place = compute.index_in(images["image_id"], value_set=made["image_id"].combine_chunks())
    for name, source in (("caption", "caption"), ("caption_score", "score")):
        images = images.append_column(name, made[source].take(place))
    return images


def values_beside(posts: pa.Table, table: pa.Table, column: str) -> Any:
    """For each post the value of a column in a table with one row per post; null when it has no row there."""
    return table[column].combine_chunks().take(compute.index_in(_post_key(posts), value_set=_post_key(table)))


def _post_key(rows: pa.Table) -> Any:
    key = compute.binary_join_element_wise(rows["account"], rows["post_id"], "/")
    return key.combine_chunks()


def _offsets(groups: Any) -> Any:
    return pa.concat_arrays([pa.array([0], pa.int32()), groups.run_ends])
