"""A moment belongs to one day, whatever clocks do."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from instagram_assets.calendar import day_of, monday, week_name

SEOUL = ZoneInfo("Asia/Seoul")
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        (datetime(2026, 10, 20, 14, 59, 59, tzinfo=UTC), SEOUL, date(2026, 10, 20)),
        (datetime(2026, 10, 20, 15, 0, 0, tzinfo=UTC), SEOUL, date(2026, 10, 21)),
        (datetime(2026, 10, 20, 23, 59, 59, tzinfo=UTC), SEOUL, date(2026, 10, 21)),
        # The day of 23 hours and the day of 25 hours.
        (datetime(2026, 3, 8, 4, 59, 59, tzinfo=UTC), NEW_YORK, date(2026, 3, 7)),
        (datetime(2026, 3, 9, 3, 59, 59, tzinfo=UTC), NEW_YORK, date(2026, 3, 8)),
        (datetime(2026, 3, 9, 4, 0, 0, tzinfo=UTC), NEW_YORK, date(2026, 3, 9)),
        (datetime(2026, 11, 2, 4, 59, 59, tzinfo=UTC), NEW_YORK, date(2026, 11, 1)),
    ],
)
@pytest.mark.bad_input("midnight", "clock that jumps")
def test_both_sides_of_a_border_are_told_apart(moment: datetime, zone: ZoneInfo, day: date) -> None:
    assert day_of(moment, zone) == day


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        day_of(datetime(2026, 10, 20), SEOUL)


@pytest.mark.parametrize(
    ("day", "begins", "name"),
    [
        (date(2026, 11, 27), date(2026, 11, 23), "2026-W48"),
        (date(2026, 11, 23), date(2026, 11, 23), "2026-W48"),
        (date(2026, 11, 22), date(2026, 11, 16), "2026-W47"),
        (date(2027, 1, 1), date(2026, 12, 28), "2026-W53"),
        (date(2027, 1, 4), date(2027, 1, 4), "2027-W01"),
    ],
)
def test_a_week_begins_on_monday_and_is_called_as_iso_8601_has_it(day: date, begins: date, name: str) -> None:
    assert monday(day) == begins
    assert week_name(day) == name
