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


def monday(day: date) -> date:
    """The first day of a day's week."""
    return day - timedelta(days=day.weekday())


def week_name(day: date) -> str:
    """A day's week as ISO 8601 writes it, such as 2026-W48."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"
