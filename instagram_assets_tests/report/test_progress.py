"""How long work is told: bars for a person at a terminal, few lines for a log."""

import os
import pty
import subprocess
import sys
from pathlib import Path
from time import monotonic

import dagster as dg
import pytest

from instagram_assets.automation import progress_logger as module
from instagram_assets.automation.dev_events import EventReporter
from instagram_assets.automation.imported_jobs import import_jobs
from instagram_assets.automation.progress_logger import progress_logger
from instagram_assets.automation.shell_runs import bring_up_to_date, land
from instagram_assets.ingest.dashboard_jobs import DashboardJob
from instagram_assets.report.progress import ProgressUpdate, counter, show_progress, track
from instagram_assets_tests.conftest import export, post

ROOT = Path(__file__).parents[2]
WORK = """
from instagram_assets.report.progress import counter, show_progress
with show_progress(print, counter("images")) as report:
    for done in range(3):
        report(done, 200)
"""


def test_a_line_says_how_many_how_fast_and_how_long_still() -> None:
    assert ProgressUpdate("captions", 40, 200).line(10) == "captions 40/200  4.0/s  0:40 left"
    assert (
        ProgressUpdate("images", 1_500, 200_000, "2.1 MB/s").line(100)
        == "images 1,500/200,000  15/s  3:40:33 left  2.1 MB/s"
    )
    assert ProgressUpdate("images", 0, 9).line(0) == "images 0/9"
    assert ProgressUpdate("images", 9, 9).line(3) == "images 9/9  3.0/s"


def test_a_terminal_shows_a_bar_and_keeps_one_line() -> None:
    ours, theirs = pty.openpty()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "100"}
    child = subprocess.run([sys.executable, "-c", WORK], stderr=theirs, stdout=subprocess.PIPE, env=environment)
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert child.stdout.decode().startswith("images 2/200  ")
    assert child.stdout.count(b"\n") == 1
    assert "━" in shown
    assert "0/200" in shown
    assert "/s" in shown


def test_a_log_gets_only_the_end_of_what_was_short() -> None:
    lines: list[str] = []
    with show_progress(lines.append, counter("images")) as report:
        assert list(track("abcde", report, 5)) == list("abcde")
    [line] = lines
    assert line.startswith("images 5/5")
    with show_progress(lines.append, counter("images")):
        pass
    assert len(lines) == 1


def test_many_short_stages_tell_few_lines_and_every_warning(capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(20):
        logger = progress_logger(dg.build_init_logger_context(logger_config={"seconds": 1e6}))
        logger.info("measured %s", number)
        logger.warning("odd %s", number)
    told = capsys.readouterr().err.splitlines()
    assert len([line for line in told if line.startswith("measured")]) <= 1
    assert len([line for line in told if line.startswith("odd")]) == 20


def test_what_was_told_on_its_way_is_told_to_its_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["analysed 1/4  0.1/s", "captions 8/8", "analysed 3/4", "analysed 4/4  2.0/s", "analysed 4/4", "done"]
    for last in (-float("inf"), monotonic()):
        monkeypatch.setattr(module, "_last", last)
        monkeypatch.setattr(module, "_unfinished", "")
        logger = module.progress_logger(dg.build_init_logger_context(logger_config={"seconds": 1e6}))
        for line in lines:
            logger.info("%s", line)
        # What was passed over from its beginning needs no end.
        assert capsys.readouterr().err.splitlines() == ([lines[0], lines[3]] if last < 0 else [])


def test_of_a_folder_of_many_files_a_running_dev_names_some(instance: dg.DagsterInstance, data_dir: Path) -> None:
    lines: list[str] = []
    news = EventReporter(instance, lines.append)
    (data_dir / "mine").mkdir()
    for number in range(8):
        export(data_dir / "mine" / f"{number}.json", [post(number)])
    land(instance, [data_dir / "mine"])
    news.report()
    landed = [line for line in lines if line.startswith("Landed")]
    assert (len(landed), landed[-1]) == (6, "Landed 3 more files: 3 records")


@pytest.mark.parametrize("status", ["done", "failed", "cancelled"])
def test_a_running_dev_tells_nothing_of_jobs_that_were_imported(
    instance: dg.DagsterInstance, data_dir: Path, status: str
) -> None:
    lines: list[str] = []
    news = EventReporter(instance, lines.append)
    import_jobs(instance, [DashboardJob("x", "cats", None, "", status, None, "", "", None, None)])
    news.report()
    assert not lines


def test_a_running_dev_tells_what_landed_and_which_runs_started_and_ended(
    instance: dg.DagsterInstance, data_dir: Path
) -> None:
    lines: list[str] = []
    news = EventReporter(instance, lines.append)
    land(instance, [export(data_dir / "posts.json", [post(1), {"error": "not_found"}])])
    news.report()
    started, landed, ended = lines
    assert "of landing started" in started
    assert landed == "Landed posts.json: 2 records, 1 posts, 1 quarantined"
    assert ended.startswith(f"{started.partition(' started')[0]} ended after")
    bring_up_to_date(instance)
    news.report()
    news.report()
    assert next(line.partition(" of ")[2] for line in lines[3:]) == (
        "box started: sun_diary|2026-10-20 … sun_diary|2026-10-20"
    )
    assert len(lines) == 5
