"""Tables split into parts (such as one account and month), read one by one, so a lake need not fit into memory."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.schemas import CONTRACTS, POSTS

ROWS_OF_PART = 2_000
"""Parts are merged up to so many rows: from there on the overhead per part is negligible."""
MOST_BYTES_KEPT = 256 << 20


class Parts(Protocol):
    """A function that yields tables part by part, each part as table name → rows; `columns` restricts the columns.

    A post's images, captions and impression are in the same part as the post. Parts are sorted by account and time and
    do not overlap. `partial(months, root)` gives the parts of a lake. The function is called several times, since
    duplicates across parts are known only after all parts were read.
    """

    def __call__(
        self, names: Sequence[str], columns: Mapping[str, Sequence[str]] | None = None, /
    ) -> Iterator[Mapping[str, pa.Table]]: ...


def one_part(**tables: pa.Table) -> Parts:
    """Returns in-memory tables, named as in `schemas.CONTRACTS`, as a single part; missing tables have no rows."""
    return in_memory_parts([tables])


def in_memory_parts(parts: Sequence[Mapping[str, pa.Table]]) -> Parts:
    """Returns a function that yields these in-memory parts (table name → rows), in the order of `parts`."""

    def give(
        names: Sequence[str], columns: Mapping[str, Sequence[str]] | None = None, /
    ) -> Iterator[Mapping[str, pa.Table]]:
        chosen = columns or {}
        for tables in parts:
            given = {name: tables.get(name, CONTRACTS[name].empty()) for name in names}
            yield {name: table.select(chosen.get(name, table.column_names)) for name, table in given.items()}

    return give


def read_once(parts: Parts, names: Sequence[str], most_bytes: int = MOST_BYTES_KEPT) -> Parts:
    """Returns the tables `names` as fewer, larger in-memory parts if they fit into `most_bytes`; else `parts` itself.

    This saves time, since a dataset is built by reading its parts several times.
    """
    held: list[Mapping[str, pa.Table]] = []
    room = most_bytes
    for part in _joined(parts(names)):
        room -= sum(table.nbytes for table in part.values())
        if room < 0:
            return parts
        held.append(part)
    return in_memory_parts(held)


def _joined(parts: Iterable[Mapping[str, pa.Table]]) -> Iterator[Mapping[str, pa.Table]]:
    """Yields merged adjacent parts, each with at least `ROWS_OF_PART` rows except for the last."""
    held: list[Mapping[str, pa.Table]] = []
    count = 0
    for part in parts:
        held.append(part)
        count += sum(table.num_rows for table in part.values())
        if count >= ROWS_OF_PART:
            yield _as_one(held)
            held, count = [], 0
    if held:
        yield _as_one(held)


def _as_one(parts: Sequence[Mapping[str, pa.Table]]) -> Mapping[str, pa.Table]:
    return {name: pa.concat_tables([part[name] for part in parts]).combine_chunks() for name in parts[0]}


def has_rows(parts: Parts, name: str) -> bool:
    """Whether the table `name` has a row in any part."""
    return any(part[name].num_rows for part in parts([name], {name: ["account"]}))


def only_images(parts: Parts, image_ids: pa.Array, met: set[str] | None = None) -> Parts:
    """Returns `parts` restricted to these images and the posts with one of them.

    `met` is an output: the image_ids that were found are added to it.
    """

    def give(
        names: Sequence[str], columns: Mapping[str, Sequence[str]] | None = None, /
    ) -> Iterator[Mapping[str, pa.Table]]:
        wanted = dict(columns or {})
        tables = list(dict.fromkeys([*names, "images"]))
        # These columns tell which posts have one of the images, so they are always read.
        more = {"images": ("image_id", *POSTS.key), "posts": POSTS.key}
        read = {name: list(dict.fromkeys([*wanted[name], *more.get(name, ())])) for name in wanted}
        if "images" not in names:
            read["images"] = list(more["images"])
        for part in parts(tables, read):
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
    return compute.binary_join_element_wise(*(table[name] for name in POSTS.key), "/").combine_chunks()
