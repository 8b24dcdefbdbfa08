"""Albums of which a record holds only some pictures: gallery-dl writes one record for each, other views only the cover.

A picture's position in its album is known in every record, so what several records show can be put together.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.ingest.grouping import Flags, Numbers, to_flags, to_numbers

Medium = dict[str, Any]


def are_pieces(posts: pa.Table) -> Flags:
    """True for albums (`type` sidecar) that lack pictures: they have one alone, or a gap before one of theirs."""
    albums = to_flags(compute.fill_null(compute.equal(posts["type"], "sidecar"), False))
    if not albums.any():
        return albums
    media: Any = posts["media"].combine_chunks()
    shown: Any = media.flatten()
    is_image = to_flags(compute.equal(shown.field("kind"), "image"))
    owner = to_numbers(compute.list_parent_indices(media))[is_image]
    positions = to_numbers(shown.field("position"))[is_image]
    pictures = np.bincount(owner, minlength=len(albums))
    last = np.full(len(albums), -1, np.int64)
    np.maximum.at(last, owner, positions)
    return albums & (pictures > 0) & ((pictures < 2) | (last >= pictures))


def joined(media: Any, order: Numbers, starts: Numbers, first: Numbers, wanted: Flags) -> Any:
    """The column `media` of each group's `first` row; in groups that are `wanted`, with what their other rows add.

    `order` has the rows group by group, the best first, `starts` says where each group begins in it.
    """
    chosen: Any = media.take(pa.array(first)).combine_chunks()
    groups = np.flatnonzero(wanted)
    if not len(groups):
        return chosen
    ends = np.append(starts[1:], len(order))
    views = [np.append(first[group], order[starts[group] : ends[group]]) for group in groups]
    together = [_together(media.take(pa.array(rows)).to_pylist()) for rows in views]
    places = np.arange(len(first))
    places[groups] = len(first) + np.arange(len(groups))
    return pa.concat_arrays([chosen, pa.array(together, chosen.type)]).take(pa.array(places))


def _together(views: Sequence[list[Medium]]) -> list[Medium]:
    """What stands at each position, from the first view that shows it."""
    found: dict[int, list[Medium]] = {}
    for view in views:
        shown: dict[int, list[Medium]] = {}
        for medium in view:
            shown.setdefault(medium["position"], []).append(medium)
        found = shown | found
    return [medium for position in sorted(found) for medium in found[position]]
