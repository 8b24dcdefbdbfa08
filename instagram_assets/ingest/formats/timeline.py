"""Posts as the logged-in site and the app's API hand them out, one by one or in pages."""

from collections.abc import Iterator
from typing import Any

from instagram_assets.ingest.formats import graphql
from instagram_assets.ingest.formats.shapes import PRIVATE, Part, Picture, PostShape, find, first, nodes_in, records_in
from instagram_assets.ingest.posts import address_of
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.source import Source

_IMAGE, _VIDEO, _SIDECAR = 1, 2, 8
# The connections of posts in GraphQL answers: timelines with and without log-in, and reels.
_CONNECTIONS = (
    "xdt_api__v1__feed__user_timeline_graphql_connection",
    "xdt_api__v1__clips__user__connection_v2",
    "edge_owner_to_timeline_media",
)
_SINGLE = "xdt_shortcode_media"


def is_item(record: Record) -> bool:
    """True for one post of a timeline, also inside {"node": …} or {"media": …}."""
    item = _unwrapped(record)
    if item is not record and graphql.is_node(item):
        return True
    return "code" in item and not item.keys().isdisjoint(("taken_at", "media_type", "image_versions2", "pk"))


def is_page(record: Record) -> bool:
    """True for a page of posts."""
    return any(True for _ in _connections(record)) or isinstance(record.get("items"), list)


def item_parts(record: Record, source: Source) -> tuple[Part, ...]:
    """One post."""
    return (_part(record, ""),)


def page_parts(record: Record, source: Source) -> Iterator[Part]:
    """The posts of a page in their order."""
    for place, connection in _connections(record):
        for where, node in [("", connection)] if place.endswith(_SINGLE) else nodes_in(connection):
            yield _part(node, f"{place}.{where}".strip("."))
    for number, item in enumerate(records_in(record.get("items"))):
        yield _part(item, f"items[{number}]")


def _part(node: Record, place: str) -> Part:
    inner = _unwrapped(node)
    return Part(graphql.POST if "shortcode" in inner else POST, inner, place)


def _unwrapped(record: Record) -> Record:
    for key in ("node", "media"):
        if isinstance(inner := record.get(key), dict):
            record = inner
    return record


def _connections(record: Record) -> Iterator[tuple[str, Any]]:
    for place in ("", "data.", "data.user."):
        for name in (*_CONNECTIONS, _SINGLE):
            if isinstance(connection := find(record, place + name), dict):
                yield place + name, connection


def _post_id(item: Record) -> object:
    """The post's own number: these ids are "<post>_<owner>", and every other format writes the post alone."""
    if (number := item.get("pk")) is not None:
        return number
    return item["id"].partition("_")[0] if isinstance(item.get("id"), str) else item.get("id")


def _owner_id(item: Record) -> object:
    if (number := first(item, _OWNER_ID)) is not None:
        return number
    return item["id"].partition("_")[2] if isinstance(item.get("id"), str) else None


def _type(item: Record) -> object:
    if (kind := item.get("media_type")) is not None:
        return kind
    if item.get("carousel_media"):
        return _SIDECAR
    return _VIDEO if item.get("video_versions") else _IMAGE if "image_versions2" in item else None


def _caption(item: Record) -> object:
    caption = item.get("caption")
    if caption is None:
        return "" if "caption" in item else None
    return caption.get("text") if isinstance(caption, dict) else caption


def _pictures(item: Record) -> list[Picture]:
    if _type(item) != _SIDECAR:
        return [_picture(item)]
    return [_picture(child) for child in records_in(item.get("carousel_media"))]


def _picture(item: Record) -> Picture:
    image, video = _largest(find(item, "image_versions2.candidates")), _largest(item.get("video_versions"))
    width, height = item.get("original_width"), item.get("original_height")
    return Picture(image.get("url"), video.get("url"), width or image.get("width"), height or image.get("height"))


def _largest(versions: object) -> Record:
    """The version with the most pixels, the first of several."""
    return max(records_in(versions), key=_pixels, default={})


def _pixels(version: Record) -> int:
    width, height = version.get("width"), version.get("height")
    return width * height if isinstance(width, int) and isinstance(height, int) else 0


_OWNER_ID = ("user.pk", "user.id", "owner.pk", "owner.id")

POST = PostShape(
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
        "post_id": _post_id,
        "owner_id": _owner_id,
        "type": _type,
        "url": lambda item: address_of(item.get("code")),
        "caption": _caption,
        "pinned": lambda item: bool(first(item, ("timeline_pinned_user_ids", "clips_tab_pinned_user_ids"))),
        "tagged": lambda item: [tagged.get("user") for tagged in records_in(find(item, "usertags.in"))],
    },
    known=PRIVATE
    | {
        *("pk", "id", "code", "media_type", "taken_at", "caption", "like_count", "comment_count", "image_versions2"),
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
        *("has_privately_liked", "photo_of_you", "can_viewer_reshare", "can_see_insights_as_brand", "boosted_status"),
        *("display_uri", "media_overlay_info", "sharing_friction_info", "invited_coauthor_producers", "__typename"),
    },
    types={_IMAGE: "image", _SIDECAR: "sidecar", _VIDEO: "video"},
    pictures=_pictures,
    media_fields=("image_versions2", "video_versions", "carousel_media"),
    is_reel=lambda item, _: item.get("product_type") == "clips",
)
