"""Finds posts and profiles anywhere in a JSON value, recognised by their fields and not by their path.

Thus any enclosing JSON structure is supported: pages of timelines, hashtags and locations, `_sharedData`, `sections`,
connections with `edges`, saved responses of any collector.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from instagram_assets.ingest import field_values
from instagram_assets.ingest.formats import (
    apify,
    app_api,
    comment_detection,
    gallery_dl,
    graph_api,
    graphql,
    instagrapi,
)
from instagram_assets.ingest.formats.field_mapping import PRIVATE, Part, PostMapping, ProfileMapping
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.record_source import OBSERVED_FIELDS, RecordSource, observed_at_of

_Recognise = Callable[[Record], bool]

# Each with its format's name; the first that matches a record is used.
POST_FORMATS: tuple[tuple[str, _Recognise, PostMapping], ...] = (
    ("apify_posts", apify.is_post, apify.POST),
    ("instagrapi", instagrapi.is_media, instagrapi.MEDIA),
    ("timeline", app_api.is_item, app_api.POST),
    ("graph_api", graph_api.is_media, graph_api.POST),
    ("gallery_dl", gallery_dl.is_file, gallery_dl.POST),
    ("graph_nodes", graphql.is_node, graphql.POST),
    ("apify_overview", apify.is_overview, apify.OVERVIEW),
)
PROFILE_FORMATS: tuple[tuple[str, _Recognise, ProfileMapping], ...] = (
    ("apify_profiles", apify.is_profile, apify.PROFILE),
    ("graph_api", graph_api.is_user, graph_api.PROFILE),
    ("app_profiles", app_api.is_user, app_api.PROFILE),
    ("web_profile", graphql.is_user, graphql.PROFILE),
)

_DEPTH = 32
# Every post has one of these, so that other objects can be skipped quickly.
_OF_POSTS = frozenset(
    {
        *("shortCode", "shortcode", "code", "media_type", "post_shortcode", "edge_media_to_caption"),
        *("timestamp", "displayUrl", "ownerUsername"),
    }
)
# Fields for the viewer of the page and for suggested accounts and posts, which nobody meant to collect.
_NOT_COLLECTED = PRIVATE | {
    *("viewer", "viewer_data", "current_user", "logged_in_user", "edge_web_media_to_related_media"),
    *("edge_chaining", "chaining", "suggested_users", "profile_context_facepile_users"),
}


class _Around(NamedTuple):
    """Context that nested objects inherit from their enclosing objects; `aside` marks incidental ones (see Part)."""

    account: str | None = None
    observed_at: datetime | None = None
    aside: bool = False
    depth: int = 0


def parts_in(
    value: object,
    source: RecordSource,
    path: str = "",
    account: str | None = None,
    observed: datetime | None = None,
) -> Iterator[Part]:
    """Yield all posts and profiles in a JSON value, in order, each with its path.

    `account` and `observed` (the observation time) are the defaults for posts and profiles without their own. Objects
    nested in a post belong to it, so its owner and its children are not yielded separately. Posts nested in a profile
    are assigned to its account. Duplicates of a post have the same `twin`.
    """
    return _walk(value, path, _Around(account, observed), source)


def parse(record: Record, source: RecordSource) -> Iterator[Part]:
    """Yield the posts and profiles anywhere in a record."""
    return parts_in(record, source)


def holds_any(record: Record) -> bool:
    """True when a record contains a post or a profile at any depth."""
    return any(True for _ in _walk(record, "", _Around(), None))


def _walk(value: Any, path: str, around: _Around, source: RecordSource | None) -> Iterator[Part]:
    if around.depth > _DEPTH:
        return
    below = _Around(around.account, around.observed_at, around.aside, around.depth + 1)
    if isinstance(value, list):
        for number, item in enumerate(value):
            if isinstance(item, (dict, list)):
                yield from _walk(item, f"{path}[{number}]", below, source)
        return
    record: Record = value
    if comment_detection.is_comment(record):
        return
    if mapping := _post_shape(record):
        if not is_story(record):
            # Without a source the caller only asks whether there is any post.
            yield _post(mapping, record, path, around) if source else Part(mapping, record)
        return
    if mapping := _profile_shape(record):
        yield Part(mapping, record, path, observed_at=around.observed_at, aside=around.aside)
        if source and any(name in record for name in OBSERVED_FIELDS):
            below = below._replace(observed_at=observed_at_of(record, source, []) or around.observed_at)
        below = below._replace(aside=True)
    if isinstance(name := record.get("username"), str) and field_values.is_account_name(name):
        below = below._replace(account=name.casefold())
    for key, inner in record.items():
        if isinstance(inner, (dict, list)) and inner and key not in _NOT_COLLECTED:
            yield from _walk(inner, f"{path}.{key}" if path else key, below, source)


def _post(mapping: PostMapping, record: Record, path: str, around: _Around) -> Part:
    if mapping is graph_api.POST:
        record = graph_api.owned(record, around.account)
    code = mapping.value("shortcode", record) or mapping.value("post_id", record)
    seen = [record[name] for name in OBSERVED_FIELDS if name in record] or around.observed_at
    return Part(
        mapping, record, path, around.account, around.observed_at, around.aside, f"{code} {seen}" if code else ""
    )


def _post_shape(record: Record) -> PostMapping | None:
    if record.keys().isdisjoint(_OF_POSTS):
        return None
    for _, recognise, mapping in POST_FORMATS:
        if recognise(record):
            return mapping
    return apify.POST if apify.is_scant_post(record) else None


def _profile_shape(record: Record) -> ProfileMapping | None:
    if "username" not in record:
        return None
    return next((mapping for _, recognise, mapping in PROFILE_FORMATS if recognise(record)), None)


def is_story(record: Record) -> bool:
    """True for a story in any post format; stories expire after a day and are not read."""
    if record.get("product_type") == "story" or record.get("media_product_type") == "STORY":
        return True
    return instagrapi.is_story(record) or (gallery_dl.is_file(record) and gallery_dl.is_story(record))
