"""Observations of posts and profiles merged: one row per post, with its owner as it was then."""

from typing import Any

import numpy as np
import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.ingest.grouping import Numbers, group_starts, to_flags, to_numbers
from instagram_assets.ingest.pieces import are_pieces, joined
from instagram_assets.ingest.remembered import Remembered, as_observations, count_again, with_profiles_of
from instagram_assets.schemas import POSTS

_NEWEST_FIRST = [
    ("account", "ascending"),
    ("post_id", "ascending"),
    ("observed_at", "descending"),
    ("kind", "descending"),
    ("likes", "descending"),
    ("comments", "descending"),
    ("source_sha256", "ascending"),
    ("source_index", "ascending"),
]
# What a post shows: views of few fields (Apify's Overview, hashtag answers of the Graph API) have none of it.
_PICTURES = ("type", "media", "width", "height")
_PROFILE_FACTS = ("profile_id", "followers", "follows", "posts_count", "biography", "private", "verified")


def merge_posts(
    raw_posts: pa.Table,
    raw_reels: pa.Table,
    profiles: pa.Table,
    mode: str = "all",
    known: Remembered | None = None,
) -> pa.Table:
    """The newest observation of each post and reel with its owner's profile of that time (contract POSTS).

    Where that one has no pictures, they are of the newest that has; what an album lacks is of the others.

    `raw_posts` and `raw_reels` hold rows of POSTS_RAW, `profiles` of PROFILES_RAW, each in any order. A post that
    was ever seen as a reel is a reel. `mode` is `all`, `post` or `reel`. `known` stands for observations that are gone
    by retention: nothing that was made of them is lost. Sorted by account, day, post_id.
    """
    left = pa.concat_tables([raw_posts, raw_reels])
    observed = (pa.concat_tables([left, as_observations(known)]) if known else left).combine_chunks()
    if not observed.num_rows:
        return POSTS.empty()
    order = to_numbers(compute.sort_indices(observed, _NEWEST_FIRST))
    keys: Any = observed.select(["account", "post_id", "observed_at", "kind"]).take(pa.array(order))
    starts = np.flatnonzero(group_starts(keys, ["account", "post_id"]))
    moments = group_starts(keys, ["account", "post_id", "observed_at"])
    reels = np.logical_or.reduceat(to_flags(compute.equal(keys["kind"], "reel")), starts)
    newest: Any = observed.take(pa.array(order[starts]))
    shown = _first_with_pictures(observed["media"], order, starts)
    pictured: Any = observed.select(_PICTURES).take(pa.array(shown))
    for name in _PICTURES:
        newest = _replaced(newest, name, pictured[name])
    lacking = are_pieces(pictured) & (np.diff(starts, append=len(order)) > 1)
    newest = _replaced(newest, "media", joined(observed["media"], order, starts, shown, lacking))
    newest = _replaced(newest, "kind", pa.array(np.where(reels, "reel", "post")))
    newest = newest.append_column("observations", pa.array(np.add.reduceat(moments.astype(np.int64), starts)))
    if mode != "all":
        newest = newest.filter(compute.equal(newest["kind"], mode))
    merged = _with_profiles(newest, profiles)
    if known:
        merged = _replaced(merged, "observations", count_again(merged, known, left))
        merged = with_profiles_of(merged, known, _PROFILE_FACTS)
    return POSTS.conform(merged.sort_by([(name, "ascending") for name in ("account", "day", "post_id")]), "posts")


def nearest_profiles(posts: pa.Table, profiles: pa.Table) -> Numbers:
    """For each post the row of its owner's profile observed nearest in time, the later of two; -1 without one.

    The owner is found by `owner_id`, else by name. `posts` needs owner, owner_id and observed_at, `profiles`
    profile_id, account and observed_at, sorted so that equal times always come in the same order.
    """
    when = to_numbers(posts["observed_at"].cast(pa.int64()))
    seen = to_numbers(profiles["observed_at"].cast(pa.int64()))
    by_id = _nearest(posts["owner_id"], when, profiles["profile_id"], seen)
    by_name = _nearest(posts["owner"], when, profiles["account"], seen)
    return np.where(by_id >= 0, by_id, by_name)


def _first_with_pictures(media: Any, order: Numbers, starts: Numbers) -> Numbers:
    """Of each group in that order, which begin at `starts`, the first row with pictures, else its first."""
    has = to_flags(compute.fill_null(compute.greater(compute.list_value_length(media), 0), False))[order]
    places = np.where(has, np.arange(len(order)), len(order))
    found = np.minimum.reduceat(places, starts)
    return order[np.where(found < len(order), found, starts)]


def _nearest(wanted: Any, when: Numbers, offered: Any, seen: Numbers) -> Numbers:
    known = offered.unique().drop_null()
    offers, wants = (to_numbers(compute.fill_null(compute.index_in(keys, known), -1)) for keys in (offered, wanted))
    rows = np.flatnonzero(offers >= 0)
    if not len(rows):
        return np.full(len(when), -1, dtype=np.int64)
    # One number that sorts by key, then by time: times become ranks, so that it cannot overflow.
    times = np.unique(np.concatenate([seen, when]))
    place = offers[rows] * len(times) + np.searchsorted(times, seen[rows])
    by_place = np.argsort(place, kind="stable")
    rows, place = rows[by_place], place[by_place]
    target = np.searchsorted(place, wants * len(times) + np.searchsorted(times, when), side="right")
    earlier, later = rows[np.maximum(target - 1, 0)], rows[np.minimum(target, len(rows) - 1)]
    has_earlier = (target > 0) & (wants >= 0) & (offers[earlier] == wants)
    has_later = (target < len(rows)) & (wants >= 0) & (offers[later] == wants)
    take_later = has_later & (~has_earlier | (seen[later] - when <= when - seen[earlier]))
    return np.where(take_later, later, np.where(has_earlier, earlier, -1))


def _with_profiles(posts: pa.Table, profiles: pa.Table) -> pa.Table:
    profiles = profiles.sort_by([("account", "ascending"), ("observed_at", "ascending")]).combine_chunks()
    nearest = nearest_profiles(posts, profiles)
    owners: Any = profiles.take(pa.array(nearest, mask=nearest < 0))
    for name in _PROFILE_FACTS:
        posts = posts.append_column(name, owners[name])
    posts = posts.append_column("profile_observed_at", owners["observed_at"])
    # Some exports name the owner only by id; the profile knows the name.
    return _replaced(posts, "owner", compute.coalesce(posts["owner"], owners["account"]))


def _replaced(table: pa.Table, name: str, values: Any) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, values)
