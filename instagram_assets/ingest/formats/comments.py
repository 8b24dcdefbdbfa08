"""Finds comments with their context in a record: alone, on pages of comments, below posts, and as replies.

Supported are the exports of Apify's comment scraper (2021 to 2025), the files that Instaloader writes beside posts
(`…_comments.json`), saved responses of the site, the app and the Graph API, and comments that Apify, Instaloader and
Zeeschuimer nest in a post.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from instagram_assets.errors import RecordError
from instagram_assets.ingest import field_values
from instagram_assets.ingest.formats.comment_detection import DROPPED, OWN_WORDS, is_comment, is_comment_inside
from instagram_assets.ingest.formats.field_mapping import CommentMapping, Part, value_at
from instagram_assets.ingest.post_ids import shortcode_from_url
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.record_source import RecordSource
from instagram_assets.privacy.pseudonyms import UNNAMED_PREFIX

PAGES = "comment_pages"
"""Name of the format of records that are not comments themselves, but contain only comments."""

ANSWERED, POST_ID, SHORTCODE = "(comment it stands under)", "(post it stands under)", "(code of that post)"
"""Keys added to a comment's record: the comment it replies to, its post's id, and its post's shortcode."""

_NAMES = (
    *("ownerUsername", "owner.username", "user.username", "from.username", "author.username", "username", "userName"),
    "author",
)
_NUMBERS = ("ownerId", "owner.id", "owner.pk", "user.pk", "user.id", "user_id", "from.id")
DISPLAYED = (
    *("owner.full_name", "user.full_name", "ownerFullName", "from.name", "fullName", "full_name", "name"),
    *("owner.fullName", "user.fullName", "author.name"),
)
"""Paths of a commenter's display name, which is not unique."""

# Lists in which every object with a text is a comment, even without a user name.
_LISTS = frozenset(
    {
        *("comments", "latestComments", "topComments", "preview_comments", "comments_preview", "hoisted_comments"),
        *("edge_media_to_comment", "edge_media_to_parent_comment", "edge_media_preview_comment"),
        *("edge_media_to_hoisted_comment", "edge_threaded_comments", "replies", "answers", "child_comments"),
        "preview_child_comments",
    }
)
# Fields with other posts and people, whose contents are not searched.
_OTHERS = OWN_WORDS | {
    *("childPosts", "latestPosts", "carousel_media", "edge_sidecar_to_children", "edge_web_media_to_related_media"),
    *("edge_owner_to_timeline_media", "edge_chaining", "chaining", "usertags", "edge_media_to_tagged_user"),
    *("taggedUsers", "coauthorProducers", "coauthor_producers", "owner", "user", "viewer", "relatedProfiles"),
}
_OF_POSTS = frozenset(
    {
        *("shortCode", "shortcode", "code", "displayUrl", "display_url", "image_versions2", "taken_at"),
        *("taken_at_timestamp", "edge_media_to_caption", "post_shortcode", "media_type", "biography"),
    }
)
_IDS = ("id", "pk", "commentId", "comment_id")
_WORDS = ("text", "commentText", "comment_text", "comment")
_ANSWERED = ("replied_to_comment_id", "parent_comment_id", "parentCommentId", "parentId")
_ADDRESSES = ("postUrl", "post_url", "commentUrl", "comment_url", "inputUrl", "url")


def username(comment: Record) -> str | None:
    """Return the commenter's account name, in lower case; None if there is none."""
    names = (field_values.strip_at_sign(name) for name in _texts(comment, _NAMES))
    return next((name.casefold() for name in names if field_values.is_account_name(name)), None)


def display_name(comment: Record) -> str | None:
    """Return the commenter's display name; None if there is none."""
    return next(_texts(comment, DISPLAYED), None)


def _commenter(comment: Record) -> str | None:
    """Return the commenter's identifier: the account name, else the account id, else the display name."""
    if name := username(comment):
        return name
    numbers = (value_at(comment, path) for path in _NUMBERS)
    for number in numbers:
        if number and isinstance(number, str | int | float) and not isinstance(number, bool) and number == number:
            return f"{UNNAMED_PREFIX}{int(number) if isinstance(number, float) and number.is_integer() else number}"
    shown = next(_texts(comment, (*_NAMES, *DISPLAYED)), None)
    return f"name {shown.casefold()}" if shown else None


def _texts(comment: Record, paths: Sequence[str]) -> Iterator[str]:
    found = (value_at(comment, path) for path in paths)
    return (stripped for value in found if isinstance(value, str) and (stripped := value.strip()))


def _answered(comment: Record) -> object:
    """Return the id of the comment that this one replies to.

    None if there is none, for which collectors also write 0 or "".
    """
    said = (comment.get(path) for path in _ANSWERED)
    return next((value for value in said if value not in (None, "", 0, "0")), comment.get(ANSWERED))


def _shortcode(comment: Record) -> object:
    if code := comment.get(SHORTCODE):
        return code
    return next((code for path in _ADDRESSES if (code := shortcode_from_url(comment.get(path)))), None)


COMMENT = CommentMapping(
    fields={
        "comment_id": _IDS,
        "post_id": ("postId", "post_id", "mediaId", "media_id", "media.pk", "media.id"),
        "shortcode": _ADDRESSES,
        "commenter": (*_NAMES, *_NUMBERS, *DISPLAYED),
        "reply_to": _ANSWERED,
        "taken_at": ("timestamp", "created_at_utc", "created_at", "createdAt", "created_time", "date"),
        "text": _WORDS,
        "likes": (
            *("likesCount", "comment_like_count", "likes_count", "like_count", "edge_liked_by.count"),
            "edge_media_preview_like.count",
        ),
    },
    known=frozenset(),
    derived={"commenter": _commenter, "reply_to": _answered, "shortcode": _shortcode},
)


class Around(NamedTuple):
    """Context of a comment: its post, the account that was collected, and the observation time."""

    post_id: str | None = None
    shortcode: str | None = None
    account: str | None = None
    observed_at: datetime | None = None


def parse(record: Record, source: RecordSource) -> Iterator[Part]:
    """Yield a comment and its replies, or the comments on a page. Raises RecordError if comments are dropped."""
    if source.pseudonym_of is None:
        raise RecordError("", DROPPED)
    post_id, shortcode, account = source.post_beside or (None, None, None)
    yield from parts_in(record, around=Around(post_id, shortcode, account))


def holds_any(record: Record) -> bool:
    """True if a record that is not a post contains a comment at any depth."""
    return any(True for _ in parts_in(record))


def parts_in(record: Record, path: str = "", around: Around = Around()) -> Iterator[Part]:  # noqa: B008
    """Yield all comments in a record that is not a post; it may be a comment itself. Nested posts are not searched."""
    if is_comment(record):
        yield from _with_replies(record, path, around, None, aside=False)
    elif record.keys().isdisjoint(_OF_POSTS):
        yield from _inside(record, path, around, None, aside=False)


def below_post(post: Record, path: str, around: Around) -> Iterator[Part]:
    """Yield the comments nested in a post; `around` is the post's id, shortcode and account."""
    yield from _inside(post, path, around, None, aside=True)


def _inside(record: Record, path: str, around: Around, answered: object, *, aside: bool) -> Iterator[Part]:
    for key, value in record.items():
        if isinstance(value, dict | list) and value and key not in _OTHERS:
            below = f"{path}.{key}" if path else key
            yield from _walk(value, below, around, answered, aside=aside, listed=key in _LISTS)


def _walk(value: Any, path: str, around: Around, answered: object, *, aside: bool, listed: bool) -> Iterator[Part]:
    if isinstance(value, list):
        items: list[Any] = value
        for number, item in enumerate(items):
            if isinstance(item, dict | list):
                yield from _walk(item, f"{path}[{number}]", around, answered, aside=aside, listed=listed)
        return
    record: Record = value
    if is_comment(record) or (_has_id(record) and (is_comment_inside(record) or (listed and _has_words(record)))):
        yield from _with_replies(record, path, around, answered, aside=aside)
    elif record.keys().isdisjoint(_OF_POSTS) or record.get("code", around.shortcode) == around.shortcode is not None:
        for key, inner in record.items():
            if isinstance(inner, dict | list) and key not in _OTHERS:
                is_listed = listed or key in _LISTS
                yield from _walk(inner, f"{path}.{key}", around, answered, aside=aside, listed=is_listed)


def _with_replies(record: Record, path: str, around: Around, answered: object, *, aside: bool) -> Iterator[Part]:
    """Yield a comment, followed by the replies nested in it; `answered` is the id of the comment that it replies to."""
    known = {ANSWERED: answered, POST_ID: around.post_id, SHORTCODE: around.shortcode}
    told = {**record, **{key: value for key, value in known.items() if value is not None}}
    yield Part(COMMENT, told, path, around.account, around.observed_at, aside)
    if around.shortcode is None and (code := _shortcode(record)):
        around = around._replace(shortcode=str(code))
    if around.post_id is None and isinstance(number := COMMENT.value("post_id", record), str):
        around = around._replace(post_id=number)
    yield from _inside(record, path, around, COMMENT.value("comment_id", record), aside=True)


def _has_id(record: Record) -> bool:
    return any(not field_values.is_missing(record.get(key)) for key in _IDS)


def _has_words(record: Record) -> bool:
    return any(isinstance(record.get(key), str) for key in _WORDS)
