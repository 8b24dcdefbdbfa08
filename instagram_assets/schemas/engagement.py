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
        Column("comments", pa.int64(), "Number of comments; null if unknown"),
        Column(
            "followers",
            pa.int64(),
            "Follower count of the owner, from the profile observation nearest to the post's observation",
        ),
        Column("impression", pa.float64(), "(likes + comments) / followers; null when one is unknown"),
    ),
    ("account", "post_id"),
    BY_CELL,
)

VIRAL_LABELS = Contract(
    "one post, reel or ad",
    (
        Column("kind", pa.string(), "`post`, `reel` or `ad`"),
        Column(
            "account",
            pa.string(),
            "Username of the collected account, in lower case; null for ads without a known account",
        ),
        Column("id", pa.string(), "`post_id` of a post or reel, `ad_id` of an ad"),
        Column("url", pa.string(), "URL of the post or ad"),
        Column("taken_at", MOMENT, "Publication timestamp"),
        Column("observed_at", MOMENT, "Observation timestamp of the metrics"),
        Column("likes", pa.int64(), "Likes; null when hidden or unknown"),
        Column("comments", pa.int64(), "Number of comments; null if unknown"),
        Column(
            "views",
            pa.int64(),
            "Video views as counted by Instagram; for ads, views as stated in the source table; null if unknown",
        ),
        Column("plays", pa.int64(), "Number of video plays (starts); null if unknown"),
        Column("viral", pa.bool_(), "Viral label by `rule`; null if the rule cannot decide"),
        Column("score", pa.float64(), "Virality score; higher is more viral, unit depends on `rule`; null if unknown"),
        Column("rule", pa.string(), "Labelling rule with all its parameters"),
        Column("reason", pa.string(), "Explanation of the label as text"),
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
        Column("observed_at", MOMENT, "Observation timestamp of the metrics"),
        Column("likes", pa.int64(), "Likes; null when hidden or unknown"),
        Column("comments", pa.int64(), "Number of comments; null if unknown"),
        Column(
            "views",
            pa.int64(),
            "Video views as counted by Instagram: unique viewers above a minimum watch time; null if unknown",
        ),
        Column("plays", pa.int64(), "Number of video plays (starts); null if unknown"),
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
