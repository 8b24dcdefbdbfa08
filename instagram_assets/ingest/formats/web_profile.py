"""Answers of Instagram's web_profile_info: a profile with its newest posts, or what went wrong."""

from collections.abc import Iterator

from instagram_assets.errors import RecordError
from instagram_assets.ingest import values
from instagram_assets.ingest.formats import graphql
from instagram_assets.ingest.formats.shapes import Part, find, first
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.source import Source

_USERS = ("data.user", "graphql.user")


def is_answer(record: Record) -> bool:
    """True for an answer about a profile, for a refusal, and for a bare user."""
    if _is_refusal(record) or graphql.is_user(record):
        return True
    user = first(record, _USERS)
    return graphql.is_user(user) or "username" in user if isinstance(user, dict) else _has_no_user(record)


def parts(record: Record, source: Source) -> Iterator[Part]:
    """The profile and the posts on its page. Raises RecordError with what the answer says went wrong."""
    if _is_refusal(record):
        said = str(record.get("message") or "no reason given")
        raise RecordError("status", values.without_surrogates(f"{values.SOURCE_ERROR}: {said}")[:300])
    if _has_no_user(record):
        raise RecordError("data.user", f"{values.SOURCE_ERROR}: there is no such profile")
    place = next((place for place in _USERS if find(record, place) is not None), "")
    user = find(record, place) if place else record
    account = values.account_name(user.get("username"), f"{place}.username".strip("."))
    yield Part(graphql.PROFILE, user, place)
    yield from graphql.timeline_parts(user, place, account)


def _is_refusal(record: Record) -> bool:
    return record.get("status") == "fail"


def _has_no_user(record: Record) -> bool:
    data = record.get("data")
    return isinstance(data, dict) and "user" in data and data["user"] is None
