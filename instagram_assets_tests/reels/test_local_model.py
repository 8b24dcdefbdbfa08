"""The analysis on this machine: what it tells of a video, what it does without models, and what it keeps."""

from itertools import pairwise
from pathlib import Path

import pytest

from instagram_assets.reels import local_model
from instagram_assets.reels.analysis_schema import Analyser, Video
from instagram_assets.reels.local_model import (
    LocalAnalyser,
    built_in_words,
    distinct_frames,
    open_local,
    timeline_parts,
)
from instagram_assets.schemas import REEL_ANALYSES
from instagram_assets.settings import Settings, load_settings
from instagram_assets_tests.media.real_films import chequered, save_film, save_sound


@pytest.fixture
def without_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose models were never pulled."""
    monkeypatch.chdir(tmp_path)
    return load_settings(data_dir=tmp_path / "data")


@pytest.fixture
def with_models(tmp_path: Path, saved: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    models = {"caption_model": str(saved / "blip"), "embedding_model": str(saved / "clip"), "device": "cpu"}
    return load_settings(data_dir=tmp_path / "data", models=models, captions={"max_caption_length": 8})


@pytest.fixture
def reel(tmp_path: Path) -> Video:
    """Three shots of two seconds."""
    path = save_film(tmp_path / "reel.mp4", [chequered(n) for n in range(3)], seconds=2)
    return Video("aa", path, 6.0)


def test_without_models_the_reason_for_what_is_missing_is_told(without_models: Settings, reel: Video) -> None:
    analyser: Analyser = LocalAnalyser(without_models)
    [row] = analyser.analyse([reel])
    assert (row["analyser"], row["status"], row["model"]) == ("local", "ok", None)
    assert [part.partition(":")[0] for part in row["reason"].split("; ")] == ["no captions", "no tags"]
    assert "instagram-assets models pull" in row["reason"]
    assert (row["timeline"], row["tags"], row["action"], row["hook"]) == (None, None, None, None)


def test_what_is_switched_off_is_named_by_its_setting(tmp_path: Path, reel: Video) -> None:
    off = load_settings(data_dir=tmp_path / "data", captions={"enabled": False}, embeddings={"enabled": False})
    [row] = LocalAnalyser(off).analyse([reel])
    expected = (
        "no captions: INSTAGRAM_ASSETS_CAPTIONS__ENABLED is off; no tags: INSTAGRAM_ASSETS_EMBEDDINGS__ENABLED is off"
    )
    assert row["reason"] == expected


def test_with_models_frames_are_told_in_order_and_words_chosen(with_models: Settings, reel: Video) -> None:
    [row] = LocalAnalyser(with_models, ["a cat", "the sea", "a car"]).analyse([reel])
    assert (row["status"], row["reason"]) == ("ok", None)
    assert "blip@" in row["model"]
    assert "clip@" in row["model"]
    timeline = row["timeline"]
    assert timeline[0]["start"] == 0
    assert timeline[-1]["end"] == 6
    assert all(one["end"] <= other["start"] for one, other in pairwise(timeline))
    assert row["hook"] == f"Begins with {timeline[0]['event']}"
    assert row["action"].startswith(timeline[0]["event"])
    assert sorted(tag["word"] for tag in row["tags"]) == ["a car", "a cat", "the sea"]
    scores = [tag["score"] for tag in row["tags"]]
    assert scores == sorted(scores, reverse=True)
    assert all(-1 <= score <= 1 for score in scores)


def test_rows_are_those_of_reel_analyses(with_models: Settings, reel: Video) -> None:
    rows = open_local(with_models).analyse([reel])
    assert REEL_ANALYSES.table(rows).num_rows == 1
    assert len(rows[0]["tags"]) == local_model.TAGS
    assert {tag["word"] for tag in rows[0]["tags"]} <= set(built_in_words())


def test_what_was_found_is_kept_and_not_looked_for_again(
    with_models: Settings, without_models: Settings, reel: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = LocalAnalyser(with_models).analyse([reel])
    few = LocalAnalyser(without_models).analyse([reel])
    monkeypatch.delattr(local_model, "timed_frames")
    assert LocalAnalyser(with_models).analyse([reel]) == first
    assert LocalAnalyser(without_models).analyse([reel]) == few
    assert first[0]["tags"]


def test_a_bad_video_is_a_row_and_costs_no_neighbour(without_models: Settings, reel: Video, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("<html>")
    videos = [
        Video("bb", tmp_path / "text.mp4"),
        reel,
        Video("cc", save_sound(tmp_path / "sound.mp4")),
        Video("dd", tmp_path / "nothing.mp4"),
    ]
    told: list[tuple[int, int]] = []
    rows = LocalAnalyser(without_models).analyse(videos, lambda done, of: told.append((done, of)))
    assert [row["status"] for row in rows] == ["failed", "ok", "failed", "failed"]
    assert rows[2]["reason"] == "has no picture"
    assert all(str(tmp_path) not in (row["reason"] or "") for row in rows)
    assert told[-1] == (4, 4)


def test_what_failed_is_looked_at_again(without_models: Settings, tmp_path: Path) -> None:
    path = tmp_path / "reel.mp4"
    path.write_bytes(b"half")
    [row] = LocalAnalyser(without_models).analyse([Video("aa", path)])
    assert row["status"] == "failed"
    save_film(path, [chequered(1)], loud=None)
    [row] = LocalAnalyser(without_models).analyse([Video("aa", path)])
    assert row["status"] == "ok"


def test_no_videos_are_no_rows(without_models: Settings) -> None:
    assert LocalAnalyser(without_models).analyse([]) == []


def test_frames_like_the_one_before_are_left_out() -> None:
    one, other = chequered(1), chequered(2)
    shown = [(0.0, one), (1.0, one.copy()), (2.0, other), (3.0, one)]
    assert [moment for moment, _ in distinct_frames(shown)] == [0.0, 2.0, 3.0]


def test_a_timeline_covers_what_was_seen_and_joins_what_is_the_same() -> None:
    assert timeline_parts(["a cat", "a cat", None, "a dog"], [1, 3, 5, 7], 8) == [
        {"start": 0.0, "end": 4.0, "event": "a cat"},
        {"start": 6.0, "end": 8, "event": "a dog"},
    ]
    assert timeline_parts(["a cat"], [0.5], 0.0) == [{"start": 0.0, "end": 0.5, "event": "a cat"}]
