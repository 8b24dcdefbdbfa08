"""`reels` as a person types it: the page of a week, and what it says when there is none."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from instagram_assets.cli import app
from instagram_assets.cli.reel_pipeline import ReelPipelineResult, summary_lines
from instagram_assets.demo.apify_server import ApifyActor
from instagram_assets.demo.sample_videos import sample_videos
from instagram_assets.demo.server import DemoServer
from instagram_assets.reels.call_ledger import CallSubject
from instagram_assets.reels.pending_reels import PendingReel
from instagram_assets.reels.prompts import WATCH
from instagram_assets.reels.run_analysis import open_ledger
from instagram_assets.settings import settings
from instagram_assets_tests import commands
from instagram_assets_tests.conftest import post
from instagram_assets_tests.reels.weeks import MONDAY, a_reel, a_week, store
from instagram_assets_tests.servers.apify import FaultyApify
from instagram_assets_tests.sources.conftest import REELS, TOKEN

WEEK_AFTER = MONDAY + timedelta(days=7)


def asked(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["reels", *words], env={"COLUMNS": "160"})
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 else done.output


@pytest.fixture
def lake(data_dir: Path) -> None:
    """Two weeks of reels."""
    reels = [a_reel(n, viral=n < 6, of_video={"duration": 40.0 - n}) for n in range(14)]
    late = [a_reel(20 + n, viral=n < 1, day=WEEK_AFTER, account="sea.mom") for n in range(3)]
    store(a_week([*reels, *late]))


def test_the_page_is_that_of_the_newest_week_or_of_the_one_asked_for(lake: None, data_dir: Path) -> None:
    assert asked("page").strip() == "data/reports/reels-2026-W44.html"
    assert asked("page", "--week", "2026-W43").strip() == "data/reports/reels-2026-W43.html"
    first, second = ((data_dir / "reports" / f"reels-2026-W{week}.html").read_text("utf-8") for week in (43, 44))
    assert "Viral reels are longer" in first
    assert "14 reels: 6 viral, 8 not viral" in first
    assert "sea.mom" not in first
    assert "sea.mom" in second
    assert "3 reels: 1 viral, 2 not viral" in second


def test_the_summary_names_the_page_of_each_week_in_which_reels_were_tried(lake: None) -> None:
    days = (MONDAY, WEEK_AFTER)
    told = [
        [line for line in summary_lines(ReelPipelineResult(days, tried=tried)) if line.startswith("Page of the week: ")]
        for tried in ([PendingReel("sun_diary", MONDAY + timedelta(days=2), "1", again=False)], [])
    ]
    assert [[line[-8:-5] for line in lines] for lines in told] == [["W43", "W44"], ["W44"]]


@pytest.mark.parametrize("unanswered", [False, True])
def test_the_summary_tells_the_cost_of_calls_whose_answers_never_came_apart(data_dir: Path, unanswered: bool) -> None:
    paid = {"video_id": "aa", "prompt_tokens": 3000, "answer_tokens": 500, "cost_usd": 0.0215}
    # Two posts show the one video.
    store(a_week([a_reel(1, viral=True, account=name, of_analysis=paid) for name in ("sun_diary", "sea.mom")]))
    ledger = open_ledger(settings())
    number = ledger.reserve(CallSubject("aa", "analysis", settings().gemini.model, WATCH.version), 40_000, 3000)
    assert number
    if not unanswered:
        ledger.settle(number, "ok", prompt_tokens=3000, answer_tokens=500)
    ledger.close()
    (told,) = [line for line in summary_lines(ReelPipelineResult((MONDAY, MONDAY))) if line.startswith("Tokens: ")]
    apart = ", up to 0.0195 of them for calls whose answers never came"  # at 0.30 and 2.50 dollars a million
    assert told == f"Tokens: 3,500, 0.0215 US dollars{apart if unanswered else ''}"


@pytest.mark.parametrize(
    ("week", "told"),
    [
        ("2026-W42", "2026-W42: no reel of that week has been watched. The newest weeks are 2026-W43, 2026-W44."),
        ("last", "not an ISO week"),
    ],
)
def test_a_week_that_is_not_there_is_told(lake: None, week: str, told: str) -> None:
    assert told in asked("page", "--week", week, code=1)


def test_without_any_watched_reel_the_page_says_how_to_begin(data_dir: Path) -> None:
    assert "Watch some with: instagram-assets reels" in asked("page", code=1)


def test_reels_that_are_not_to_be_watched_are_not(data_dir: Path) -> None:
    told = asked(code=1)
    assert "Reels are not watched. Set INSTAGRAM_ASSETS_REELS__ENABLED=true" in told
    assert not (data_dir / "dagster").exists()


@pytest.mark.parametrize(
    ("words", "setting", "told"),
    [
        ([], {"REELS__ANALYSER": "gemini"}, "GEMINI_API_KEY is not set"),
        (["--scrape", "reels"], {}, "there is no registry of accounts"),
        (["--scrape", "nothing"], {}, "has no input"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_made(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], setting: dict[str, str], told: str
) -> None:
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    for name, value in ({"REELS__ENABLED": "true"} | setting).items():
        monkeypatch.setenv(f"INSTAGRAM_ASSETS_{name}", value)
    settings.cache_clear()
    assert told in " ".join(asked(*words, code=1).split())
    assert not (data_dir / "dagster").exists()


def test_with_nothing_to_watch_the_command_says_so(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_REELS__ENABLED", "true")
    settings.cache_clear()
    assert asked().startswith("Nothing to do: no reel of ")


def test_what_whose_turn_it_is_published_is_scraped_and_watched_and_paid_once(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "accounts.toml").write_text('accounts = [{name = "sun_diary"}]', "utf-8")
    day = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    film = min(sample_videos(), key=lambda name: sample_videos()[name].seconds)
    with FaultyApify(TOKEN) as apify, DemoServer(0) as server:
        reel = post(1, day=day, type="Video", productType="clips", videoUrl=f"{server.url}/{film}")
        apify.actors[REELS] = ApifyActor([reel])
        told = [_chain(tmp_path, apify) for _ in range(2)]
        assert len(apify.runs) == 1
        assert server.requests[f"/{film}"] == 1
    assert ".json: 1 record, " in told[0]
    assert "Analyses: 1 ok" in told[0]
    assert "Nothing to do" in told[1]


def _chain(folder: Path, apify: FaultyApify) -> str:
    given = {
        "APIFY__API_URL": apify.url,
        "DOWNLOAD__ALLOW_HTTP": "true",
        "DOWNLOAD__ALLOW_LOOPBACK": "true",
        "DOWNLOAD__DOWNLOAD_IMAGES": "false",
        "REELS__ENABLED": "true",
    }
    environment = {**os.environ, "COLUMNS": "160", "PYTHONPATH": str(commands.ROOT), "APIFY_TOKEN": TOKEN}
    environment |= {f"INSTAGRAM_ASSETS_{name}": value for name, value in given.items()}
    done = commands.run("reels", "--scrape", "reels", cwd=folder, environment=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout
