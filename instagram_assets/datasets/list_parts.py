"""Of tables in parts only the posts that have an image of a list, and of their images only those."""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.datasets.parts import Parts

_KEY = ("account", "post_id")


def only_images(parts: Parts, image_ids: pa.Array, met: set[str] | None = None) -> Parts:
    """As `parts`, with these images and their posts alone; `met` gets those that were in a part."""

    def give(
        names: Sequence[str], columns: Mapping[str, Sequence[str]] | None = None, /
    ) -> Iterator[Mapping[str, pa.Table]]:
        wanted = dict(columns or {})
        asked = list(dict.fromkeys([*names, "images"]))
        # Which posts have one of the images is seen by these columns, whoever asked for others.
        more = {"images": ("image_id", *_KEY), "posts": _KEY}
        read = {name: list(dict.fromkeys([*wanted[name], *more.get(name, ())])) for name in wanted}
        if "images" not in names:
            read["images"] = list(more["images"])
        for part in parts(asked, read):
            chosen = _chosen(part, image_ids)
            if met is not None:
                met.update(chosen["images"]["image_id"].to_pylist())
            yield {name: chosen[name].select(wanted.get(name, chosen[name].column_names)) for name in names}

    return give


def _chosen(part: Mapping[str, pa.Table], image_ids: pa.Array) -> dict[str, pa.Table]:
    images = part["images"].filter(compute.is_in(part["images"]["image_id"], value_set=image_ids))
    chosen = {**part, "images": images}
    if "posts" in part:
        posts = part["posts"]
        chosen["posts"] = posts.filter(compute.is_in(_keys(posts), value_set=_keys(images)))
    return chosen


def _keys(table: pa.Table) -> pa.Array:
    return compute.binary_join_element_wise(*(table[name] for name in _KEY), "/").combine_chunks()
