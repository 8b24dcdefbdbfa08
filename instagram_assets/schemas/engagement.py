"""Contracts of engagement with posts: impressions, metrics over time and viral labels."""

import pyarrow as pa

from instagram_assets.schemas.contract import ACCOUNT, BY_CELL, DAY, MOMENT, POST_ID, Column, Contract, View

IMPRESSIONS = Contract(
    "one post",
    (
        POST_ID,
        ACCOUNT,
        DAY,
        Column("kind", pa.string(), "`post` or `reel`"),
        Column("likes", pa.int64(), "Likes; null when hidden or unknown"),
        Column("comments", pa.int64(), "Number of comments"),
        Column("followers", pa.int64(), "Followers of the owner, observed nearest to the post's observation"),
        Column("impression", pa.float64(), "(likes + comments) / followers; null when one is unknown"),
    ),
    ("account", "post_id"),
    BY_CELL,
)

VIRAL_LABELS = Contract(
    "one post, reel or ad",
    (
        Column("kind", pa.string(), "`post`, `reel` or `ad`"),
        Column("account", pa.string(), "Account that was collected, in lower case; null for ads that do not tell it"),
        Column("id", pa.string(), "`post_id` of a post or reel, `ad_id` of an ad"),
        Column("url", pa.string(), "Address of the post or ad"),
        Column("taken_at", MOMENT, "When it was published"),
        Column("observed_at", MOMENT, "When its numbers were read"),
        Column("likes", pa.int64(), "Likes; null when hidden or unknown"),
        Column("comments", pa.int64(), "Number of comments"),
        Column("views", pa.int64(), "Video views as Instagram counts them; of an ad, as its table says"),
        Column("plays", pa.int64(), "Times that the video was started"),
        Column("viral", pa.bool_(), "Whether it went viral by `rule`; null when that cannot be told"),
        Column("score", pa.float64(), "How much so, larger is more; its unit is the rule's"),
        Column("rule", pa.string(), "The rule, with all that its labels depend on"),
        Column("reason", pa.string(), "Why, in words"),
    ),
    ("kind", "account", "id"),
)

VIRALITY_MEASURES = {
    "engagement": "likes and comments",
    "likes": "likes",
    "comments": "comments",
    "views": "views",
    "plays": "plays",
}
"""The metrics from which viral labels can be computed: name → display name."""

POST_METRICS = Contract(
    "one observation of one post",
    (
        POST_ID,
        ACCOUNT,
        DAY,
        Column("kind", pa.string(), "`post` or `reel`"),
        Column("observed_at", MOMENT, "When these numbers were read"),
        Column("likes", pa.int64(), "Likes; null when hidden or unknown"),
        Column("comments", pa.int64(), "Number of comments"),
        Column("views", pa.int64(), "Video views as Instagram counts them: unique and long enough"),
        Column("plays", pa.int64(), "Times that the video was started"),
    ),
    ("account", "post_id", "observed_at"),
)

# A post that was ever observed as a reel is a reel. Of rows with equal timestamps one is kept: first the one that was
# observed as a reel, then the one with the larger counts.
POST_METRICS_VIEW = View(
    POST_METRICS,
    reads={"raw_posts": tuple(POST_METRICS.schema.names), "raw_reels": tuple(POST_METRICS.schema.names)},
    sql="""
SELECT
    looks.post_id, looks.account, looks.day,
    CASE WHEN bool_or(looks.kind = 'reel') OVER (PARTITION BY looks.account, looks.post_id)
        THEN 'reel' ELSE 'post' END AS kind,
    looks.observed_at, looks.likes, looks.comments, looks.views, looks.plays
FROM (SELECT * FROM raw_posts UNION ALL BY NAME SELECT * FROM raw_reels) AS looks
QUALIFY row_number() OVER (
    PARTITION BY looks.account, looks.post_id, looks.observed_at
    ORDER BY looks.kind DESC NULLS LAST, looks.likes DESC NULLS LAST, looks.comments DESC NULLS LAST,
        looks.views DESC NULLS LAST, looks.plays DESC NULLS LAST, looks.day
) = 1
""",
    order="account, post_id, observed_at",
    by_day=False,
)
