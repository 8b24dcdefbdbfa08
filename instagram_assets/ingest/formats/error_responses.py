"""Error responses in place of posts and profiles: from web_profile_info, the site, and the Graph API."""

from collections.abc import Iterable

from instagram_assets.errors import RecordError
from instagram_assets.ingest import field_values
from instagram_assets.ingest.formats import graph_api
from instagram_assets.ingest.formats.shapes import Part
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.record_source import RecordSource


def is_refusal(record: Record) -> bool:
    """True for a response that contains an error instead of data."""
    return record.get("status") == "fail" or has_no_user(record) or graph_api.is_refusal(record)


def refuse(record: Record, source: RecordSource) -> Iterable[Part]:
    """Parse a response without a profile: always raises RecordError with the reported error."""
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
