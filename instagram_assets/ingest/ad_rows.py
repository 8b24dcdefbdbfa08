"""Conversion of ad records to rows of RAW_ADS."""

import re
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

from instagram_assets.errors import RecordError
from instagram_assets.ingest import field_values
from instagram_assets.ingest.formats.ads import AD, with_location
from instagram_assets.ingest.formats.comment_detection import public
from instagram_assets.ingest.formats.field_mapping import Part
from instagram_assets.ingest.post_ids import post_id_from_url, shortcode_from_url
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.record_source import LandingRow, RecordSource, observed_at_of
from instagram_assets.ingest.timestamps import parse_timestamp
from instagram_assets.schemas.posts import visible_likes

_NAMES = {column: fields[0] for column, fields in AD.fields.items()}
# 1,234,567 with a comma after every three digits; any other comma is left to the rule for counts.
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
_DAY_FIRST_YEAR = re.compile(r"(\d{4})\s*[-/.]\s*(\d{1,2})\s*[-/.]\s*(\d{1,2})\.?(?=\D|\Z)(.*)", re.DOTALL)
_WANTED = "write 2025-07-29, or make it a date of the spreadsheet"
# A number in this range is a date of 2000 to 2100 whose cell lost its format: spreadsheets count days since 1899-12-30.
_SERIAL = range(36_526, 73_051)


def to_ad_row(part: Part, index: int, source: RecordSource) -> LandingRow:
    """Convert one ad to a row of RAW_ADS. Raises RecordError, which names the row of its table, for an invalid ad."""
    try:
        return _row(part.record, index, source)
    except RecordError as error:
        raise RecordError(error.field, with_location(part.record, error.reason)) from error


def _row(ad: Record, index: int, source: RecordSource) -> LandingRow:
    warnings: list[str] = []
    url = _with_scheme(str(ad["url"]).strip())
    taken_at = _moment(ad["taken_at"], source)
    likes = field_values.parse_likes(_plain(ad.get("likes")), _NAMES["likes"], warnings)
    return {
        "ad_id": post_id_from_url(url) or url,
        "account": _account(ad, url, warnings),
        "url": url,
        "taken_at": taken_at,
        "observed_at": source.observed(taken_at, observed_at_of(ad, source, warnings)),
        "caption": field_values.parse_label(ad.get("caption"), _NAMES["caption"], warnings),
        "views": field_values.parse_count(_plain(ad.get("views")), _NAMES["views"], warnings),
        "likes": visible_likes(likes),
        "comments": field_values.parse_count(_plain(ad.get("comments")), _NAMES["comments"], warnings),
        "extra": field_values.extra_as_json(public(AD.unknown(ad)), warnings),
        "warnings": warnings,
        "source_file": source.file,
        "source_sha256": source.sha256,
        "source_index": index,
    }


def _moment(value: object, source: RecordSource) -> datetime:
    """Parse the timestamp in a table cell: text with the year first, a spreadsheet's day number, or Unix time.

    A timestamp without a time zone is read in the configured one. Raises RecordError for anything else.
    """
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, int | float) and int(value) in _SERIAL:
        value = (datetime(1899, 12, 30) + timedelta(days=value)).isoformat()
    if isinstance(value, str) and (found := _DAY_FIRST_YEAR.match(value.strip())):
        year, month, day, rest = found.groups()
        try:
            value = date(int(year), int(month), int(day)).isoformat() + rest
        except ValueError as error:
            raise RecordError(_NAMES["taken_at"], f"{field_values.shown_value(value)} is no possible date") from error
    elif isinstance(value, str):
        wanted = field_values.FORMULA if value.startswith("=") else f" with the year first: {_WANTED}"
        raise RecordError(_NAMES["taken_at"], f"{field_values.shown_value(value)} is no date{wanted}")
    return parse_timestamp(value, _NAMES["taken_at"], [], source.zone, source.first_seen)


def _plain(value: object) -> object:
    if isinstance(value, str) and _GROUPED.fullmatch(value.strip()):
        return int(value.replace(",", ""))
    return None if field_values.is_missing(value) else value


def _with_scheme(url: str) -> str:
    return url if "://" in url else f"https://{url}"


def _account(ad: Record, url: str, warnings: list[str]) -> str | None:
    """Return the account of an ad: from the table's account column, else from the URL (instagram.com/NAME/p/CODE)."""
    if not field_values.is_missing(ad.get("account")):
        try:
            return field_values.parse_account_name(ad["account"], _NAMES["account"])
        except RecordError as error:
            warnings.append(f"{error}, taken as unknown")
    first, *rest = [*filter(None, urlsplit(url).path.split("/")), ""]
    named = shortcode_from_url(url) is not None and len(rest) > 2 and field_values.is_account_name(first)
    return first.casefold() if named else None
