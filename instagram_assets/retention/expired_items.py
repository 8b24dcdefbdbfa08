"""The items that retention deletes, one per file and table: listed first, then deleted, and aggregated for reports."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from instagram_assets.calendar import day_of
from instagram_assets.settings import PrivacySettings

LANDING_PLACE, TABLES_PLACE, INBOX_PLACE, MEDIA_PLACE, MEDIA_ROWS_PLACE = (
    "landing zone",
    "tables",
    "files that came in",
    "media",
    "rows of media",
)
"""The locations of expired items, as reports name them."""


@dataclass(frozen=True)
class RetentionLimits:
    """The timestamps before which observations (`raw`) and media have expired; None: they are kept forever."""

    raw: datetime | None
    media: datetime | None

    def __bool__(self) -> bool:
        return self.raw is not None or self.media is not None


@dataclass(frozen=True)
class ExpiredItem:
    """An expired file, or the expired rows of one file; `apply` deletes them, atomically and idempotently.

    `place` is the location that reports name, and `what` the name of the table or the kind of file. `rows` is the
    number of expired observations, records or media. `first` and `last` are the earliest and latest time at which they
    were observed, or if this is unknown, the time at which the file arrived, or None. `bytes` is their size on disk.
    """

    place: str
    what: str
    path: str
    rows: int
    bytes: int
    first: datetime | None
    last: datetime | None
    apply: Callable[[], object]


@dataclass(frozen=True)
class ExpiredTotal:
    """The totals of the expired items with equal `place` and `what`; `first` and `last` are local dates."""

    place: str
    what: str
    files: int
    rows: int
    bytes: int
    first: date | None
    last: date | None

    def __str__(self) -> str:
        unit = "rows" if self.place in (LANDING_PLACE, TABLES_PLACE, MEDIA_ROWS_PLACE) else "files"
        number = f"{self.rows:,} {unit if self.rows != 1 else unit[:-1]}"
        return f"{self.place}, {self.what}: {number}{self._days}, {self.bytes / 1e6:,.1f} MB"

    @property
    def _days(self) -> str:
        if self.first is None:
            return ""
        return f", {self.first}" if self.first == self.last else f", {self.first}…{self.last}"


def retention_limits(settings: PrivacySettings, now: datetime) -> RetentionLimits:
    """Returns the retention limits of the settings as timestamps in UTC, counted back from `now`.

    A setting of 0 days means that the data is kept forever. No limit is before Instagram's launch in 2010.
    """

    def limit(days: int) -> datetime | None:
        return max(now.astimezone(UTC) - timedelta(days=days), _INSTAGRAM_BEGAN) if days else None

    return RetentionLimits(limit(settings.keep_raw_days), limit(settings.keep_media_days))


def expired_totals(dues: Iterable[ExpiredItem], time_zone: ZoneInfo) -> list[ExpiredTotal]:
    """Returns the totals of expired items by location and kind, in order of first appearance; dates in `time_zone`."""
    found: dict[tuple[str, str], list[ExpiredItem]] = {}
    for due in dues:
        found.setdefault((due.place, due.what), []).append(due)
    return [_total(*key, parts, time_zone) for key, parts in found.items()]


def _total(place: str, what: str, parts: list[ExpiredItem], time_zone: ZoneInfo) -> ExpiredTotal:
    first = min((part.first for part in parts if part.first), default=None)
    last = max((part.last for part in parts if part.last), default=None)
    days = (day_of(moment, time_zone) if moment else None for moment in (first, last))
    files = len({part.path for part in parts})
    return ExpiredTotal(place, what, files, sum(p.rows for p in parts), sum(p.bytes for p in parts), *days)


def apply_each(dues: Iterable[ExpiredItem]) -> Iterator[ExpiredItem]:
    """Deletes each item's content with its `apply`, and yields the item afterwards."""
    for due in dues:
        due.apply()
        yield due


_INSTAGRAM_BEGAN = datetime(2010, 10, 6, tzinfo=UTC)
