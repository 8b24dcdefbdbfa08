"""Gaps: periods from which posts of a hashtag can be missing, since the API only returns those of the last 24 hours.

A run covers the posts published from 24 hours before its last request for newest posts until its first such request.
Runs that are further apart leave a gap.
"""

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime, tzinfo

from instagram_assets.collect.clock import utc_datetime
from instagram_assets.collect.collect_targets import choose_targets
from instagram_assets.collect.collection_results import CollectionOutcome
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.graph_api_site import newest_posts_label
from instagram_assets.collect.site_adapter import GRAPH_API
from instagram_assets.errors import InstagramAssetsError
from instagram_assets.settings import Settings

_HASHTAG_WINDOW = 24 * 3_600.0
_SHORTEST = 60.0
"""Gaps shorter than this many seconds are ignored, since daily runs are never exactly 24 hours apart."""
_MONTH = 31 * 86_400.0


@dataclass(frozen=True)
class HashtagGap:
    """A period from which posts of a hashtag can be missing; `begins` and `ends` are timezone-aware."""

    hashtag: str
    begins: datetime
    ends: datetime

    @property
    def hours(self) -> float:
        return (self.ends - self.begins).total_seconds() / 3_600

    def words(self, zone: tzinfo) -> str:
        """A message about the gap for users, with its times in the time zone `zone`."""
        begins, ends = (when.astimezone(zone) for when in (self.begins, self.ends))
        last = f"{ends:%H:%M}" if begins.date() == ends.date() else f"{ends:%Y-%m-%d %H:%M}"
        long = f"{self.hours:,.1f} hours" if self.hours >= 1 else f"{self.hours * 60:.0f} minutes"
        return f"{self.hashtag}: posts may be missing from {begins:%Y-%m-%d %H:%M} to {last} ({long})"


def hashtag_gaps(
    database: CollectorDatabase, hashtag: str, now: float, *, since: float | None = None, is_collected: bool = True
) -> list[HashtagGap]:
    """The gaps of a hashtag that end after the Unix timestamp `since`, in order; by default of the last 31 days.

    If the hashtag is still collected (`is_collected`), the time between its last run and 24 hours ago is a gap as well:
    its posts can no longer be fetched.
    """
    since = now - _MONTH if since is None else since
    known: list[tuple[float, float]] = sorted(_covered(database, hashtag), key=lambda span: span[1])
    if not known:
        return []
    found = list[HashtagGap]()
    until = known[0][1]
    last = [(now - _HASHTAG_WINDOW, now)] if is_collected else []
    for begins, ends in (*known[1:], *last):
        if begins - until >= _SHORTEST and begins > since:
            found.append(HashtagGap(hashtag, utc_datetime(until), utc_datetime(begins)))
        until = max(until, ends)
    return found


def all_hashtag_gaps(
    database: CollectorDatabase, now: float, *, since: float | None = None, collected: Container[str] | None = None
) -> list[HashtagGap]:
    """The gaps of all hashtags that were ever collected, sorted by name.

    `collected` are the hashtags that are still collected (None: all); a hashtag that is not has no gap after its last
    run. `since` limits the result to gaps that end after this Unix timestamp (None: 31 days before `now`).
    """
    with database.reading() as connection:
        rows = connection.execute(
            "SELECT DISTINCT subject FROM crawls WHERE site = ? AND subject LIKE '#%' ORDER BY subject", (GRAPH_API,)
        ).fetchall()
    return [
        gap
        for (tag,) in rows
        for gap in hashtag_gaps(database, tag, now, since=since, is_collected=collected is None or tag in collected)
    ]


def missing_hashtag_hours(
    settings: Settings, database: CollectorDatabase, now: float, since: float | None = None
) -> list[HashtagGap]:
    """The gaps of all hashtags that end after the Unix timestamp `since` (None: of the last 31 days).

    For hashtags that are no longer in the registry file, only the gaps between their runs.
    """
    return all_hashtag_gaps(database, now, since=since, collected=_hashtags(settings))


def _hashtags(settings: Settings) -> tuple[str, ...]:
    """The hashtags that the registry file schedules for this week; empty without a registry."""
    try:
        return choose_targets(settings, of="hashtags").subjects.get(GRAPH_API, ())
    except InstagramAssetsError:
        return ()


def _covered(database: CollectorDatabase, hashtag: str) -> list[tuple[float, float]]:
    """For each complete run, the period (start, end as Unix timestamps) from which it has all posts of a hashtag."""
    with database.reading() as connection:
        rows = connection.execute(
            """SELECT COALESCE(MIN(requests.at), began_at) AS first, COALESCE(MAX(requests.at), ended_at) AS last
            FROM crawls LEFT JOIN requests ON requests.site = crawls.site AND requests.subject = crawls.subject
                AND requests.what = ? AND requests.outcome = 'ok' AND requests.at BETWEEN began_at AND ended_at
            WHERE crawls.site = ? AND crawls.subject = ? AND crawls.outcome = ? AND ended_at IS NOT NULL
            GROUP BY crawls.id""",
            (newest_posts_label(hashtag), GRAPH_API, hashtag, CollectionOutcome.COMPLETE),
        ).fetchall()
    return [
        (row["last"] - _HASHTAG_WINDOW, row["first"]) for row in rows if row["last"] - _HASHTAG_WINDOW < row["first"]
    ]
