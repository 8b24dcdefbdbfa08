"""Format of our own collectors: each JSON line has a record as the site returned it, with its query and timestamp.

{"collected": 1, "site": "graph_api", "account": "#육아일기", "observed_at": "2026-11-27T09:10:11.123Z", "record": {}}
"""

from collections.abc import Iterator
from datetime import datetime

from instagram_assets.errors import RecordError
from instagram_assets.ingest import field_values
from instagram_assets.ingest.formats import graph_api, nested_posts
from instagram_assets.ingest.formats.field_mapping import Part
from instagram_assets.ingest.hashtags import HASHTAG_SIGNS, hashtags_in
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.record_source import RecordSource
from instagram_assets.ingest.timestamps import parse_timestamp

NAME = "collected"
_VERSION = 1
"""Version of the line format that the collectors write."""
_RECORD = "record"


def is_line(record: Record) -> bool:
    """True for a line written by our collectors, in any version of the format."""
    version = record.get("collected")
    return isinstance(version, int) and not isinstance(version, bool) and "account" in record and _RECORD in record


def parse(record: Record, source: RecordSource) -> Iterator[Part]:
    """Yield the posts and profiles in a line, assigned to the account or hashtag that the collector requested.

    Raises RecordError for a line without posts and profiles, or of another version of the format.
    """
    if record["collected"] != _VERSION:
        raise RecordError("collected", f"is version {record['collected']}; a newer instagram_assets reads it")
    account, observed = _account(record["account"]), _observed_at(record, source)
    inner, is_hashtag, found = record[_RECORD], account.startswith("#"), False
    if isinstance(inner, dict):
        for part in nested_posts.parts_in(inner, source, _RECORD, account, observed):
            found = True
            yield part._replace(mapping=graph_api.OF_HASHTAG) if part.mapping is graph_api.POST and is_hashtag else part
    if not found:
        raise RecordError(_RECORD, "is no post, reel or profile that we know")


def _account(value: object) -> str:
    """Return the normalized name of an account, or `#tag` of a hashtag."""
    if isinstance(value, str) and value.startswith(tuple(HASHTAG_SIGNS)):
        if hashtags_in(value) != [value[1:]]:
            raise RecordError("account", f"{value[:80]!r} is no hashtag")
        return f"#{value[1:].casefold()}"
    return field_values.parse_account_name(value, "account")


def _observed_at(record: Record, source: RecordSource) -> datetime:
    """Return when the record was observed, which every line contains."""
    return parse_timestamp(record.get("observed_at"), "observed_at", [], source.zone, source.first_seen)
