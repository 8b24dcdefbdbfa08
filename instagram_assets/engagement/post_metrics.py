"""Metrics of posts: the engagement rate `impression`, and growth of likes, comments, views and plays over time."""

from typing import Any, NamedTuple

import pyarrow as pa

from instagram_assets import schemas
from instagram_assets.arrow import compute
from instagram_assets.schemas.posts import visible_likes_of
from instagram_assets.storage.duckdb_connection import Query


def impression(likes: int | None, comments: int | None, followers: int | None) -> float | None:
    """Returns the engagement rate of one post: (likes + comments) / followers.

    None if a number is unknown or negative (exports have -1 for hidden likes), or if there are no followers.
    """
    if likes is None or comments is None or followers is None:
        return None
    if likes < 0 or comments < 0 or followers <= 0:
        return None
    return (likes + comments) / followers


def impressions(posts: pa.Table) -> pa.Table:
    """Returns the engagement rate of every post: a table of `schemas.IMPRESSIONS` in the order of `posts`.

    `posts` is a table of `schemas.POSTS`, whose `followers` are from the profile observed nearest in time. Same formula
    and nulls as `impression`; hidden likes count as unknown even if the data contains a number.
    """
    likes = _at_least(visible_likes_of(posts), 0)
    reactions = compute.add(likes, _at_least(posts["comments"], 0))
    followers = _at_least(posts["followers"], 1)
    ratio = compute.divide(reactions.cast(pa.float64()), followers.cast(pa.float64()))
    known = posts.select(["post_id", "account", "day", "kind", "likes", "comments", "followers"])
    return schemas.IMPRESSIONS.conform(known.append_column("impression", ratio), "impressions")


def _at_least(numbers: Any, least: int) -> Any:
    return compute.if_else(compute.greater_equal(numbers, least), numbers, None)


GROWTH_METRICS = ("likes", "comments", "views", "plays")

_DAY = 24 * 60 * 60 * 1_000_000


class ObservationCounts(NamedTuple):
    """Number of observations, and number of distinct posts observed."""

    observations: int
    posts: int


def count_observations(query: Query) -> ObservationCounts:
    """Returns the number of observations and posts; a post stored for two accounts counts once."""
    (row,) = query("SELECT count(*) AS observations, count(DISTINCT post_id) AS posts FROM post_metrics").to_pylist()
    return ObservationCounts(**row)


def median_growth(query: Query, name: str) -> list[tuple[float, float]]:
    """Returns the growth of a metric by day: (days since first observation, median ratio to the first value).

    `name` is one of GROWING. The median is over posts. Only posts with at least two observations and a first value
    above zero are used. Days are rounded down, and only a post's last observation per day counts, so that frequently
    observed posts do not have more weight.
    """
    # Medians by row number, since DuckDB's own would keep each day's ratios in memory, and rounds differently.
    rows = query(
        f"""WITH looks AS (
            SELECT
                account, post_id, {name} AS number, epoch_us(observed_at) AS moment, row_number() OVER post AS look,
                first_value(number) OVER post AS first_number, first_value(moment) OVER post AS first_moment
            FROM post_metrics WHERE {name} IS NOT NULL
            WINDOW post AS (PARTITION BY account, post_id ORDER BY observed_at)
        ), ratios AS (
            SELECT (moment - first_moment) // {_DAY} AS day, number / first_number AS ratio
            FROM looks WHERE look > 1 AND first_number > 0
            QUALIFY row_number() OVER (PARTITION BY account, post_id, day ORDER BY moment DESC) = 1
        ), placed AS (
            SELECT
                day, ratio, row_number() OVER (PARTITION BY day ORDER BY ratio) AS place,
                count(*) OVER (PARTITION BY day) AS posts
            FROM ratios
        )
        SELECT day::DOUBLE AS day, avg(ratio) AS median
        FROM placed WHERE place IN ((posts + 1) // 2, posts // 2 + 1) GROUP BY day ORDER BY day"""
    )
    curve = list(zip(rows["day"].to_pylist(), rows["median"].to_pylist(), strict=True))
    return [(0.0, 1.0), *curve] if curve else []
