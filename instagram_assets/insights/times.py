"""Charts of when posts were published, and how people reacted by weekday and hour."""

from datetime import date

import pyarrow as pa

from instagram_assets.insights.asked import FEW, MOST_LINES, OF_POSTS, posts_where
from instagram_assets.insights.charts import Chart, Row
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.reading import LakeIndex

# Reactions to a post against those that its account usually gets, the median of the same choice of posts: accounts of
# any size count alike. An account that usually gets none has no ratio.
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
"""Longest stretches whose posts are counted by day, and by week; beyond they are by month."""


def posting_times(index: LakeIndex, wanted: Filter) -> pa.Table:
    """Each hour of the week with posts: `weekday` (1: Monday), `hour`, `posts`, `known`, `ratio`, `few`.

    `ratio` is the median over the posts whose engagement (likes + comments) is known, `known` of them, of engagement
    against the median of the post's account; `few` says that they are fewer than FEW.
    """
    where = posts_where(wanted)
    return index.ask(
        f"{_RATIOS.format(where=where.sql)} "
        "SELECT weekday::INTEGER AS weekday, hour::INTEGER AS hour, count(*) AS posts, count(ratio) AS known, "
        f"median(ratio) AS ratio, count(ratio) < {FEW} AS few FROM ratios GROUP BY ALL ORDER BY weekday, hour",
        *where.values,
    )


def best_hours(index: LakeIndex, wanted: Filter) -> pa.Table:
    """Hours of the day, best first: `hour`, `ratio` as in `posting_times`, its quartiles `low` and `high`, `known`.

    Hours with few posts stand at the end, `few`.
    """
    where = posts_where(wanted)
    return index.ask(
        f"{_RATIOS.format(where=where.sql)} "
        "SELECT hour::INTEGER AS hour, median(ratio) AS ratio, quantile_cont(ratio, 0.25) AS low, "
        f"quantile_cont(ratio, 0.75) AS high, count(*) AS posts, count(ratio) AS known, count(ratio) < {FEW} AS few "
        "FROM ratios GROUP BY ALL ORDER BY few, ratio DESC NULLS LAST, hour",
        *where.values,
    )


def posting_frequency(index: LakeIndex, wanted: Filter) -> pa.Table:
    """Posts of each account by day, week or month: `first_day`, `last_day`, `account`, `posts`, also where it is 0.

    Of many accounts those with the most posts, MOST_LINES of them; periods are as long as the stretch of days needs.
    """
    where = posts_where(wanted)
    [span] = index.rows(f"SELECT min(day) AS first, max(day) AS last FROM posts WHERE {where.sql}", *where.values)
    period = period_of(wanted.first or span["first"], wanted.last or span["last"])
    return index.ask(
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
    """By what posts of a stretch of days are counted, as SQL calls it: `day`, `week` (from Monday) or `month`."""
    days = (last - first).days if first and last else 0
    return "day" if days <= _DAYS_OF_DAYS else "week" if days <= _DAYS_OF_WEEKS else "month"


def within(row: Row, wanted: Filter) -> tuple[date, date]:
    """The days of a row's period that the filter wants."""
    return max(row["first_day"], wanted.first or date.min), min(row["last_day"], wanted.last or date.max)


def _posts_of_hours(row: Row, wanted: Filter) -> Filter:
    return wanted.but(hour=row["hour"], **({"weekday": row["weekday"]} if "weekday" in row else {}))


def posts_of_period(row: Row, wanted: Filter) -> Filter:
    """The posts of an account, where the row names one, and of a period."""
    first, last = within(row, wanted)
    found = wanted.but(first=first, last=last)
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
