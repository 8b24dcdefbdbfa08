"""The asset `reel_analyses`: off until switched on, a row for each reel, its numbers in the UI, nothing paid twice."""

from collections.abc import Generator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from instagram_assets.automation.shell_runs import run_job
from instagram_assets.cli.reel_pipeline import ReelPipelineResult, summary_lines
from instagram_assets.demo.gemini_server import GeminiAnswer
from instagram_assets.media.never_download import PAST_RETENTION
from instagram_assets.partitions import Box, register_accounts
from instagram_assets.schemas import REEL_VIDEOS
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake, read_table
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets_tests.reels.watching import video_of
from instagram_assets_tests.servers.gemini import BLOCKED, GENERATE, Failure, FaultyGemini

CANARY = "gemini_key_canary_77"
DAY = date(2026, 10, 20)
ANALYSES = dg.AssetKey("reel_analyses")


@pytest.fixture
def gemini(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[FaultyGemini]:
    """Gemini, as the settings name it, and two reels with their videos in the lake."""
    with FaultyGemini(CANARY) as server:
        monkeypatch.setenv("GEMINI_API_KEY", CANARY)
        monkeypatch.setenv("INSTAGRAM_ASSETS_GEMINI__API_URL", server.url)
        monkeypatch.setenv("INSTAGRAM_ASSETS_REELS__ENABLED", "true")
        monkeypatch.setenv("INSTAGRAM_ASSETS_REELS__ANALYSER", "gemini")
        settings.cache_clear()
        yield server


@pytest.fixture
def lake_of_two(instance: dg.DagsterInstance, data_dir: Path) -> dg.DagsterInstance:
    register_accounts(instance, ["sun_diary"])
    videos = [video_of(data_dir, number) for number in (1, 2)]
    rows: list[dict[str, object]] = [
        {
            "post_id": str(number),
            "account": "sun_diary",
            "day": DAY,
            "video_id": video.video_id,
            "path": video.path.name,
            "duration": 10.0,
            "status": "ok",
        }
        for number, video in enumerate(videos)
    ]
    write_cells(open_lake(settings()), "reel_videos", ["sun_diary"], (DAY, DAY), REEL_VIDEOS.table(rows))
    return instance


def watch(instance: dg.DagsterInstance) -> None:
    run_job(instance, "reels", tags=Box("sun_diary", "sun_diary", DAY, DAY).tags, assets=[ANALYSES])


def rows() -> list[dict[str, object]]:
    return read_table(open_lake(settings()), "reel_analyses").to_pylist()


def test_each_reel_becomes_a_row_and_its_cost_a_number_of_the_run(
    gemini: FaultyGemini, lake_of_two: dg.DagsterInstance, data_dir: Path
) -> None:
    second = video_of(data_dir, 2)
    gemini.failures = [Failure(GENERATE, BLOCKED, video=second.video_id)]
    watch(lake_of_two)
    assert [row["status"] for row in rows()] == ["ok", "blocked"]
    (observed,) = lake_of_two.fetch_observations(ANALYSES, limit=5).records
    assert observed.asset_observation
    told = {name: value.value for name, value in observed.asset_observation.metadata.items()}
    assert (told["reels"], told["ok"], told["blocked"]) == (2, 1, 1)
    assert told["cost_usd"] == pytest.approx(gemini.charged_usd)
    assert {"seconds_per_video", "tokens_per_video", "usd_per_video"} <= told.keys()
    calls = len(gemini.calls)
    watch(lake_of_two)
    assert [row["status"] for row in rows()] == ["ok", "ok"]
    assert len(gemini.calls) == calls + 2


def test_the_key_is_nowhere_in_the_data_folder(
    gemini: FaultyGemini, lake_of_two: dg.DagsterInstance, data_dir: Path
) -> None:
    watch(lake_of_two)
    files = [file for file in data_dir.rglob("*") if file.is_file()]
    assert not [file for file in files if CANARY.encode() in file.read_bytes()]


@pytest.mark.bad_input("missing secret")
def test_without_a_key_the_run_ends_in_words_and_the_rows_stay(
    gemini: FaultyGemini, lake_of_two: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(lake_of_two)
    before = rows()
    monkeypatch.delenv("GEMINI_API_KEY")
    with pytest.raises(Exception, match="GEMINI_API_KEY is not set"):
        watch(lake_of_two)
    assert rows() == before


def test_what_is_switched_off_stays_as_it_is(
    gemini: FaultyGemini, lake_of_two: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(lake_of_two)
    before, asked = rows(), len(gemini.requests)
    monkeypatch.setenv("INSTAGRAM_ASSETS_REELS__ENABLED", "false")
    settings.cache_clear()
    watch(lake_of_two)
    assert rows() == before
    assert len(gemini.requests) == asked


def test_what_was_seen_in_a_video_stays_when_that_went_with_retention(
    gemini: FaultyGemini, lake_of_two: dg.DagsterInstance
) -> None:
    watch(lake_of_two)
    before, calls = rows(), gemini.count(GENERATE)
    videos = read_table(open_lake(settings()), "reel_videos").to_pylist()
    videos[0] |= {"path": None, "reason": PAST_RETENTION}
    write_cells(open_lake(settings()), "reel_videos", ["sun_diary"], (DAY, DAY), REEL_VIDEOS.table(videos))
    watch(lake_of_two)
    assert rows() == before
    assert gemini.count(GENERATE) == calls


@pytest.mark.parametrize(
    ("setting", "failure", "status"),
    [
        ({"GEMINI__MODEL": "gemini-2.5-pro"}, BLOCKED, "blocked"),
        ({"GEMINI__MODEL": "gemini-2.5-pro", "GEMINI__MAX_USD_PER_DAY": "0.000001"}, None, "over_budget"),
    ],
)
def test_an_analysis_stays_while_another_model_fails_and_the_row_says_so(
    gemini: FaultyGemini,
    lake_of_two: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    setting: dict[str, str],
    failure: GeminiAnswer | None,
    status: str,
) -> None:
    watch(lake_of_two)
    before = rows()
    for name, value in setting.items():
        monkeypatch.setenv(f"INSTAGRAM_ASSETS_{name}", value)
    settings.cache_clear()
    for _ in range(2):
        gemini.failures = [Failure(GENERATE, failure, times=9)] if failure else []
        watch(lake_of_two)
        for old, new in zip(before, rows(), strict=True):
            reason = str(new["reason"])
            assert reason.startswith(f"{old['reason']}; a newer request failed: {status} (")
            assert reason.count("a newer request") == 1
            assert new == old | {"reason": reason}
    (observed,) = lake_of_two.fetch_observations(ANALYSES, limit=1).records
    assert observed.asset_observation
    assert observed.asset_observation.metadata[status].value == 2
    (told,) = [line for line in summary_lines(ReelPipelineResult((DAY, DAY))) if line.startswith("Analyses: ")]
    assert told == "Analyses: 2 ok from before"
    gemini.failures = []
    monkeypatch.delenv("INSTAGRAM_ASSETS_GEMINI__MAX_USD_PER_DAY", raising=False)
    settings.cache_clear()
    watch(lake_of_two)
    assert [(row["status"], row["model"]) for row in rows()] == [("ok", "gemini-2.5-pro")] * 2
    assert [row["reason"] for row in rows()] == [row["reason"] for row in before]
