"""Charts of viral posts and of hypotheses on what makes reels viral, and the list of a week's reels."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from instagram_assets.calendar import monday
from instagram_assets.insights.chart_definition import OF_POSTS, Chart, Row, add_value, posts_where
from instagram_assets.insights.growth_charts import MOST_POINTS, one_post
from instagram_assets.insights.posting_time_charts import posts_of_period
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_reader import LakeIndex

MOST_REELS = 24
"""Maximum number of a week's reels that are shown; viral ones come first."""
_MOST_WEEKS = 6
_LABEL = "CASE viral WHEN true THEN 'viral' WHEN false THEN 'other' ELSE 'unknown' END"
_CHOICES = {"viral": "yes", "other": "no"}


@dataclass(frozen=True)
class ReelsOfWeek:
    """The reels published in one week; `week` is its Monday, None if there are no reels at all.

    `reels` are the rows that are shown, of `total` in the week; `before` and `after` are the Mondays of the nearest
    earlier and later weeks with reels.
    """

    week: date | None
    before: date | None
    after: date | None
    total: int
    reels: list[dict[str, Any]]

    @property
    def last(self) -> date | None:
        """The week's Sunday."""
        return self.week + timedelta(days=6) if self.week else None


def viral_weeks(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns the number of posts by week and label: `first_day`, `last_day`, `label`, `posts` (0 included).

    `label` is `viral`, `other`, or `unknown` for posts that the virality rule cannot label, such as those with hidden
    likes.
    """
    where = posts_where(criteria)
    return index.query(
        f"""WITH counted AS (
            SELECT date_trunc('week', day)::DATE AS first_day, {_LABEL} AS label, count(*) AS posts
            FROM posts WHERE {where.sql} GROUP BY ALL
        ),
        weeks AS (
            SELECT unnest(generate_series(min(first_day), max(first_day), INTERVAL 7 DAY))::DATE AS first_day
            FROM counted
        )
        SELECT first_day, first_day + 6 AS last_day, label, coalesce(posts, 0) AS posts
        FROM weeks CROSS JOIN (SELECT unnest(['viral', 'other', 'unknown']) AS label)
        LEFT JOIN counted USING (first_day, label) ORDER BY label DESC, first_day""",
        *where.values,
    )


def viral_posts(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns viral posts, newest first: `day`, `account`, `post_id`, `kind`, `impression`, `score`, `likes`, `reason`.

    At most MOST_POINTS posts. `impression` is the engagement rate (likes + comments) / followers, null if likes or
    followers are unknown. `score` and `reason` come from the virality rule that labelled the post.
    """
    where = posts_where(criteria, "viral")
    # The newest posts are selected first, without reading the long texts of the column `viral_reason`.
    return index.query(
        f"""SELECT day, account, post_id, kind, impression, viral_score AS score, likes, viral_reason AS reason
        FROM posts WHERE post IN (
            SELECT post FROM posts WHERE {where.sql} ORDER BY taken_at DESC, account, post_id LIMIT {MOST_POINTS}
        ) ORDER BY taken_at DESC, account, post_id""",
        *where.values,
    )


def hypotheses(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns hypotheses on what distinguishes a week's viral reels: `week`, `how`, `hypothesis`, and the evidence.

    `how` is the kind of hypothesis. The evidence of a statistical test is `difference`, its 95 % interval from `low` to
    `high`, and `q_value`. That of a hypothesis proposed by a language model is the number of reels for and against it,
    `supported` and `contradicted`. Hypotheses are about all accounts together. Returns at most the newest _MOST_WEEKS
    weeks of the filter's date range.
    """
    first = monday(criteria.first) if criteria.first else date(1, 1, 1)
    return index.query(
        "SELECT week, kind AS how, hypothesis, difference, low, high, q_value, len(supported_by) AS supported, "
        "len(contradicted_by) AS contradicted FROM hypotheses WHERE week IN ("
        f"SELECT DISTINCT week FROM hypotheses WHERE week BETWEEN $1 AND $2 ORDER BY week DESC LIMIT {_MOST_WEEKS}) "
        "ORDER BY week DESC, kind, q_value NULLS LAST, supported DESC, hypothesis",
        first,
        criteria.last or date(9999, 12, 31),
    )


def reels_of_week(index: LakeIndex, criteria: Filter, week: date | None = None) -> ReelsOfWeek:
    """Returns the reels of the week that contains the day `week`; without a day, of the newest week that has reels.

    The filter's date range is ignored.
    """
    where = posts_where(criteria.but(kind="reel", first=None, last=None))
    weeks = [
        row["week"]
        for row in index.rows(
            f"SELECT date_trunc('week', day)::DATE AS week FROM posts WHERE {where.sql} GROUP BY week ORDER BY week",
            *where.values,
        )
    ]
    chosen = monday(week) if week else max(weeks, default=None)
    if chosen is None:
        return ReelsOfWeek(None, None, None, 0, [])
    first = add_value(where, chosen)
    rows = index.rows(
        "SELECT account, post_id, shortcode, day, taken_at, caption, likes, comments, views, plays, impression, viral, "
        "viral_reason, poster, first_image, hook, hypotheses, count(*) OVER () AS total "
        f"FROM posts WHERE {where.sql} AND day BETWEEN {first}::DATE AND {first}::DATE + 6 "
        f"ORDER BY viral DESC NULLS LAST, impression DESC NULLS LAST, taken_at, account, post_id LIMIT {MOST_REELS}",
        *where.values,
    )
    return ReelsOfWeek(
        chosen,
        max((each for each in weeks if each < chosen), default=None),
        min((each for each in weeks if each > chosen), default=None),
        rows[0]["total"] if rows else 0,
        rows,
    )


def _posts_of_label(row: Row, criteria: Filter) -> Filter | None:
    if row["label"] not in _CHOICES:
        return None
    return posts_of_period(row, criteria).but(viral=_CHOICES[row["label"]])


def _reels_of_hypothesis(row: Row, criteria: Filter) -> Filter:
    return criteria.but(kind="reel", first=row["week"], last=row["week"] + timedelta(days=6))


CHARTS = (
    Chart(
        "viral_weeks",
        "viral",
        "line",
        viral_weeks,
        x="first_day",
        y="posts",
        series="label",
        fields=OF_POSTS,
        posts=_posts_of_label,
    ),
    Chart(
        "viral_posts",
        "viral",
        "scatter",
        viral_posts,
        x="day",
        y="impression",
        series="account",
        fields=OF_POSTS,
        posts=one_post,
        percent=("impression",),
        hidden=("post_id",),
    ),
    Chart(
        "hypotheses",
        "viral",
        "bar",
        hypotheses,
        x="hypothesis",
        y="supported",
        series="week",
        fields=("first", "last"),
        posts=_reels_of_hypothesis,
    ),
)
