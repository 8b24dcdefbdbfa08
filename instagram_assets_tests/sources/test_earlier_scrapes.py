"""What an earlier scrape of an input left behind is brought in where it was paid, told, and stands in nobody's way."""

import _thread
import json
from datetime import date
from pathlib import Path

import pytest

from instagram_assets.errors import ScrapeError
from instagram_assets_tests.servers.apify import CUT, Failure, FaultyApify, apify_error
from instagram_assets_tests.sources.conftest import REELS, Collect

BUSY = apify_error(503, "internal", "Service is unavailable")
EVER = 10_000


def asked(apify: FaultyApify) -> list[list[str]]:
    return [run.asked["username"] for run in apify.runs]


def stopped_at(apify: FaultyApify, collect: Collect, words: str, how: type[BaseException], *names: str) -> None:
    """A scrape that is interrupted when it tells a line with these words."""

    def stop(line: str) -> None:
        if words in line:
            raise how

    with pytest.raises(how):
        collect(*names, tell=stop)


def left_started(apify: FaultyApify, collect: Collect, *names: str) -> str:
    """A scrape that was killed after its start: its note has a run, and that is all; the run."""
    unreadable = Failure("GET", "/items", BUSY, times=EVER)
    apify.failures.append(unreadable)
    with pytest.raises(ScrapeError):
        collect(*names)
    apify.failures.remove(unreadable)
    return apify.runs[-1].id


def left_unstarted(apify: FaultyApify, collect: Collect, name: str = "mistake") -> None:
    """A scrape whose start never came through: there is a note, and no run."""
    refused = Failure("POST", "/runs", BUSY, times=EVER)
    apify.failures.append(refused)
    with pytest.raises(ScrapeError):
        collect(name)
    apify.failures.remove(refused)
    assert apify.runs == []


def cancelled_at_the_start(apify: FaultyApify, collect: Collect, *failures: Failure) -> None:
    """A scrape that is stopped by Ctrl-C while its start is on the way."""
    apify.failures += failures
    apify.before = lambda _: _thread.interrupt_main() if apify.requests[-1].method == "POST" else None
    with pytest.raises(KeyboardInterrupt):
        collect("mistake")
    apify.before = lambda _: None
    apify.failures.clear()


def test_what_was_never_started_is_not_started_by_who_asks_for_something_else(
    apify: FaultyApify, collect: Collect, lines: list[str]
) -> None:
    left_unstarted(apify, collect)
    lines.clear()
    collect("right")
    assert asked(apify) == [["right"]]
    assert "an earlier scrape of reels for mistake was never started; the same command starts it" in lines
    collect("mistake")
    assert asked(apify) == [["right"], ["mistake"]]


def test_what_was_cancelled_before_it_was_started_is_forgotten(
    apify: FaultyApify, collect: Collect, lines: list[str], tmp_path: Path
) -> None:
    cancelled_at_the_start(apify, collect, Failure("POST", "/runs", BUSY, times=EVER))
    assert apify.runs == []
    lines.clear()
    collect("right")
    assert asked(apify) == [["right"]]
    assert not any("mistake" in line for line in lines)
    assert len(list((tmp_path / "scrapes" / "reels").glob("*.json"))) == 1


def test_what_was_cancelled_is_started_by_the_same_command(apify: FaultyApify, collect: Collect) -> None:
    cancelled_at_the_start(apify, collect, Failure("POST", "/runs", BUSY, times=EVER))
    assert apify.runs == []
    assert collect("mistake").items == 2
    assert asked(apify) == [["mistake"]]


def test_a_start_that_was_cancelled_and_came_through_all_the_same_is_aborted_by_the_next_scrape(
    apify: FaultyApify, collect: Collect
) -> None:
    apify.actors[REELS].looks = EVER
    unlisted = Failure("GET", "/runs", BUSY, times=0)
    # The runs are listed once, before the start.
    apify.after = lambda _: setattr(unlisted, "times", EVER) if apify.requests[-1].path.endswith("/runs") else None
    cancelled_at_the_start(apify, collect, Failure("POST", "/runs", CUT, handled=True), unlisted)
    apify.after = lambda _: None
    unlisted.times = 0
    apify.actors[REELS].looks = 1
    collect("right")
    assert [run.aborted for run in apify.runs] == [True, False]


@pytest.mark.parametrize("status", ["FAILED", "TIMED-OUT", "ABORTED"])
def test_an_earlier_run_that_failed_is_told_in_one_line_and_what_was_asked_is_done(
    apify: FaultyApify, collect: Collect, lines: list[str], tmp_path: Path, status: str
) -> None:
    run = left_started(apify, collect, "old")
    apify.runs[0].status, apify.runs[0].message = status, "The proxy was blocked."
    lines.clear()
    assert collect("new").items == 2
    (told,) = (line for line in lines if "earlier" in line)
    assert f"reels for old ended as {status} (The proxy was blocked), " in told
    assert f"{run}; the same command starts another run" in told
    lines.clear()
    collect("newer")
    assert not any("earlier" in line for line in lines)


def test_an_earlier_run_that_collected_nothing_is_no_failure_of_what_was_asked(
    apify: FaultyApify, collect: Collect, lines: list[str], tmp_path: Path
) -> None:
    left_started(apify, collect, "old")
    items, apify.actors[REELS].items = apify.actors[REELS].items, []
    apify.after = lambda _: (
        setattr(apify.actors[REELS], "items", items) if apify.requests[-1].path.endswith("RUN0001/items") else None
    )
    assert collect("new").items == 2
    assert any("reels for old succeeded and collected nothing" in line for line in lines)


@pytest.mark.parametrize("path", ["/actor-runs/RUN0001", "DATASET-RUN0001/items"])
def test_an_earlier_run_that_is_gone_is_told_once(
    apify: FaultyApify, collect: Collect, lines: list[str], tmp_path: Path, path: str
) -> None:
    left_started(apify, collect, "old")
    apify.failures.append(Failure("GET", path, apify_error(404, "record-not-found", "Not found"), times=EVER))
    lines.clear()
    assert collect("new").items == 2
    assert sum("earlier scrape of reels for old" in line for line in lines) == 1
    assert collect("newer").items == 2
    assert sum("earlier scrape of reels for old" in line for line in lines) == 1


@pytest.mark.parametrize("path", ["/actor-runs/RUN0001", "DATASET-RUN0001/items"])
def test_an_earlier_run_that_cannot_be_read_is_left_for_later(
    apify: FaultyApify, collect: Collect, lines: list[str], tmp_path: Path, path: str
) -> None:
    left_started(apify, collect, "old")
    failure = Failure("GET", path, apify_error(500, "internal", "corrupt"), times=EVER)
    apify.failures.append(failure)
    assert collect("new").items == 2
    assert any("reels for old is left as it is" in line and "corrupt" in line for line in lines)
    failure.times = 0
    collect("newer")
    assert len(list((tmp_path / "inbox").glob("*.json"))) == 3
    assert asked(apify) == [["old"], ["new"], ["newer"]]


def test_an_earlier_run_that_goes_on_is_not_waited_for_and_fetched_by_a_later_scrape(
    apify: FaultyApify, collect: Collect, lines: list[str], tmp_path: Path
) -> None:
    left_started(apify, collect, "old")
    apify.runs[0].looks = EVER
    assert collect("new").items == 2
    assert any("reels for old still runs" in line for line in lines)
    apify.runs[0].looks = 0
    collect("newer")
    assert len(list((tmp_path / "inbox").glob("*.json"))) == 3


def test_an_interruption_leaves_the_run_of_an_earlier_scrape_alone(
    apify: FaultyApify, collect: Collect, tmp_path: Path
) -> None:
    left_started(apify, collect, "old")
    apify.runs[0].looks = EVER
    stopped_at(apify, collect, "still runs", KeyboardInterrupt, "new")
    assert [run.aborted for run in apify.runs] == [False]


def test_a_note_of_an_earlier_scrape_that_cannot_be_read_is_told_and_passed_over(
    collect: Collect, lines: list[str], tmp_path: Path
) -> None:
    collect("old")
    (path,) = (tmp_path / "scrapes" / "reels").glob("*.json")
    path.write_text("{}")
    assert collect("new").items == 2
    assert any(str(path) in line and "is no record of a scrape" in line for line in lines)


def aged(folder: Path, **changes: object) -> None:
    (path,) = (folder / "scrapes" / "reels").glob("*.json")
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"asked_at": "2026-11-01T00:00:00+00:00", **changes}))


def test_what_was_never_started_is_forgotten_after_half_a_day(
    apify: FaultyApify, collect: Collect, lines: list[str], tmp_path: Path
) -> None:
    left_unstarted(apify, collect)
    aged(tmp_path)
    collect("right")
    assert any("mistake was never started" in line for line in lines)
    lines.clear()
    collect("other")
    assert not any("mistake" in line for line in lines)


def test_the_same_request_of_a_day_ago_that_failed_since_does_not_cost_this_morning(
    apify: FaultyApify, collect: Collect, tmp_path: Path
) -> None:
    left_started(apify, collect, "sun")
    apify.runs[0].status = "FAILED"
    aged(tmp_path)
    assert collect("sun").run == "RUN0002"


def test_the_same_request_of_a_day_ago_that_succeeded_since_is_not_paid_again(
    apify: FaultyApify, collect: Collect, tmp_path: Path
) -> None:
    run = left_started(apify, collect, "sun")
    aged(tmp_path)
    assert collect("sun").run == run
    assert len(apify.runs) == 1


@pytest.mark.parametrize(("number", "told"), [(3, "a, b, c since"), (5, "a, b, c and 2 more since")])
def test_whom_an_earlier_scrape_was_about_is_told_with_its_day(
    apify: FaultyApify, collect: Collect, lines: list[str], number: int, told: str
) -> None:
    refused = Failure("POST", "/runs", BUSY, times=EVER)
    apify.failures.append(refused)
    with pytest.raises(ScrapeError):
        collect(*"abcde"[:number], newer_than=date(2026, 11, 20))
    apify.failures.remove(refused)
    collect("new")
    assert any(f"reels for {told} 2026-11-19 was never started" in line for line in lines)
