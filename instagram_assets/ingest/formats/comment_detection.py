"""Detection of other people's comments, which are removed from everything that is stored.

Commenters have not agreed to be collected. A comment that is a whole record is quarantined without its content; one
nested in a record is removed before anything of the record is stored, in tables and in quarantine alike. If a setting
enables comments, `comments.parts_in` yields them, and they are stored in their own table under pseudonyms.
"""

from typing import Any

from instagram_assets.ingest.formats.field_mapping import PRIVATE
from instagram_assets.ingest.reader.json_values import Record, json_type_name

FORMAT = "comments"
DROPPED = (
    "a comment, dropped on purpose: other people's words are not kept; "
    "INSTAGRAM_ASSETS_INGEST__KEEP_COMMENTS=true keeps them under pseudonyms"
)

OWN_WORDS = frozenset(("caption", "edge_media_to_caption"))
"""Keys whose values are texts of the post's author, although they are structured like a comment."""

_INSTEAD = "(a comment, not kept)"
_WORDS = frozenset(("text", "comment", "commentText", "comment_text"))
# Fields that occur only next to a comment's text, in the formats of Apify, the site and the app.
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
    """True if a whole record is a comment, judging by its keys."""
    return "commentUrl" in record or _is_comment(record, _SIGNS)


def is_comment_inside(record: Record) -> bool:
    """True if an object nested in a record is a comment: a user name and a text are enough signs there."""
    return "commentUrl" in record or _is_comment(record, _SIGNS | _WRITER)


def public(value: object, *, nested: bool = False, own: bool = False) -> Any:
    """Return a JSON value without comments, likers, and profile images of other people.

    With `nested`, the value itself may be a comment. With `own`, it is the post author's own text, and nothing in it is
    treated as a comment.
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
    """Return a record with each value replaced by its JSON type: values of unknown records may be personal data."""
    return {key: f"({json_type_name(value)})" for key, value in record.items()}


def _is_comment(record: Record, signs: frozenset[str]) -> bool:
    keys = record.keys()
    return not keys.isdisjoint(_WORDS) and not keys.isdisjoint(signs) and keys.isdisjoint(_POST)
