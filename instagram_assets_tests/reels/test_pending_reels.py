"""Which reels wait to be watched: none twice, none for ever, and none that only costs."""

from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from instagram_assets.media.never_download import PAST_RETENTION
from instagram_assets.reels.call_ledger import CallSubject
from instagram_assets.reels.pending_reels import find_pending_reels
from instagram_assets.reels.prompts import PROMPTS, WATCH
from instagram_assets.reels.run_analysis import open_ledger
from instagram_assets.reels.videos import NO_ADDRESS
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
    return [(reel.post_id, reel.again) for reel in find_pending_reels(open_lake(settings()), DAYS, settings())]


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


@pytest.mark.parametrize("reason", ["HTML instead of a video", "HTTP 404", NO_ADDRESS])
def test_what_only_another_address_can_mend_waits_for_one(reason: str) -> None:
    old, new = "https://cdn.example/a.mp4", "https://cdn.example/b.mp4"
    for now, waits in ((old, False), (new, True)):
        video = {"status": "failed", "url": old, "reason": reason}
        reel = a_reel(1, viral=True, of_post=media(now), of_video=video, of_analysis={"status": "no_video"})
        assert due(reel) == [("00001", True)] * waits


@pytest.mark.parametrize(
    ("reason", "waits"),
    [
        ("expired on 2026-11-02", True),
        ("expired on 2026-11-02; not asked anew: Instagram wants fewer requests", True),
        ("expired on 2026-11-02; asked anew: no longer there", False),
    ],
)
def test_with_a_session_what_expired_waits_to_be_asked_once(
    reason: str, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "https://cdn.example/a.mp4"
    video = {"status": "expired", "url": url, "reason": reason}
    reel = a_reel(1, viral=True, of_post=media(url), of_video=video, of_analysis={"status": "no_video"})
    assert due(reel) == []
    monkeypatch.setenv("INSTAGRAM_ASSETS_REELS__SESSION_FILE", "session-me")
    settings.cache_clear()
    assert due(reel) == [("00001", True)] * waits


@pytest.mark.parametrize(
    ("made", "waits"),
    [
        ({}, False),
        ({"analyser": "local"}, True),
        ({"model": "gemini-1"}, True),
        ({"prompt": "0123456789ab"}, True),
        ({"label_hidden": False}, True),
    ],
)
def test_what_gemini_would_now_be_asked_otherwise_waits_again(
    made: Row, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = {"analyser": "gemini", "model": "gemini-2.5-flash", "prompt": PROMPTS, "label_hidden": True}
    reel = a_reel(1, viral=True, of_analysis={**now, **made})
    assert due(reel) == []
    monkeypatch.setenv("INSTAGRAM_ASSETS_REELS__ANALYSER", "gemini")
    settings.cache_clear()
    assert due(reel) == [("00001", True)] * waits


@pytest.mark.parametrize(
    ("refusals", "status", "model", "waits"),
    [
        (0, "blocked", "", True),
        (4, "blocked", "", True),
        (5, "blocked", "", False),
        (6, "malformed", "", False),
        (6, "failed", "", True),  # busy: it may answer the next time
        (6, "blocked", "gemini-1", True),  # another model was asked
    ],
)
def test_what_gemini_refused_for_good_and_this_machine_watched_waits_no_more(
    refusals: int, status: str, model: str, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_REELS__ANALYSER", "gemini")
    settings.cache_clear()
    reel = a_reel(1, viral=True, of_analysis={"analyser": "local"})
    with closing(open_ledger(settings())) as ledger:
        about = CallSubject(reel[3]["video_id"], "analysis", model or settings().gemini.model, WATCH.version)
        for _ in range(refusals):
            ledger.note(about, status, "so it was")
    assert due(reel) == [("00001", True)] * waits


def test_nothing_waits_in_a_lake_without_reels() -> None:
    assert find_pending_reels(open_lake(settings()), DAYS, settings()) == []


@pytest.mark.parametrize("status", ["no_video", "failed", "ok"])
def test_a_reel_whose_video_went_with_retention_waits_no_more(status: str) -> None:
    reel = a_reel(1, viral=True, of_video={"reason": PAST_RETENTION, "path": None}, of_analysis={"status": status})
    assert due(reel) == []
