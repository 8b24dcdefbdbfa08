"""Records of any format we know as rows of the landing zone.

A format is one line in FORMATS: its name, how a record of it is recognised, how it becomes rows.
"""

from collections.abc import Callable, Iterator
from typing import Any

from instagram_assets.errors import RecordError
from instagram_assets.ingest import apify
from instagram_assets.ingest.parsing import Record
from instagram_assets.ingest.source import Landed, Source

Recognise = Callable[[Record], bool]
Convert = Callable[[Record, int, Source], Iterator[Landed | RecordError]]

FORMATS: tuple[tuple[str, Recognise, Convert], ...] = (
    ("apify_errors", apify.is_error, apify.error_rows),
    ("apify_profiles", apify.is_profile, apify.profile_rows),
    ("apify_posts", apify.is_post, apify.post_rows),
)


def format_of(record: Record) -> str:
    """The name of the record's format; empty when it is none that we know."""
    return next((name for name, recognise, _ in FORMATS if recognise(record)), "")


def normalize(record: Record, index: int, source: Source) -> list[Landed | RecordError]:
    """The rows that a record becomes, and what is wrong with it or with a part of it.

    A post is one row; a profile is its own row and one for each of its latest posts; an error item of the
    collector is a RecordError `source_error: …`. `index` is the record's place in its file, from 0.
    """
    for _, recognise, convert in FORMATS:
        if recognise(record):
            try:
                return list(convert(record, index, source))
            except RecordError as error:
                return [error]
    keys: list[Any] = sorted(record)[:5]
    return [RecordError("", f"is no post, reel or profile that we know (its keys: {', '.join(map(ascii, keys))})")]
