"""Format of Apify's Instagram scrapers: posts, reels, profiles, and error items.

Sources: apify/instagram-scraper, -post-scraper, -reel-scraper and -profile-scraper, 2020 to 2025.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from instagram_assets.errors import RecordError
from instagram_assets.ingest import field_values
from instagram_assets.ingest.formats.field_mapping import (
    PRIVATE,
    Part,
    Picture,
    PostMapping,
    ProfileMapping,
    records_in,
)
from instagram_assets.ingest.post_ids import post_id_of, shortcode_from_url
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.record_source import RecordSource

# Fields that only Apify has at this level; other formats that share some of them nest them elsewhere.
_OF_POSTS = frozenset(("id", "shortCode", "timestamp"))
_SIGNS = frozenset(("id", "shortCode", "type", "timestamp", "displayUrl", "ownerUsername", "url", "likesCount"))
_OWN_SIGNS = frozenset(("shortCode", "displayUrl", "ownerUsername"))
_OF_OVERVIEWS = frozenset(("ownerUsername", "likesCount", "commentsCount"))
_OF_PROFILES = frozenset(("followersCount", "followsCount", "postsCount", "biography"))
_OF_USERS = frozenset(
    {
        *("edge_followed_by", "edge_follow", "edge_owner_to_timeline_media", "pk", "full_name", "is_private"),
        *("follower_count", "media_count", "followers_count", "follows_count", "profile_picture_url"),
    }
)
_REEL_ADDRESS = re.compile(r"instagram\.com/(?:[^/?#]+/)?reels?(?:/|$)")


def is_error(record: Record) -> bool:
    """True for an error item, which the scraper writes when it finds no post."""
    return isinstance(record.get("error"), str) and "id" not in record and "shortCode" not in record


def is_profile(record: Record) -> bool:
    """True for a profile: a user name together with follower or post counts or a biography."""
    keys = record.keys()
    return "username" in keys and not keys.isdisjoint(_OF_PROFILES) and keys.isdisjoint(_OF_USERS)


def is_post(record: Record) -> bool:
    """True for a post or reel with id, shortcode and timestamp."""
    return record.keys() >= _OF_POSTS and "imageUrls" not in record


def is_scant_post(record: Record) -> bool:
    """True for a post or reel, judging by a few typical fields, even if required fields are missing."""
    keys = record.keys()
    return len(keys & _SIGNS) >= 3 and not keys.isdisjoint(_OWN_SIGNS)


def is_overview(record: Record) -> bool:
    """True for a post with few fields and no id, as exported by Apify's view "Overview"."""
    keys = record.keys()
    if "timestamp" not in keys or "id" in keys or keys.isdisjoint(_OF_OVERVIEWS):
        return False
    return isinstance(record.get("shortCode"), str) or shortcode_from_url(record.get("url")) is not None


def parse_error(record: Record, source: RecordSource) -> Iterator[Part]:
    """Parse an error item: always raises RecordError, with the error that the scraper reports."""
    described = record.get("errorDescription")
    about = f": {described}" if isinstance(described, str) else ""
    raise RecordError(
        "error", field_values.replace_surrogates(f"{field_values.SOURCE_ERROR}: {record['error']}{about}")[:300]
    )


def is_reel(record: Record, file: str) -> bool:
    """True for a reel: by product type, by URL, or as a video in a `file` whose name begins with "reel"."""
    if record.get("productType") == "clips":
        return True
    if record.get("type") != "Video":
        return False
    addresses = (record.get("url"), record.get("inputUrl"))
    if any(isinstance(address, str) and _REEL_ADDRESS.search(address) for address in addresses):
        return True
    return file.rpartition("/")[2].casefold().startswith("reel")


def _pictures(record: Record) -> list[Picture]:
    """Return the media items of a post; an album's items without an image URL get theirs from `images`."""
    if record.get("type") != "Sidecar":
        picture = _picture(record)
        if _is_there(picture.image) or not (images := _images(record)):
            return [picture]
        return [picture._replace(image=images[0]), *map(Picture, images[1:])]
    pictures, images = [_picture(child) for child in _leaves(record)], _images(record)
    if not any(_is_there(picture.image) or _is_there(picture.video) for picture in pictures):
        return [Picture(address) for address in images] or pictures
    if len(pictures) != len(images):
        return pictures
    both = zip(pictures, images, strict=True)
    return [picture if _is_there(picture.image) else picture._replace(image=image) for picture, image in both]


def _images(record: Record) -> list[str]:
    images: list[Any] = record["images"] if isinstance(record.get("images"), list) else []
    return [address for address in images if _is_there(address)]


def _is_there(address: object) -> bool:
    return isinstance(address, str) and address != ""


def _picture(record: Record) -> Picture:
    get = record.get
    return Picture(get("displayUrl"), get("videoUrl"), get("dimensionsWidth"), get("dimensionsHeight"))


def _leaves(record: Record) -> Iterator[Record]:
    """Yield the items of an album (sidecar) in order; a nested album is replaced by its items."""
    for child in records_in(record.get("childPosts")):
        if records_in(child.get("childPosts")):
            yield from _leaves(child)
        else:
            yield child


POST = PostMapping(
    fields={
        "account": ("inputUrl",),
        "post_id": ("id",),
        "shortcode": ("shortCode",),
        "owner": ("ownerUsername",),
        "owner_id": ("ownerId",),
        "owner_full_name": ("ownerFullName",),
        "type": ("type",),
        "product_type": ("productType",),
        "url": ("url",),
        "taken_at": ("timestamp",),
        "caption": ("caption",),
        "hashtags": ("hashtags",),
        "mentions": ("mentions",),
        "likes": ("likesCount",),
        "comments": ("commentsCount",),
        "views": ("videoViewCount",),
        "plays": ("videoPlayCount", "igPlayCount"),
        "shares": ("reshareCount", "sharesCount"),
        "duration": ("videoDuration",),
        "width": ("dimensionsWidth",),
        "height": ("dimensionsHeight",),
        "location": ("locationName",),
        "alt": ("alt",),
        "pinned": ("isPinned",),
        "sponsored": ("isSponsored",),
        "comments_disabled": ("isCommentsDisabled",),
        "coauthors": ("coauthorProducers",),
        "tagged": ("taggedUsers",),
    },
    known=PRIVATE
    | {
        *(
            "inputUrl",
            "id",
            "type",
            "shortCode",
            "url",
            "caption",
            "hashtags",
            "mentions",
            "commentsCount",
            "likesCount",
        ),
        *("dimensionsHeight", "dimensionsWidth", "displayUrl", "displayResourceUrls", "images", "childPosts"),
        *("alt", "videoUrl", "videoViewCount", "videoPlayCount", "igPlayCount", "videoDuration", "productType"),
        *(
            "timestamp",
            "reshareCount",
            "sharesCount",
            "ownerFullName",
            "ownerUsername",
            "ownerId",
            "isSponsored",
            "isPinned",
        ),
        *("isCommentsDisabled", "taggedUsers", "coauthorProducers", "locationName", "#debug"),
    },
    types={"Image": "image", "Sidecar": "sidecar", "Video": "video"},
    pictures=_pictures,
    media_fields=("displayUrl", "videoUrl", "childPosts"),
    is_reel=is_reel,
    cover=_picture,
)


def _code(record: Record) -> object:
    return record["shortCode"] if isinstance(record.get("shortCode"), str) else shortcode_from_url(record.get("url"))


def _id(record: Record) -> object:
    code = _code(record)
    return post_id_of(code) if isinstance(code, str) else None


def _type(record: Record) -> object:
    """Return the post's type: from its field, else Video if the URL is a reel's; None if unknown."""
    if not field_values.is_missing(record.get("type")):
        return record["type"]
    url = record.get("url")
    return "Video" if isinstance(url, str) and _REEL_ADDRESS.search(url) else None


OVERVIEW = replace(
    POST,
    fields={**POST.fields, "post_id": ("shortCode", "url"), "shortcode": ("shortCode", "url")},
    derived={"post_id": _id, "shortcode": _code, "type": _type},
    bare="choose all fields at the export to have them",
    is_reel=lambda record, file: is_reel({**record, "type": _type(record)}, file),
)

PROFILE = ProfileMapping(
    fields={
        "account": ("username",),
        "profile_id": ("id",),
        "followers": ("followersCount",),
        "follows": ("followsCount",),
        "posts_count": ("postsCount",),
        "biography": ("biography",),
        "private": ("private",),
        "verified": ("verified",),
        "full_name": ("fullName",),
        "business": ("isBusinessAccount",),
        "category": ("businessCategoryName",),
        "external_url": ("externalUrl",),
    },
    known=PRIVATE
    | {
        *("inputUrl", "id", "username", "url", "fullName", "biography", "followersCount", "followsCount", "postsCount"),
        *("isBusinessAccount", "businessCategoryName", "private", "verified", "externalUrl", "latestPosts", "#debug"),
    },
)
