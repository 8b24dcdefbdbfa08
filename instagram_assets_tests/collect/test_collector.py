"""From an account to its file in the inbox: what is asked, what is kept, what ends a subject and what ends a run."""

import json
from collections.abc import Callable, Generator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from instagram_assets import read_export
from instagram_assets.collect import errands, subjects
from instagram_assets.collect.asking import Ask, Outcome, Verdict
from instagram_assets.collect.books import Books
from instagram_assets.collect.budget import Budget
from instagram_assets.collect.collector import collect
from instagram_assets.collect.wish import Collected, Ended, Known, Wish
from instagram_assets.errors import (
    AnswersChangedError,
    BreakerOpenError,
    BusyError,
    IdentityStoppedError,
    ProxiesError,
    StorageError,
)
from instagram_assets.privacy.forgotten import Identifiers
from instagram_assets_tests.collect.small_site import DAY, START, Asked, HandClock, SmallSite, record

Script = Callable[[int, str, Ask], Verdict | Exception | None]

HOUR = 3_600.0


class Bench:
    """Books, an inbox and a clock, and the site that they are for."""

    def __init__(self, folder: Path, **accounts: list[float]) -> None:
        self.books, self.inbox, self.clock = Books(folder / "books"), folder / "inbox", HandClock()
        self.site = SmallSite(accounts)
        self.asked: list[tuple[str, str]] = []

    def run(self, *names: str, wish: Wish | None = None, script: Script | None = None, **more: Any) -> list[Collected]:
        """What a run says of each, and `asked` has what it asked; what ended it is raised."""
        return list(self.running(*names, wish=wish, script=script, **more))

    def running(
        self,
        *names: str,
        wish: Wish | None = None,
        script: Script | None = None,
        tell: Callable[[str], object] = lambda _: None,
        **more: Any,
    ) -> Generator[Collected]:
        requester = Asked(self.site, self.books, self.clock)
        if script:
            requester.script = script
        self.asked = requester.asked
        yield from collect(
            self.site,
            requester,
            names or tuple(self.site.accounts),
            wish or Wish(),
            books=self.books,
            inbox=self.inbox,
            clock=self.clock,
            tell=tell,
            **more,
        )

    def records(self) -> dict[str, list[Any]]:
        """What is in the inbox: of each subject its records in their order."""
        found: dict[str, list[Any]] = {}
        for file in sorted(self.inbox.glob("*.json")):
            for line in file.read_text("utf-8").splitlines():
                envelope = json.loads(line)
                found.setdefault(envelope["account"], []).append(envelope["record"])
        return found


def days_back(count: int, newest: float = START - HOUR) -> list[float]:
    """Times of posts, one a day, the newest first."""
    return [newest - number * DAY for number in range(count)]


def test_each_subject_is_a_file_with_its_records_as_the_site_gave_them(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(7), moon=days_back(2))
    found = bench.run()
    assert [(one.subject, one.outcome, one.posts, one.requests) for one in found] == [
        ("sun_diary", Ended.COMPLETE, 7, 3),
        ("moon", Ended.COMPLETE, 2, 1),
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


def test_no_more_pages_are_asked_than_the_posts_that_are_wanted_need(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(20))
    (found,) = bench.run(wish=Wish(posts=5))
    assert (found.outcome, found.posts, found.requests) == (Ended.COMPLETE, 6, 2)


@pytest.mark.parametrize("outcome", [Outcome.TRANSIENT, Outcome.HTML])
def test_a_subject_that_fails_keeps_its_pages_and_goes_on_behind_them(tmp_path: Path, outcome: Outcome) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(7), moon=days_back(2))
    failed, good = bench.run(script=lambda number, _name, _ask: Verdict(outcome, "cut off") if number == 1 else None)
    assert (failed.outcome, failed.posts, failed.file, failed.reason) == (Ended.OPEN, 3, None, "cut off")
    assert good.outcome is Ended.COMPLETE
    assert list(bench.records()) == ["moon"]
    waiting, _ = bench.run()
    assert (waiting.outcome, waiting.posts, waiting.until) == (Ended.WAITING, 3, failed.until)
    bench.clock.time = failed.until or 0.0
    whole, fresh = bench.run()
    assert (whole.outcome, whole.posts, fresh.outcome) == (Ended.COMPLETE, 7, Ended.FRESH)
    assert bench.asked == [("sun_diary", "3"), ("sun_diary", "6")]
    assert bench.records()["sun_diary"] == [record("sun_diary", taken) for taken in days_back(7)]


@pytest.mark.parametrize("outcome", [Outcome.NOT_FOUND, Outcome.PRIVATE])
def test_who_is_not_there_or_private_is_not_asked_again_unless_it_is_wanted(tmp_path: Path, outcome: Outcome) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(2))
    (gone,) = bench.run(script=lambda *_: Verdict(outcome, "it says so"))
    assert (gone.outcome, gone.reason, gone.file) == (Ended(outcome), "it says so", None)
    bench.clock.sleep(30 * DAY)
    (still,) = bench.run()
    assert (still.outcome, still.reason, bench.asked) == (Ended(outcome), "it says so", [])
    (back,) = bench.run(again=True)
    assert back.outcome is Ended.COMPLETE
    assert subjects.find(bench.books, "small", "sun_diary").state == "active"


def test_what_came_before_an_account_went_private_is_delivered_and_called_partial(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(7))
    (found,) = bench.run(script=lambda number, *_: Verdict(Outcome.PRIVATE, "no more") if number == 2 else None)
    assert (found.outcome, found.posts, found.reason) == (Ended.PARTIAL, 6, "private: no more")
    assert len(bench.records()["sun_diary"]) == 6
    assert bench.run()[0].outcome is Ended.PRIVATE


def test_an_account_that_was_seen_and_is_gone_is_said_to_be_deleted_or_renamed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(2))
    bench.run()
    bench.clock.sleep(DAY)
    (gone,) = bench.run(script=lambda *_: Verdict(Outcome.NOT_FOUND))
    assert gone.reason == "it was there until 2026-11-27: deleted, renamed or hidden"


def test_a_name_that_belongs_to_somebody_else_now_is_refused_until_that_one_is_meant(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(2))
    bench.site.ids = {"sun_diary": "11"}
    bench.run()
    bench.clock.sleep(DAY)
    bench.site.ids = {"sun_diary": "22"}
    (other,) = bench.run()
    assert other.outcome is Ended.REPLACED
    assert "id 22, it was 11" in other.reason
    assert other.file is None
    assert bench.run()[0].outcome is Ended.REPLACED
    assert bench.asked == []
    assert bench.run(again=True)[0].outcome is Ended.COMPLETE
    assert subjects.find(bench.books, "small", "sun_diary").profile_id == "22"


def test_an_account_that_is_found_under_another_name_was_renamed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, old_name=days_back(2), new_name=days_back(2))
    bench.site.ids = {"old_name": "11", "new_name": "11"}
    bench.run("old_name")
    bench.clock.sleep(DAY)
    bench.run("new_name")
    (renamed,) = bench.run("old_name")
    assert (renamed.outcome, renamed.reason) == (Ended.RENAMED, "is called new_name since 2026-11-28 or before")


def test_pages_of_an_account_that_was_renamed_meanwhile_are_delivered(tmp_path: Path) -> None:
    bench = Bench(tmp_path, old_name=days_back(7), new_name=days_back(7))
    bench.site.ids = {"old_name": "11", "new_name": "11"}
    bench.run("old_name", script=lambda number, *_: Verdict(Outcome.TRANSIENT) if number else None)
    bench.clock.sleep(DAY)
    bench.run("new_name")
    (renamed,) = bench.run("old_name")
    assert (renamed.outcome, renamed.posts, bench.asked) == (Ended.PARTIAL, 3, [])
    assert renamed.reason.startswith("renamed: is called new_name")
    assert bench.run("old_name")[0].outcome is Ended.RENAMED


def test_what_was_forgotten_is_never_asked_for_and_its_pages_go(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(7))
    bench.site.ids = {"sun_diary": "11"}
    bench.run(script=lambda number, *_: Verdict(Outcome.TRANSIENT) if number == 1 else None)
    for forgotten in (Identifiers({"sun_diary": "ps_1"}), Identifiers(profile_ids=frozenset({"11"}))):
        bench.clock.sleep(HOUR)
        (found,) = bench.run(forgotten=forgotten)
        assert (found.outcome, found.file) == (Ended.REFUSED, None)
        assert "forgotten" in found.reason
        assert list(bench.inbox.glob("*")) == [] if bench.inbox.exists() else True
        with bench.books.reading() as connection:
            assert connection.execute("SELECT COUNT(*) FROM pages").fetchone()[0] == 0
    assert bench.asked == [("sun_diary", "0")]  # by the name that it has now, whose id is forgotten
    assert bench.run()[0].outcome is Ended.REFUSED
    assert bench.asked == []


def test_a_file_that_was_decided_on_is_not_written_of_who_was_forgotten_since(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(2))
    bench.inbox.write_text("no folder")
    with pytest.raises(StorageError):
        bench.run()
    bench.inbox.unlink()
    (found,) = bench.run(forgotten=Identifiers({"sun_diary": "ps_1"}))
    assert (found.outcome, bench.inbox.exists()) == (Ended.REFUSED, False)


def test_a_cursor_that_leads_nowhere_is_the_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(7))

    def stuck(_number: int, _subject: str, ask: Ask) -> Verdict | None:
        content = bench.site.content(ask)
        return Verdict(Outcome.OK, content={**content, "next": "3"}) if ask.params["cursor"] == "3" else None

    (found,) = bench.run(script=stuck)
    assert (found.outcome, found.posts, found.requests) == (Ended.COMPLETE, 6, 3)


def test_a_site_refuses_before_it_is_asked(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(2))
    bench.site.refused = {"sun_diary": "not allowed"}
    (found,) = bench.run()
    assert (found.outcome, found.reason, bench.asked) == (Ended.REFUSED, "not allowed", [])


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
    seen: list[Collected] = []
    with pytest.raises(type(error), match=str(error)):
        seen.extend(bench.running(script=lambda number, *_: error if number == 2 else None))
    assert len(bench.asked) == 3
    bench.asked.clear()
    with pytest.raises(type(error)):
        seen.extend(bench.running(script=lambda *_: error))
    fresh, ended, after = seen[3:]
    assert (fresh.outcome, ended.posts, after.outcome) == (Ended.FRESH, 3, Ended.NOT_ASKED)
    assert [one.outcome for one in bench.run()] == [Ended.FRESH, Ended.COMPLETE, Ended.COMPLETE]
    assert bench.asked == [("second", "3"), ("third", "0")]


def test_answers_in_an_unknown_form_are_kept_without_secrets_and_three_in_a_row_end_the_run(tmp_path: Path) -> None:
    bench = Bench(tmp_path, **{f"user{number}": days_back(1) for number in range(5)})
    content = {"data": {"shape": "new", "next": "https://x.invalid/?access_token=CANARY1&a=1"}, "csrf_token": "CANARY2"}
    seen: list[Collected] = []
    with pytest.raises(AnswersChangedError, match="3 subjects in a row"):
        seen.extend(bench.running(script=lambda *_: Verdict(Outcome.OK, content=content)))
    assert [one.outcome for one in seen] == [Ended.OPEN] * 3 + [Ended.NOT_ASKED] * 2
    files = sorted((bench.books.folder / "answers").iterdir())
    assert [str(file) in one.reason for file, one in zip(files, seen[:3], strict=True)] == [True] * 3
    for file in files:
        text = file.read_text("utf-8")
        assert "CANARY" not in text
        assert json.loads(text)["answer"]["data"]["shape"] == "new"
        assert file.stat().st_mode & 0o077 == 0


def test_only_what_is_newer_than_the_lake_is_asked_for_and_pinned_posts_end_nothing(tmp_path: Path) -> None:
    times = days_back(20)
    bench = Bench(tmp_path, sun_diary=times)
    bench.site.pinned = {"sun_diary": [START - 400 * DAY, START - 500 * DAY, START - 600 * DAY]}
    known = {"sun_diary": Known(newest=datetime.fromtimestamp(times[4], UTC))}
    (found,) = bench.run(known=known)
    assert found.outcome is Ended.COMPLETE
    assert [cursor for _, cursor in bench.asked] == ["0", "3", "6"]


def test_pinned_posts_that_the_site_does_not_mark_end_nothing_either(tmp_path: Path) -> None:
    times = [START - 400 * DAY, *days_back(20)]
    bench = Bench(tmp_path, sun_diary=times)
    bench.run(known={"sun_diary": Known(newest=datetime.fromtimestamp(times[5], UTC))})
    assert [cursor for _, cursor in bench.asked] == ["0", "3"]


def test_a_day_is_a_bound_in_the_zone_of_the_budget_and_posts_due_to_be_read_again_move_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(30))
    bench.run(wish=Wish(newer_than=date(2026, 11, 25)))
    assert len(bench.asked) == 2  # 27, 26, 25 and the page that has the 24th
    due = {
        "sun_diary": Known(newest=datetime.fromtimestamp(START, UTC), due=datetime.fromtimestamp(START - 10 * DAY, UTC))
    }
    bench.run(wish=Wish(newer_than=date(2026, 11, 25), rereads=True), known=due, again=True)
    assert len(bench.asked) == 4


def test_an_open_errand_goes_as_far_as_the_newer_wish_wants(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(30))
    bench.run(wish=Wish(posts=6), script=lambda number, *_: Verdict(Outcome.TRANSIENT) if number else None)
    bench.clock.sleep(HOUR)
    (found,) = bench.run(wish=Wish(posts=9))
    assert (found.posts, bench.asked) == (9, [("sun_diary", "3"), ("sun_diary", "6")])


def test_what_was_collected_a_short_time_ago_is_not_collected_again_unless_more_is_wanted(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(9))
    (first,) = bench.run(wish=Wish(posts=3))
    (second,) = bench.run(wish=Wish(posts=3))
    assert (second.outcome, second.file, second.posts) == (Ended.FRESH, first.file, 3)
    assert bench.run(wish=Wish(posts=9))[0].posts == 9
    bench.clock.sleep(6 * HOUR)
    assert bench.run(wish=Wish(posts=3))[0].outcome is Ended.COMPLETE


def test_a_clock_that_was_set_back_neither_lets_wait_for_ever_nor_collects_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(2), moon=days_back(2))
    bench.run(script=lambda number, *_: Verdict(Outcome.TRANSIENT) if number else None)
    bench.clock.time -= HOUR
    assert [one.outcome for one in bench.run()] == [Ended.FRESH, Ended.WAITING]
    bench.clock.time -= 400 * DAY
    assert [one.outcome for one in bench.run()] == [Ended.COMPLETE, Ended.COMPLETE]


def test_the_days_budget_of_an_account_and_of_all_is_kept_and_its_end_named(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(30), moon=days_back(30))
    midnight = datetime(2026, 11, 28, tzinfo=UTC).timestamp()
    found = bench.run(budget=Budget(per_day=5, per_subject=3))
    assert [(one.outcome, one.requests, one.until) for one in found] == [
        (Ended.OPEN, 3, midnight),
        (Ended.OPEN, 2, midnight),
    ]
    assert [one.outcome for one in bench.run(budget=Budget(per_day=5))] == [Ended.WAITING] * 2
    assert bench.asked == []
    bench.clock.time = midnight
    bench.run(budget=Budget(per_day=5, per_subject=3))
    assert bench.asked == [("sun_diary", "9"), ("sun_diary", "12"), ("sun_diary", "15"), ("moon", "6"), ("moon", "9")]


def test_a_hashtag_is_read_to_its_end_in_whatever_order_and_at_the_end_of_its_budget_is_partial(tmp_path: Path) -> None:
    times = [START - 20 * HOUR, START - HOUR, START - 10 * HOUR, START - 5 * HOUR, START - 2 * HOUR]
    bench = Bench(tmp_path, **{"#육아일기": times})
    known = {"#육아일기": Known(newest=datetime.fromtimestamp(START - HOUR, UTC))}
    (found,) = bench.run(wish=Wish(posts=1), known=known)
    assert (found.outcome, found.posts) == (Ended.COMPLETE, 5)
    assert found.file
    assert found.file.name == "collected_small-tag-육아일기-2026-11-27T09-00-00.000000Z.json"
    bench.clock.sleep(12 * HOUR)
    (cut,) = bench.run(budget=Budget(per_subject=3))
    assert (cut.outcome, cut.posts) == (Ended.PARTIAL, 3)
    assert "budget of 3 requests a day" in cut.reason


def test_a_hashtag_that_was_interrupted_for_a_day_is_delivered_as_partial_and_begun_anew(tmp_path: Path) -> None:
    bench = Bench(tmp_path, **{"#육아일기": days_back(5)})
    bench.run(script=lambda number, *_: Verdict(Outcome.TRANSIENT) if number else None)
    bench.clock.sleep(DAY + HOUR)
    (found,) = bench.run()
    assert (found.outcome, found.posts, bench.asked[0]) == (Ended.COMPLETE, 5, ("#육아일기", "0"))
    assert len(list(bench.inbox.iterdir())) == 2
    with bench.books.reading() as connection:
        outcomes = [row["outcome"] for row in connection.execute("SELECT outcome FROM errands ORDER BY id")]
    assert outcomes == ["partial", "complete"]


def test_pages_behind_which_nothing_comes_for_a_week_are_delivered_as_partial(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(7))

    def refused(_number: int, _subject: str, ask: Ask) -> Verdict | None:
        return Verdict(Outcome.CONTRACT_CHANGED, "invalid cursor") if ask.params["cursor"] == "3" else None

    for day in range(7):
        (found,) = bench.run(script=refused)
        assert found.outcome is Ended.OPEN, day
        bench.clock.sleep(DAY)
    (found,) = bench.run(script=refused)
    assert (found.outcome, found.posts) == (Ended.PARTIAL, 3)
    assert "invalid cursor" in found.reason
    # What is in the lake now does not hide what is behind it.
    (anew,) = bench.run(known={"sun_diary": Known(newest=datetime.fromtimestamp(days_back(1)[0], UTC))})
    assert (anew.outcome, anew.posts) == (Ended.COMPLETE, 7)


def test_a_number_of_posts_that_ends_before_those_of_the_lake_is_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(20))
    known = {"sun_diary": Known(newest=datetime.fromtimestamp(days_back(12)[-1], UTC))}
    (found,) = bench.run(wish=Wish(posts=6), known=known)
    assert (found.outcome, found.posts) == (Ended.COMPLETE, 6)
    assert "6 posts that were wanted" in found.reason
    assert bench.run(known=known, again=True)[0].reason == ""


def test_who_goes_on_with_stored_pages_is_told_so(tmp_path: Path) -> None:
    bench, told = Bench(tmp_path, sun_diary=days_back(7)), list[str]()
    bench.run(script=lambda number, *_: Verdict(Outcome.TRANSIENT) if number == 2 else None, tell=told.append)
    assert told == []
    bench.clock.sleep(HOUR)
    bench.run(tell=told.append)
    assert told == ["sun_diary: goes on behind the 6 posts of 2026-11-27 09:00 UTC"]


def test_a_second_run_of_the_same_identity_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(2), moon=days_back(2))
    running = bench.running()
    next(running)
    with pytest.raises(BusyError, match="small:me"):
        bench.run()
    running.close()
    assert [one.outcome for one in bench.run()] == [Ended.FRESH, Ended.COMPLETE]


def test_a_subject_without_posts_and_records_has_no_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=[])
    (found,) = bench.run()
    assert (found.outcome, found.file, found.posts) == (Ended.COMPLETE, None, 0)


def test_old_requests_and_errands_go_but_never_those_of_the_last_eight_days(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(2))
    bench.run()
    bench.clock.sleep(7 * DAY)
    bench.run()
    assert errands.prune(bench.books, bench.clock.now(), 1) == 0
    bench.clock.sleep(2 * DAY)
    assert errands.prune(bench.books, bench.clock.now(), 1) == 1
    assert errands.prune(bench.books, bench.clock.now(), 1) == 0


def test_an_errand_that_nobody_goes_on_with_goes_with_its_pages_in_the_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(7))
    bench.run(script=lambda number, *_: Verdict(Outcome.TRANSIENT) if number else None)
    for days, pages in ((29, 1), (2, 0)):
        bench.clock.sleep(days * DAY)
        errands.prune(bench.books, bench.clock.now(), 30)
        with bench.books.reading() as connection:
            assert connection.execute("SELECT COUNT(*) FROM pages").fetchone()[0] == pages
    assert errands.unfinished(bench.books, "small", "sun_diary") is None
