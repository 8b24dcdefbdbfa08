"""From videos to `reel_analyses`: a row for each reel, whatever became of it."""

import hashlib
import re
from collections.abc import Generator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from instagram_assets.reels import video_measures
from instagram_assets.reels.analyses import analysis_counts, reel_analyses
from instagram_assets.reels.analysis_schema import OnProgress, Row, Video
from instagram_assets.schemas import REEL_ANALYSES, REEL_VIDEOS, VIRAL_LABELS
from instagram_assets_tests.media.real_films import chequered, save_film
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
    made = reel_analyses(videos, one.path.parent, tmp_path / "features", echo)
    assert made.schema.equals(REEL_ANALYSES.schema)
    assert made["post_id"].to_pylist() == ["a", "b", "c", "d"]
    assert made["account"].to_pylist() == ["sun_diary"] * 3 + ["other"]
    assert made["status"].to_pylist() == ["ok", "no_video", "ok", "ok"]
    assert made["reason"].to_pylist()[1] == "the address is no longer valid"
    assert echo.given == [two, one]


def test_a_file_that_is_gone_is_told_and_costs_no_neighbour(tmp_path: Path) -> None:
    one, two = video_of(tmp_path, 1), video_of(tmp_path, 2)
    one.path.unlink()
    made = reel_analyses(table(reel("a", one), reel("b", two)), two.path.parent, tmp_path / "features", Echo())
    assert made["status"].to_pylist() == ["failed", "ok"]
    assert "media folder" in str(made["reason"][0])


def film_of(folder: Path, name: str, loud: float | None = 0.1) -> Video:
    """Two shots of two seconds each, at a known loudness."""
    path = save_film(folder / f"{name}.mp4", [chequered(1), chequered(2)], seconds=2, loud=loud)
    return Video(hashlib.sha256(path.read_bytes()).hexdigest(), path, 4.0)


class Each:
    """An analyser of which each video ends as it is told to."""

    def __init__(self, name: str, statuses: Sequence[str]) -> None:
        self.name, self.statuses = name, statuses

    def analyse(self, videos: Sequence[Video], on_progress: OnProgress | None = None) -> list[Row]:
        return [
            {"video_id": video.video_id, "analyser": self.name, "status": status, "reason": None}
            for video, status in zip(videos, self.statuses, strict=True)
        ]


@pytest.mark.parametrize("name", ["gemini", "local"])
def test_each_video_is_measured_whoever_watched_it_and_whatever_was_said(tmp_path: Path, name: str) -> None:
    films = [film_of(tmp_path, "one"), film_of(tmp_path, "two", loud=0.2), film_of(tmp_path, "mute", loud=None)]
    videos = table(*(reel(film.path.stem, film) for film in films), reel("none", None))
    made = reel_analyses(videos, tmp_path, tmp_path / "features", Each(name, ["ok", "blocked", "over_budget"]))
    # A sine of that amplitude has 3 dB less.
    assert made["loudness"].to_pylist() == [pytest.approx(-23, abs=0.7), pytest.approx(-17, abs=0.7), None, None]
    assert made["cuts_per_minute"].to_pylist() == [*[pytest.approx(60 / 4, rel=0.05)] * 3, None]
    assert made["reason"].to_pylist() == [None, None, None, "the address is no longer valid"]


def test_a_video_is_measured_once_for_all_posts_and_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = film_of(tmp_path, "one")
    videos = table(reel("a", film), reel("b", film, account="other"))
    first = reel_analyses(videos, tmp_path, tmp_path / "features", Each("gemini", ["blocked"]))
    assert None not in first["loudness"].to_pylist()
    monkeypatch.setattr(
        video_measures, "VIDEO_MEASURES", dict.fromkeys(video_measures.VIDEO_MEASURES)
    )  # nothing can measure any more
    again = reel_analyses(videos, tmp_path, tmp_path / "features", Each("local", ["ok"]))
    for name in ("loudness", "cuts_per_minute"):
        assert again[name].equals(first[name])


def test_what_cannot_be_measured_is_told_with_an_analysis_and_tried_again(tmp_path: Path) -> None:
    film, text = film_of(tmp_path, "one"), tmp_path / "text.mp4"
    text.write_text("<html>")
    half = Video("aa", text)
    videos = table(reel("a", half), reel("b", film))
    made = reel_analyses(videos, tmp_path, tmp_path / "features", Each("gemini", ["ok", "ok"]))
    assert str(made["reason"][0]).startswith("no loudness and no cuts per minute: cannot be read as a video")
    assert made["reason"][1].as_py() is None
    assert made["loudness"][0].as_py() is None
    made = reel_analyses(videos, tmp_path, tmp_path / "features", Each("gemini", ["blocked", "ok"]))
    assert made["reason"].to_pylist() == [None, None]
    text.write_bytes(film.path.read_bytes())
    made = reel_analyses(videos, tmp_path, tmp_path / "features", Each("gemini", ["ok", "ok"]))
    assert made["loudness"][0] == made["loudness"][1]


def test_a_damaged_film_says_so_with_its_video_and_its_analysis_and_is_compared_by_no_number(tmp_path: Path) -> None:
    film, damaged = film_of(tmp_path, "one"), film_of(tmp_path, "damaged")
    body = bytearray(damaged.path.read_bytes())
    middle = body.index(b"mdat") + (len(body) - body.index(b"mdat")) // 3
    body[middle : middle + 2000] = bytes(2000)
    damaged.path.write_bytes(body)
    damaged = damaged._replace(video_id=hashlib.sha256(body).hexdigest())
    rows = [reel("a", film), reel("b", damaged), reel("c", damaged, reason="no poster"), reel("d", None)]
    videos = video_measures.with_damage(table(*rows), tmp_path, tmp_path / "features")
    told = videos["reason"].to_pylist()
    assert (told[0], told[3]) == (None, "the address is no longer valid")
    assert re.fullmatch(r"no loudness: \d+ of \d+ parts .*; no cuts per minute: \d+ of 40 pictures cannot .*", told[1])
    assert told[2] == f"no poster; {told[1]}"
    made = reel_analyses(videos, tmp_path, tmp_path / "features", Each("gemini", ["ok", "ok"]))
    assert [value is None for value in made["loudness"].to_pylist()] == [False, True, True, True]
    assert [value is None for value in made["cuts_per_minute"].to_pylist()] == [False, True, True, True]
    assert made["reason"].to_pylist()[1] == told[1]


def test_without_reels_nobody_is_asked(tmp_path: Path) -> None:
    echo = Echo()
    assert reel_analyses(table(), tmp_path, tmp_path / "features", echo).num_rows == 0
    assert reel_analyses(table(reel("a", None)), tmp_path, tmp_path / "features", echo).num_rows == 1
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
    told = reel_analyses(videos, one.path.parent, tmp_path / "features", Echo(), labels)
    assert told["tone"].to_pylist() == ["True", "False", "None", "None"]
    hidden = reel_analyses(videos, one.path.parent, tmp_path / "features", Echo())
    assert hidden["tone"].to_pylist() == ["None"] * 4


def test_the_numbers_of_a_run_count_each_video_once(gemini: FaultyGemini, tmp_path: Path) -> None:
    one, two = video_of(tmp_path, 1), video_of(tmp_path, 2)
    gemini.failures = [Failure(GENERATE, BLOCKED, video=two.video_id)]
    videos = table(reel("a", one), reel("b", one), reel("c", two), reel("d", None))
    told = analysis_counts(reel_analyses(videos, one.path.parent, tmp_path / "features", analyser_of(tmp_path, gemini)))
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
    assert analysis_counts(REEL_ANALYSES.empty())["reels"] == 0
