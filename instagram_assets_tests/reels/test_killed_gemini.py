"""Watching killed at any request or file operation, and repeated: one upload, and no answer that came is paid twice."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from instagram_assets.demo.json_server import JsonReply
from instagram_assets_tests.faults.harness import Fault, Worker, choose
from instagram_assets_tests.reels.watching import analyser_of, ledger_of, options_of, video_of
from instagram_assets_tests.servers.gemini import CUT, GENERATE, FaultyGemini

FILE_OPERATIONS = 10
# Loaded once before the trials, which then cost a fork and no imports.
LOADED = [
    *("google.genai", "httpx2", "trio", "anyio", "pandas", "pyarrow.parquet", "pyarrow.compute"),
    "instagram_assets.reels.gemini",
]


def watch(home: str, url: str, key: str) -> None:
    """Watch a reel, with its label told and hidden."""
    folder = Path(home)
    (folder / "pid").write_text(str(os.getpid()))
    server = FaultyGemini.__new__(FaultyGemini)  # its address and key are all that is asked of it
    server.url, server.key = url, key
    video = video_of(folder, 1)
    rows = analyser_of(folder / "data", server).analyse([video, video._replace(viral=True)])
    assert [row["status"] for row in rows] == ["ok"] * 2, rows


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker("instagram_assets_tests.reels.test_killed_gemini:watch", LOADED) as worker:
        yield worker


@pytest.fixture
def memory_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: what is counted are operations, not seconds of a disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.fixture
def gemini() -> Iterator[FaultyGemini]:
    with FaultyGemini() as server:
        yield server


def home_of(parent: Path, name: str) -> Path:
    home = parent / name
    (home / "data").mkdir(parents=True)
    return home


def run(worker: Worker, home: Path, gemini: FaultyGemini, fault: Fault | None = None) -> int:
    outcome = worker.run(home / "data", [str(home), gemini.url, gemini.key], fault)
    if fault is None:
        assert outcome.exit == 0, outcome.output[-2000:]
    return outcome.count


def check(home: Path, gemini: FaultyGemini, where: str, *, lost: int = 0) -> None:
    """The video was sent once; each answer was paid once, but for `lost` ones that may have died on their way.

    What is paid stands in the ledger, or is there as what it can have cost at most.
    """
    assert len(gemini.uploads) == 1, where
    assert not gemini.files, where
    assert not list((home / "data" / "ledger" / "under_way").iterdir()), where
    ledger = ledger_of(home / "data", options_of(gemini))
    table = ledger.table()
    ledger.close()
    statuses, costs = table["status"].to_pylist(), table["cost_usd"].to_pylist()
    unanswered = statuses.count("unanswered")
    assert statuses.count("ok") == 3, where
    assert unanswered <= lost, where
    assert 3 <= len(gemini.calls) <= 3 + unanswered, where
    assert sum(costs) >= gemini.charged_usd - 1e-12, where
    paid = sum(cost for cost, status in zip(costs, statuses, strict=True) if status == "ok")
    assert paid <= gemini.charged_usd + 1e-12, where


def forget(gemini: FaultyGemini) -> None:
    """New books."""
    for book in (gemini.uploads, gemini.calls, gemini.requests, gemini.files):
        book.clear()


@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
def test_a_kill_at_any_request_sends_no_video_and_pays_no_answer_twice(
    worker: Worker, gemini: FaultyGemini, memory_path: Path, answered: bool
) -> None:
    home = home_of(memory_path, "undisturbed")
    run(worker, home, gemini)
    check(home, gemini, "undisturbed")
    for at in range(1, len(gemini.requests) + 1):
        forget(gemini)
        home, seen = home_of(memory_path, f"request{at}"), list[str]()

        def kill(kind: str, at: int = at, home: Path = home, seen: list[str] = seen) -> JsonReply | None:
            seen.append(kind)
            if len(seen) != at:
                return None
            with suppress(ProcessLookupError):
                os.killpg(int((home / "pid").read_text()), signal.SIGKILL)
            return CUT

        setattr(gemini, "after" if answered else "before", kill)
        assert worker.run(home / "data", [str(home), gemini.url, gemini.key]).exit == -signal.SIGKILL
        run(worker, home, gemini)
        check(home, gemini, f"request {at}, {seen[at - 1]}", lost=seen[at - 1] == GENERATE)


def test_a_kill_before_a_question_was_handled_reserves_it_at_its_worst(
    worker: Worker, gemini: FaultyGemini, memory_path: Path
) -> None:
    home = home_of(memory_path, "home")

    def kill(kind: str) -> JsonReply | None:
        if kind != GENERATE or gemini.count(GENERATE) > 1:
            return None
        os.killpg(int((home / "pid").read_text()), signal.SIGKILL)
        return CUT

    gemini.before = kill
    assert worker.run(home / "data", [str(home), gemini.url, gemini.key]).exit == -signal.SIGKILL
    ledger = ledger_of(home / "data", options_of(gemini))
    assert set(ledger.table()["status"].to_pylist()) == {"unanswered"}
    assert ledger.day_usd() > 0.02
    ledger.close()


def test_a_kill_at_any_file_operation_sends_no_video_and_pays_no_answer_twice(
    worker: Worker, gemini: FaultyGemini, memory_path: Path
) -> None:
    count = run(worker, home_of(memory_path, "undisturbed"), gemini)
    for at in choose(count, FILE_OPERATIONS, seed=7):
        forget(gemini)
        home = home_of(memory_path, f"operation{at}")
        run(worker, home, gemini, Fault("kill", at))
        run(worker, home, gemini)
        check(home, gemini, f"operation {at}", lost=1)
