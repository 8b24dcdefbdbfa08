"""Format of Meta's Graph API ("Instagram API with Facebook Login"): media, pages of media, business discovery.

From the reference of v25.0 (2026). This API has its own `id`s: the post's id is computed from the code in `permalink`,
so that it equals the id in other exports. Posts of a hashtag have no owner: they are accepted only if the record says
which hashtag was collected.
"""

from dataclasses import replace

from instagram_assets.errors import RecordError
from instagram_assets.ingest.formats.field_mapping import (
    PRIVATE,
    Part,
    Picture,
    PostMapping,
    ProfileMapping,
    first_value,
    records_in,
    value_at,
)
from instagram_assets.ingest.post_ids import post_id_of, shortcode_from_url
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.record_source import RecordSource

_TYPES: dict[object, str] = {"IMAGE": "image", "VIDEO": "video", "CAROUSEL_ALBUM": "sidecar"}

_OF_MEDIA = frozenset(("permalink", "media_url", "thumbnail_url", "timestamp", "media_product_type"))
_OF_USERS = frozenset(("followers_count", "follows_count", "media_count"))


def is_media(record: Record) -> bool:
    """True for a post: `media_type` is in capitals, and at least two more fields that can be requested are present."""
    kind = record.get("media_type")
    return isinstance(kind, str) and kind in _TYPES and len(record.keys() & _OF_MEDIA) >= 2 and "code" not in record


def is_user(record: Record) -> bool:
    """True for a profile: that of the logged-in user, or the result of a business discovery."""
    keys = record.keys()
    return "username" in keys and not keys.isdisjoint(_OF_USERS) and "pk" not in keys and "follower_count" not in keys


def is_refusal(record: Record) -> bool:
    """True for an error response of the Graph API."""
    error = record.get("error")
    return isinstance(error, dict) and "message" in error and ("code" in error or "type" in error)


def owned(record: Record, account: str | None) -> Record:
    """Return a post with `account` as its owner if it has none and `account` is not a hashtag; else unchanged."""
    if account is None or account.startswith("#") or first_value(record, _OWNER) is not None:
        return record
    return {**record, "username": account}


def parse(record: Record, source: RecordSource) -> tuple[Part, ...]:
    """Return the record as a single post. Raises RecordError if it has no owner."""
    if first_value(record, _OWNER) is None:
        raise RecordError("username", "was not asked for, and answers of hashtags never have it: whose post is it?")
    return (Part(POST, record),)


def _code(media: Record) -> object:
    return first_value(media, ("shortcode",)) or shortcode_from_url(media.get("permalink"))


def _post_id(media: Record) -> object:
    code = _code(media)
    number = post_id_of(code) if isinstance(code, str) else None
    return number if number is not None else first_value(media, ("ig_id", "id"))


def _is_reel(media: Record) -> bool:
    """True for a reel: by its product type or, if that is missing as in a hashtag's posts, by its URL."""
    product = media.get("media_product_type")
    return product == "REELS" if product is not None else "/reel/" in str(media.get("permalink"))


def _likes_hidden(media: Record) -> bool:
    """True if the response has the number of comments but no number of likes."""
    return "comments_count" in media and media.get("like_count") is None


def _pictures(media: Record) -> list[Picture]:
    if media.get("media_type") != "CAROUSEL_ALBUM":
        return [_picture(media)]
    children = media.get("children")
    return [_picture(child) for child in records_in(children.get("data") if isinstance(children, dict) else children)]


def _picture(media: Record) -> Picture:
    if media.get("media_type") == "VIDEO":
        return Picture(media.get("thumbnail_url"), media.get("media_url"))
    return Picture(media.get("media_url") or media.get("thumbnail_url"))


_OWNER = ("username", "owner.username")

POST = PostMapping(
    fields={
        "post_id": ("permalink", "ig_id", "id"),
        "shortcode": ("shortcode", "permalink"),
        "owner": _OWNER,
        "type": ("media_type",),
        "product_type": ("media_product_type",),
        "url": ("permalink",),
        "taken_at": ("timestamp",),
        "caption": ("caption",),
        "likes": ("like_count",),
        "likes_hidden": ("like_count",),
        "comments": ("comments_count",),
        "views": ("view_count",),
        "alt": ("alt_text",),
        "comments_disabled": ("is_comment_enabled",),
    },
    derived={
        "post_id": _post_id,
        "shortcode": _code,
        "likes_hidden": _likes_hidden,
        "product_type": lambda media: _product(media.get("media_product_type")),
        "comments_disabled": lambda media: None if (on := media.get("is_comment_enabled")) is None else on is False,
    },
    known=PRIVATE
    | {
        *("id", "ig_id", "shortcode", "permalink", "username", "owner", "media_type", "media_product_type", "caption"),
        *("timestamp", "like_count", "comments_count", "view_count", "media_url", "thumbnail_url", "children"),
        *("alt_text", "is_comment_enabled", "is_shared_to_feed", "comments"),
    },
    types=_TYPES,
    pictures=_pictures,
    media_fields=("media_url", "media_url", "children"),
    is_reel=lambda media, _: _is_reel(media),
    cover=lambda media: Picture(first_value(media, ("media_url", "thumbnail_url"))),
    bare="ask for media_url and thumbnail_url; the API gives none of what is under licence or may not be fetched",
)


OF_HASHTAG = replace(POST)
"""Field mapping for a hashtag's posts, which have fewer fields; separate, so that these are not schema drift."""


def _product(name: object) -> object:
    """Convert the API's product type to Instagram's internal term: `clips` for reels."""
    return {"REELS": "clips", "FEED": "feed"}.get(name, name) if isinstance(name, str) else name


def error_of(record: Record) -> str:
    """Return the error message of an error response."""
    return str(value_at(record, "error.message") or "no reason given")


PROFILE = ProfileMapping(
    fields={
        "account": ("username",),
        "profile_id": ("ig_id",),
        "followers": ("followers_count",),
        "follows": ("follows_count",),
        "posts_count": ("media_count",),
        "biography": ("biography",),
        "full_name": ("name",),
        "external_url": ("website",),
    },
    known=PRIVATE
    | {
        *("id", "ig_id", "username", "followers_count", "follows_count", "media_count", "biography", "name"),
        *("website", "profile_picture_url", "media", "account_type", "user_id"),
    },
)
