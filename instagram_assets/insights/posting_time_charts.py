"""Charts of when posts were published, and of engagement by weekday and hour."""

from datetime import date

import pyarrow as pa

from instagram_assets.insights.chart_definition import FEW, MOST_LINES, OF_POSTS, Chart, Row, posts_where
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_reader import LakeIndex

# Engagement divided by the account's median over the same filtered posts, so that accounts of
# any size have the same weight. An account with a median of 0 has no ratio.
_RATIOS = """
WITH chosen AS (SELECT account, weekday, hour, likes + comments AS engagement FROM posts WHERE {where}),
usual AS (
    SELECT account, median(engagement) AS usual FROM chosen WHERE engagement IS NOT NULL GROUP BY account
),
ratios AS (
    SELECT c.weekday, c.hour, c.engagement / nullif(u.usual, 0) AS ratio FROM chosen c LEFT JOIN usual u USING (account)
)
"""
_DAYS_OF_DAYS, _DAYS_OF_WEEKS = 62, 800
"""Longest ranges in days whose posts are counted by day, and by week; longer ones are counted by month."""


def posting_times(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns one row per hour of the week with posts: `weekday` (1: Monday), `hour`, `posts`, `known`, `ratio`, `few`.

    A post's ratio is its engagement (likes + comments) divided by the median engagement of its account. `ratio` is the
    median of these ratios, `known` the number of posts whose ratio is known; `few` is true if `known` is below FEW.
    """
    where = posts_where(criteria)
    return index.query(
        f"{_RATIOS.format(where=where.sql)} "
        "SELECT weekday::INTEGER AS weekday, hour::INTEGER AS hour, count(*) AS posts, count(ratio) AS known, "
        f"median(ratio) AS ratio, count(ratio) < {FEW} AS few FROM ratios GROUP BY ALL ORDER BY weekday, hour",
        *where.values,
    )


def best_hours(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns the hours of the day, highest ratio first: `hour`, `ratio`, its quartiles, `posts`, `known`, `few`.

    A post's ratio is its engagement (likes + comments) divided by the median engagement of its account. `ratio` is the
    median of these ratios, `low` and `high` are their quartiles, and `known` is the number of posts whose ratio is
    known. `few` is true if `known` is below FEW; these hours come last.
    """
    where = posts_where(criteria)
    return index.query(
        f"{_RATIOS.format(where=where.sql)} "
        "SELECT hour::INTEGER AS hour, median(ratio) AS ratio, quantile_cont(ratio, 0.25) AS low, "
        f"quantile_cont(ratio, 0.75) AS high, count(*) AS posts, count(ratio) AS known, count(ratio) < {FEW} AS few "
        "FROM ratios GROUP BY ALL ORDER BY few, ratio DESC NULLS LAST, hour",
        *where.values,
    )


def posting_frequency(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns the number of posts by day, week or month: `first_day`, `last_day`, `account`, `posts` (0 included).

    At most MOST_LINES accounts, those with the most posts. The longer the date range, the longer the periods.
    """
    where = posts_where(criteria)
    [span] = index.rows(f"SELECT min(day) AS first, max(day) AS last FROM posts WHERE {where.sql}", *where.values)
    period = period_of(criteria.first or span["first"], criteria.last or span["last"])
    return index.query(
        f"""WITH chosen AS (
            SELECT account, date_trunc('{period}', day)::DATE AS first_day FROM posts WHERE {where.sql}
        ),
        accounts AS (SELECT account FROM chosen GROUP BY account ORDER BY count(*) DESC, account LIMIT {MOST_LINES}),
        periods AS (
            SELECT unnest(generate_series(min(first_day), max(first_day), INTERVAL 1 {period}))::DATE AS first_day
            FROM chosen
        ),
        counted AS (SELECT account, first_day, count(*) AS posts FROM chosen GROUP BY ALL)
        SELECT
            p.first_day, (p.first_day + INTERVAL 1 {period} - INTERVAL 1 DAY)::DATE AS last_day, a.account,
            coalesce(c.posts, 0) AS posts
        FROM periods p CROSS JOIN accounts a LEFT JOIN counted c USING (account, first_day)
        ORDER BY a.account, p.first_day""",
        *where.values,
    )


def period_of(first: date | None, last: date | None) -> str:
    """Returns the period by which posts of a date range are counted: `day`, `week` (from Monday) or `month`."""
    days = (last - first).days if first and last else 0
    return "day" if days <= _DAYS_OF_DAYS else "week" if days <= _DAYS_OF_WEEKS else "month"


def within(row: Row, criteria: Filter) -> tuple[date, date]:
    """Returns the first and last day of a chart row's period, limited to the filter's date range."""
    return max(row["first_day"], criteria.first or date.min), min(row["last_day"], criteria.last or date.max)


def _posts_of_hours(row: Row, criteria: Filter) -> Filter:
    return criteria.but(hour=row["hour"], **({"weekday": row["weekday"]} if "weekday" in row else {}))


def posts_of_period(row: Row, criteria: Filter) -> Filter:
    """Returns the filter for the posts of a chart row's period, and of its account if the row has one."""
    first, last = within(row, criteria)
    found = criteria.but(first=first, last=last)
    return found.but(account=(row["account"],)) if row.get("account") else found


CHARTS = (
    Chart(
        "posting_times",
        "times",
        "heatmap",
        posting_times,
        x="hour",
        y="weekday",
        size="ratio",
        fields=OF_POSTS,
        posts=_posts_of_hours,
        middle=1.0,
    ),
    Chart("best_hours", "times", "bar", best_hours, x="hour", y="ratio", fields=OF_POSTS, posts=_posts_of_hours),
    Chart(
        "posting_frequency",
        "times",
        "line",
        posting_frequency,
        x="first_day",
        y="posts",
        series="account",
        fields=OF_POSTS,
        posts=posts_of_period,
    ),
)
