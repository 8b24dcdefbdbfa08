"""What the settings ask for: which analyser, with which key, told of labels or not."""

import hashlib
from collections.abc import Generator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from instagram_assets.errors import AnalyserRefusedError, SettingsError, StorageError
from instagram_assets.reels.analysis_schema import Video
from instagram_assets.reels.call_ledger import CallSubject
from instagram_assets.reels.prompts import WATCH
from instagram_assets.reels.run_analysis import analyse, check_gemini, numbers_of_week, open_ledger
from instagram_assets.schemas import REEL_VIDEOS, VIRAL_LABELS
from instagram_assets.settings import Settings, load_settings
from instagram_assets.status.preflight import check_reels
from instagram_assets.storage.lake import open_lake
from instagram_assets.storage.lake_writer import write_asset
from instagram_assets_tests.media.real_films import chequered, save_film
from instagram_assets_tests.reels.watching import video_of
from instagram_assets_tests.reels.weeks import MONDAY, a_reel, a_week, store
from instagram_assets_tests.servers.gemini import GENERATE, MODEL, OVERLOADED, STOPPED, Failure, FaultyGemini

CANARY = "gemini_key_canary_77"


@pytest.fixture
def gemini(monkeypatch: pytest.MonkeyPatch) -> Generator[FaultyGemini]:
    with FaultyGemini(CANARY) as server:
        monkeypatch.setenv("INSTAGRAM_ASSETS_GEMINI__API_URL", server.url)
        monkeypatch.setenv("GEMINI_API_KEY", CANARY)
        yield server


@pytest.fixture
def videos(data_dir: Path) -> pa.Table:
    """One reel, whose video is in the media folder."""
    return REEL_VIDEOS.table([row_of(video_of(data_dir, 1))])


def row_of(video: Video) -> dict[str, object]:
    row: dict[str, object] = {"post_id": "a", "account": "sun_diary", "day": date(2026, 11, 23), "status": "ok"}
    return row | {"video_id": video.video_id, "path": video.path.name, "duration": video.duration}


def chosen(**reels: Any) -> Settings:
    return load_settings(reels={"enabled": True, "analyser": "gemini", **reels})


def test_gemini_watches_where_the_settings_say_so(gemini: FaultyGemini, videos: pa.Table, data_dir: Path) -> None:
    made = analyse(videos, chosen())
    assert made["analyser"].to_pylist() == ["gemini"]
    assert made["label_hidden"].to_pylist() == [True]
    ledger = open_ledger(chosen())
    assert sum(made["cost_usd"].to_pylist()) == pytest.approx(ledger.day_usd())
    ledger.close()
    assert analyse(videos, chosen()) == made
    assert len(gemini.calls) == 2
    kept = [file for file in data_dir.rglob("*") if file.is_file()]
    assert not [file for file in kept if CANARY.encode() in file.read_bytes()]


def film(data_dir: Path) -> pa.Table:
    """One reel that can be looked at."""
    media = data_dir / "media"
    media.mkdir()
    path = save_film(media / "film.mp4", [chequered(1), chequered(2)], seconds=1, loud=0.1)
    row = row_of(Video(hashlib.sha256(path.read_bytes()).hexdigest(), path))
    return REEL_VIDEOS.table([row | {"duration": None}])


def test_this_machine_watches_without_a_key(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    settings = chosen(analyser="local")
    check_reels(settings)
    (row,) = analyse(film(data_dir), settings).to_pylist()
    assert (row["analyser"], row["status"], row["cost_usd"]) == ("local", "ok", None)
    assert row["cuts_per_minute"] > 0


def test_what_gemini_keeps_failing_at_is_looked_at_here(gemini: FaultyGemini, data_dir: Path) -> None:
    gemini.failures = [Failure(GENERATE, STOPPED, times=5)]
    settings, videos = chosen(), film(data_dir)
    made = [analyse(videos, settings).to_pylist()[0] for _ in range(5)]
    assert [(row["analyser"], row["status"]) for row in made] == [("gemini", "blocked")] * 4 + [("local", "ok")]
    assert made[-1]["reason"].startswith("Gemini failed 5 times (blocked: ")
    assert made[-1]["cost_usd"] == pytest.approx(gemini.charged_usd)
    assert made[-1]["loudness"] is not None


@pytest.mark.parametrize("value", [None, "", " ", '"quoted key"'])
def test_without_a_key_nothing_begins_and_the_variable_is_named(
    gemini: FaultyGemini, videos: pa.Table, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("GEMINI_API_KEY")
    else:
        monkeypatch.setenv("GEMINI_API_KEY", value)
    for begin in (lambda: analyse(videos, chosen()), lambda: check_reels(chosen())):
        with pytest.raises(SettingsError, match="GEMINI_API_KEY"):
            begin()
    assert not gemini.requests
    check_reels(chosen(enabled=False))


def test_the_key_is_checked_without_cost_where_gemini_watches_and_a_busy_service_is_no_error(
    gemini: FaultyGemini, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_gemini(chosen(analyser="local"))
    assert not gemini.requests
    gemini.failures = [Failure(MODEL, OVERLOADED)]
    check_gemini(chosen())
    check_gemini(chosen())
    monkeypatch.setenv("GEMINI_API_KEY", "wrong")
    with pytest.raises(AnalyserRefusedError, match="Set GEMINI_API_KEY to a key"):
        check_gemini(chosen())
    assert gemini.count(MODEL) == len(gemini.requests) == 3


@pytest.mark.parametrize("viral", [True, False])
def test_a_label_is_told_from_the_lake(gemini: FaultyGemini, videos: pa.Table, viral: bool) -> None:
    settings = chosen(hide_label=False)
    with pytest.raises(StorageError, match="Materialize viral_labels first"):
        analyse(videos, settings)
    label: dict[str, object] = {"kind": "reel", "account": "sun_diary", "id": "a", "viral": viral}
    write_asset(open_lake(settings), "viral_labels", VIRAL_LABELS.table([label]))
    made = analyse(videos, settings)
    assert made["label_hidden"].to_pylist() == [False]
    told = "far more" if viral else "no more"
    assert f"{told} people than usual" in gemini.calls[1].text


def test_what_a_video_took_is_told_of_each_week_with_calls_without_an_answer_apart(data_dir: Path) -> None:
    paid = {"seconds": 8.0, "prompt_tokens": 3000, "answer_tokens": 500, "cost_usd": 0.0215}
    later = MONDAY + timedelta(days=7)
    late = {**paid, "seconds": 4.0, "cost_usd": 0.002}
    reels = [a_reel(1, viral=True, of_analysis=paid), a_reel(2, viral=True, day=later, of_analysis=late)]
    store(a_week(reels))
    settings = load_settings()
    with closing(open_ledger(settings)) as ledger:
        ledger.reserve(
            CallSubject(reels[0][3]["video_id"], "analysis", settings.gemini.model, WATCH.version), 40_000, 3000
        )
    told = [numbers_of_week(open_lake(settings), week, settings) for week in (MONDAY, later)]
    names = ("seconds_per_video", "tokens_per_video", "usd_per_video")
    assert told == [dict(zip(names, (seconds, 3500, pytest.approx(0.002)), strict=True)) for seconds in (8.0, 4.0)]
