"""The chain from an export to the page of the week, with real runs: killed anywhere, each step is done once."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from instagram_assets.automation.jobs import RESULTS_OF_REELS
from instagram_assets.automation.reel_steps import days_back, next_step, reel_steps
from instagram_assets.automation.shell_runs import bring_up_to_date, finish, land, run_job
from instagram_assets.automation.stale_datasets import DATASET_INPUTS, last_materialized
from instagram_assets.calendar import today, week_name
from instagram_assets.cli.reel_pipeline import ReelPipelineResult, run_pipeline, run_step, summary_lines
from instagram_assets.definitions import defs
from instagram_assets.demo.sample_videos import sample_videos
from instagram_assets.demo.server import DemoServer
from instagram_assets.errors import NothingDoneError, RunFailedError
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake, read_table
from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.servers.gemini import MODEL, FaultyGemini, kind_of

FILMS = sorted(sample_videos(), key=lambda name: sample_videos()[name].seconds)[:2]
"""The shortest ones."""
ACCOUNTS = ("sun_diary", "sea.mom")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def server(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoServer]:
    """A server of films, an export of yesterday's reels in the inbox that names them, and one reel in a batch."""
    for name, value in {
        "DOWNLOAD__ALLOW_HTTP": "true",
        "DOWNLOAD__ALLOW_LOOPBACK": "true",
        "CAPTIONS__ENABLED": "false",
        "EMBEDDINGS__ENABLED": "false",
        "REELS__ENABLED": "true",
        "REELS__BATCH_REELS": "1",
    }.items():
        monkeypatch.setenv(f"INSTAGRAM_ASSETS_{name}", value)
    settings.cache_clear()
    with DemoServer(0) as server:
        records = [_reel(number, f"{server.url}/{name}") for number, name in enumerate(FILMS)]
        export(data_dir / "inbox" / "reels.json", records)
        yield server


def _reel(number: int, url: str) -> dict[str, object]:
    day = (today(settings().zone) - timedelta(days=1)).isoformat()
    return post(number, ACCOUNTS[number], day, type="Video", productType="clips", videoUrl=url)


def jobs_of(instance: dg.DagsterInstance) -> dict[str, int]:
    return dict(Counter(run.job_name for run in instance.get_runs()))


def fetched(server: DemoServer) -> list[int]:
    return [server.requests[f"/{name}"] for name in FILMS]


def statuses(table: str) -> list[str]:
    return read_table(open_lake(settings()), table)["status"].to_pylist()


def test_killed_between_any_two_steps_and_repeated_each_step_is_done_once(
    instance: dg.DagsterInstance, data_dir: Path, server: DemoServer
) -> None:
    days = days_back(7)
    while step := next_step(instance, days):
        run_step(instance, step, ReelPipelineResult(days))  # what was done before is forgotten
    assert jobs_of(instance) == {"landing": 1, "box": 1, "datasets": 2, "reels": 2}
    assert statuses("reel_videos") == statuses("reel_analyses") == ["ok", "ok"]
    assert fetched(server) == [1, 1]
    week = week_name(days[1] - timedelta(days=1))
    page = (data_dir / "reports" / f"reels-{week}.html").read_text("utf-8")
    assert all(account in page for account in ACCOUNTS)
    chain = run_pipeline(instance, days)
    assert next(iter(summary_lines(chain))).startswith("Nothing to do: no reel of")
    assert jobs_of(instance)["datasets"] == 2


def test_what_is_left_to_the_chain_is_made_once_and_all_else_before_it(
    instance: dg.DagsterInstance, server: DemoServer
) -> None:
    land(instance, [])
    finish(instance, leave=RESULTS_OF_REELS)
    made = {name: last_materialized(instance, name) for name in DATASET_INPUTS}
    assert {name for name, at in made.items() if not at} == set(RESULTS_OF_REELS)
    run_pipeline(instance, days_back(7)).raise_errors()
    for name in RESULTS_OF_REELS:
        events = instance.fetch_materializations(dg.AssetKey(name), limit=9).records
        assert len(events) == 1, name
    assert {name: at for name, at in made.items() if at} == {
        name: last_materialized(instance, name) for name in DATASET_INPUTS if name not in RESULTS_OF_REELS
    }


def test_switched_on_the_sensor_does_what_the_command_does(instance: dg.DagsterInstance, server: DemoServer) -> None:
    land(instance, [])
    bring_up_to_date(instance)
    asked: list[str] = []
    while isinstance(
        request := reel_steps(dg.build_sensor_context(instance=instance, definitions=defs)), dg.RunRequest
    ):
        assert request.run_key not in asked
        asked.append(str(request.run_key))
        run_job(instance, str(request.job_name), tags=dict(request.tags), assets=request.asset_selection)
    assert jobs_of(instance) == {"landing": 1, "box": 1, "datasets": 2, "reels": 2}
    assert statuses("reel_analyses") == ["ok", "ok"]
    assert fetched(server) == [1, 1]


def test_a_run_says_in_the_ui_what_the_page_of_the_week_says(instance: dg.DagsterInstance, server: DemoServer) -> None:
    run_pipeline(instance, days_back(7)).raise_errors()
    event = instance.get_latest_materialization_event(dg.AssetKey("viral_hypotheses"))
    assert event
    assert event.asset_materialization
    shown = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    assert "**Reels of " in str(shown["page of the week"])
    assert Path(str(shown["page"])).is_file()
    assert shown["contrasts"] == 0
    assert float(str(shown["seconds_per_video"])) > 0
    assert "usd_per_video" not in shown  # nobody was paid
    assert shown["pages written"] == 1


def test_reels_that_cannot_be_had_are_an_error_and_hold_up_nothing(
    instance: dg.DagsterInstance, data_dir: Path, server: DemoServer
) -> None:
    export(data_dir / "inbox" / "reels.json", [_reel(0, f"{server.url}/gone.mp4")])
    chain = run_pipeline(instance, days_back(7))
    with pytest.raises(NothingDoneError, match=r"None of 1 reels could be watched: 1 no_video"):
        chain.raise_errors()
    assert instance.get_latest_materialization_event(dg.AssetKey("dataset_delta"))
    again = run_pipeline(instance, days_back(7))
    assert again.tried == []  # what is gone waits for another address
    again.raise_errors()


def test_a_wrong_key_is_told_first_and_once_and_videos_are_fetched_and_not_sent(
    instance: dg.DagsterInstance,
    server: DemoServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with FaultyGemini("right") as gemini:
        for name, value in {"REELS__ANALYSER": "gemini", "GEMINI__API_URL": gemini.url}.items():
            monkeypatch.setenv(f"INSTAGRAM_ASSETS_{name}", value)
        monkeypatch.setenv("GEMINI_API_KEY", "wrong")
        settings.cache_clear()
        result = run_pipeline(instance, days_back(7))
        assert {kind_of(request) for request in gemini.requests} == {MODEL}
    with pytest.raises(RunFailedError, match="Set GEMINI_API_KEY to a key") as refused:
        result.raise_errors()
    assert len(result.errors) == 2
    assert str(refused.value).count("API key not valid") == 1
    lines = capsys.readouterr().err.splitlines()
    told = [number for number, line in enumerate(lines) if line.startswith("reels: Gemini refuses the key")]
    assert told == [next(number for number, line in enumerate(lines) if line.startswith("reels: 1 reel of")) - 1]
    assert fetched(server) == [1, 1]


def test_the_command_killed_at_each_step_and_repeated_ends_as_if_it_had_not_been(
    data_dir: Path, server: DemoServer
) -> None:
    stops = ["reels: 1 reel of", "reels: hypotheses"]
    killed = [_command(stop) for stop in stops]
    assert [code for code, _ in killed] == [-signal.SIGKILL] * len(stops)
    code, told = _command()
    assert code == 0, told
    assert "Videos: 2 ok" in told
    assert "Analyses: 2 ok" in told
    assert max(fetched(server)) <= 2  # one was under way when it was killed
    delta = pytest.importorskip("deltalake").DeltaTable(str(data_dir / "datasets" / "delta" / "reel_analyses"))
    assert sorted(delta.to_pyarrow_table()["post_id"].to_pylist()) == ["10000", "10001"]
    assert "Nothing to do" in _command()[1]


def _command(stop: str = "") -> tuple[int, str]:
    """Run `instagram-assets reels`, kill it at the first line that begins with `stop`; its exit code and output."""
    words = [sys.executable, "-m", "instagram_assets.cli", "reels"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if stop and line.startswith(stop):
                process.kill()
    return process.returncode, "".join(lines)
