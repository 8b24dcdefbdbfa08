"""What asking costs: each call is a row before it is made, and no day's money is passed."""

import multiprocessing
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from instagram_assets.errors import StorageError
from instagram_assets.reels.call_ledger import CallSubject, Ledger, Prices

SEOUL = ZoneInfo("Asia/Seoul")
PRICES = Prices(1.0, 10.0)
MOST = 0.1
ABOUT = CallSubject("video", "analysis", "gemini", "0123456789ab")


def ledger_of(folder: Path, most: float = MOST) -> Ledger:
    return Ledger(folder / "ledger" / "calls.sqlite", PRICES, most, SEOUL)


@pytest.fixture
def ledger(tmp_path: Path) -> Generator[Ledger]:
    ledger = ledger_of(tmp_path)
    yield ledger
    ledger.close()


def reserved(ledger: Ledger, prompt_tokens: int = 10_000, answer_tokens: int = 1000) -> int:
    number = ledger.reserve(ABOUT, prompt_tokens, answer_tokens)
    assert number is not None
    return number


def test_a_call_costs_the_most_that_it_can_until_it_is_answered(ledger: Ledger) -> None:
    number = reserved(ledger)
    assert ledger.day_usd() == pytest.approx(0.02)
    ledger.settle(number, "ok", prompt_tokens=5000, answer_tokens=100, seconds=1.5, answer="{}")
    assert ledger.day_usd() == pytest.approx(0.006)
    (row,) = ledger.table().to_pylist()
    assert (row["prompt_tokens"], row["answer_tokens"], row["seconds"], row["status"]) == (5000, 100, 1.5, "ok")


def test_a_call_that_nobody_answered_keeps_its_worst_cost_for_whoever_comes_later(
    tmp_path: Path, ledger: Ledger
) -> None:
    reserved(ledger)  # and its process dies here
    number = reserved(ledger)
    ledger.leave_unanswered(number, "the connection was cut", 2.0)
    ledger.close()
    later = ledger_of(tmp_path)
    assert later.table()["status"].to_pylist() == ["unanswered"] * 2
    assert later.day_usd() == pytest.approx(0.04)
    spent = later.spent(["video"], "gemini", [ABOUT.prompt])["video"]
    assert (spent.failures, spent.lasting, spent.last_reason) == (2, 0, "the connection was cut")
    assert (spent.unanswered, spent.unanswered_usd) == (2, pytest.approx(0.04))
    assert spent.cost_usd == pytest.approx(0.04)
    assert (spent.prompt_tokens, spent.answer_tokens) == (0, 0)  # nobody knows how many there were
    later.close()


def test_the_day_ends_before_its_money_is_passed(ledger: Ledger) -> None:
    for _ in range(5):
        ledger.settle(reserved(ledger), "ok", prompt_tokens=10_000, answer_tokens=1000)
    assert ledger.day_usd() == pytest.approx(MOST)
    assert ledger.reserve(ABOUT, 1, 0) is None
    assert not ledger.hold("video", 1, 0)
    assert ledger.hold("video", 0, 0)


def test_what_is_held_for_one_video_is_not_there_for_others(ledger: Ledger) -> None:
    assert ledger.hold("video", 60_000, 0)
    with ThreadPoolExecutor(2) as pool:
        held = pool.submit(ledger.hold, "another", 60_000, 0)
        called = pool.submit(ledger.reserve, CallSubject("another", *ABOUT[1:]), 60_000, 0)
        number = reserved(ledger, 60_000, 0)  # it is there for its own video
        ledger.settle(number, "ok", prompt_tokens=60_000)
        assert (held.result(10), called.result(10)) == (False, None)
    assert ledger.day_usd() == pytest.approx(0.06)


def test_what_is_given_back_is_there_for_others(ledger: Ledger) -> None:
    assert ledger.hold("video", 60_000, 0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ledger.hold, "another", 60_000, 0)
        ledger.release("video")
        assert waiting.result(10)
    ledger.release("another")
    ledger.release("another")
    assert reserved(ledger, 100_000, 0)


def test_two_who_hold_money_that_another_process_spent_do_not_wait_for_each_other(
    tmp_path: Path, ledger: Ledger
) -> None:
    assert ledger.hold("video", 50_000, 0)
    assert ledger.hold("another", 50_000, 0)
    elsewhere = ledger_of(tmp_path)
    elsewhere.settle(reserved(elsewhere, 60_000, 0), "ok", prompt_tokens=60_000)
    elsewhere.close()
    assert ledger.reserve(ABOUT, 50_000, 0) is None
    assert ledger.reserve(CallSubject("another", *ABOUT[1:]), 50_000, 0) is None


def test_what_is_refused_waits_for_calls_under_way_that_may_cost_less(ledger: Ledger) -> None:
    under_way = reserved(ledger, 90_000, 0)
    waiting = threading.Thread(target=lambda: ledger.settle(reserved(ledger, 20_000, 0), "ok", prompt_tokens=20_000))
    waiting.start()
    ledger.settle(under_way, "ok", prompt_tokens=30_000)
    waiting.join(10)
    assert ledger.day_usd() == pytest.approx(0.05)


def test_calls_side_by_side_never_pass_the_day_s_money(ledger: Ledger) -> None:
    def call(_: int) -> bool:
        number = ledger.reserve(ABOUT, 20_000, 0)
        if number is not None:
            assert ledger.day_usd() <= MOST + 1e-9
            ledger.settle(number, "ok", prompt_tokens=15_000)
        return number is not None

    with ThreadPoolExecutor(16) as pool:
        answered = sum(pool.map(call, range(40)))
    assert answered == 6  # a seventh could have been 0.09 + 0.02
    assert ledger.day_usd() == pytest.approx(0.09)


def spend(folder: str) -> None:
    """Call until the money is at its end, in a process of its own."""
    ledger = ledger_of(Path(folder), 0.5)
    while (number := ledger.reserve(ABOUT, 10_000, 0)) is not None:
        ledger.settle(number, "ok", prompt_tokens=10_000)
    ledger.close()


def test_two_processes_share_the_day_s_money(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=spend, args=(str(tmp_path),)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    ledger = ledger_of(tmp_path, 0.5)
    assert ledger.table().num_rows == 50
    ledger.close()


def test_an_answer_stands_with_its_call_until_it_is_kept_elsewhere(ledger: Ledger) -> None:
    numbers = [reserved(ledger, 10, 10) for _ in range(3)]
    ledger.settle(numbers[0], "ok", answer="first", seconds=1.0)
    ledger.settle(numbers[1], "malformed", reason="no JSON")
    ledger.settle(numbers[2], "ok", answer="second", seconds=2.0, reason="odd")
    kept = ledger.answers("gemini", [ABOUT.prompt])
    assert [(one.answer, one.seconds, one.reason) for one in kept] == [("first", 1.0, None), ("second", 2.0, "odd")]
    assert ledger.answers("gemini", [ABOUT.prompt], ["another"]) == []
    assert ledger.answers("another", [ABOUT.prompt]) == []
    ledger.forget_answers([one.id for one in kept])
    assert ledger.answers("gemini", [ABOUT.prompt]) == []
    assert ledger.table()["status"].to_pylist() == ["ok", "malformed", "ok"]


def test_failures_are_counted_and_those_that_last_apart(ledger: Ledger) -> None:
    for status in ("ok", "failed", "blocked"):
        ledger.settle(reserved(ledger, 10, 10), status, prompt_tokens=10, reason=f"so {status}")
    ledger.note(ABOUT, "unreadable", "no video stream")
    spent = ledger.spent(["video", "another"], "gemini", [ABOUT.prompt])
    assert (spent["video"].failures, spent["video"].lasting) == (3, 2)
    assert (spent["video"].last_status, spent["video"].last_reason) == ("unreadable", "no video stream")
    assert (spent["video"].prompt_tokens, spent["another"].failures) == (30, 0)


def test_another_day_has_its_own_money(ledger: Ledger) -> None:
    reserved(ledger, 100_000, 0)
    assert ledger.day_usd("2020-01-01") == 0


def test_a_damaged_ledger_stops_the_work(tmp_path: Path) -> None:
    file = tmp_path / "ledger" / "calls.sqlite"
    file.parent.mkdir()
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match=r"calls\.sqlite: .*what was spent"):
        ledger_of(tmp_path)
