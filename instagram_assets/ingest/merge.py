"""Merging of observations: one row for each post, with the observation of its owner's profile nearest in time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from instagram_assets.arrow import as_booleans, as_integers, compute, group_starts
from instagram_assets.ingest.retained_rows import (
    RetainedRows,
    retained_as_observations,
    with_retained_counts,
    with_retained_profiles,
)
from instagram_assets.schemas import POSTS, POSTS_RAW
from instagram_assets.schemas.posts import PROFILE_FACTS

if TYPE_CHECKING:
    from instagram_assets.arrow import Booleans, Integers

MediaItem = dict[str, Any]


def are_partial_albums(posts: pa.Table) -> "Booleans":
    """Mask of albums (`type` sidecar) that lack images: they have only one, or a gap in the positions."""
    albums = as_booleans(compute.fill_null(compute.equal(posts["type"], "sidecar"), False))
    if not albums.any():
        return albums
    media: Any = posts["media"].combine_chunks()
    shown: Any = media.flatten()
    is_image = as_booleans(compute.equal(shown.field("kind"), "image"))
    owner = as_integers(compute.list_parent_indices(media))[is_image]
    positions = as_integers(shown.field("position"))[is_image]
    pictures = np.bincount(owner, minlength=len(albums))
    last = np.full(len(albums), -1, np.int64)
    np.maximum.at(last, owner, positions)
    return albums & (pictures > 0) & ((pictures < 2) | (last >= pictures))


def merged_media(media: Any, order: "Integers", starts: "Integers", first: "Integers", wanted: "Booleans") -> Any:
    """Return the column `media` of each group's `first` row; in `wanted` groups, its other rows add missing items.

    `media` is the column of all rows, `first` has a row index for each group. `order` has the row indices group by
    group, the best first; `starts` is the offset of each group in `order`.
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


def _together(views: Sequence[list[MediaItem]]) -> list[MediaItem]:
    """Combine several media lists (`views`) of one post: each position is taken from the first list that has it."""
    found: dict[int, list[MediaItem]] = {}
    for view in views:
        shown: dict[int, list[MediaItem]] = {}
        for medium in view:
            shown.setdefault(medium["position"], []).append(medium)
        found = shown | found
    return [medium for position in sorted(found) for medium in found[position]]


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
# Media columns: views with few fields (Apify's Overview, hashtag responses of the Graph API) have none of them.
_PICTURES = ("type", "media", "width", "height")
_PROFILE_COLUMNS = tuple(column.name for column in PROFILE_FACTS)


def merge_posts(
    raw_posts: pa.Table,
    raw_reels: pa.Table,
    profiles: pa.Table,
    mode: str = "all",
    known: RetainedRows | None = None,
) -> pa.Table:
    """Return the newest observation of each post and reel with its owner's profile nearest in time (contract POSTS).

    `raw_posts` and `raw_reels` hold rows of POSTS_RAW, `profiles` of PROFILES_RAW, each in any order. If a post's
    newest observation has no media, they come from the newest one that has; missing images of an album are taken from
    the other observations. A post that was ever seen as a reel is a reel. `mode` is `all`, `post` or `reel`. `known`
    has the rows retained for observations that retention has removed. Sorted by account, day, post_id.
    """
    left = pa.concat_tables([raw_posts, raw_reels])
    observed = (pa.concat_tables([left, retained_as_observations(known)]) if known else left).combine_chunks()
    if not observed.num_rows:
        return POSTS.empty()
    order = as_integers(compute.sort_indices(observed, _NEWEST_FIRST))
    keys: Any = observed.select([*POSTS_RAW.key, "kind"]).take(pa.array(order))
    starts = np.flatnonzero(group_starts(keys, POSTS.key))
    moments = group_starts(keys, POSTS_RAW.key)
    reels = np.logical_or.reduceat(as_booleans(compute.equal(keys["kind"], "reel")), starts)
    newest: Any = observed.take(pa.array(order[starts]))
    shown = _first_with_pictures(observed["media"], order, starts)
    pictured: Any = observed.select(_PICTURES).take(pa.array(shown))
    for name in _PICTURES:
        newest = _replaced(newest, name, pictured[name])
    lacking = are_partial_albums(pictured) & (np.diff(starts, append=len(order)) > 1)
    newest = _replaced(newest, "media", merged_media(observed["media"], order, starts, shown, lacking))
    newest = _replaced(newest, "kind", pa.array(np.where(reels, "reel", "post")))
    newest = newest.append_column("observations", pa.array(np.add.reduceat(moments.astype(np.int64), starts)))
    if mode != "all":
        newest = newest.filter(compute.equal(newest["kind"], mode))
    merged = _with_profiles(newest, profiles)
    if known:
        merged = _replaced(merged, "observations", with_retained_counts(merged, known, left))
        merged = with_retained_profiles(merged, known, _PROFILE_COLUMNS)
    return POSTS.conform(merged.sort_by([(name, "ascending") for name in POSTS.sort_columns]), "posts")


def nearest_profiles(posts: pa.Table, profiles: pa.Table) -> "Integers":
    """Return for each post the row index of its owner's profile observed nearest in time; -1 without one.

    Of two equally near profiles, the later one. The owner is found by `owner_id`, else by name. `posts` needs owner,
    owner_id and observed_at; `profiles` needs profile_id, account and observed_at, sorted so that equal times always
    have the same order.
    """
    when = as_integers(posts["observed_at"].cast(pa.int64()))
    seen = as_integers(profiles["observed_at"].cast(pa.int64()))
    by_id = _nearest(posts["owner_id"], when, profiles["profile_id"], seen)
    by_name = _nearest(posts["owner"], when, profiles["account"], seen)
    return np.where(by_id >= 0, by_id, by_name)


def _first_with_pictures(media: Any, order: "Integers", starts: "Integers") -> "Integers":
    """Return for each group (offsets `starts` in `order`) the index of its first row with media, else its first row."""
    has = as_booleans(compute.fill_null(compute.greater(compute.list_value_length(media), 0), False))[order]
    places = np.where(has, np.arange(len(order)), len(order))
    found = np.minimum.reduceat(places, starts)
    return order[np.where(found < len(order), found, starts)]


def _nearest(wanted: Any, when: "Integers", offered: Any, seen: "Integers") -> "Integers":
    known = offered.unique().drop_null()
    offers, wants = (as_integers(compute.fill_null(compute.index_in(keys, known), -1)) for keys in (offered, wanted))
    rows = np.flatnonzero(offers >= 0)
    if not len(rows):
        return np.full(len(when), -1, dtype=np.int64)
    # One number that sorts by key, then by time: times are replaced by ranks, so that it cannot overflow.
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
    for name in _PROFILE_COLUMNS:
        posts = posts.append_column(name, owners[name])
    posts = posts.append_column("profile_observed_at", owners["observed_at"])
    # Some exports name the owner only by id; the profile has the name.
    return _replaced(posts, "owner", compute.coalesce(posts["owner"], owners["account"]))


def _replaced(table: pa.Table, name: str, values: Any) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, values)
