"""Format of Instagram's GraphQL responses: nodes GraphImage, GraphVideo, GraphSidecar, with or without the prefix XDT.

Instaloader stores posts in the same format; when logged in it fills them from the app's API: then the timestamp is
`date`, the caption a plain text, and the rest is in `iphone_struct`.
"""

from instagram_assets.ingest.formats.field_mapping import (
    PRIVATE,
    Picture,
    PostMapping,
    ProfileMapping,
    first_value,
    nodes_in,
    records_in,
    value_at,
)
from instagram_assets.ingest.post_ids import post_url
from instagram_assets.ingest.reader.json_values import Record

_OF_NODES = frozenset(("__typename", "taken_at_timestamp", "date", "display_url", "owner", "is_video"))
_OF_USERS = frozenset(("edge_followed_by", "edge_follow", "biography"))


def is_node(record: Record) -> bool:
    """True for a post's node, with or without its wrapper object, even if a collector kept only its caption."""
    keys = record.keys()
    return "edge_media_to_caption" in keys or ("shortcode" in keys and not keys.isdisjoint(_OF_NODES))


def is_user(record: Record) -> bool:
    """True for a profile's node: a name with a biography or counts, which people mentioned in a post do not have."""
    keys = record.keys()
    if "username" not in keys:
        return False
    return not keys.isdisjoint(_OF_USERS) or value_at(record, "edge_owner_to_timeline_media.count") is not None


def _type(node: Record) -> object:
    if isinstance(name := node.get("__typename"), str):
        return name.removeprefix("XDT")
    if "edge_sidecar_to_children" in node:
        return "GraphSidecar"
    is_video = node.get("is_video")
    return None if not isinstance(is_video, bool) else "GraphVideo" if is_video else "GraphImage"


def _caption(node: Record) -> object:
    edges = value_at(node, "edge_media_to_caption.edges")
    if edges is None:
        # The app's API returns null for a post without text.
        return (node["caption"] or "") if "caption" in node else None
    return first_value(node, ("edge_media_to_caption.edges.0.node.text",)) if edges else ""


def _pictures(node: Record) -> list[Picture]:
    if _type(node) != "GraphSidecar":
        return [_picture(node)]
    return [_picture(child) for _, child in nodes_in(node.get("edge_sidecar_to_children"))]


def _picture(node: Record) -> Picture:
    width, height = first_value(node, _WIDTH), first_value(node, _HEIGHT)
    return Picture(first_value(node, ("display_url", "display_src")), node.get("video_url"), width, height)


def _comments(node: Record) -> object:
    """Return the number of comments; None if the field holds the comments themselves, as in instagram-scraper."""
    number = first_value(node, _COMMENTS)
    return None if isinstance(number, dict) else number


def _tagged(node: Record) -> object:
    tagged = [tag for _, tag in nodes_in(node.get("edge_media_to_tagged_user"))]
    return [tag.get("user") for tag in tagged or records_in(value_at(node, "iphone_struct.usertags.in"))]


_WIDTH = ("dimensions.width", "original_width", "iphone_struct.original_width")
_HEIGHT = ("dimensions.height", "original_height", "iphone_struct.original_height")

_COMMENTS = (
    *("edge_media_to_comment.count", "edge_media_to_parent_comment.count"),
    *("comments", "iphone_struct.comment_count"),
)

POST = PostMapping(
    fields={
        "post_id": ("id",),
        "shortcode": ("shortcode",),
        "owner": ("owner.username", "iphone_struct.user.username", "username"),
        "owner_id": ("owner.id", "iphone_struct.user.pk"),
        "owner_full_name": ("owner.full_name", "iphone_struct.user.full_name"),
        "type": ("__typename",),
        "product_type": ("product_type", "iphone_struct.product_type"),
        "taken_at": ("taken_at_timestamp", "date"),
        "caption": ("edge_media_to_caption", "caption"),
        "likes": ("edge_media_preview_like.count", "edge_liked_by.count", "iphone_struct.like_count"),
        "likes_hidden": ("like_and_view_counts_disabled", "iphone_struct.like_and_view_counts_disabled"),
        "comments": _COMMENTS,
        "views": ("video_view_count", "iphone_struct.view_count"),
        "plays": ("video_play_count", "iphone_struct.play_count", "iphone_struct.ig_play_count"),
        "shares": ("iphone_struct.reshare_count",),
        "duration": ("video_duration", "iphone_struct.video_duration"),
        "width": _WIDTH,
        "height": _HEIGHT,
        "location": ("location.name", "iphone_struct.location.name"),
        "alt": ("accessibility_caption",),
        "pinned": ("pinned_for_users", "iphone_struct.timeline_pinned_user_ids"),
        "sponsored": ("is_paid_partnership", "iphone_struct.is_paid_partnership"),
        "comments_disabled": ("comments_disabled",),
        "coauthors": ("coauthor_producers", "iphone_struct.coauthor_producers"),
        "tagged": ("edge_media_to_tagged_user",),
    },
    derived={
        "type": _type,
        "url": lambda node: post_url(node.get("shortcode")),
        "caption": _caption,
        "comments": _comments,
        "pinned": lambda node: bool(first_value(node, ("pinned_for_users", "iphone_struct.timeline_pinned_user_ids"))),
        "tagged": _tagged,
    },
    known=PRIVATE
    | {
        *("__typename", "id", "shortcode", "dimensions", "display_url", "display_src", "display_resources", "is_video"),
        *("taken_at_timestamp", "date", "edge_media_to_caption", "caption", "title", "comments", "comments_disabled"),
        *("edge_sidecar_to_children", "video_url", "video_view_count", "video_play_count", "video_duration", "owner"),
        *("location", "accessibility_caption", "edge_media_to_tagged_user", "edge_media_to_sponsor_user"),
        *("pinned_for_users", "coauthor_producers", "product_type", "like_and_view_counts_disabled", "iphone_struct"),
        *("is_paid_partnership", "thumbnail_src", "thumbnail_resources", "has_audio", "media_preview", "gating_info"),
        *("fact_check_information", "fact_check_overall_rating", "media_overlay_info", "sharing_friction_info"),
        *("tracking_token", "viewer_has_liked", "viewer_has_saved", "viewer_can_reshare", "viewer_in_photo_of_you"),
        *("viewer_has_saved_to_collection", "dash_info", "encoding_status", "is_published", "nft_asset_info"),
        *("username", "tags", "urls", "edge_media_preview_comment"),
        *("edge_web_media_to_related_media", "clips_music_attribution_info", "has_ranked_comments", "is_ad"),
    },
    types={"GraphImage": "image", "GraphSidecar": "sidecar", "GraphVideo": "video"},
    pictures=_pictures,
    media_fields=("display_url", "video_url", "edge_sidecar_to_children"),
    is_reel=lambda node, _: first_value(node, ("product_type", "iphone_struct.product_type")) == "clips",
    cover=_picture,
)

PROFILE = ProfileMapping(
    fields={
        "account": ("username",),
        "profile_id": ("id",),
        "followers": ("edge_followed_by.count", "follower_count", "iphone_struct.follower_count"),
        "follows": ("edge_follow.count", "following_count", "iphone_struct.following_count"),
        "posts_count": ("edge_owner_to_timeline_media.count", "media_count", "iphone_struct.media_count"),
        "biography": ("biography", "iphone_struct.biography"),
        "private": ("is_private",),
        "verified": ("is_verified",),
        "full_name": ("full_name",),
        "business": ("is_business_account",),
        "category": ("business_category_name", "category_name"),
        "external_url": ("external_url",),
    },
    known=PRIVATE
    | {
        *(
            "username",
            "id",
            "edge_followed_by",
            "edge_follow",
            "edge_owner_to_timeline_media",
            "biography",
            "full_name",
        ),
        *("is_private", "is_verified", "is_business_account", "business_category_name", "category_name"),
        *("external_url", "external_url_linkshimmed", "edge_felix_video_timeline", "iphone_struct", "follower_count"),
        *("following_count", "media_count", "biography_with_entities", "edge_saved_media", "edge_media_collections"),
        *("followed_by_viewer", "follows_viewer", "blocked_by_viewer", "has_blocked_viewer", "requested_by_viewer"),
        *("has_requested_viewer", "restricted_by_viewer", "country_block", "mutual_followers", "business_email"),
        *("business_phone_number", "business_address_json", "business_contact_method"),
    },
)
