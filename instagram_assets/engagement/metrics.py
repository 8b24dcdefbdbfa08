"""What people did with a post over time: questions to the view `post_metrics`, from `open_view`."""

from typing import NamedTuple

from instagram_assets.storage.duckdb_connection import Query

GROWING = ("likes", "comments", "views", "plays")

_DAY = 24 * 60 * 60 * 1_000_000


class Size(NamedTuple):
    """How much was seen: observations, and the posts that they are of."""

    observations: int
    posts: int


def size(query: Query) -> Size:
    """How much was seen; a post that two accounts have is one."""
    (row,) = query("SELECT count(*) AS observations, count(DISTINCT post_id) AS posts FROM post_metrics").to_pylist()
    return Size(**row)


def growth(query: Query, name: str) -> list[tuple[float, float]]:
    """How one of GROWING grew: (days since a post's first look, median of now / then), sorted by day.

    Counted are posts with two looks or more whose number was known and above zero at the first; a day is rounded down,
    and of the looks at a post on one day the last counts, so that one that is looked at often weighs like the others.
    """
    # Medians by place, since DuckDB's own would keep each day's ratios in memory, and interpolates in another rounding.
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
