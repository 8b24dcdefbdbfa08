"""What is older than the settings keep it, found and taken away.

Old is what was observed before the limit: `observed_at` says when we got it, not when it was posted. Observations go
from the landing zone, from the tables of observations and from `inbox/done`; media from their folder. What was made of
them stays: posts, words, captions, labels, and a cell that is made again keeps it. The lake says up to when
observations are gone before the first of them goes. Killed anywhere, a repeat finds what is left.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from upath import UPath

from instagram_assets.lake_index.derived import THUMBNAILS
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
    """What goes, or went; `waiting` landed files have past rows that go once their tables are made."""

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
        """How many rows or files, by place and kind."""
        return {f"{total.place}, {total.what}": total.rows for total in self.totals}

    def lines(self) -> Iterator[str]:
        """What goes in words: the limits, then a line for each place and kind."""
        for what, limit in (("Observations", self.limits.raw), ("Images and videos", self.limits.media)):
            yield f"{what} last observed before {limit:%Y-%m-%dT%H:%M:%SZ}" if limit else f"{what}: all are kept"
        yield from map(str, self.totals)
        if self.waiting:
            one = self.waiting == 1
            who = "1 file with older records waits" if one else f"{self.waiting:,} files with older records wait"
            yield f"{who} for {'its' if one else 'their'} tables, and for the next time"


def preview_retention(lake: UPath, settings: Settings, limits: RetentionLimits, days: Days) -> RetentionResult:
    """What would go now; nothing is changed. `days` are the lake's first and last. Raises StorageError for damage."""
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
    """Take away what is past, and say what it was. `on_progress` is told of each file when it is done.

    Raises StorageError when the disk refuses, or a table is damaged: what is done by then stays done.
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
    # Files that came in are known to be past by their rows, so they go before these.
    if limits.raw:
        yield from expired_source_files(settings.folder("inbox"), lake, limits.raw)
        yield from expired_landing_rows(lake, limits.raw)
        yield from expired_observations(lake, limits.raw, days)
    if limits.media:
        yield from expired_media(settings.folder("media"), lake, limits.media, settings.folder(THUMBNAILS))


def _waiting(lake: UPath, limits: RetentionLimits) -> int:
    return count_waiting_files(lake, limits.raw) if limits.raw else 0
