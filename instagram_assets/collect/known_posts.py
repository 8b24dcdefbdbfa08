"""Finds an account's newest post in the lake, and its posts whose like and comment counts are to be fetched again."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.collect.collection_scope import KnownPosts
from instagram_assets.errors import StorageError
from instagram_assets.storage.lake import read_table

_TABLES = ("raw_posts", "raw_reels")
_COLUMNS = ("post_id", "taken_at", "observed_at")
_LAST_WINDOW = 2
"""The observation at the last planned age is due until a post is this many times as old; after that it is skipped."""


def known_posts(
    lake: UPath,
    accounts: Iterable[str],
    now: float,
    ages: Sequence[int],
    most: int | None = None,
    log: Callable[[str], object] = lambda line: None,
) -> dict[str, KnownPosts]:
    """For each account with posts in the lake: its newest post, and the oldest one that is due to be read again.

    A post is due at the Unix timestamp `now` if its like and comment counts are then to be fetched again; `ages` (days
    since publication) say when. Only each account's `most` newest posts are considered, since no collection fetches
    older ones. Accounts with damaged files are logged and left out, so that all their posts are collected.
    """
    found: dict[str, KnownPosts] = {}
    for account in accounts:
        try:
            parts = [read_table(lake, table, [account], columns=_COLUMNS) for table in _TABLES]
        except StorageError as error:
            log(f"{account}: what the lake has of it is not known, so more than the newest is asked for. {error}")
            continue
        posts = pa.concat_tables([part.select(list(_COLUMNS)) for part in parts])
        if posts.num_rows:
            newest = compute.max(posts["taken_at"]).as_py()
            found[account] = KnownPosts(newest.astimezone(UTC), oldest_due_post(posts, now, ages, most))
    return found


def oldest_due_post(
    observations: pa.Table, now: float, ages: Sequence[int], most: int | None = None
) -> datetime | None:
    """Publication time of the oldest post whose like and comment counts are due to be fetched again; None without one.

    Of the posts, only the `most` newest are considered. `observations` has `post_id`, `taken_at` and `observed_at`;
    `ages` are in days since publication. A post is due from one age until the next (after the last age, until twice
    that age), unless it was observed in that period. A missed reading is not made up for, since a later count would
    belong to another age.
    """
    of_posts = observations.group_by("post_id").aggregate([("taken_at", "max"), ("observed_at", "max")])
    if most is not None:
        of_posts = of_posts.sort_by([("taken_at_max", "descending")]).slice(0, most)
    taken, seen = (of_posts[f"{name}_max"].to_pylist() for name in ("taken_at", "observed_at"))
    moment = datetime.fromtimestamp(now, UTC)
    return min(
        (post for post, last in zip(taken, seen, strict=True) if _is_due(post, last, moment, ages)), default=None
    )


def _is_due(taken_at: datetime, observed_at: datetime, now: datetime, ages: Sequence[int]) -> bool:
    age = now - taken_at
    reached = [days for days in sorted(ages) if timedelta(days=days) <= age]
    if not reached:
        return False
    following = next((days for days in sorted(ages) if days > reached[-1]), reached[-1] * _LAST_WINDOW)
    return age < timedelta(days=following) and observed_at - taken_at < timedelta(days=reached[-1])
