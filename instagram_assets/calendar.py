"""Which day a moment belongs to, in the time zone that the lake is partitioned by."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


def day_of(moment: datetime, time_zone: ZoneInfo) -> date:
    """The calendar day of an aware `moment` in `time_zone`."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return moment.astimezone(time_zone).date()


def today(time_zone: ZoneInfo) -> date:
    """The current day in `time_zone`."""
    return day_of(datetime.now(UTC), time_zone)


def days_between(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included; empty when `last` comes first."""
    return [first + timedelta(days=step) for step in range((last - first).days + 1)]
