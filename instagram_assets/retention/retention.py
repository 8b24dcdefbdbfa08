"""Retention: finds and deletes observations and media that are older than the limits in the settings.

Age is measured from `observed_at`, the time of collection, not from the time of the post. Observations are deleted from
the landing zone, the observation tables and `inbox/done`; media from the media folder. Derived data (posts, words,
captions, labels) is kept, even if a partition is recomputed. The retention horizon is written to the lake before the
first deletion. If a run is killed, the next run deletes the rest.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from upath import UPath

from instagram_assets.lake_index.remove_derived_files import THUMBNAILS
from instagram_assets.retention.expired_items import (
    ExpiredItem,
    ExpiredTotal,
    RetentionLimits,
    expired_totals,
)
from instagram_assets.retention.landing_rows import count_waiting_files, expired_landing_rows
from instagram_assets.retention.media_files import expired_media
from instagram_assets.retention.observation_tables import expired_observations
from instagram_assets.retention.source_files import expired_source_files
from instagram_assets.settings import Settings
from instagram_assets.storage.lake import Days
from instagram_assets.storage.retention_horizon import move_horizon


@dataclass(frozen=True)
class RetentionResult:
    """The deleted items, or in a preview the items to delete, as totals by location and kind.

    `waiting` is the number of landed files whose expired rows are kept because they are not materialized yet.
    """

    limits: RetentionLimits
    totals: list[ExpiredTotal]
    waiting: int = 0

    def __bool__(self) -> bool:
        return bool(self.totals)

    @property
    def bytes(self) -> int:
        return sum(total.bytes for total in self.totals)

    @property
    def numbers(self) -> dict[str, int]:
        """The number of rows or files by location and kind."""
        return {f"{total.place}, {total.what}": total.rows for total in self.totals}

    def lines(self) -> Iterator[str]:
        """Yields the report lines: the limits, then a line for each location and kind."""
        for what, limit in (("Observations", self.limits.raw), ("Images and videos", self.limits.media)):
            yield f"{what} last observed before {limit:%Y-%m-%dT%H:%M:%SZ}" if limit else f"{what}: all are kept"
        yield from map(str, self.totals)
        if self.waiting:
            one = self.waiting == 1
            who = "1 file with older records waits" if one else f"{self.waiting:,} files with older records wait"
            yield f"{who} for {'its' if one else 'their'} tables, and for the next time"


def preview_retention(lake: UPath, settings: Settings, limits: RetentionLimits, days: Days) -> RetentionResult:
    """Returns what a retention run would delete now; nothing is changed.

    `days` are the first and last day of the lake's partitions. Raises StorageError for a damaged file.
    """
    return RetentionResult(
        limits, expired_totals(_dues(lake, settings, limits, days), settings.zone), _waiting(lake, limits)
    )


def apply_retention(
    lake: UPath,
    settings: Settings,
    limits: RetentionLimits,
    days: Days,
    now: datetime,
    on_progress: Callable[[ExpiredItem], object] | None = None,
) -> RetentionResult:
    """Deletes expired data and returns what was deleted; `on_progress` is called after each item.

    `days` are the first and last day of the lake's partitions; `now` is recorded as the time of the deletion. Raises
    StorageError for a damaged file and on an I/O error; items deleted before the error are not restored.
    """
    done: list[ExpiredItem] = []
    for due in _dues(lake, settings, limits, days):
        if not done:
            move_horizon(lake, limits.raw, limits.media, now)
        due.apply()
        done.append(due)
        if on_progress:
            on_progress(due)
    return RetentionResult(limits, expired_totals(done, settings.zone), _waiting(lake, limits))


def _dues(lake: UPath, settings: Settings, limits: RetentionLimits, days: Days) -> Iterator[ExpiredItem]:
    # Source files expire by their rows in the landing zone, so they are checked before these rows are deleted.
    if limits.raw:
        yield from expired_source_files(settings.folder("inbox"), lake, limits.raw)
        yield from expired_landing_rows(lake, limits.raw)
        yield from expired_observations(lake, limits.raw, days)
    if limits.media:
        yield from expired_media(settings.folder("media"), lake, limits.media, settings.folder(THUMBNAILS))


def _waiting(lake: UPath, limits: RetentionLimits) -> int:
    return count_waiting_files(lake, limits.raw) if limits.raw else 0
