"""The formats we know: of each its name, how a record of it is recognised, and which posts and profiles are in it."""

from collections.abc import Callable, Iterable
from typing import Any

from instagram_assets.errors import RecordError
from instagram_assets.ingest.formats import apify, comments, graphql, instaloader, timeline, web_profile
from instagram_assets.ingest.formats.shapes import Part
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.source import Source

Recognise = Callable[[Record], bool]
Open = Callable[[Record, Source], Iterable[Part]]

# The first that recognises a record counts.
FORMATS: tuple[tuple[str, Recognise, Open], ...] = (
    ("apify_errors", apify.is_error, apify.errors),
    (comments.FORMAT, comments.is_comment, comments.refuse),
    ("apify_profiles", apify.is_profile, apify.profiles),
    ("apify_posts", apify.is_post, apify.posts),
    ("instaloader", instaloader.is_file, instaloader.parts),
    ("web_profile", web_profile.is_answer, web_profile.parts),
    ("timeline", timeline.is_page, timeline.page_parts),
    ("timeline", timeline.is_item, timeline.item_parts),
    ("graph_nodes", graphql.is_node, graphql.parts),
)

_KEY_SHOWN = 40


def format_of(record: Record) -> tuple[str, Open]:
    """The name of the record's format and how to open it; the name is empty when it is none that we know."""
    for name, recognise, opened in FORMATS:
        if recognise(record):
            return name, opened
    return "", _unknown


def _unknown(record: Record, _: Source) -> Iterable[Part]:
    keys: list[Any] = sorted(record)[:5]
    found = ", ".join(ascii(key[:_KEY_SHOWN]) for key in keys)
    raise RecordError("", f"is no post, reel or profile that we know (its keys: {found})")
