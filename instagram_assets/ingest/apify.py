"""Apify's Instagram items (posts, reels, profiles, error items) as rows.

Shapes: apify/instagram-scraper, -post-scraper, -reel-scraper and -profile-scraper, 2020 to 2025.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from instagram_assets.calendar import day_of
from instagram_assets.errors import RecordError
from instagram_assets.ingest import values
from instagram_assets.ingest.parsing import Record
from instagram_assets.ingest.source import OBSERVED_FIELDS, Landed, Row, Source, observed_at

TYPES = {"Image": "image", "Sidecar": "sidecar", "Video": "video"}

# Comments and pictures of people who never asked to be collected are dropped on purpose.
_PRIVATE = {"latestComments", "firstComment", "ownerProfilePicUrl", "likedBy", "relatedProfiles", "latestIgtvVideos"}
_POST_FIELDS = _PRIVATE | {
    *OBSERVED_FIELDS,
    *("inputUrl", "id", "type", "shortCode", "url", "caption", "hashtags", "mentions", "commentsCount", "likesCount"),
    *("dimensionsHeight", "dimensionsWidth", "displayUrl", "displayResourceUrls", "images", "childPosts", "alt"),
    *("videoUrl", "videoViewCount", "videoPlayCount", "igPlayCount", "videoDuration", "productType", "timestamp"),
    *("reshareCount", "sharesCount", "ownerFullName", "ownerUsername", "ownerId", "isSponsored", "isPinned"),
    *("isCommentsDisabled", "taggedUsers", "coauthorProducers", "locationName", "#debug"),
}
_PROFILE_FIELDS = _PRIVATE | {
    *OBSERVED_FIELDS,
    *("inputUrl", "id", "username", "url", "fullName", "biography", "followersCount", "followsCount", "postsCount"),
    *("isBusinessAccount", "businessCategoryName", "private", "verified", "externalUrl", "latestPosts", "#debug"),
}
_NOT_ACCOUNTS = {"p", "reel", "reels", "tv", "explore", "stories", "accounts", "direct", "share"}
_REEL_ADDRESS = re.compile(r"instagram\.com/(?:[^/?#]+/)?reels?(?:/|$)")
_SURROGATE_ESCAPE = re.compile("[\ud800-\udfff]")


def is_error(record: Record) -> bool:
    """True for what stands in a post's place when the collector found none."""
    return isinstance(record.get("error"), str) and "id" not in record and "shortCode" not in record


def is_profile(record: Record) -> bool:
    """True for profiles: they have followers or a biography, posts never have."""
    return "followersCount" in record or "biography" in record or ("username" in record and "postsCount" in record)


def is_post(record: Record) -> bool:
    """True for posts and reels, also when a field or two are missing."""
    return len(record.keys() & {"id", "shortCode", "type", "timestamp", "displayUrl", "ownerUsername"}) >= 2


def error_rows(record: Record, index: int, source: Source) -> Iterator[Landed | RecordError]:
    """An error item, as the error that it reports."""
    described = record.get("errorDescription")
    about = f": {described}" if isinstance(described, str) else ""
    yield RecordError("error", _clean(f"source_error: {record['error']}{about}")[:300])


def post_rows(record: Record, index: int, source: Source) -> Iterator[Landed | RecordError]:
    """A post or reel as one row. Raises RecordError when it cannot be used."""
    yield _post(record, index, source, source.default_observed_at, account=None, warnings=[])


def profile_rows(record: Record, index: int, source: Source) -> Iterator[Landed | RecordError]:
    """A profile as one row, and its latest posts as one each. Raises RecordError when the profile cannot be used."""
    warnings: list[str] = []
    account = values.account_name(record.get("username"), "username")
    observed = observed_at(record, source.default_observed_at, source, warnings)
    followers = values.count(record.get("followersCount"), "followersCount", warnings)
    if not followers:
        warnings.append("followersCount: unknown or zero, so there are no impressions")
    row: Row = {
        "account": account,
        "profile_id": values.optional_identifier(record.get("id"), "id"),
        "followers": followers,
        "follows": values.count(record.get("followsCount"), "followsCount", warnings),
        "posts_count": values.count(record.get("postsCount"), "postsCount", warnings),
        "biography": values.label(record.get("biography"), "biography", warnings),
        "private": values.flag(record.get("private"), "private", warnings),
        "verified": values.flag(record.get("verified"), "verified", warnings),
        "full_name": values.label(record.get("fullName"), "fullName", warnings),
        "business": values.flag(record.get("isBusinessAccount"), "isBusinessAccount", warnings),
        "category": values.label(record.get("businessCategoryName"), "businessCategoryName", warnings),
        "external_url": values.address(record.get("externalUrl"), "externalUrl", warnings),
        "observed_at": observed,
        "extra": _extra(record, _PROFILE_FIELDS),
        "warnings": warnings,
        **_origin(index, source),
    }
    yield Landed("profiles", row)
    yield from _latest_posts(record, index, source, account, observed)


def _latest_posts(
    profile: Record, index: int, source: Source, account: str, observed: datetime
) -> Iterator[Landed | RecordError]:
    for place, post in enumerate(_records(profile.get("latestPosts"))):
        try:
            if is_error(post):
                continue
            yield _post(post, index, source, observed, account, [])
        except RecordError as error:
            yield RecordError(f"latestPosts[{place}].{error.field}".rstrip("."), error.reason)


def _post(
    record: Record, index: int, source: Source, default_observed: datetime, account: str | None, warnings: list[str]
) -> Landed:
    taken_at = values.moment(record.get("timestamp"), "timestamp", warnings, source.zone, source.first_seen)
    owner = record.get("ownerUsername")
    owner = values.account_name(owner, "ownerUsername") if owner is not None else None
    account = account or account_in(record.get("inputUrl")) or owner
    if account is None:
        raise RecordError("ownerUsername", values.MISSING)
    text, text_sha256, truncated = values.caption(record.get("caption"), "caption", warnings)
    likes, likes_hidden = values.likes(record.get("likesCount"), "likesCount", warnings)
    kind = "reel" if is_reel(record, source.file) else "post"
    row: Row = {
        "post_id": values.identifier(record.get("id"), "id"),
        "shortcode": values.optional_identifier(record.get("shortCode"), "shortCode"),
        "account": account,
        "day": day_of(taken_at, source.zone),
        "kind": kind,
        "owner": owner,
        "owner_id": values.optional_identifier(record.get("ownerId"), "ownerId"),
        "owner_full_name": values.label(record.get("ownerFullName"), "ownerFullName", warnings),
        "type": _type(record),
        "product_type": values.label(record.get("productType"), "productType", warnings),
        "url": values.address(record.get("url"), "url", warnings),
        "taken_at": taken_at,
        "observed_at": observed_at(record, default_observed, source, warnings),
        "caption": text,
        "caption_sha256": text_sha256,
        "caption_truncated": truncated,
        "hashtags": values.hashtags(text, record.get("hashtags"), "hashtags", warnings),
        "mentions": values.mentions(text, record.get("mentions"), "mentions", warnings),
        "likes": likes,
        "likes_hidden": likes_hidden,
        "comments": values.count(record.get("commentsCount"), "commentsCount", warnings),
        "views": values.count(record.get("videoViewCount"), "videoViewCount", warnings),
        "plays": _first_count(record, ("videoPlayCount", "igPlayCount"), warnings),
        "shares": _first_count(record, ("reshareCount", "sharesCount"), warnings),
        "duration": values.seconds(record.get("videoDuration"), "videoDuration", warnings),
        "width": values.size(record.get("dimensionsWidth"), "dimensionsWidth", warnings),
        "height": values.size(record.get("dimensionsHeight"), "dimensionsHeight", warnings),
        "location": values.label(record.get("locationName"), "locationName", warnings),
        "alt": values.label(record.get("alt"), "alt", warnings),
        "pinned": bool(values.flag(record.get("isPinned"), "isPinned", warnings)),
        "sponsored": values.flag(record.get("isSponsored"), "isSponsored", warnings),
        "comments_disabled": values.flag(record.get("isCommentsDisabled"), "isCommentsDisabled", warnings),
        "coauthors": values.usernames(record.get("coauthorProducers"), "coauthorProducers", warnings),
        "tagged": values.usernames(record.get("taggedUsers"), "taggedUsers", warnings),
        "media": _media(record, warnings),
        "extra": _extra(record, _POST_FIELDS),
        "warnings": warnings,
        **_origin(index, source),
    }
    return Landed("reels" if kind == "reel" else "posts", row)


@lru_cache(maxsize=4096)
def _account_in(address: str) -> str | None:
    if values.is_account_name(address):
        return address.casefold()
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
    except ValueError:
        return None
    host, segments = (parts.hostname or "").casefold(), [part for part in parts.path.split("/") if part]
    if host != "instagram.com" and not host.endswith(".instagram.com"):
        return None
    on_profile = len(segments) == 1 or (len(segments) == 2 and segments[1] in ("reels", "tagged"))
    if not on_profile or segments[0].casefold() in _NOT_ACCOUNTS or not values.is_account_name(segments[0]):
        return None
    return segments[0].casefold()


def account_in(address: object) -> str | None:
    """The account that a profile's address or a bare name asks for; null for any other input."""
    return _account_in(address.strip()) if isinstance(address, str) else None


def is_reel(record: Record, file: str) -> bool:
    """True for reels: Instagram says so, an address says so, or a video in a file whose name begins with "reel"."""
    if record.get("productType") == "clips":
        return True
    addresses = (record.get("url"), record.get("inputUrl"))
    if any(isinstance(address, str) and _REEL_ADDRESS.search(address) for address in addresses):
        return record.get("type") == "Video"
    return record.get("type") == "Video" and file.casefold().startswith("reel")


def _type(record: Record) -> str:
    found = record.get("type")
    if found is None:
        raise RecordError("type", values.MISSING)
    if not isinstance(found, str) or found not in TYPES:
        raise RecordError("type", f"{ascii(found)[:80]} is none of {', '.join(TYPES)}")
    return TYPES[found]


def _first_count(record: Record, fields: tuple[str, ...], warnings: list[str]) -> int | None:
    counts = [values.count(record.get(field), field, warnings) for field in fields]
    return next((number for number in counts if number is not None), None)


def _media(record: Record, warnings: list[str]) -> list[Row]:
    """Images and videos in order; `images` counts only for a sidecar without children: elsewhere it is empty."""
    if record.get("type") != "Sidecar":
        media = _one(record, 0, warnings)
        problem = RecordError("displayUrl", values.MISSING)
    elif children := list(_leaves(record)):
        media = [medium for position, child in enumerate(children) for medium in _one(child, position, warnings)]
        problem = RecordError("childPosts", "no child has an address")
    else:
        listed: list[object] = list(record.get("images") or []) if isinstance(record.get("images"), list) else []
        found = [address for item in listed if (address := values.address(item, "images", warnings))]
        media = [_medium(position, "image", address, {}) for position, address in enumerate(found)]
        problem = RecordError("childPosts", "a sidecar without children or images")
    if not media:
        raise problem
    if len(media) > 2 * values.LIST_LIMIT:
        warnings.append(f"media: more than {2 * values.LIST_LIMIT}, the rest left out")
    return media[: 2 * values.LIST_LIMIT]


def _one(record: Record, position: int, warnings: list[str]) -> list[Row]:
    image = values.address(record.get("displayUrl"), "displayUrl", warnings)
    video = values.address(record.get("videoUrl"), "videoUrl", warnings)
    media = [_medium(position, "image", image, record)] if image else []
    return [*media, _medium(position, "video", video, record)] if video else media


def _medium(position: int, kind: str, address: str, record: Record) -> Row:
    width = values.size(record.get("dimensionsWidth"), "dimensionsWidth", [])
    height = values.size(record.get("dimensionsHeight"), "dimensionsHeight", [])
    return {"position": position, "kind": kind, "url": address, "width": width, "height": height}


def _leaves(record: Record) -> Iterator[Record]:
    """A sidecar's children in order, children of children in their parent's place."""
    for child in _records(record.get("childPosts")):
        if _records(child.get("childPosts")):
            yield from _leaves(child)
        else:
            yield child


def _records(value: object) -> list[Record]:
    items: list[Any] = list(value) if isinstance(value, list) else []  # pyright: ignore[reportUnknownArgumentType]
    return [item for item in items if isinstance(item, dict)]


def _origin(index: int, source: Source) -> Row:
    return {"source_file": source.file, "source_sha256": source.sha256, "source_index": index}


def _extra(record: Record, known: set[str]) -> str | None:
    unknown = {key: value for key, value in record.items() if key not in known}
    if not unknown:
        return None
    try:
        return _clean(json.dumps(unknown, ensure_ascii=False, sort_keys=True, allow_nan=False))
    except ValueError:
        finite = json.loads(json.dumps(unknown), parse_constant=lambda _: None)
        return _clean(json.dumps(finite, ensure_ascii=False, sort_keys=True))


def _clean(text: str) -> str:
    return _SURROGATE_ESCAPE.sub("\ufffd", text)
