"""Apify's Instagram items: posts, reels, profiles, and the error items between them.

Shapes: apify/instagram-scraper, -post-scraper, -reel-scraper and -profile-scraper, 2020 to 2025.
"""

import re
from collections.abc import Iterator

from instagram_assets.errors import RecordError
from instagram_assets.ingest import values
from instagram_assets.ingest.formats import graphql
from instagram_assets.ingest.formats.shapes import PRIVATE, Part, Picture, PostShape, ProfileShape, records_in
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.source import Source, said_at

_REEL_ADDRESS = re.compile(r"instagram\.com/(?:[^/?#]+/)?reels?(?:/|$)")


def is_error(record: Record) -> bool:
    """True for what stands in a post's place when the collector found none."""
    return isinstance(record.get("error"), str) and "id" not in record and "shortCode" not in record


def is_profile(record: Record) -> bool:
    """True for profiles: they have followers or a biography, posts never have."""
    if "followersCount" in record:
        return True
    return "username" in record and ("postsCount" in record or "biography" in record) and not graphql.is_user(record)


def is_post(record: Record) -> bool:
    """True for posts and reels, also when a field or two are missing."""
    if "shortCode" in record and "timestamp" in record:
        return True
    return len(record.keys() & {"id", "shortCode", "type", "timestamp", "displayUrl", "ownerUsername"}) >= 2


def errors(record: Record, source: Source) -> Iterator[Part]:
    """An error item: raises RecordError with what it reports."""
    described = record.get("errorDescription")
    about = f": {described}" if isinstance(described, str) else ""
    raise RecordError("error", values.without_surrogates(f"{values.SOURCE_ERROR}: {record['error']}{about}")[:300])


def posts(record: Record, source: Source) -> tuple[Part, ...]:
    """A post or reel."""
    return (Part(POST, record),)


def profiles(record: Record, source: Source) -> Iterator[Part]:
    """A profile, and the latest posts that came with it."""
    account = values.account_name(record.get("username"), "username")
    observed = said_at(record, source, [])
    yield Part(PROFILE, record)
    for number, post in enumerate(records_in(record.get("latestPosts"))):
        if not is_error(post):
            yield Part(POST, post, f"latestPosts[{number}]", account, observed, aside=True)


def is_reel(record: Record, file: str) -> bool:
    """True for reels: Instagram says so, an address says so, or a video in a file whose name begins with "reel"."""
    if record.get("productType") == "clips":
        return True
    if record.get("type") != "Video":
        return False
    addresses = (record.get("url"), record.get("inputUrl"))
    if any(isinstance(address, str) and _REEL_ADDRESS.search(address) for address in addresses):
        return True
    return file.casefold().startswith("reel")


def _pictures(record: Record) -> list[Picture]:
    """A sidecar's children, else its `images`; these count only there, elsewhere the list is empty."""
    if record.get("type") != "Sidecar":
        return [_picture(record)]
    if children := list(_leaves(record)):
        return [_picture(child) for child in children]
    images = record.get("images")
    return [Picture(address) for address in images if address] if isinstance(images, list) else []  # pyright: ignore[reportUnknownVariableType]


def _picture(record: Record) -> Picture:
    get = record.get
    return Picture(get("displayUrl"), get("videoUrl"), get("dimensionsWidth"), get("dimensionsHeight"))


def _leaves(record: Record) -> Iterator[Record]:
    """A sidecar's children in order, children of children in their parent's place."""
    for child in records_in(record.get("childPosts")):
        if records_in(child.get("childPosts")):
            yield from _leaves(child)
        else:
            yield child


POST = PostShape(
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
)

PROFILE = ProfileShape(
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
