"""Invented weeks of reels, as the tables that they come from: posts, labels, videos and analyses."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa

from instagram_assets.reels.hypotheses import viral_hypotheses
from instagram_assets.schemas import POSTS, REEL_ANALYSES, REEL_VIDEOS, VIRAL_LABELS, Contract
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake
from instagram_assets.storage.lake_writer import write_asset, write_cells

MONDAY = date(2026, 10, 19)
"""A Monday; at noon UTC it is evening in Seoul."""

RULE = "top_fraction 0.2 of engagement by account"
"""That of the settings."""

Row = dict[str, Any]


class Week(NamedTuple):
    """The four tables of some reels."""

    posts: pa.Table
    labels: pa.Table
    videos: pa.Table
    analyses: pa.Table


def a_reel(
    number: int,
    *,
    viral: bool | None,
    account: str = "sun_diary",
    day: date = MONDAY,
    hour: int = 3,
    of_post: Mapping[str, object] | None = None,
    of_video: Mapping[str, object] | None = None,
    of_analysis: Mapping[str, object] | None = None,
) -> list[Row]:
    """One row of each table for a reel published at `hour` in UTC on `day`, which is also its day in Seoul."""
    taken_at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    post_id, key = f"{number:05}", {"account": account}
    cell = {**key, "post_id": post_id, "day": day}
    link = f"https://www.instagram.com/reel/C{number}/"
    film = {"video_id": f"{number:064x}"}
    numbers = {"likes": 10 * number, "comments": number, "views": 1000 * number}
    return [
        {**cell, "kind": "reel", "taken_at": taken_at, "observed_at": taken_at + timedelta(days=2), "caption": "산책",
         "hashtags": [], "mentions": [], "url": link, "shortcode": f"C{number}", **numbers, **(of_post or {})},
        {**key, "id": post_id, "kind": "reel", "taken_at": taken_at, "viral": viral, "url": link, "score": 1.5,
         "reason": "because", "rule": RULE, **numbers},
        {**cell, **film, "status": "ok", "duration": 20.0, "has_audio": True, "shortcode": f"C{number}",
         **(of_video or {})},
        {**cell, **film, "status": "ok", "analyser": "gemini", "topics": [], "hypotheses": [],
         **(of_analysis or {})},
    ]  # fmt: skip


def a_week(reels: Sequence[Sequence[Row]]) -> Week:
    """The tables of reels that `a_reel` made."""
    contracts: tuple[Contract, ...] = (POSTS, VIRAL_LABELS, REEL_VIDEOS, REEL_ANALYSES)
    return Week(*(contract.table([reel[place] for reel in reels]) for place, contract in enumerate(contracts)))


def store(week: Week) -> None:
    """Put the tables of a week into the lake of the settings, as runs would."""
    lake = open_lake(settings())
    tables = {"posts": week.posts, "reel_videos": week.videos, "reel_analyses": week.analyses}
    for name, table in tables.items():
        days = table["day"].to_pylist() or [MONDAY]
        write_cells(lake, name, sorted(set(table["account"].to_pylist())), (min(days), max(days)), table)
    write_asset(lake, "viral_labels", week.labels)
    write_asset(lake, "viral_hypotheses", viral_hypotheses(*week, settings().zone))
