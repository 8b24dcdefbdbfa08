"""Exports whose records were observed at different times, in a data folder of a test."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from upath import UPath

from instagram_assets.ingest.inbox import land_files
from instagram_assets.ingest.landing_run import LandingReport
from instagram_assets.ingest.manifests import clear_pending, pending_files
from instagram_assets.ingest.observations import read_posts
from instagram_assets.settings import Settings
from instagram_assets_tests.ingest.records import post, profile, write

FIRST, LAST = date(2010, 1, 1), date(2100, 1, 1)
TAKEN = datetime(2025, 7, 29, 11, 15, 43, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")
CODES = {"1": "B", "2": "C", "3": "D", "4": "E"}


def day(number: int) -> datetime:
    """So many days after the posts were published."""
    return TAKEN + timedelta(days=number)


def seen(number: int, post_id: str = "1", **changes: Any) -> dict[str, Any]:
    """A post that was observed so many days after it was published."""
    return post(id=post_id, shortCode=CODES[post_id], observed_at=day(number).isoformat(), likesCount=number, **changes)


def seen_profile(number: int, **changes: Any) -> dict[str, Any]:
    return profile(observed_at=day(number).isoformat(), followersCount=1000 + number, **changes)


def land(settings: Settings, records: object = None, name: str = "posts.json", *, written: int = 0) -> LandingReport:
    """Land records as a file of the inbox that was written so many days after the posts, and settle it."""
    if records is not None:
        path: Path = write(settings.folder("inbox"), records, name)
        stamp = day(written).timestamp()
        os.utime(path, (stamp, stamp))
    lake = UPath(settings.folder("lake"))
    result = land_files([], lake, settings)
    clear_pending(lake, pending_files(lake))
    return result


def likes(lake: UPath) -> list[int]:
    """The days on which the posts of the landing zone were observed, which their likes say."""
    table = read_posts(lake, "posts", ["sun_diary"], FIRST, LAST)
    return sorted(table["likes"].to_pylist())
