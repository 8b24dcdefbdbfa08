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
    Column("shortcode", pa.string(), "Code in the post's address"),
    ACCOUNT,
    DAY,
    Column("kind", pa.string(), "`post` or `reel`"),
    Column("owner", pa.string(), "Account that posted; differs from `account` in collaborations"),
    Column("owner_id", pa.string(), "Instagram's id of the owner"),
    Column("owner_full_name", pa.string(), "Display name of the owner"),
    Column("type", pa.string(), "`image`, `sidecar` or `video`; null where an export of few fields does not tell"),
    Column("product_type", pa.string(), "Instagram's own product: `clips`, `feed`, `igtv`"),
    Column("url", pa.string(), "Address of the post"),
    Column("taken_at", MOMENT, "When the post was published"),
    Column("observed_at", MOMENT, "When these numbers were read"),
    Column("caption", pa.string(), "Text of the post; null when unknown, empty when there is none"),
    Column(
        "caption_sha256",
        pa.string(),
        "Hash of the caption as received, before clean-up; after a name in it was forgotten, of what is left, or null",
    ),
    Column("caption_truncated", pa.bool_(), "True when the caption was longer than Instagram allows"),
    Column("hashtags", TEXTS, "Hashtags of the caption, without #, and the collector's own where it lists more"),
    Column("mentions", TEXTS, "Accounts that the caption mentions, and the collector's own where it lists more"),
    Column("likes", pa.int64(), "Likes; null when hidden or unknown"),
    Column("likes_hidden", pa.bool_(), "True when the owner hides the number of likes"),
    Column("comments", pa.int64(), "Number of comments"),
    Column("views", pa.int64(), "Video views as Instagram counts them: unique and long enough"),
    Column("plays", pa.int64(), "Times that the video was started"),
    Column("shares", pa.int64(), "Times that the post was shared"),
    Column("duration", pa.float64(), "Length of the video in seconds"),
    Column("width", pa.int32(), "Width of the first medium in pixels"),
    Column("height", pa.int32(), "Height of the first medium in pixels"),
    Column("location", pa.string(), "Name of the place that the owner gave"),
    Column("alt", pa.string(), "Instagram's own description of the picture"),
    Column("pinned", pa.bool_(), "True when pinned to the top of the profile"),
    Column("sponsored", pa.bool_(), "Marked as sponsored; collectors often get this wrong"),
    Column("comments_disabled", pa.bool_(), "True when nobody may comment"),
    Column("coauthors", TEXTS, "Accounts that published the post together with the owner"),
    Column("tagged", TEXTS, "Accounts tagged in the picture"),
    Column("media", MEDIA, "Images and videos in their order, each with its address, or `archive://ACCOUNT/PATH`"),
    Column("extra", pa.string(), "Fields without a column here, as JSON"),
    Column("warnings", TEXTS, "What was odd about the record, yet accepted"),
    Column("source_file", pa.string(), "Name of the file that the record came in"),
    Column("source_sha256", pa.string(), "Hash of that file's bytes"),
    Column("source_index", pa.int64(), "Place of the record in that file, from 0"),
)

PROFILE_FACTS = (
    Column("profile_id", pa.string(), "Instagram's id of the profile, verbatim"),
    Column("followers", pa.int64(), "Number of followers"),
    Column("follows", pa.int64(), "Number of accounts that the profile follows"),
    Column("posts_count", pa.int64(), "Number of posts on the profile"),
    Column("biography", pa.string(), "Text of the profile"),
    Column("private", pa.bool_(), "True when only followers see the posts"),
    Column("verified", pa.bool_(), "True when Instagram verified the profile"),
)

POSTS_RAW = Contract("one observation of one post", _POST_COLUMNS, ("account", "post_id", "observed_at"), BY_CELL)

PROFILES_RAW = Contract(
    "one observation of one profile",
    (
        ACCOUNT,
        *PROFILE_FACTS,
        Column("full_name", pa.string(), "Display name"),
        Column("business", pa.bool_(), "True for business accounts"),
        Column("category", pa.string(), "Business category"),
        Column("external_url", pa.string(), "Link on the profile"),
        Column("observed_at", MOMENT, "When the profile was read"),
        Column("extra", pa.string(), "Fields without a column here, as JSON"),
        Column("warnings", TEXTS, "What was odd about the record, yet accepted"),
        Column("source_file", pa.string(), "Name of the file that the record came in"),
        Column("source_sha256", pa.string(), "Hash of that file's bytes"),
        Column("source_index", pa.int64(), "Place of the record in that file, from 0"),
    ),
    ("account", "observed_at"),
    BY_ACCOUNT,
)

POSTS = Contract(
    "one post or reel: its newest observation, with pictures if any had some, and the owner's profile of that time",
    (
        *_POST_COLUMNS,
        *PROFILE_FACTS,
        Column("profile_observed_at", MOMENT, "When the owner's profile was read, nearest to `observed_at`"),
        Column("observations", pa.int64(), "How often the post was observed"),
    ),
    ("account", "post_id"),
    BY_CELL,
)


RAW_ADS = Contract(
    "one observation of one ad",
    (
        Column("ad_id", pa.string(), "Instagram's id of the post, from the code in its address; else the address"),
        Column("account", pa.string(), "Account that the ad is of, in lower case; null where nothing says it"),
        Column("url", pa.string(), "Address of the ad"),
        Column("taken_at", MOMENT, "When the ad was published"),
        Column("observed_at", MOMENT, "When its numbers were read"),
        Column("caption", pa.string(), "Text of the ad"),
        Column("views", pa.int64(), "Views, as the table counts them"),
        Column("likes", pa.int64(), "Likes; null when unknown"),
        Column("comments", pa.int64(), "Number of comments"),
        Column("extra", pa.string(), "Columns of the table without a column here, as JSON"),
        Column("warnings", TEXTS, "What was odd about the row, yet accepted"),
        Column("source_file", pa.string(), "Name of the file that the row came in"),
        Column("source_sha256", pa.string(), "Hash of that file's bytes"),
        Column("source_index", pa.int64(), "Place of the row in that file, from 0"),
    ),
    ("ad_id", "observed_at"),
)


# Unpartitioned, as `raw_ads`: files of comments have the post of each comment, but rarely the post's owner, so there
# is no account to partition by. Comments are queried by post.
RAW_COMMENTS = Contract(
    "one observation of one comment",
    (
        Column("comment_id", pa.string(), "Instagram's id of the comment"),
        Column("post_id", pa.string(), "Instagram's id of the post that it is under; null where nothing says it"),
        Column("shortcode", pa.string(), "Code in that post's address"),
        Column("account", pa.string(), "Account that was collected, in lower case; null where it came without a post"),
        Column(
            "commenter",
            pa.string(),
            "Pseudonym of who wrote it, the same wherever they wrote; null where nobody is named, as of deleted users",
        ),
        Column("reply_to", pa.string(), "`comment_id` of the comment that it answers; null for one under the post"),
        Column("taken_at", MOMENT, "When it was written"),
        Column("observed_at", MOMENT, "When it was read"),
        Column(
            "text",
            pa.string(),
            "Its text, with pseudonyms for @names and marks for e-mail addresses and telephone numbers",
        ),
        Column("likes", pa.int64(), "Likes; null when unknown"),
        Column("warnings", TEXTS, "What was odd about the comment, yet accepted"),
        Column("source_file", pa.string(), "Name of the file that it came in"),
        Column("source_sha256", pa.string(), "Hash of that file's bytes"),
        Column("source_index", pa.int64(), "Place of its record in that file, from 0"),
    ),
    ("comment_id", "observed_at"),
)
