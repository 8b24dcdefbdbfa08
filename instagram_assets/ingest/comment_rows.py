"""Conversion of comments to rows of RAW_COMMENTS: commenters get pseudonyms, their names are never stored."""

import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.errors import RecordError
from instagram_assets.ingest import field_values
from instagram_assets.ingest.formats.comments import COMMENT, POST_ID, display_name, username
from instagram_assets.ingest.formats.field_mapping import Part
from instagram_assets.ingest.post_ids import certain_digits, normalized_id, post_id_of, shortcode_of
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.record_source import LandingRow, RecordSource, observed_at_of
from instagram_assets.ingest.timestamps import parse_timestamp
from instagram_assets.privacy.masking import is_standalone_name, mask, mask_names, mentioned_names
from instagram_assets.privacy.names_in_text import names_pattern
from instagram_assets.schemas.account_names import is_distinctive
from instagram_assets.schemas.posts import visible_likes

_POSTING, _MENTIONED = ("account", "owner"), ("mentions", "tagged", "coauthors")


def posting_people(accounts: Iterable[str]) -> set[str]:
    """Return those of `accounts`, in lower case, that are masked in comments even without an @ before them."""
    return {name.casefold() for name in accounts if is_standalone_name(name)}


def people_in_posts(posts: pa.Table) -> set[str]:
    """Return account names to mask, lower case, from posts: their accounts, owners, mentioned, tagged, co-authors."""
    found = posting_people(name for column in _POSTING for name in _names(posts[column]))
    return found | _distinctive(name for column in _MENTIONED for name in _names(compute.list_flatten(posts[column])))


def people_around_comment(part: Part) -> set[str]:
    """Return, in lower case, the account names to mask in a comment: its author, mentions, and its post's account."""
    writer, text = username(part.record), COMMENT.value("text", part.record)
    found = {writer} if writer else set[str]()
    if isinstance(text, str):
        found |= mentioned_names(text)
    return _distinctive(found) | posting_people([part.account] if part.account else [])


def mask_people(comments: pa.Table, people: Collection[str], pseudonym_of: Callable[[str], str]) -> pa.Table:
    """Return comment rows in whose texts the account names `people` are replaced by pseudonyms."""
    texts = [None if text is None else mask_names(text, pseudonym_of, people) for text in comments["text"].to_pylist()]
    place = comments.schema.get_field_index("text")
    return comments.set_column(place, comments.schema.field(place), pa.array(texts, pa.string()))


def _names(column: Any) -> list[str]:
    return column.unique().drop_null().to_pylist()


def _distinctive(names: Iterable[str]) -> set[str]:
    return {name.casefold() for name in names if is_distinctive(name)}


TEXT_LIMIT = field_values.CAPTION_LIMIT
"""Maximum length of a comment on Instagram."""
NO_COMMENTER = "nobody is named as who wrote it"
NO_POST = "nothing says under which post it is"
ROUNDED_ID = "comment_id: a program has rounded it, so other comments may have the same"
ROUNDED_POST_ID = "post_id: a program has rounded it, so it may be another post's"
"""Messages of errors and warnings about comments."""

_CONCEALED = "what stands there"
_NUMBER = re.compile(r"[0-9]+(?:_[0-9]+)*")


def to_comment_row(part: Part, index: int, source: RecordSource, pseudonym_of: Callable[[str], str]) -> LandingRow:
    """Convert one comment to a row of RAW_COMMENTS. Raises RecordError, without any of the comment's text, if invalid.

    `pseudonym_of` returns the pseudonym of an account name; `index` is the record's position in the file.
    """
    record = part.record
    warnings: list[str] = []
    comment_id = _asked(record, "comment_id", _number)
    if certain_digits(COMMENT.value("comment_id", record)) is not None:
        warnings.append(ROUNDED_ID)
    text = _asked(record, "text", lambda value, name: _written(value, name, warnings))
    taken_at = _asked(
        record, "taken_at", lambda value, name: parse_timestamp(value, name, [], source.zone, source.first_seen)
    )
    likes = _or_unknown(record, "likes", lambda value, name: field_values.parse_likes(value, name, []), warnings)
    post_id, shortcode = _post(record, warnings)
    known_by = COMMENT.value("commenter", record)
    commenter = None if known_by is None else pseudonym_of(known_by)
    if commenter is None:
        warnings.append(NO_COMMENTER)
    masked = mask(text, pseudonym_of, source.people)
    own = names_pattern(filter(None, (username(record), display_name(record))))
    if own and commenter:
        masked = own.sub(commenter, masked)
    return {
        "comment_id": comment_id,
        "post_id": post_id,
        "shortcode": shortcode,
        "account": part.account,
        "commenter": commenter,
        "reply_to": _or_unknown(record, "reply_to", _optional_number, warnings),
        "taken_at": taken_at,
        "observed_at": source.observed(taken_at, observed_at_of(record, source, []) or part.observed_at),
        "text": _cut(masked, warnings),
        "likes": visible_likes(likes),
        "warnings": warnings,
        "source_file": source.file,
        "source_sha256": source.sha256,
        "source_index": index,
    }


def _asked(record: Record, column: str, rule: Callable[[object, str], Any]) -> Any:
    """Parse one column's value by `rule`. A RecordError does not contain the value, which may be a person's name."""
    value, name = COMMENT.value(column, record), COMMENT.name(column, record)
    try:
        return rule(value, name)
    except RecordError as error:
        raise RecordError(name, error.reason.replace(field_values.shown_value(value), _CONCEALED, 1)) from None


def _or_unknown(record: Record, column: str, rule: Callable[[object, str], Any], warnings: list[str]) -> Any:
    """Parse one column's value by `rule`; an invalid value becomes null with a warning."""
    try:
        return _asked(record, column, rule)
    except RecordError as error:
        warnings.append(f"{error}, taken as unknown")
        return None


def _number(value: object, name: str) -> str:
    """Parse a numeric id, or several ids joined by `_`; ids of any other form are rejected, since they may be names."""
    number = field_values.parse_identifier(value, name)
    if not _NUMBER.fullmatch(normalized_id(number)):
        raise RecordError(name, f"{field_values.shown_value(value)} is no id of Instagram's")
    return number


def _optional_number(value: object, name: str) -> str | None:
    return None if value == "" or field_values.is_missing(value) else _number(value, name)


def _written(value: object, name: str, warnings: list[str]) -> str:
    """Return the comment's text, cleaned for storage; empty for a comment that is only an image.

    Raises RecordError for null.
    """
    text = field_values.parse_text(value, name, warnings)
    if text is None:
        raise RecordError(name, field_values.MISSING)
    return text


def _cut(text: str, warnings: list[str]) -> str:
    """Truncate a masked comment to Instagram's length limit; masking it later would miss a truncated name or number."""
    if len(text) <= TEXT_LIMIT:
        return text
    warnings.append(f"text: longer than {TEXT_LIMIT:,} characters, cut")
    return text[:TEXT_LIMIT]


def _post(record: Record, warnings: list[str]) -> tuple[str | None, str | None]:
    """Return id and shortcode of the comment's post; a missing one is computed from the other."""
    code: str | None = COMMENT.value("shortcode", record)
    if known := record.get(POST_ID):
        return known, code
    if code and (number := post_id_of(code)) is not None:
        return str(number), code
    received = COMMENT.value("post_id", record)
    found = _or_unknown(record, "post_id", _optional_number, warnings)
    if found is None:
        warnings.append(NO_POST)
        return None, code
    post_id = normalized_id(found)
    if certain_digits(received) is not None:
        warnings.append(ROUNDED_POST_ID)
        return post_id, None
    is_number = post_id.isdecimal() and 0 < int(post_id) < 2**63
    return post_id, shortcode_of(int(post_id)) if is_number else None
