"""Registry of the known formats: for each its name, the test for a record of it, and its parser.

Error responses in place of posts and profiles (from web_profile_info, the site, and the Graph API) count as formats.
"""

from collections.abc import Callable, Iterable
from typing import Any

from instagram_assets.errors import RecordError
from instagram_assets.ingest import field_values
from instagram_assets.ingest.formats import (
    ads,
    apify,
    collector_lines,
    comment_detection,
    comments,
    download_information,
    graph_api,
    instaloader,
    merged_dataset,
    nested_posts,
    zeeschuimer,
)
from instagram_assets.ingest.formats.field_mapping import Part, PostMapping
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.record_source import RecordSource

_Recognise = Callable[[Record], bool]
ParseRecord = Callable[[Record, RecordSource], Iterable[Part]]


def _one(mapping: PostMapping) -> ParseRecord:
    """Return the parser for records that consist of a single post in this mapping's format."""

    def opened(record: Record, source: RecordSource) -> tuple[Part, ...]:
        if nested_posts.is_story(record):
            raise RecordError("", "is a story; only posts, reels and profiles are read")
        if mapping is graph_api.POST:
            return graph_api.parse(record, source)
        return (Part(mapping, record),)

    return opened


def _is_refusal(record: Record) -> bool:
    """True for a response that contains an error instead of a post or profile."""
    return record.get("status") == "fail" or has_no_user(record) or graph_api.is_refusal(record)


def _refuse(record: Record, source: RecordSource) -> Iterable[Part]:
    """Parse an error response: always raises RecordError with the reported error."""
    if record.get("status") == "fail":
        raise _source_error("status", str(record.get("message") or "no reason given"))
    if has_no_user(record):
        raise _source_error("data.user", "there is no such profile")
    raise _source_error("error", graph_api.error_of(record))


def _source_error(field: str, said: str) -> RecordError:
    return RecordError(field, field_values.replace_surrogates(f"{field_values.SOURCE_ERROR}: {said}")[:300])


def has_no_user(record: Record) -> bool:
    """True for the response to a request for a profile that does not exist."""
    data = record.get("data")
    return isinstance(data, dict) and "user" in data and data["user"] is None


# The first match is used: common formats come first, those that match many records last.
FORMATS: tuple[tuple[str, _Recognise, ParseRecord], ...] = (
    ("apify_posts", apify.is_post, lambda record, _: (Part(apify.POST, record),)),
    (collector_lines.NAME, collector_lines.is_line, collector_lines.parse),
    ("instaloader", instaloader.is_file, instaloader.parse),
    ("zeeschuimer", zeeschuimer.is_line, zeeschuimer.parse),
    (download_information.NAME, download_information.is_record, download_information.parse),
    ("apify_errors", apify.is_error, apify.parse_error),
    (comment_detection.FORMAT, comment_detection.is_comment, comments.parse),
    ("merged", merged_dataset.is_record, merged_dataset.parse),
    *((name, recognise, _one(mapping)) for name, recognise, mapping in nested_posts.POST_FORMATS[1:]),
    *((name, recognise, nested_posts.parse) for name, recognise, _ in nested_posts.PROFILE_FORMATS),
    ("apify_posts", apify.is_scant_post, lambda record, _: (Part(apify.POST, record),)),
    ("pages", nested_posts.holds_any, nested_posts.parse),
    (ads.FORMAT, ads.is_record, ads.parse),
    ("refusals", _is_refusal, _refuse),
    (comments.PAGES, comments.holds_any, comments.parse),
)

_KEY_SHOWN = 40


def format_of(record: Record) -> tuple[str, ParseRecord]:
    """Return the name of the record's format and its parser; the name is empty for an unknown format."""
    for name, recognise, opened in FORMATS:
        if recognise(record):
            return name, opened
    return "", _unknown


def _unknown(record: Record, _: RecordSource) -> Iterable[Part]:
    keys: list[Any] = sorted(record)[:5]
    found = ", ".join(repr(key[:_KEY_SHOWN]) for key in keys)
    raise RecordError("", f"is no post, reel or profile that we know (its keys: {found})")
