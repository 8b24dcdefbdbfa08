"""Scrape and landing killed at any request or file operation, and repeated: one run is paid, each row there once."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from upath import UPath

from instagram_assets.demo.apify_server import ApifyActor
from instagram_assets.ingest.observations import read_posts
from instagram_assets.storage.atomic import is_temporary
from instagram_assets_tests.conftest import post
from instagram_assets_tests.faults.harness import Fault, Worker, choose
from instagram_assets_tests.servers.apify import FaultyApify
from instagram_assets_tests.sources.conftest import QUICK, REELS, TOKEN

FILE_OPERATIONS = 12  # of three hundred
DAY = date(2026, 10, 20)
ITEMS = [post(number, type="Video", productType="clips") for number in range(1100)]
# Loaded once before the trials, which then cost a fork and no imports.
LOADED = ["apify_client", "impit", "pyarrow.parquet", "pyarrow.dataset", "instagram_assets.ingest.inbox"]


def scrape_and_land(home: str, url: str) -> None:
    """Scrape the reels into the inbox of a data folder, and land what is there."""
    Path(home, "pid").write_text(str(os.getpid()))
    os.environ["INSTAGRAM_ASSETS_DATA_DIR"] = f"{home}/data"
    os.environ["APIFY_TOKEN"] = TOKEN
    os.chdir(home)
    from instagram_assets.ingest.inbox import land_files
    from instagram_assets.settings import ApifySettings, load_settings
    from instagram_assets.sources.apify_inputs import load_scrape_request
    from instagram_assets.sources.apify_scrape import scrape
    from instagram_assets.storage.lake import open_lake

    settings = load_settings(apify=ApifySettings(api_url=url, max_items=5000))
    request = load_scrape_request("reels").of(["sun_diary"], None, ZoneInfo("Asia/Seoul"))
    inbox, notes = settings.folder("inbox"), settings.folder("scrapes")
    scrape(request, settings.apify, inbox, notes, print, patience=QUICK)
    landing = land_files([], open_lake(settings), settings)
    assert not landing.failures, landing.failures


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker("instagram_assets_tests.sources.test_killed_scrape:scrape_and_land", LOADED) as worker:
        yield worker


@pytest.fixture
def memory_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: what is counted are operations, not seconds of a disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.fixture
def apify() -> Iterator[FaultyApify]:
    with FaultyApify(TOKEN) as server:
        server.actors[REELS] = ApifyActor(ITEMS, looks=1, ends_at=datetime.now(UTC) - timedelta(minutes=1))
        yield server


def home_of(parent: Path, name: str) -> Path:
    home = parent / name
    home.mkdir()
    return home


def run(worker: Worker, home: Path, apify: FaultyApify, fault: Fault | None = None) -> None:
    outcome = worker.run(home / "data", [str(home), apify.url], fault)
    if fault is None:
        assert outcome.exit == 0, outcome.output[-2000:]


def check(home: Path, apify: FaultyApify, where: str) -> None:
    """One run was paid, each of its reels is one row, and nothing is left half done."""
    assert len(apify.runs) == 1, where
    assert apify.charged_usd == pytest.approx(0.01 + 0.002 * len(ITEMS)), where
    rows = read_posts(UPath(home / "data" / "lake"), "reels", ["sun_diary"], DAY, DAY)
    assert sorted(rows["post_id"].to_pylist()) == sorted(item["id"] for item in ITEMS), where
    assert [path.name for path in (home / "data").rglob("*") if is_temporary(path.name)] == [], where


def forget(apify: FaultyApify) -> None:
    """New books."""
    apify.runs.clear()
    apify.requests.clear()


@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
def test_a_kill_at_any_request_costs_no_second_run(
    worker: Worker, apify: FaultyApify, memory_path: Path, answered: bool
) -> None:
    home = home_of(memory_path, "undisturbed")
    run(worker, home, apify)
    check(home, apify, "undisturbed")
    for at in range(1, len(apify.requests) + 1):
        forget(apify)
        home, killed = home_of(memory_path, f"request{at}"), list[int]()

        def kill(number: int, at: int = at, home: Path = home, killed: list[int] = killed) -> None:
            if number == at and not killed:
                killed.append(number)
                with suppress(ProcessLookupError):
                    os.killpg(int((home / "pid").read_text()), signal.SIGKILL)

        setattr(apify, "after" if answered else "before", kill)
        assert worker.run(home / "data", [str(home), apify.url]).exit == -signal.SIGKILL
        assert killed == [at]
        run(worker, home, apify)
        check(home, apify, f"request {at}")


def test_a_kill_at_any_file_operation_costs_no_second_run(
    worker: Worker, apify: FaultyApify, memory_path: Path
) -> None:
    home = home_of(memory_path, "undisturbed")
    count = worker.run(home / "data", [str(home), apify.url]).count
    check(home, apify, "undisturbed")
    for at in choose(count, FILE_OPERATIONS, seed=7):
        forget(apify)
        home = home_of(memory_path, f"operation{at}")
        run(worker, home, apify, Fault("kill", at))
        run(worker, home, apify)
        check(home, apify, f"operation {at}")
