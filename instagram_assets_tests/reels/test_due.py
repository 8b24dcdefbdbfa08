"""Which reels wait to be watched: none twice, none for ever, and none that only costs."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from instagram_assets.reels.due import due_reels
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake
from instagram_assets_tests.reels.weeks import MONDAY, Row, a_reel, a_week, store

DAYS = MONDAY, MONDAY + timedelta(days=6)


def media(url: str | None) -> Row:
    picture = {"position": 0, "kind": "image", "url": "https://cdn.example/1.jpg"}
    return {"media": [picture, *([{"position": 1, "kind": "video", "url": url}] if url else [])]}


def due(*reels: Sequence[Row], watched: int | None = None) -> list[tuple[str, bool]]:
    """What waits of reels of which the first `watched` have a video and an analysis; null means all."""
    week = a_week(reels)
    store(week._replace(videos=week.videos.slice(0, watched), analyses=week.analyses.slice(0, watched)))
    return [(reel.post_id, reel.again) for reel in due_reels(open_lake(settings()), DAYS)]


@pytest.fixture(autouse=True)
def in_an_empty_lake(data_dir: Path) -> None:
    pass


def test_reels_that_nobody_watched_wait_and_posts_do_not() -> None:
    post = a_reel(4, viral=None, of_post={"kind": "post"})
    found = due(a_reel(1, viral=True), a_reel(2, viral=False), a_reel(3, viral=None), post, watched=1)
    assert found == [("00002", False), ("00003", False)]


def test_reels_of_other_days_do_not_wait() -> None:
    early, late = (a_reel(n, viral=None, day=MONDAY + timedelta(days=days)) for n, days in ((2, -1), (3, 7)))
    assert due(a_reel(1, viral=None), early, late, a_reel(4, viral=None), watched=1) == [("00004", False)]


@pytest.mark.parametrize(
    "status", ["ok", "blocked", "truncated", "empty", "thoughts_only", "malformed", "failed", "over_budget"]
)
def test_what_has_no_analysis_waits_again_and_what_has_one_does_not(status: str) -> None:
    assert due(a_reel(1, viral=True, of_analysis={"status": status})) == [("00001", True)] * (status != "ok")


@pytest.mark.parametrize(
    ("status", "asked", "now", "waits"),
    [
        ("failed", "https://cdn.example/a.mp4", "https://cdn.example/a.mp4", True),
        ("failed", None, None, False),
        ("expired", "https://cdn.example/a.mp4", "https://cdn.example/a.mp4", False),
        ("expired", "https://cdn.example/a.mp4", "https://cdn.example/b.mp4", True),
        ("refused", "https://cdn.example/a.mp4", "https://cdn.example/b.mp4", False),
        ("ok", "https://cdn.example/a.mp4", "https://cdn.example/a.mp4", True),
    ],
)
def test_a_reel_without_a_video_waits_where_it_may_be_had(
    status: str, asked: str | None, now: str | None, waits: bool
) -> None:
    reel = a_reel(
        1, viral=True, of_post=media(now), of_video={"status": status, "url": asked}, of_analysis={"status": "no_video"}
    )
    assert due(reel) == [("00001", True)] * waits


def test_nothing_waits_in_a_lake_without_reels() -> None:
    assert due_reels(open_lake(settings()), DAYS) == []
