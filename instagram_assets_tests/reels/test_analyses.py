"""From videos to `reel_analyses`: a row for each reel, whatever became of it."""

from collections.abc import Generator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from instagram_assets.reels.analyses import numbers, reel_analyses
from instagram_assets.reels.analysis import OnProgress, Row, Video
from instagram_assets.schemas import REEL_ANALYSES, REEL_VIDEOS, VIRAL_LABELS
from instagram_assets_tests.reels.watching import analyser_of, video_of
from instagram_assets_tests.servers.gemini import BLOCKED, GENERATE, Failure, FaultyGemini

DAY = date(2026, 11, 23)


class Echo:
    """An analyser that says which label it was told."""

    name = "local"

    def __init__(self) -> None:
        self.given: list[Video] = []

    def analyse(self, videos: Sequence[Video], on_progress: OnProgress | None = None) -> list[Row]:
        self.given += videos
        return [
            {"video_id": video.video_id, "analyser": "local", "tone": str(video.viral), "status": "ok"}
            for video in videos
        ]


def reel(post_id: str, video: Video | None, **more: Any) -> dict[str, Any]:
    stored = (
        {"video_id": video.video_id, "path": video.path.name, "duration": video.duration, "status": "ok"}
        if video
        else {"status": "expired", "reason": "the address is no longer valid"}
    )
    return {"post_id": post_id, "account": "sun_diary", "day": DAY, **stored, **more}


def table(*rows: dict[str, Any]) -> pa.Table:
    return REEL_VIDEOS.table(list(rows))


@pytest.fixture
def gemini() -> Generator[FaultyGemini]:
    with FaultyGemini() as server:
        yield server


def test_each_reel_is_a_row_in_its_order_and_each_video_is_watched_once(tmp_path: Path) -> None:
    one, two = video_of(tmp_path, 1), video_of(tmp_path, 2)
    echo = Echo()
    videos = table(reel("a", two), reel("b", None), reel("c", one), reel("d", two, account="other"))
    made = reel_analyses(videos, one.path.parent, echo)
    assert made.schema.equals(REEL_ANALYSES.schema)
    assert made["post_id"].to_pylist() == ["a", "b", "c", "d"]
    assert made["account"].to_pylist() == ["sun_diary"] * 3 + ["other"]
    assert made["status"].to_pylist() == ["ok", "no_video", "ok", "ok"]
    assert made["reason"].to_pylist()[1] == "the address is no longer valid"
    assert echo.given == [two, one]


def test_a_file_that_is_gone_is_told_and_costs_no_neighbour(tmp_path: Path) -> None:
    one, two = video_of(tmp_path, 1), video_of(tmp_path, 2)
    one.path.unlink()
    made = reel_analyses(table(reel("a", one), reel("b", two)), two.path.parent, Echo())
    assert made["status"].to_pylist() == ["failed", "ok"]
    assert "media folder" in str(made["reason"][0])


def test_without_reels_nobody_is_asked(tmp_path: Path) -> None:
    echo = Echo()
    assert reel_analyses(table(), tmp_path, echo).num_rows == 0
    assert reel_analyses(table(reel("a", None)), tmp_path, echo).num_rows == 1
    assert echo.given == []


def test_a_label_is_told_where_it_is_known_and_wanted(tmp_path: Path) -> None:
    one = video_of(tmp_path, 1)
    labels = VIRAL_LABELS.table(
        [
            {"kind": "reel", "account": "sun_diary", "id": "a", "viral": True},
            {"kind": "reel", "account": "sun_diary", "id": "b", "viral": False},
            {"kind": "reel", "account": "sun_diary", "id": "c", "viral": None},
            {"kind": "ad", "account": "sun_diary", "id": "d", "viral": True},
        ]
    )
    videos = table(*(reel(post_id, one) for post_id in "abcd"))
    told = reel_analyses(videos, one.path.parent, Echo(), labels)
    assert told["tone"].to_pylist() == ["True", "False", "None", "None"]
    hidden = reel_analyses(videos, one.path.parent, Echo())
    assert hidden["tone"].to_pylist() == ["None"] * 4


def test_the_numbers_of_a_run_count_each_video_once(gemini: FaultyGemini, tmp_path: Path) -> None:
    one, two = video_of(tmp_path, 1), video_of(tmp_path, 2)
    gemini.failures = [Failure(GENERATE, BLOCKED, video=two.video_id)]
    videos = table(reel("a", one), reel("b", one), reel("c", two), reel("d", None))
    told = numbers(reel_analyses(videos, one.path.parent, analyser_of(tmp_path, gemini)))
    assert {name: told[name] for name in ("reels", "videos", "local", "ok", "blocked", "no_video")} == {
        "reels": 4,
        "videos": 2,
        "local": 0,
        "ok": 2,
        "blocked": 1,
        "no_video": 1,
    }
    assert told["cost_usd"] == pytest.approx(gemini.charged_usd)
    assert told["usd_per_video"] == pytest.approx(gemini.charged_usd / 2)
    assert told["prompt_tokens"] == sum(call.prompt_tokens for call in gemini.calls)
    assert told["tokens_per_video"] == (told["prompt_tokens"] + told["answer_tokens"]) / 2
    assert told["seconds_per_video"] > 0


def test_the_numbers_of_nothing_are_none() -> None:
    assert numbers(REEL_ANALYSES.empty())["reels"] == 0
