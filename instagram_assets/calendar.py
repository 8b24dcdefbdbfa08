"""Which day a moment belongs to, in the time zone that the lake is partitioned by."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def day_of(moment: datetime, time_zone: ZoneInfo) -> date:
    """The calendar day of an aware `moment` in `time_zone`."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return moment.astimezone(time_zone).date()


def today(time_zone: ZoneInfo) -> date:
    """The current day in `time_zone`."""
    return day_of(datetime.now(UTC), time_zone)
