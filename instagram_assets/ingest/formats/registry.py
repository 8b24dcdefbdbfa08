"""Registry of the known formats: for each its name, how to recognise a record of it, and how to parse it."""

from collections.abc import Callable, Iterable
from typing import Any

from instagram_assets.errors import RecordError
from instagram_assets.ingest.formats import (
    ads,
    apify,
    collector_lines,
    comment_detection,
    comments,
    download_information,
    error_responses,
    graph_api,
    instaloader,
    merged_dataset,
    nested_posts,
    zeeschuimer,
)
from instagram_assets.ingest.formats.shapes import Part, PostShape
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.record_source import RecordSource

Recognise = Callable[[Record], bool]
Open = Callable[[Record, RecordSource], Iterable[Part]]


def _one(shape: PostShape) -> Open:
    """Return the parser for a record that is a single post."""

    def opened(record: Record, source: RecordSource) -> tuple[Part, ...]:
        if nested_posts.is_story(record):
            raise RecordError("", "is a story; only posts, reels and profiles are read")
        if shape is graph_api.POST:
            return graph_api.parts(record, source)
        return (Part(shape, record),)

    return opened


# The first match is used: common formats come first, those that match many records last.
FORMATS: tuple[tuple[str, Recognise, Open], ...] = (
    ("apify_posts", apify.is_post, lambda record, _: (Part(apify.POST, record),)),
    (collector_lines.NAME, collector_lines.is_line, collector_lines.parts),
    ("instaloader", instaloader.is_file, instaloader.parts),
    ("zeeschuimer", zeeschuimer.is_line, zeeschuimer.parts),
    (download_information.NAME, download_information.is_record, download_information.parts),
    ("apify_errors", apify.is_error, apify.errors),
    (comment_detection.FORMAT, comment_detection.is_comment, comments.parts),
    ("merged", merged_dataset.is_record, merged_dataset.parts),
    *((name, recognise, _one(shape)) for name, recognise, shape in nested_posts.POSTS[1:]),
    *((name, recognise, nested_posts.parts) for name, recognise, _ in nested_posts.PROFILES),
    ("apify_posts", apify.is_scant_post, lambda record, _: (Part(apify.POST, record),)),
    ("pages", nested_posts.holds_any, nested_posts.parts),
    (ads.FORMAT, ads.is_record, ads.parts),
    ("refusals", error_responses.is_refusal, error_responses.refuse),
    (comments.PAGES, comments.holds_any, comments.parts),
)

_KEY_SHOWN = 40


def format_of(record: Record) -> tuple[str, Open]:
    """Return the name of the record's format and its parser; the name is empty for an unknown format."""
    for name, recognise, opened in FORMATS:
        if recognise(record):
            return name, opened
    return "", _unknown


def _unknown(record: Record, _: RecordSource) -> Iterable[Part]:
    keys: list[Any] = sorted(record)[:5]
    found = ", ".join(repr(key[:_KEY_SHOWN]) for key in keys)
    raise RecordError("", f"is no post, reel or profile that we know (its keys: {found})")
