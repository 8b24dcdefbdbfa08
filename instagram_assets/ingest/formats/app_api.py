"""Format of the Instagram app's API: posts and profiles. Also used by the site when logged in, and its collectors."""

from instagram_assets.ingest.formats.field_mapping import (
    PRIVATE,
    Picture,
    PostMapping,
    ProfileMapping,
    first_value,
    records_in,
    value_at,
)
from instagram_assets.ingest.post_ids import post_url, unrounded_id
from instagram_assets.ingest.reader.json_values import Record

_IMAGE, _VIDEO, SIDECAR = 1, 2, 8
_TYPES: dict[object, str] = {_IMAGE: "image", SIDECAR: "sidecar", _VIDEO: "video"}
_SIGNS = frozenset(
    {
        *("pk", "id", "taken_at", "media_type", "image_versions2", "carousel_media", "video_versions"),
        *("caption", "user", "like_count", "product_type"),
    }
)


def is_item(record: Record) -> bool:
    """True for a post of the app's API: it has a code, and at least two more of the post's fields."""
    return "code" in record and len(record.keys() & _SIGNS) >= 2 and not isinstance(record.get("media_type"), str)


def is_user(record: Record) -> bool:
    """True for a profile of the app's API: it has a name, and a number of followers or followed accounts."""
    keys = record.keys()
    return "username" in keys and ("follower_count" in keys or "following_count" in keys)


def post_id(item: Record) -> object:
    """Return the post's own id: ids here are "<post>_<owner>", while all other formats use only the first half."""
    return unrounded_id(item.get("pk"), item.get("id"))


def owner_id(item: Record) -> object:
    """Return the owner's id, from the owner object or from "<post>_<owner>"."""
    if (number := first_value(item, _OWNER_ID)) is not None:
        return number
    return item["id"].partition("_")[2] if isinstance(item.get("id"), str) else None


def _type(item: Record) -> object:
    if (kind := item.get("media_type")) is not None:
        return kind
    if item.get("carousel_media"):
        return SIDECAR
    return _VIDEO if item.get("video_versions") else _IMAGE if "image_versions2" in item else None


def _caption(item: Record) -> object:
    caption = item.get("caption")
    if caption is None:
        return "" if "caption" in item else None
    return caption.get("text") if isinstance(caption, dict) else caption


def _pictures(item: Record) -> list[Picture]:
    if _type(item) != SIDECAR:
        return [picture(item)]
    return [picture(child) for child in records_in(item.get("carousel_media"))]


def picture(item: Record) -> Picture:
    """Return the URLs of the largest image and video of a post or of one item of an album."""
    image, video = _largest(first_value(item, _IMAGES)), _largest(item.get("video_versions"))
    width, height = item.get("original_width"), item.get("original_height")
    address = image.get("url") or first_value(item, _ONE_IMAGE)
    video_address = video.get("url") or item.get("video_url")
    return Picture(address, video_address, width or image.get("width"), height or image.get("height"))


def _largest(versions: object) -> Record:
    """Return the image or video version with the most pixels; the first one on a tie."""
    return max(records_in(versions), key=_pixels, default={})


def _pixels(version: Record) -> int:
    width, height = version.get("width"), version.get("height")
    return width * height if isinstance(width, int) and isinstance(height, int) else 0


_IMAGES = ("image_versions2.candidates", "image_versions.items")
_ONE_IMAGE = ("thumbnail_url", "display_uri", "display_url")
_OWNER_ID = ("user.pk", "user.id", "owner.pk", "owner.id")

POST = PostMapping(
    fields={
        "post_id": ("pk", "id"),
        "shortcode": ("code",),
        "owner": ("user.username", "owner.username"),
        "owner_id": (*_OWNER_ID, "id"),
        "owner_full_name": ("user.full_name", "owner.full_name"),
        "type": ("media_type",),
        "product_type": ("product_type",),
        "taken_at": ("taken_at",),
        "caption": ("caption",),
        "likes": ("like_count",),
        "likes_hidden": ("like_and_view_counts_disabled",),
        "comments": ("comment_count",),
        "views": ("view_count", "video_view_count"),
        "plays": ("play_count", "ig_play_count"),
        "shares": ("reshare_count",),
        "duration": ("video_duration",),
        "width": ("original_width",),
        "height": ("original_height",),
        "location": ("location.name",),
        "alt": ("accessibility_caption",),
        "pinned": ("timeline_pinned_user_ids", "clips_tab_pinned_user_ids"),
        "sponsored": ("is_paid_partnership",),
        "comments_disabled": ("comments_disabled", "commenting_disabled_for_viewer"),
        "coauthors": ("coauthor_producers",),
        "tagged": ("usertags",),
    },
    derived={
        "post_id": post_id,
        "owner_id": owner_id,
        "type": _type,
        "url": lambda item: post_url(item.get("code")),
        "caption": _caption,
        "pinned": lambda item: bool(first_value(item, ("timeline_pinned_user_ids", "clips_tab_pinned_user_ids"))),
        "tagged": lambda item: [tagged.get("user") for tagged in records_in(value_at(item, "usertags.in"))],
    },
    known=PRIVATE
    | {
        *("pk", "id", "code", "media_type", "taken_at", "caption", "like_count", "comment_count", "image_versions2"),
        *("image_versions", "thumbnail_url", "display_url", "video_url"),
        *("video_versions", "carousel_media", "carousel_media_count", "carousel_media_ids", "user", "owner"),
        *("product_type", "view_count", "video_view_count", "play_count", "ig_play_count", "reshare_count"),
        *("video_duration", "original_width", "original_height", "location", "accessibility_caption", "usertags"),
        *("timeline_pinned_user_ids", "clips_tab_pinned_user_ids", "is_paid_partnership", "comments_disabled"),
        *("commenting_disabled_for_viewer", "coauthor_producers", "like_and_view_counts_disabled", "has_liked"),
        *("has_viewer_saved", "viewer_has_liked", "viewer_can_reshare", "strong_id__", "fbid", "device_timestamp"),
        *(
            "logging_info_token",
            "organic_tracking_token",
            "client_cache_key",
            "filter_type",
            "lat",
            "lng",
            "caption_is_edited",
        ),
        *("clips_metadata", "has_audio", "video_dash_manifest", "is_dash_eligible", "number_of_qualities", "preview"),
        *("_zs_partial", "_zs_instagram_view", "_zs_html_embedded_json", "__import_meta"),
        *("has_privately_liked", "photo_of_you", "can_viewer_reshare", "can_see_insights_as_brand", "boosted_status"),
        *("display_uri", "media_overlay_info", "sharing_friction_info", "invited_coauthor_producers", "__typename"),
    },
    types=_TYPES,
    pictures=_pictures,
    media_fields=("image_versions2", "video_versions", "carousel_media"),
    is_reel=lambda item, _: item.get("product_type") == "clips",
    cover=picture,
)

PROFILE = ProfileMapping(
    fields={
        "account": ("username",),
        "profile_id": ("pk", "id"),
        "followers": ("follower_count",),
        "follows": ("following_count",),
        "posts_count": ("media_count",),
        "biography": ("biography",),
        "private": ("is_private",),
        "verified": ("is_verified",),
        "full_name": ("full_name",),
        "business": ("is_business", "is_business_account"),
        "category": ("category", "category_name", "business_category_name"),
        "external_url": ("external_url",),
    },
    # Contact data and locations of a person are dropped on purpose.
    known=PRIVATE
    | {
        *("username", "pk", "pk_id", "id", "strong_id__", "follower_count", "following_count", "media_count"),
        *("biography", "is_private", "is_verified", "full_name", "is_business", "is_business_account", "category"),
        *("category_name", "business_category_name", "external_url", "external_lynx_url", "biography_with_entities"),
        *("bio_links", "profile_pic_url_hd", "profile_pic_id", "hd_profile_pic_versions", "hd_profile_pic_url_info"),
        *("public_email", "contact_phone_number", "public_phone_number", "public_phone_country_code"),
        *("business_contact_method", "address_street", "city_id", "city_name", "latitude", "longitude", "zip"),
        *("instagram_location_id", "interop_messaging_user_fbid", "fbid", "fbid_v2", "mutual_followers_count"),
        *("profile_context", "profile_context_links_with_user_ids", "profile_context_facepile_users", "chaining"),
        *("profile_pic_url", "has_anonymous_profile_picture", "account_badges", "stories", "latest_reel_media"),
    },
)
