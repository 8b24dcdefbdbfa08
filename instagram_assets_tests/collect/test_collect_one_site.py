"""From an account to its file in the inbox: what is asked, what is kept, what ends a subject and what ends a run."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from instagram_assets import read_export
from instagram_assets.collect.collection_results import CollectionOutcome, SubjectResult
from instagram_assets.collect.crawl_table import delete_old_requests, find_open_crawl
from instagram_assets.collect.site_adapter import Classification, ResponseOutcome
from instagram_assets.errors import (
    AnswersChangedError,
    BreakerOpenError,
    IdentityStoppedError,
    ProxiesError,
)
from instagram_assets_tests.collect.collect_helper import HOUR, Bench, days_back
from instagram_assets_tests.collect.small_site import DAY, START, record


def test_each_subject_is_a_file_with_its_records_as_the_site_gave_them(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(7), moon=days_back(2))
    found = bench.run()
    assert [(one.subject, one.outcome, one.posts, one.requests) for one in found] == [
        ("sun_diary", CollectionOutcome.COMPLETE, 7, 3),
        ("moon", CollectionOutcome.COMPLETE, 2, 1),
    ]
    assert bench.records() == {
        name: [record(name, taken) for taken in bench.site.accounts[name]] for name in ("sun_diary", "moon")
    }
    assert [one.file and one.file.name for one in found] == [
        "collected_small-sun_diary-2026-11-27T09-00-00.000000Z.json",
        "collected_small-moon-2026-11-27T09-00-03.000000Z.json",
    ]


def test_a_line_says_of_whom_and_when_it_was_seen(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(4))
    (found,) = bench.run()
    assert found.file
    heads = [json.loads(line) for line in found.file.read_text("utf-8").splitlines()]
    assert {tuple(head) for head in heads} == {("collected", "site", "account", "observed_at", "record")}
    assert [head["observed_at"] for head in heads] == ["2026-11-27T09:00:01.000000Z"] * 3 + [
        "2026-11-27T09:00:02.000000Z"
    ]


def test_a_file_of_the_collector_reads_as_the_posts_that_were_seen(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(4))
    (found,) = bench.run()
    assert found.file
    rows = reversed(read_export(found.file).posts.to_pylist())
    assert [(row["account"], row["taken_at"].timestamp(), row["observed_at"].timestamp()) for row in rows] == [
        ("sun_diary", taken, START + 1 if place < 3 else START + 2) for place, taken in enumerate(days_back(4))
    ]


@pytest.mark.parametrize("outcome", [ResponseOutcome.TRANSIENT, ResponseOutcome.HTML])
def test_a_subject_that_fails_keeps_its_pages_and_goes_on_behind_them(tmp_path: Path, outcome: ResponseOutcome) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(7), moon=days_back(2))
    failed, good = bench.run(
        script=lambda number, _name, _request: Classification(outcome, "cut off") if number == 1 else None
    )
    assert (failed.outcome, failed.posts, failed.file, failed.reason) == (CollectionOutcome.OPEN, 3, None, "cut off")
    assert good.outcome is CollectionOutcome.COMPLETE
    assert list(bench.records()) == ["moon"]
    waiting, _ = bench.run()
    assert (waiting.outcome, waiting.posts, waiting.until) == (CollectionOutcome.WAITING, 3, failed.until)
    bench.clock.time = failed.until or 0.0
    whole, fresh = bench.run()
    assert (whole.outcome, whole.posts, fresh.outcome) == (CollectionOutcome.COMPLETE, 7, CollectionOutcome.FRESH)
    assert bench.asked == [("sun_diary", "3"), ("sun_diary", "6")]
    assert bench.records()["sun_diary"] == [record("sun_diary", taken) for taken in days_back(7)]


@pytest.mark.parametrize(
    "error",
    [
        IdentityStoppedError("confirm it in the app"),
        BreakerOpenError("throttled", datetime.fromtimestamp(START + HOUR, UTC)),
        ProxiesError("none of 2 works", START + HOUR),
    ],
    ids=["stopped", "throttled", "no-proxy"],
)
def test_a_stop_of_the_identity_ends_the_run_at_once(tmp_path: Path, error: Exception) -> None:
    bench = Bench(tmp_path, first=days_back(1), second=days_back(5), third=days_back(1))
    seen: list[SubjectResult] = []
    with pytest.raises(type(error), match=str(error)):
        seen.extend(bench.running(script=lambda number, *_: error if number == 2 else None))
    assert len(bench.asked) == 3
    bench.asked.clear()
    with pytest.raises(type(error)):
        seen.extend(bench.running(script=lambda *_: error))
    fresh, ended, after = seen[3:]
    assert (fresh.outcome, ended.posts, after.outcome) == (CollectionOutcome.FRESH, 3, CollectionOutcome.NOT_ASKED)
    assert [one.outcome for one in bench.run()] == [
        CollectionOutcome.FRESH,
        CollectionOutcome.COMPLETE,
        CollectionOutcome.COMPLETE,
    ]
    assert bench.asked == [("second", "3"), ("third", "0")]


def test_answers_in_an_unknown_form_are_kept_without_secrets_and_three_in_a_row_end_the_run(tmp_path: Path) -> None:
    bench = Bench(tmp_path, **{f"user{number}": days_back(1) for number in range(5)})
    content = {"data": {"shape": "new", "next": "https://x.invalid/?access_token=CANARY1&a=1"}, "csrf_token": "CANARY2"}
    seen: list[SubjectResult] = []
    with pytest.raises(AnswersChangedError, match="3 subjects in a row"):
        seen.extend(bench.running(script=lambda *_: Classification(ResponseOutcome.OK, content=content)))
    assert [one.outcome for one in seen] == [CollectionOutcome.OPEN] * 3 + [CollectionOutcome.NOT_ASKED] * 2
    files = sorted((bench.database.folder / "answers").iterdir())
    assert [str(file) in one.reason for file, one in zip(files, seen[:3], strict=True)] == [True] * 3
    for file in files:
        text = file.read_text("utf-8")
        assert "CANARY" not in text
        assert json.loads(text)["answer"]["data"]["shape"] == "new"
        assert file.stat().st_mode & 0o077 == 0


def test_who_goes_on_with_stored_pages_is_told_so(tmp_path: Path) -> None:
    bench, logged = Bench(tmp_path, sun_diary=days_back(7)), list[str]()
    bench.run(
        script=lambda number, *_: Classification(ResponseOutcome.TRANSIENT) if number == 2 else None, log=logged.append
    )
    assert logged == []
    bench.clock.sleep(HOUR)
    bench.run(log=logged.append)
    assert logged == ["sun_diary: goes on behind the 6 posts of 2026-11-27 09:00 UTC"]


def test_a_subject_without_posts_and_records_has_no_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=[])
    (found,) = bench.run()
    assert (found.outcome, found.file, found.posts) == (CollectionOutcome.COMPLETE, None, 0)


def test_old_requests_and_crawls_go_but_never_those_of_the_last_eight_days(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(2))
    bench.run()
    bench.clock.sleep(7 * DAY)
    bench.run()
    assert delete_old_requests(bench.database, bench.clock.now(), 1) == 0
    bench.clock.sleep(2 * DAY)
    assert delete_old_requests(bench.database, bench.clock.now(), 1) == 1
    assert delete_old_requests(bench.database, bench.clock.now(), 1) == 0


def test_an_crawl_that_nobody_goes_on_with_goes_with_its_pages_in_the_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(7))
    bench.run(script=lambda number, *_: Classification(ResponseOutcome.TRANSIENT) if number else None)
    for days, pages in ((29, 1), (2, 0)):
        bench.clock.sleep(days * DAY)
        delete_old_requests(bench.database, bench.clock.now(), 30)
        with bench.database.reading() as connection:
            assert connection.execute("SELECT COUNT(*) FROM pages").fetchone()[0] == pages
    assert find_open_crawl(bench.database, "small", "sun_diary") is None
