"""Calendar days and ISO weeks of timestamps, in the time zone by which the lake is partitioned."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


def day_of(moment: datetime, time_zone: ZoneInfo) -> date:
    """Returns the calendar day of a timezone-aware timestamp in `time_zone`. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return moment.astimezone(time_zone).date()


def today(time_zone: ZoneInfo) -> date:
    """Returns the current calendar day in `time_zone`."""
    return day_of(datetime.now(UTC), time_zone)


def monday(day: date) -> date:
    """Returns the Monday of a day's ISO week."""
    return day - timedelta(days=day.weekday())


def week_name(day: date) -> str:
    """Returns the ISO 8601 name of a day's week, such as 2026-W48."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"
