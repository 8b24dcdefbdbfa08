"""Where a record came from, and when what it says was seen."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from instagram_assets.errors import RecordError
from instagram_assets.ingest import values
from instagram_assets.ingest.reader.json_values import Record

OBSERVED_FIELDS = ("observed_at", "observedAt", "scrapedAt", "scraped_at")

_FILE_TIME = re.compile(r"(?<!\d)(20\d\d-[01]\d-[0-3]\d)(?:[_T ]([0-2]\d)-([0-5]\d)-([0-5]\d)(?:-(\d{3}))?)?(?!\d)")

Row = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """The file that records come from: name, hash, when first seen, the time zone, and a stated observation time."""

    file: str
    sha256: str
    first_seen: datetime
    zone: ZoneInfo
    observed_at: datetime | None = None

    @cached_property
    def default_observed_at(self) -> datetime:
        """For records that do not say it: the file name's date, else the stated time, else when first seen."""
        return time_in_name(self) or self.observed_at or self.first_seen


def observed_at(record: Record, default: datetime, source: Source, warnings: list[str]) -> datetime:
    """When the record was read from Instagram: its own field, else `default`."""
    for field in OBSERVED_FIELDS:
        if record.get(field) is None:
            continue
        try:
            return values.moment(record[field], field, warnings, source.zone, source.first_seen)
        except RecordError as error:
            warnings.append(f"{error}, not used")
    return default


def time_in_name(source: Source) -> datetime | None:
    """The date in a file's name: with a time of day, as Apify writes it, in UTC; alone, midnight of the time zone."""
    for day, hour, minute, second, milliseconds in _FILE_TIME.findall(source.file):
        written = f"{day}T{hour}:{minute}:{second}.{milliseconds or '000'}+00:00" if hour else day
        try:
            return values.moment(written, "file name", [], source.zone, source.first_seen).astimezone(UTC)
        except RecordError:
            continue  # digits that only look like a date
    return None
