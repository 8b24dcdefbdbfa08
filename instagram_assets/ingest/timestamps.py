"""Parsing of timestamps in records: text or number, with or without a zone."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from instagram_assets.errors import RecordError
from instagram_assets.ingest.field_values import MISSING, is_missing, shown_value

INSTAGRAM_LAUNCH = datetime(2010, 10, 6, tzinfo=UTC)

_NUMBER = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,9})?")
_SLASHES = re.compile(r"(\d{4})/(\d\d)/(\d\d)(?!\d)")
_AS_WANTED = "write 2025-07-29T11:15:43Z"
# Zone suffixes of databases and programming languages: "UTC", " +0900", " +0000 UTC".
_ZONE = re.compile(r"\s*(?:UTC|GMT|(?P<offset>[+-]\d\d:?\d\d)(?:\s+[A-Z]{3,4})?)\Z", re.IGNORECASE)


def parse_timestamp(value: object, field: str, warnings: list[str], zone: ZoneInfo, now: datetime) -> datetime:
    """Parse a timestamp to UTC; it must be between Instagram's launch and one day after `now`.

    ISO 8601 with an offset or a "UTC" suffix; without one it is read in `zone`, with a warning. Numbers, also as text,
    are seconds, milliseconds or microseconds since 1970, distinguished by their magnitude. Raises RecordError.
    """
    if value == "" or is_missing(value):
        raise RecordError(field, MISSING)
    try:
        if type(value) is str and len(value) == 24 and value.endswith("Z"):
            when = datetime.fromisoformat(value)  # the usual form: 2025-07-29T11:15:43.000Z
        elif isinstance(value, str) and not _NUMBER.fullmatch(value):
            when = _from_text(value.strip(), field, warnings, zone)
        else:
            when = _from_number(value, field)
    except (ValueError, OverflowError, OSError) as error:  # the C library rejects years of its own
        raise RecordError(field, f"{shown_value(value)} is no possible time: {_AS_WANTED}") from error
    if when < INSTAGRAM_LAUNCH:
        raise RecordError(field, f"{shown_value(value)} is before Instagram began: {_AS_WANTED}")
    if when > now and when > now + timedelta(days=1):
        raise RecordError(field, f"{shown_value(value)} is in the future")
    return when


def _from_number(value: object, field: str) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise RecordError(field, f"{shown_value(value)} is no time: {_AS_WANTED}")
    number = (
        float(value) if isinstance(value, str) and "." in value else int(value) if isinstance(value, str) else value
    )
    divisor = 1 if number < 1e11 else 1_000 if number < 1e14 else 1_000_000
    if isinstance(number, float):
        return datetime.fromtimestamp(number / divisor, UTC)
    whole, rest = divmod(number, divisor)
    return datetime.fromtimestamp(whole, UTC) + timedelta(microseconds=rest * 1_000_000 // divisor)


def _from_text(value: str, field: str, warnings: list[str], zone: ZoneInfo) -> datetime:
    when = datetime.fromisoformat(_as_iso(value))
    if when.tzinfo is not None:
        return when.astimezone(UTC)
    local = when.replace(tzinfo=zone)
    utc = local.astimezone(UTC)
    if utc.astimezone(zone).replace(tzinfo=None) != when:
        raise RecordError(field, f"{shown_value(value)} does not exist in {zone.key}: clocks skip that hour")
    warnings.append(f"{field}: no time zone, read as {zone.key}")
    return utc


def _as_iso(value: str) -> str:
    """Return a time with its zone in ISO 8601 form: year first, slashes become dashes."""
    value = _SLASHES.sub(r"\1-\2-\3", value, count=1)
    zone = _ZONE.search(value, 8)  # after the date, whose dashes look like an offset's
    return value[: zone.start()] + (zone["offset"] or "+00:00") if zone else value
