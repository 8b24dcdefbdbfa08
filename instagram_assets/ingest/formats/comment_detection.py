"""What other people wrote under a post: recognised wherever it stands, and taken out of what is kept.

Nobody under a post asked to be collected. A comment that is a whole record is quarantined without its content; one
inside a record is taken out before anything of the record is kept, in tables and in quarantine alike. Where a setting
asks for comments, `comment_parts` finds them, and they are kept in a table of their own under pseudonyms.
"""

from typing import Any

from instagram_assets.ingest.formats.shapes import PRIVATE
from instagram_assets.ingest.reader.json_values import Record, kind_of

FORMAT = "comments"
DROPPED = (
    "a comment, dropped on purpose: other people's words are not kept; "
    "INSTAGRAM_ASSETS_INGEST__KEEP_COMMENTS=true keeps them under pseudonyms"
)

OWN_WORDS = frozenset(("caption", "edge_media_to_caption"))
"""Keys below which stand the words of the post's own author, in a form like a comment's."""

_INSTEAD = "(a comment, not kept)"
_WORDS = frozenset(("text", "comment", "commentText", "comment_text"))
# What only stands beside a comment's words, in the forms of Apify, the site and the app.
_SIGNS = frozenset(
    {
        *("commentUrl", "commentId", "comment_id", "postUrl", "repliesCount", "replies", "answers", "position"),
        *("created_at", "created_at_utc", "comment_like_count", "child_comment_count", "edge_threaded_comments"),
        *("parent_comment_id", "replied_to_comment_id", "ownerProfilePicUrl", "ownerIsVerified", "did_report_as_spam"),
        *("ownerUsername", "ownerId", "owner", "user", "user_id"),
    }
)
_WRITER = frozenset(("username", "userName", "author", "from", "name", "fullName", "full_name"))
_POST = frozenset(
    {
        *("caption", "shortCode", "shortcode", "code", "displayUrl", "display_url", "image_versions2", "media_type"),
        *("childPosts", "images", "taken_at", "taken_at_timestamp", "edge_media_to_caption", "followersCount"),
        *("biography", "edge_followed_by", "instaloader"),
    }
)
_PICTURES = frozenset(("profile_pic_url", "profile_pic_url_hd", "profilePicUrl", "profilePicUrlHD"))


def is_comment(record: Record) -> bool:
    """True for a record that is a comment."""
    return "commentUrl" in record or _is_comment(record, _SIGNS)


def is_comment_inside(record: Record) -> bool:
    """True for what is a comment where it stands inside another record: there, a name beside a text is enough."""
    return "commentUrl" in record or _is_comment(record, _SIGNS | _WRITER)


def public(value: object, *, nested: bool = False, own: bool = False) -> Any:
    """A JSON value without comments, and without likers and pictures of other people.

    `nested` values are judged themselves; where the author's `own` words stand, nothing is taken for a comment.
    """
    if isinstance(value, list):
        return [public(item, nested=True, own=own) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(value, dict):
        return value
    record: Record = value
    if nested and not own and is_comment_inside(record):
        return _INSTEAD
    dropped = PRIVATE | _PICTURES if nested else PRIVATE
    return {
        key: public(inner, nested=True, own=own or key in OWN_WORDS) if isinstance(inner, dict | list) else inner
        for key, inner in record.items()
        if key not in dropped
    }


def outline(record: Record) -> Record:
    """Only which keys a record has and what kind of value stands there: of whom it tells is not known."""
    return {key: f"({kind_of(value)})" for key, value in record.items()}


def _is_comment(record: Record, signs: frozenset[str]) -> bool:
    keys = record.keys()
    return not keys.isdisjoint(_WORDS) and not keys.isdisjoint(signs) and keys.isdisjoint(_POST)
