"""Format of the browser extension Zeeschuimer (one JSON object per line), and of 4CAT's exports of its lines.

Zeeschuimer 1.0 to 1.13 (2022 to 2026): `data` has the post as the site returned it, and `timestamp_collected`
(milliseconds) the time. 4CAT puts the post's own fields at the top level and the rest into `__import_meta`.
"""

from collections.abc import Iterator
from datetime import datetime

from instagram_assets.errors import RecordError
from instagram_assets.ingest.formats import app_api, comment_detection, comments, nested_posts
from instagram_assets.ingest.formats.field_mapping import Part
from instagram_assets.ingest.post_ids import account_from_url
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.record_source import RecordSource
from instagram_assets.ingest.timestamps import parse_timestamp

_WHEN = "timestamp_collected"
_META = "__import_meta"
_SITE = "instagram.com"


def is_line(record: Record) -> bool:
    """True for a line written by Zeeschuimer or exported by 4CAT."""
    if _WHEN in record:
        return isinstance(record.get("data"), dict)
    return isinstance(record.get(_META), dict) and _WHEN in record[_META]


def parse(record: Record, source: RecordSource) -> Iterator[Part]:
    """Yield the post or the comments in a line, with the line's collection time.

    Raises RecordError for lines of other sites, for stories, and for comments if comments are dropped.
    """
    about, node, path = (record, record["data"], "data") if _WHEN in record else (record[_META], record, "")
    platform = about.get("source_platform")
    if isinstance(platform, str) and platform.casefold().removeprefix("www.") != _SITE:
        raise RecordError("source_platform", f"is {platform[:80]!r}, not {_SITE}")
    account, observed = account_from_url(about.get("source_platform_url")), _observed_at(about, source)
    if comment_detection.is_comment(node):
        if source.pseudonym_of is None:
            raise RecordError(path, comment_detection.DROPPED)
        yield from comments.parts_in(node, path, comments.Around(account=account, observed_at=observed))
        return
    # Lines of previews are incomplete; their missing fields do not mean that the format changed.
    partial = node.get("_zs_partial") is True
    if app_api.is_item(node) and not nested_posts.is_story(node):  # the most common case
        yield Part(app_api.POST, node, path, account, observed, aside=partial)
        return
    found = False
    for part in nested_posts.parts_in(node, source, path, account, observed):
        found = True
        yield part._replace(aside=part.aside or partial)
    if not found:
        raise RecordError(path, "is no post, reel or profile that we know")


def _observed_at(about: Record, source: RecordSource) -> datetime | None:
    try:
        return parse_timestamp(about[_WHEN], _WHEN, [], source.zone, source.first_seen)
    except RecordError:
        return None
