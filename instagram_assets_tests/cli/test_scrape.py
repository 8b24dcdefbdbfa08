"""`scrape` as a person types it: what it says, what it refuses, and that Ctrl-C ends what costs money."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from instagram_assets.demo.apify_server import ApifyActor
from instagram_assets_tests import commands
from instagram_assets_tests.conftest import post
from instagram_assets_tests.servers.apify import FaultyApify
from instagram_assets_tests.sources.conftest import REELS, TOKEN

ROOT = Path(__file__).parents[2]


@pytest.fixture
def apify() -> Iterator[FaultyApify]:
    with FaultyApify(TOKEN) as server:
        server.actors[REELS] = ApifyActor([post(number, type="Video", productType="clips") for number in (1, 2)])
        yield server


def environment(apify: FaultyApify, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "COLUMNS": "160",
        "PYTHONPATH": str(ROOT),
        "APIFY_TOKEN": TOKEN,
        "INSTAGRAM_ASSETS_APIFY__API_URL": apify.url,
        "INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES": "false",
        **more,
    }


def test_reels_of_an_account_are_scraped_once_and_read_by_ingest(apify: FaultyApify, tmp_path: Path) -> None:
    words = ("scrape", "reels", "sun_diary", "--newer-than", "2026-10-01")
    first = commands.run(*words, cwd=tmp_path, environment=environment(apify))
    assert first.returncode == 0, first.stderr
    assert "run RUN0001 was started" in first.stderr
    assert ".json: 2 records, 0.014 US dollars charged" in first.stdout
    again = commands.run(*words, cwd=tmp_path, environment=environment(apify))
    assert "so nothing was started; --again does it anew" in again.stdout
    assert "charged" not in again.stdout
    assert len(apify.runs) == 1
    made = commands.run("ingest", "--json", cwd=tmp_path, environment=environment(apify))
    assert made.returncode == 0, made.stderr
    assert '{"records": 2, "quarantined": 0}' in made.stdout
    after = commands.run(*words, cwd=tmp_path, environment=environment(apify))
    assert "data/inbox/done/dataset_instagram-reel-scraper_" in after.stdout
    assert after.stdout.endswith("It was read already\n")
    assert len(apify.runs) == 1
    assert TOKEN not in first.stdout + first.stderr + again.stdout + again.stderr + made.stdout


def test_that_nobody_posted_is_paid_and_told_once(apify: FaultyApify, tmp_path: Path) -> None:
    apify.actors[REELS].items = []
    words = ("scrape", "reels", "sun_diary", "--newer-than", "2026-10-01")
    first, again = (commands.run(*words, cwd=tmp_path, environment=environment(apify)) for _ in range(2))
    assert first.stdout == "reels: no post of 2026-10-01 or later, 0.01 US dollars charged\n"
    told, answer = again.stdout.splitlines()
    assert told.endswith("so nothing was started; --again does it anew")
    assert answer == "reels: no post of 2026-10-01 or later"
    assert len(apify.runs) == 1


REGISTRY = """
accounts = [{name = "sun_diary"}, {name = "sea_walks", source = "files"}, {name = "#육아일기"}]
"""


def test_whose_turn_it_is_by_the_registry_is_scraped(apify: FaultyApify, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "accounts.toml").write_text(REGISTRY, "utf-8")
    done = commands.run("scrape", "reels", "--registered", cwd=tmp_path, environment=environment(apify))
    assert done.returncode == 0, done.stderr
    assert [run.asked["username"] for run in apify.runs] == [["sun_diary"]]
    both = commands.run("scrape", "reels", "moon", "--registered", cwd=tmp_path, environment=environment(apify))
    assert "moon: named beside --registered. Give one of the two." in both.stderr
    (tmp_path / "data" / "accounts.toml").write_text('accounts = [{name = "#육아일기"}]', "utf-8")
    nobody = commands.run("scrape", "reels", "--registered", cwd=tmp_path, environment=environment(apify))
    assert "accounts.toml has no account that Apify collects this week" in nobody.stderr
    (tmp_path / "data" / "accounts.toml").write_text("", "utf-8")
    empty = commands.run("scrape", "reels", "--registered", cwd=tmp_path, environment=environment(apify))
    assert "accounts.toml names nobody yet. Write an entry, `[[accounts]]`" in empty.stderr
    assert len(apify.runs) == 1


@pytest.mark.parametrize(
    ("words", "token", "problem"),
    [
        (["reels", "sun"], "", "APIFY_TOKEN is empty: it has to hold Apify's token"),
        (["reels", "sun"], f"{TOKEN}\n", "APIFY_TOKEN holds a blank, a line break"),
        (["reel", "sun"], TOKEN, "Did you mean reels?"),
        (["reels"], TOKEN, "nobody is named to be scraped"),
        (["hashtags", "육아 일기"], TOKEN, "holds a blank"),
        (["reels", "sun", "--newer-than", "yesterday"], TOKEN, "'yesterday': not a day"),
        (["reels", "sun", "--newer-than", "2009-01-01"], TOKEN, "there are no posts of that day"),
    ],
)
def test_a_mistake_is_told_before_anything_is_asked_or_made(
    apify: FaultyApify, tmp_path: Path, words: list[str], token: str, problem: str
) -> None:
    done = commands.run("scrape", *words, cwd=tmp_path, environment=environment(apify, APIFY_TOKEN=token))
    assert done.returncode == 1
    assert problem in done.stderr
    assert TOKEN not in done.stderr
    assert apify.requests == []
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_aborts_the_run_at_apify(apify: FaultyApify, tmp_path: Path) -> None:
    apify.actors[REELS].looks = 100_000
    command = [sys.executable, "-m", "instagram_assets.cli", "scrape", "reels", "sun"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(apify), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr
        said: list[str] = []
        for line in process.stderr:
            said.append(line)
            if "was started" in line:
                process.send_signal(signal.SIGINT)
    assert process.returncode == 130, said
    assert "Stopped, and Apify's run RUN0001 aborted." in said[-1]
    assert [run.aborted for run in apify.runs] == [True]
