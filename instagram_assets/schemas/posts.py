"""Contracts of raw observations and merged posts: posts, profiles, ads, comments."""

from typing import Any

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.schemas.contract import (
    ACCOUNT,
    BY_ACCOUNT,
    BY_CELL,
    DAY,
    MEDIA,
    MOMENT,
    POST_ID,
    TEXTS,
    Column,
    Contract,
)

HIDDEN_LIKES = -1
"""The number of likes that scrapers write if the owner hides it."""


def are_likes_hidden(likes: int | None, flag: object = None) -> bool:
    """Returns whether the owner hides the number of likes: `likes` is HIDDEN_LIKES, or the record's `flag` is true."""
    return likes == HIDDEN_LIKES or flag is True


def visible_likes(likes: int | None, flag: object = None) -> int | None:
    """Returns the number of likes; None if the owner hides it, even if the record has a number."""
    return None if are_likes_hidden(likes, flag) else likes


def visible_likes_of(posts: pa.Table) -> Any:
    """Returns each row's number of likes, null if hidden, of a table with `likes` and `likes_hidden`.

    The result is an Arrow array of int64, shape (rows,).
    """
    is_hidden = compute.equal(posts["likes"], HIDDEN_LIKES)
    flagged = compute.fill_null(posts["likes_hidden"], False)
    return compute.if_else(compute.or_(compute.fill_null(is_hidden, False), flagged), None, posts["likes"])


_POST_COLUMNS = (
    POST_ID,
    Column("shortcode", pa.string(), "Shortcode of the post, as in its URL"),
    ACCOUNT,
    DAY,
    Column("kind", pa.string(), "`post` or `reel`"),
    Column(
        "owner",
        pa.string(),
        "Username of the account that published the post; differs from `account` in collaborations",
    ),
    Column("owner_id", pa.string(), "Instagram's ID of the owner"),
    Column("owner_full_name", pa.string(), "Display name of the owner"),
    Column("type", pa.string(), "Media type: `image`, `sidecar` (carousel) or `video`; null if unknown"),
    Column("product_type", pa.string(), "Instagram's product type, such as `clips`, `feed` or `igtv`; null if unknown"),
    Column("url", pa.string(), "URL of the post"),
    Column("taken_at", MOMENT, "Publication timestamp of the post"),
    Column("observed_at", MOMENT, "Observation timestamp: when the metrics were read"),
    Column("caption", pa.string(), "Caption text; null if unknown, empty if the post has none"),
    Column(
        "caption_sha256",
        pa.string(),
        "SHA-256 of the caption as received, before normalization; recomputed or null after a name in it was erased",
    ),
    Column("caption_truncated", pa.bool_(), "True if the caption was truncated to Instagram's maximum length"),
    Column("hashtags", TEXTS, "Hashtags without #: parsed from the caption, plus further ones listed by the source"),
    Column("mentions", TEXTS, "Usernames mentioned: parsed from the caption, plus further ones listed by the source"),
    Column("likes", pa.int64(), "Likes; null when hidden or unknown"),
    Column("likes_hidden", pa.bool_(), "True if the owner hides the like count"),
    Column("comments", pa.int64(), "Number of comments; null if unknown"),
    Column(
        "views",
        pa.int64(),
        "Video views as counted by Instagram: unique viewers above a minimum watch time; null if unknown",
    ),
    Column("plays", pa.int64(), "Number of video plays (starts); null if unknown"),
    Column("shares", pa.int64(), "Number of shares; null if unknown"),
    Column("duration", pa.float64(), "Duration of the video in seconds; null if unknown or without video"),
    Column("width", pa.int32(), "Width of the first image or video in pixels"),
    Column("height", pa.int32(), "Height of the first image or video in pixels"),
    Column("location", pa.string(), "Name of the tagged location; null if unknown or none"),
    Column("alt", pa.string(), "Alt text of the image as provided by Instagram; null if unknown or none"),
    Column("pinned", pa.bool_(), "True if pinned to the top of the profile"),
    Column("sponsored", pa.bool_(), "True if the source marks the post as sponsored (unreliable); null if unknown"),
    Column("comments_disabled", pa.bool_(), "True if comments are disabled; null if unknown"),
    Column("coauthors", TEXTS, "Usernames of the co-authors of a collaboration post"),
    Column("tagged", TEXTS, "Usernames tagged in the image or video"),
    Column(
        "media",
        MEDIA,
        "Images and videos in order, each with its URL (`archive://ACCOUNT/PATH` for files of an Instagram export)",
    ),
    Column("extra", pa.string(), "Unmapped source fields as a JSON object; null if none or not kept"),
    Column("warnings", TEXTS, "Validation warnings of the accepted record; empty if none"),
    Column("source_file", pa.string(), "Name of the source file"),
    Column("source_sha256", pa.string(), "SHA-256 of the source file"),
    Column("source_index", pa.int64(), "Zero-based index of the record in the source file"),
)

PROFILE_FACTS = (
    Column("profile_id", pa.string(), "Instagram's ID of the profile, as received"),
    Column("followers", pa.int64(), "Follower count; null if unknown"),
    Column("follows", pa.int64(), "Number of accounts that the profile follows; null if unknown"),
    Column("posts_count", pa.int64(), "Number of posts on the profile; null if unknown"),
    Column("biography", pa.string(), "Biography text of the profile"),
    Column("private", pa.bool_(), "True for a private profile (posts visible to followers only)"),
    Column("verified", pa.bool_(), "True if Instagram has verified the profile"),
)

POSTS_RAW = Contract("one observation of one post", _POST_COLUMNS, ("account", "post_id", "observed_at"), BY_CELL)

PROFILES_RAW = Contract(
    "one observation of one profile",
    (
        ACCOUNT,
        *PROFILE_FACTS,
        Column("full_name", pa.string(), "Display name of the profile"),
        Column("business", pa.bool_(), "True for business accounts"),
        Column("category", pa.string(), "Business category of the profile; null if unknown or none"),
        Column("external_url", pa.string(), "External URL on the profile; null if unknown or none"),
        Column("observed_at", MOMENT, "Observation timestamp of the profile"),
        Column("extra", pa.string(), "Unmapped source fields as a JSON object; null if none or not kept"),
        Column("warnings", TEXTS, "Validation warnings of the accepted record; empty if none"),
        Column("source_file", pa.string(), "Name of the source file"),
        Column("source_sha256", pa.string(), "SHA-256 of the source file"),
        Column("source_index", pa.int64(), "Zero-based index of the record in the source file"),
    ),
    ("account", "observed_at"),
    BY_ACCOUNT,
)

POSTS = Contract(
    "one post or reel: its newest observation, with pictures if any had some, and the owner's profile of that time",
    (
        *_POST_COLUMNS,
        *PROFILE_FACTS,
        Column(
            "profile_observed_at",
            MOMENT,
            "Observation timestamp of the joined owner profile: the one nearest to `observed_at`",
        ),
        Column("observations", pa.int64(), "Number of observations of the post"),
    ),
    ("account", "post_id"),
    BY_CELL,
)


RAW_ADS = Contract(
    "one observation of one ad",
    (
        Column(
            "ad_id",
            pa.string(),
            "Instagram's ID of the ad's post, computed from the shortcode in `url`; `url` itself if it has none",
        ),
        Column("account", pa.string(), "Username of the account that published the ad, in lower case; null if unknown"),
        Column("url", pa.string(), "URL of the ad"),
        Column("taken_at", MOMENT, "Publication timestamp of the ad"),
        Column("observed_at", MOMENT, "Observation timestamp: when the metrics were read"),
        Column("caption", pa.string(), "Caption text of the ad"),
        Column("views", pa.int64(), "View count as stated in the source table; null if unknown"),
        Column("likes", pa.int64(), "Number of likes; null if unknown"),
        Column("comments", pa.int64(), "Number of comments; null if unknown"),
        Column("extra", pa.string(), "Unmapped source columns as a JSON object; null if none"),
        Column("warnings", TEXTS, "Validation warnings of the accepted row; empty if none"),
        Column("source_file", pa.string(), "Name of the source file"),
        Column("source_sha256", pa.string(), "SHA-256 of the source file"),
        Column("source_index", pa.int64(), "Zero-based index of the row in the source file"),
    ),
    ("ad_id", "observed_at"),
)


# Unpartitioned, as `raw_ads`: files of comments have the post of each comment, but rarely the post's owner, so there
# is no account to partition by. Comments are queried by post.
RAW_COMMENTS = Contract(
    "one observation of one comment",
    (
        Column("comment_id", pa.string(), "Instagram's ID of the comment"),
        Column("post_id", pa.string(), "Instagram's ID of the commented post; null if unknown"),
        Column("shortcode", pa.string(), "Shortcode of the commented post, as in its URL; null if unknown"),
        Column(
            "account",
            pa.string(),
            "Username of the collected account, in lower case; null if the source has the comment without its post",
        ),
        Column(
            "commenter",
            pa.string(),
            "Stable pseudonym of the comment's author; null if the author is unknown (such as a deleted user)",
        ),
        Column(
            "reply_to", pa.string(), "`comment_id` of the parent comment; null for top-level comments or if unknown"
        ),
        Column("taken_at", MOMENT, "Publication timestamp of the comment"),
        Column("observed_at", MOMENT, "Observation timestamp of the comment"),
        Column(
            "text",
            pa.string(),
            "Comment text; @names are pseudonymized, e-mail addresses and telephone numbers masked",
        ),
        Column("likes", pa.int64(), "Number of likes; null if unknown"),
        Column("warnings", TEXTS, "Validation warnings of the accepted comment; empty if none"),
        Column("source_file", pa.string(), "Name of the source file"),
        Column("source_sha256", pa.string(), "SHA-256 of the source file"),
        Column("source_index", pa.int64(), "Zero-based index of the record in the source file"),
    ),
    ("comment_id", "observed_at"),
)
