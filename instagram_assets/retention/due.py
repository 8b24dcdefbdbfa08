"""What is due to go: one file, said before it is done."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from instagram_assets.calendar import day_of
from instagram_assets.settings import PrivacySettings

LANDING, TABLES, CAME_IN, MEDIA, ROWS = "landing zone", "tables", "files that came in", "media", "rows of media"
"""Where something is due."""


@dataclass(frozen=True)
class Limits:
    """Moments before which observations and media are past; null keeps all."""

    raw: datetime | None
    media: datetime | None

    def __bool__(self) -> bool:
        return self.raw is not None or self.media is not None


@dataclass(frozen=True)
class Due:
    """What goes of one file, or the file itself; `apply` does it, whole or not at all, and again at will.

    `what` is the table that has the rows, or the kind of file. `rows` are the observations, records or media that go,
    observed from `first` to `last`, or put there then where nobody knows (null where that is not known either);
    `bytes` is what they take on disk.
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
class Total:
    """All that is due of one kind in one place, from the first to the last day, of the zone that was asked for."""

    place: str
    what: str
    files: int
    rows: int
    bytes: int
    first: date | None
    last: date | None

    def __str__(self) -> str:
        unit = "rows" if self.place in (LANDING, TABLES, ROWS) else "files"
        number = f"{self.rows:,} {unit if self.rows != 1 else unit[:-1]}"
        return f"{self.place}, {self.what}: {number}{self._days}, {self.bytes / 1e6:,.1f} MB"

    @property
    def _days(self) -> str:
        if self.first is None:
            return ""
        return f", {self.first}" if self.first == self.last else f", {self.first}…{self.last}"


def limits_of(settings: PrivacySettings, now: datetime) -> Limits:
    """What is past by the settings, seen from a moment."""

    def limit(days: int) -> datetime | None:
        return max(now.astimezone(UTC) - timedelta(days=days), _INSTAGRAM_BEGAN) if days else None

    return Limits(limit(settings.keep_raw_days), limit(settings.keep_media_days))


def totals(dues: Iterable[Due], time_zone: ZoneInfo) -> list[Total]:
    """What is due, by place and kind, in the order in which they first came; days are of the zone."""
    found: dict[tuple[str, str], list[Due]] = {}
    for due in dues:
        found.setdefault((due.place, due.what), []).append(due)
    return [_total(*key, parts, time_zone) for key, parts in found.items()]


def _total(place: str, what: str, parts: list[Due], time_zone: ZoneInfo) -> Total:
    first = min((part.first for part in parts if part.first), default=None)
    last = max((part.last for part in parts if part.last), default=None)
    days = (day_of(moment, time_zone) if moment else None for moment in (first, last))
    files = len({part.path for part in parts})
    return Total(place, what, files, sum(p.rows for p in parts), sum(p.bytes for p in parts), *days)


def each_applied(dues: Iterable[Due]) -> Iterator[Due]:
    """Each, after it was done."""
    for due in dues:
        due.apply()
        yield due


_INSTAGRAM_BEGAN = datetime(2010, 10, 6, tzinfo=UTC)
