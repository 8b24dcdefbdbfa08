"""Keeps rows of `posts` whose raw observations retention has removed, when their partition is recomputed."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from instagram_assets.arrow import as_integers, compute, group_starts
from instagram_assets.schemas import POSTS, POSTS_RAW

if TYPE_CHECKING:
    from instagram_assets.arrow import Integers


class RetainedRows(NamedTuple):
    """Rows of `posts` computed before retention removed their observations, and the time of that cutoff.

    `rows` were computed from more observations than are left; `profiled` are all rows that have a profile.
    Observations older than `before` have been removed.
    """

    rows: pa.Table
    profiled: pa.Table
    before: datetime


def retained_rows(earlier: pa.Table, observed: pa.Table, before: datetime) -> RetainedRows:
    """Return the `earlier` rows of POSTS that were computed from observations removed by retention since then.

    These are rows of posts last observed before `before`, and of posts with fewer observations left than the row was
    computed from. `observed` has the observations that are left (POSTS_RAW).
    """
    left = _counted(earlier, observed)
    is_gone = _microseconds(earlier) < _number(before)
    rows: Any = earlier.filter(pa.array(is_gone | ((left > 0) & (left < _observations(earlier)))))
    return RetainedRows(rows, earlier.filter(compute.is_valid(earlier["profile_observed_at"])), before)


def retained_as_observations(known: RetainedRows) -> pa.Table:
    """Return the retained rows in the form of POSTS_RAW, one observation for each post."""
    return known.rows.select(POSTS_RAW.schema.names).cast(POSTS_RAW.schema)


def with_retained_counts(posts: pa.Table, known: RetainedRows, observed: pa.Table) -> Any:
    """Return the column `observations` (their number) of merged posts, in which removed observations still count.

    `posts` are the merged posts, `known` the retained rows, `observed` the observations that are left (POSTS_RAW).
    """
    rows, place = known.rows, _place_in(known.rows, posts)
    counts = as_integers(posts["observations"])
    has = place >= 0
    if not has.any():
        return posts["observations"]
    # Of the merged rows, only observations after the retained row are counted again.
    newer = _counted(rows, observed, after=True)
    until = _counted(rows, observed)
    total = np.maximum(_observations(rows), until) + newer
    return pa.array(np.where(has, total[np.maximum(place, 0)], counts))


def with_retained_profiles(posts: pa.Table, known: RetainedRows, facts: tuple[str, ...]) -> pa.Table:
    """Return merged posts; where retention removed the profile, the columns `facts` are taken from the retained row.

    A remaining profile that was observed nearer in time to the post is preferred.
    """
    place = _place_in(known.profiled, posts)
    if not (place >= 0).any():
        return posts
    earlier: Any = known.profiled.take(pa.array(place, mask=place < 0))
    seen, now, when = earlier["profile_observed_at"], posts["profile_observed_at"], posts["observed_at"]
    is_gone = compute.fill_null(compute.less(seen, pa.scalar(known.before, seen.type)), False).to_numpy()
    distance, distance_now = _distance(seen, when), _distance(now, when)
    takes = is_gone & (distance < distance_now)
    if not takes.any():
        return posts
    for name in (*facts, "profile_observed_at"):
        chosen = compute.if_else(pa.array(takes), earlier[name], posts[name])
        posts = posts.set_column(posts.schema.get_field_index(name), name, chosen)
    owner = compute.coalesce(posts["owner"], earlier["owner"])
    return posts.set_column(posts.schema.get_field_index("owner"), "owner", owner)


def _distance(moments: Any, when: Any) -> "Integers":
    """Return the microseconds between two columns of timestamps; the largest integer where the first is null."""
    apart = np.abs(as_integers(compute.fill_null(moments.cast(pa.int64()), 0)) - as_integers(when.cast(pa.int64())))
    return np.where(moments.is_null().to_numpy(), np.iinfo(np.int64).max, apart)


def _counted(posts: pa.Table, observed: pa.Table, *, after: bool = False) -> "Integers":
    """Return for each post the number of distinct observation times up to its `observed_at`, or (`after`) after it."""
    if not posts.num_rows or not observed.num_rows:
        return np.zeros(posts.num_rows, np.int64)
    keys = list(POSTS_RAW.key)
    ordered = observed.select(keys).sort_by([(name, "ascending") for name in keys]).combine_chunks()
    moments: Any = ordered.take(pa.array(np.flatnonzero(group_starts(ordered, keys))))
    place = _place_in(posts, moments)
    own = _microseconds(posts)[np.maximum(place, 0)]
    is_after = _microseconds(moments) > own
    chosen = place[(place >= 0) & (is_after == after)]
    return np.bincount(chosen, minlength=posts.num_rows).astype(np.int64)


def _place_in(posts: pa.Table, rows: pa.Table) -> "Integers":
    """Return for each of `rows` the row index of its post in `posts`; -1 if it is not there."""
    return as_integers(compute.fill_null(compute.index_in(_key(rows), value_set=_key(posts)), -1))


def _key(rows: pa.Table) -> Any:
    return compute.binary_join_element_wise(rows["account"], rows["post_id"], "/").combine_chunks()


def _microseconds(rows: pa.Table) -> "Integers":
    return as_integers(rows["observed_at"].cast(pa.int64()))


def _observations(rows: pa.Table) -> "Integers":
    return as_integers(compute.fill_null(rows["observations"], 1))


def _number(moment: datetime) -> int:
    return pa.scalar(moment, POSTS.schema.field("observed_at").type).cast(pa.int64()).as_py()
