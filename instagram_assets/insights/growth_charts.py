"""Charts of followers, of likes by followers and by age of a post, and of impressions (engagement per follower)."""

from datetime import date

import pyarrow as pa

from instagram_assets.insights.chart_definition import FEW, MOST_LINES, OF_POSTS, Chart, Row, posts_where
from instagram_assets.insights.posting_time_charts import period_of, posts_of_period
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_reader import LakeIndex

MOST_POINTS = 500
"""Maximum number of posts in a scatter plot."""
AGES = (1, 2, 3, 6, 12, 24, 48, 72, 120, 168, 336, 720)
"""Hours since publication at which likes are shown: each stands for the time from it to the next."""
_AGE = f"CASE {' '.join(f'WHEN age >= {hours * 3_600} THEN {hours}' for hours in reversed(AGES))} END"
_MOST_CURVES = 6


def followers(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns each account's follower count by day, the last one observed that day: `day`, `account`, `followers`.

    At most MOST_LINES accounts, those with the most followers.
    """
    return index.query(
        f"""WITH zone AS (SELECT value FROM facts WHERE name = 'time_zone'),
        read AS (
            SELECT account, (observed_at AT TIME ZONE (FROM zone))::DATE AS day, observed_at, followers FROM followers
            WHERE (len($1) = 0 OR list_contains($1, account))
        ),
        days AS (
            SELECT account, day, arg_max(followers, observed_at) AS followers FROM read
            WHERE day BETWEEN $2 AND $3 GROUP BY ALL
        ),
        accounts AS (
            SELECT account FROM days GROUP BY account ORDER BY arg_max(followers, day) DESC, account LIMIT {MOST_LINES}
        )
        SELECT day, account, followers FROM days SEMI JOIN accounts USING (account) ORDER BY account, day""",
        list(criteria.account),
        criteria.first or date(1, 1, 1),
        criteria.last or date(9999, 12, 31),
    )


def likes_followers(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns one row per account: `account`, median `followers` and `likes`, `posts`, `few`.

    Only posts whose likes and followers are known are counted; `followers` of a post is the count observed nearest to
    it. `few` is true if there are fewer than FEW posts.
    """
    where = posts_where(criteria, "likes IS NOT NULL", "followers > 0")
    return index.query(
        "SELECT account, median(followers) AS followers, median(likes) AS likes, count(*) AS posts, "
        f"count(*) < {FEW} AS few FROM posts WHERE {where.sql} GROUP BY account ORDER BY followers DESC, account",
        *where.values,
    )


def post_likes_followers(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns posts, a sample of MOST_POINTS if there are more: `account`, `post_id`, `day`, `followers`, `likes`.

    The sample contains the posts with the smallest hashes of account and `post_id`, so that it is uniform and
    deterministic.
    """
    where = posts_where(criteria, "likes IS NOT NULL", "followers > 0")
    return index.query(
        f"""SELECT account, post_id, day, followers, likes FROM posts WHERE post IN (
            SELECT post FROM posts WHERE {where.sql} ORDER BY hash(account, post_id) LIMIT {MOST_POINTS}
        ) ORDER BY account, day, post_id""",
        *where.values,
    )


def growth_curves(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns likes by hours since publication: `account`, `hours`, median `likes`, quartiles, `posts`, `few`.

    The quartiles are `low` and `high`. Only posts whose likes were observed at least twice are used. An observation
    belongs to the highest value of AGES (in hours) that the post had reached; of several observations of a post in that
    interval the last one counts. `few` is true if there are fewer than FEW `posts`. At most _MOST_CURVES accounts,
    those with the most such posts.
    """
    where = posts_where(criteria)
    return index.query(
        f"""WITH often AS (
            SELECT post FROM looks WHERE likes IS NOT NULL GROUP BY post HAVING count(*) > 1
        ),
        chosen AS MATERIALIZED (
            SELECT post, account, taken_at FROM posts SEMI JOIN often USING (post) WHERE {where.sql}
        ),
        accounts AS (
            SELECT account FROM chosen GROUP BY account ORDER BY count(*) DESC, account LIMIT {_MOST_CURVES}
        ),
        aged AS (
            SELECT c.account, l.post, l.likes, date_diff('second', c.taken_at, l.observed_at) AS age
            FROM looks l JOIN (FROM chosen SEMI JOIN accounts USING (account)) c USING (post)
            WHERE l.likes IS NOT NULL
        ),
        last AS (
            SELECT account, post, {_AGE} AS hours, arg_max(likes, age) AS likes
            FROM aged WHERE age >= {AGES[0] * 3_600} GROUP BY ALL
        )
        SELECT
            account, hours::INTEGER AS hours, median(likes) AS likes, quantile_cont(likes, 0.25) AS low,
            quantile_cont(likes, 0.75) AS high, count(*) AS posts, count(*) < {FEW} AS few
        FROM last GROUP BY account, hours ORDER BY account, hours""",
        *where.values,
    )


def impressions(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns the median engagement rate by period: `first_day`, `last_day`, `account`, `impression`, `posts`, `few`.

    The engagement rate `impression` of a post is (likes + comments) / followers; posts for which it is unknown are left
    out. The periods are days, weeks or months, depending on the length of the date range; periods without posts have no
    row. `few` is true if there are fewer than FEW posts. At most MOST_LINES accounts, those with the most posts.
    """
    where = posts_where(criteria, "impression IS NOT NULL")
    [span] = index.rows(f"SELECT min(day) AS first, max(day) AS last FROM posts WHERE {where.sql}", *where.values)
    period = period_of(criteria.first or span["first"], criteria.last or span["last"])
    return index.query(
        f"""WITH chosen AS (
            SELECT account, date_trunc('{period}', day)::DATE AS first_day, impression FROM posts WHERE {where.sql}
        ),
        accounts AS (SELECT account FROM chosen GROUP BY account ORDER BY count(*) DESC, account LIMIT {MOST_LINES})
        SELECT
            first_day, (first_day + INTERVAL 1 {period} - INTERVAL 1 DAY)::DATE AS last_day, account,
            median(impression) AS impression, count(*) AS posts, count(*) < {FEW} AS few
        FROM chosen SEMI JOIN accounts USING (account) GROUP BY ALL ORDER BY account, first_day""",
        *where.values,
    )


def _posts_of_day(row: Row, criteria: Filter) -> Filter:
    return criteria.but(account=(row["account"],), first=row["day"], last=row["day"])


def _posts_of_account(row: Row, criteria: Filter) -> Filter:
    return criteria.but(account=(row["account"],))


def one_post(row: Row, criteria: Filter) -> Filter:
    """Returns the filter that matches only the post in a chart row."""
    del criteria
    return Filter(account=(row["account"],), post=row["post_id"])


CHARTS = (
    Chart("followers", "growth", "line", followers, x="day", y="followers", series="account", posts=_posts_of_day),
    Chart(
        "likes_followers",
        "growth",
        "scatter",
        likes_followers,
        x="followers",
        y="likes",
        size="posts",
        fields=OF_POSTS,
        posts=_posts_of_account,
    ),
    Chart(
        "post_likes_followers",
        "growth",
        "scatter",
        post_likes_followers,
        x="followers",
        y="likes",
        series="account",
        fields=OF_POSTS,
        posts=one_post,
        hidden=("post_id",),
    ),
    Chart(
        "growth_curves",
        "growth",
        "line",
        growth_curves,
        x="hours",
        y="likes",
        series="account",
        fields=OF_POSTS,
        posts=_posts_of_account,
    ),
    Chart(
        "impressions",
        "growth",
        "line",
        impressions,
        x="first_day",
        y="impression",
        series="account",
        fields=OF_POSTS,
        posts=posts_of_period,
        percent=("impression",),
    ),
)
