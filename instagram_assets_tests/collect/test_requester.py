"""One request at a time, none that should not be asked, and what was told stays told whatever dies."""

import os
import signal
from collections.abc import Callable
from math import inf
from pathlib import Path
from random import Random
from threading import Thread

import pytest

from instagram_assets.collect.asking import Answer, Ask, Outcome, Verdict
from instagram_assets.collect.backoff import Backoff
from instagram_assets.collect.books import FILE, Books
from instagram_assets.collect.budget import Budget
from instagram_assets.collect.clock import Clock, SystemClock
from instagram_assets.collect.identities import clear, judged, state
from instagram_assets.collect.limiter import Limiter
from instagram_assets.collect.requester import Requester
from instagram_assets.errors import BreakerOpenError, BudgetSpentError, IdentityStoppedError, StorageError
from instagram_assets.settings.rates import parse_rates
from instagram_assets_tests.collect.telling_site import SECRET, TellingSite
from instagram_assets_tests.collect.virtual_clock import START, VirtualClock
from instagram_assets_tests.collect.windows import assert_kept

ASK = Ask("http://127.0.0.1/sun_diary", "the profile of sun_diary", headers={"authorization": SECRET})
WAIT = Verdict(Outcome.THROTTLED, "Please wait a few minutes before you try again.")
BROKEN = Verdict(Outcome.TRANSIENT, "the connection was reset")
CHECKPOINT = Verdict(Outcome.CHECKPOINT, "challenge_required")
SLOW = "1,30;60,3600"


def requester_of(
    folder: Path,
    site: TellingSite,
    clock: Clock,
    *,
    rates: str = "1000,1",
    told: list[str] | None = None,
    patience: float = inf,
    send: Callable[[Ask], Answer] | None = None,
    budget: Budget | None = None,
) -> Requester:
    tell = told.append if told is not None else print
    books = Books(folder)
    limiter = Limiter(books, site.identity, parse_rates(rates), clock, tell)
    backoff = Backoff(2, 3)
    return Requester(
        *(site, send or site.send, books, limiter, backoff, clock, tell),
        patience=patience,
        budget=budget,
        random=Random(7),
    )


def written(folder: Path) -> list[tuple[str | None, str]]:
    with Books(folder).reading() as connection:
        rows = connection.execute("SELECT outcome, reason FROM requests ORDER BY id")
        return [(row["outcome"], row["reason"]) for row in rows]


@pytest.mark.parametrize("outcome", [Outcome.OK, Outcome.NOT_FOUND, Outcome.PRIVATE, Outcome.CONTRACT_CHANGED])
def test_an_answer_is_returned_and_written_down(tmp_path: Path, outcome: Outcome) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, Verdict(outcome, "a reason"))
    verdict = requester_of(tmp_path, site, clock).ask("sun_diary", ASK)
    assert (verdict.outcome, verdict.reason, verdict.content) == (outcome, "a reason", {"page": ASK.what})
    assert written(tmp_path) == [(outcome, "a reason")]
    assert clock.slept == []


@pytest.mark.parametrize("outcome", [Outcome.TRANSIENT, Outcome.HTML])
def test_a_failure_is_tried_four_times_with_growing_waits_that_are_told(tmp_path: Path, outcome: Outcome) -> None:
    clock, told = VirtualClock(), list[str]()
    site = TellingSite(clock, *[Verdict(outcome, "no answer")] * 9)
    verdict = requester_of(tmp_path, site, clock, told=told).ask("sun_diary", ASK)
    assert (verdict.outcome, verdict.reason) == (outcome, "no answer")
    assert len(site.asked) == 4
    random = Random(7)
    assert clock.slept == [Backoff(2, 3).waits(failure, random) for failure in range(3)]
    assert told[0] == f"small:one: the profile of sun_diary failed ({outcome}: no answer). Try 2 of 4 in 1 s."
    assert len(told) == 3


def test_a_failure_that_passes_is_no_failure(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, BROKEN, BROKEN, BROKEN)
    assert requester_of(tmp_path, site, clock).ask("sun_diary", ASK).outcome is Outcome.OK
    assert [outcome for outcome, _ in written(tmp_path)] == ["transient"] * 3 + ["ok"]


def test_every_try_goes_through_the_limits(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, BROKEN, Verdict(Outcome.HTML), WAIT, BROKEN)
    requester = requester_of(tmp_path, site, clock, rates=SLOW)
    for _ in range(70):
        requester.ask("sun_diary", ASK)
    assert len(site.asked) == 74
    assert_kept(site.asked, parse_rates(SLOW))


def test_a_throttled_request_is_asked_again_when_the_breaker_closes_and_not_before(tmp_path: Path) -> None:
    clock, told = VirtualClock(), list[str]()
    site = TellingSite(clock, WAIT, WAIT, Verdict(Outcome.THROTTLED, "429", pause=10_000))
    assert requester_of(tmp_path, site, clock, told=told).ask("sun_diary", ASK).outcome is Outcome.OK
    assert [later - earlier for earlier, later in zip(site.asked, site.asked[1:], strict=False)] == [900, 1800, 10_000]
    assert told[0] == (
        "small:one is left alone (Please wait a few minutes before you try again.): "
        "the next request goes out at 11:21 UTC, in 15 min."
    )
    assert len(told) == 3
    assert state(Books(tmp_path), site.identity).opened == 0


def test_the_breaker_is_obeyed_after_a_restart(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, WAIT)
    with pytest.raises(BreakerOpenError):
        requester_of(tmp_path, site, clock, patience=60).ask("sun_diary", ASK)
    clock.time += 300
    assert requester_of(tmp_path, site, clock).ask("moon", ASK).outcome is Outcome.OK
    assert site.asked == [START, START + 900]


def test_who_has_no_patience_learns_until_when_to_wait_and_asks_nothing(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, WAIT)
    requester = requester_of(tmp_path, site, clock, patience=600)
    for _ in range(3):
        with pytest.raises(BreakerOpenError, match=r"left alone .*Please wait a few minutes") as caught:
            requester.ask("sun_diary", ASK)
        assert caught.value.until.timestamp() == START + 900
    assert len(site.asked) == 1
    clock.time += 301  # what is left now can be waited for
    assert requester.ask("sun_diary", ASK).outcome is Outcome.OK
    assert site.asked[-1] == START + 900


def test_a_pause_that_came_with_a_good_answer_is_kept_over_a_restart(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, Verdict(Outcome.OK, "80 % used", pause=120))
    assert requester_of(tmp_path, site, clock).ask("sun_diary", ASK).outcome is Outcome.OK
    assert clock.now() == START
    requester_of(tmp_path, site, clock).ask("sun_diary", ASK)
    assert site.asked == [START, START + 120]


def test_a_busy_server_is_left_alone_as_long_as_it_says(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, Verdict(Outcome.TRANSIENT, "503", pause=500))
    requester_of(tmp_path, site, clock).ask("sun_diary", ASK)
    assert site.asked == [START, START + 500]


@pytest.mark.parametrize("outcome", [Outcome.CHECKPOINT, Outcome.AUTH_GONE, Outcome.NO_PERMISSION])
def test_a_stop_leads_to_no_further_request_until_a_person_clears_it(tmp_path: Path, outcome: Outcome) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, Verdict(outcome, "see the site"))
    for subject in ("sun_diary", "sun_diary", "moon"):
        clock.time += 86_400
        with pytest.raises(
            IdentityStoppedError, match=rf"small:one is stopped since .*{outcome}: see the site.*cleared"
        ):
            requester_of(tmp_path, site, clock).ask(subject, ASK)
    assert len(site.asked) == 1
    assert written(tmp_path) == [(outcome, "see the site")]
    clear(Books(tmp_path), site.identity)
    assert requester_of(tmp_path, site, clock).ask("sun_diary", ASK).outcome is Outcome.OK


def test_a_stop_that_comes_while_it_waits_is_obeyed_too(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock)
    requester = requester_of(tmp_path, site, clock, rates=SLOW)
    requester.ask("sun_diary", ASK)
    clock.before_sleep = lambda _: judged(
        Books(tmp_path), 0, site.identity, Verdict(Outcome.CHECKPOINT, "elsewhere"), clock.now()
    )
    with pytest.raises(IdentityStoppedError, match="elsewhere"):
        requester.ask("sun_diary", ASK)
    assert len(site.asked) == 1


def test_two_programs_of_an_identity_never_ask_at_once(tmp_path: Path) -> None:
    site, inside, most = TellingSite(SystemClock()), list[int](), list[int]()

    def send(ask: Ask) -> Answer:
        inside.append(1)
        most.append(len(inside))
        answer = site.send(ask)
        inside.pop()
        return answer

    def ask_ten_times() -> None:
        requester = requester_of(tmp_path, site, SystemClock(), send=send)
        for _ in range(10):
            requester.ask("sun_diary", ASK)

    threads = [Thread(target=ask_ten_times) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 30


def test_a_waiting_program_keeps_no_other_from_asking(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, Verdict(Outcome.OK, pause=100))
    requester_of(tmp_path, site, clock).ask("sun_diary", ASK)

    def ask_beside(_: float) -> None:
        clock.before_sleep = lambda seconds: None
        requester_of(tmp_path, site, clock).ask("moon", ASK)

    clock.before_sleep = ask_beside
    requester_of(tmp_path, site, clock).ask("sun_diary", ASK)
    # The other one asked while this one slept.
    assert site.asked == [START, START + 100, START + 200]


@pytest.mark.parametrize("answered", [True, False])
def test_a_request_whose_program_was_killed_counts_in_the_limits(tmp_path: Path, answered: bool) -> None:
    clock = VirtualClock()
    site = TellingSite(clock)

    def die(ask: Ask) -> Answer:
        if answered:
            site.send(ask)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    child = os.fork()
    if not child:
        requester_of(tmp_path, site, clock, rates="1,30", send=die).ask("sun_diary", ASK)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert written(tmp_path) == [(None, "")]
    requester_of(tmp_path, site, clock, rates="1,30").ask("sun_diary", ASK)
    assert site.asked == [START + 30]


def test_an_interrupt_while_it_waits_leaves_all_as_it_was(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock)
    requester = requester_of(tmp_path, site, clock, rates="1,30")
    requester.ask("sun_diary", ASK)

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    clock.before_sleep = interrupt
    with pytest.raises(KeyboardInterrupt):
        requester.ask("sun_diary", ASK)
    clock.before_sleep = lambda seconds: None
    assert written(tmp_path) == [("ok", "")]
    requester.ask("sun_diary", ASK)
    assert site.asked == [START, START + 30]


def test_nothing_is_asked_that_cannot_be_written_down_first(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock)
    requester = requester_of(tmp_path, site, clock)
    (tmp_path / FILE).write_bytes(b"no database" * 100)
    with pytest.raises(StorageError, match=r"books\.sqlite: .*not a database"):
        requester.ask("sun_diary", ASK)
    assert site.asked == []


def test_an_answer_that_cannot_be_written_down_leaves_its_request_counted(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock)

    def refuse_further_writes(ask: Ask) -> Answer:
        with Books(tmp_path).writing() as connection:
            connection.execute(
                "CREATE TRIGGER full BEFORE UPDATE ON requests BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
            )
        return site.send(ask)

    with pytest.raises(StorageError, match=r"disk is full\. Free space, then run again"):
        requester_of(tmp_path, site, clock, rates="1,30", send=refuse_further_writes).ask("sun_diary", ASK)
    with Books(tmp_path).writing() as connection:
        connection.execute("DROP TRIGGER full")
    requester_of(tmp_path, site, clock, rates="1,30").ask("sun_diary", ASK)
    assert site.asked == [START, START + 30]
    assert written(tmp_path) == [(None, ""), ("ok", "")]


def test_secrets_stand_in_no_file_message_or_error(tmp_path: Path) -> None:
    clock, told = VirtualClock(), list[str]()
    site = TellingSite(clock, BROKEN, WAIT, CHECKPOINT)
    with pytest.raises(IdentityStoppedError) as caught:
        requester_of(tmp_path, site, clock, told=told).ask("sun_diary", ASK)
    assert SECRET not in f"{told}{caught.value}{ASK!r}"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not any(SECRET.encode() in path.read_bytes() for path in files)


def test_each_try_counts_in_the_days_budget_and_what_is_about_nobody_does_not_wait_for_it(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, *[BROKEN] * 9)
    requester = requester_of(tmp_path, site, clock, budget=Budget(per_day=5, per_subject=2))
    with pytest.raises(BudgetSpentError, match="its budget of 2 requests a day is used") as caught:
        requester.ask("sun_diary", ASK)
    assert (len(site.asked), caught.value.until > clock.now()) == (2, True)
    site.answers.clear()
    for name in ("moon", "stars", "rain"):
        assert requester.ask(name, ASK).outcome is Outcome.OK
    with pytest.raises(BudgetSpentError, match="the day's budget of 5 requests is used"):
        requester.ask("snow", ASK)
    assert requester.ask("", ASK).outcome is Outcome.OK
