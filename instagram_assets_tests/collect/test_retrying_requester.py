"""One request at a time, none that should not be asked, and what was told stays told whatever dies."""

import os
import signal
from collections.abc import Callable
from math import inf
from pathlib import Path
from random import Random
from threading import Thread

import pytest

from instagram_assets.collect.backoff import Backoff
from instagram_assets.collect.circuit_breaker import clear_stop, identity_state, record_classification
from instagram_assets.collect.clock import Clock, SystemClock
from instagram_assets.collect.collector_database import DATABASE_FILE, CollectorDatabase
from instagram_assets.collect.rate_limiter import Budget, Limiter
from instagram_assets.collect.retrying_requester import Requester
from instagram_assets.collect.site_adapter import Classification, Request, Response, ResponseOutcome
from instagram_assets.errors import BreakerOpenError, BudgetSpentError, IdentityStoppedError, StorageError
from instagram_assets.settings.rate_limits import parse_rates
from instagram_assets_tests.collect.telling_site import SECRET, TellingSite
from instagram_assets_tests.collect.virtual_clock import START, VirtualClock
from instagram_assets_tests.collect.windows import assert_kept

REQUEST = Request("http://127.0.0.1/sun_diary", "the profile of sun_diary", headers={"authorization": SECRET})
WAIT = Classification(ResponseOutcome.THROTTLED, "Please wait a few minutes before you try again.")
BROKEN = Classification(ResponseOutcome.TRANSIENT, "the connection was reset")
CHECKPOINT = Classification(ResponseOutcome.CHECKPOINT, "challenge_required")
SLOW = "1,30;60,3600"


def requester_of(
    folder: Path,
    site: TellingSite,
    clock: Clock,
    *,
    rates: str = "1000,1",
    logged: list[str] | None = None,
    patience: float = inf,
    send: Callable[[Request], Response] | None = None,
    budget: Budget | None = None,
) -> Requester:
    log = logged.append if logged is not None else print
    database = CollectorDatabase(folder)
    limiter = Limiter(database, site.identity, parse_rates(rates), clock, log)
    backoff = Backoff(2, 3)
    return Requester(
        *(site, send or site.send, database, limiter, backoff, clock, log),
        patience=patience,
        budget=budget,
        random=Random(7),
    )


def written(folder: Path) -> list[tuple[str | None, str]]:
    with CollectorDatabase(folder).reading() as connection:
        rows = connection.execute("SELECT outcome, reason FROM requests ORDER BY id")
        return [(row["outcome"], row["reason"]) for row in rows]


@pytest.mark.parametrize(
    "outcome",
    [ResponseOutcome.OK, ResponseOutcome.NOT_FOUND, ResponseOutcome.PRIVATE, ResponseOutcome.CONTRACT_CHANGED],
)
def test_an_answer_is_returned_and_written_down(tmp_path: Path, outcome: ResponseOutcome) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, Classification(outcome, "a reason"))
    classification = requester_of(tmp_path, site, clock).fetch("sun_diary", REQUEST)
    assert (classification.outcome, classification.reason, classification.content) == (
        outcome,
        "a reason",
        {"page": REQUEST.what},
    )
    assert written(tmp_path) == [(outcome, "a reason")]
    assert clock.slept == []


@pytest.mark.parametrize("outcome", [ResponseOutcome.TRANSIENT, ResponseOutcome.HTML])
def test_a_failure_is_tried_four_times_with_growing_waits_that_are_told(
    tmp_path: Path, outcome: ResponseOutcome
) -> None:
    clock, logged = VirtualClock(), list[str]()
    site = TellingSite(clock, *[Classification(outcome, "no answer")] * 9)
    classification = requester_of(tmp_path, site, clock, logged=logged).fetch("sun_diary", REQUEST)
    assert (classification.outcome, classification.reason) == (outcome, "no answer")
    assert len(site.asked) == 4
    random = Random(7)
    assert clock.slept == [Backoff(2, 3).waits(failure, random) for failure in range(3)]
    assert logged[0] == f"small:one: the profile of sun_diary failed ({outcome}: no answer). Try 2 of 4 in 1 s."
    assert len(logged) == 3


def test_a_failure_that_passes_is_no_failure(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, BROKEN, BROKEN, BROKEN)
    assert requester_of(tmp_path, site, clock).fetch("sun_diary", REQUEST).outcome is ResponseOutcome.OK
    assert [outcome for outcome, _ in written(tmp_path)] == ["transient"] * 3 + ["ok"]


def test_every_try_goes_through_the_limits(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, BROKEN, Classification(ResponseOutcome.HTML), WAIT, BROKEN)
    requester = requester_of(tmp_path, site, clock, rates=SLOW)
    for _ in range(70):
        requester.fetch("sun_diary", REQUEST)
    assert len(site.asked) == 74
    assert_kept(site.asked, parse_rates(SLOW))


def test_a_throttled_request_is_asked_again_when_the_breaker_closes_and_not_before(tmp_path: Path) -> None:
    clock, logged = VirtualClock(), list[str]()
    site = TellingSite(clock, WAIT, WAIT, Classification(ResponseOutcome.THROTTLED, "429", pause=10_000))
    assert requester_of(tmp_path, site, clock, logged=logged).fetch("sun_diary", REQUEST).outcome is ResponseOutcome.OK
    assert [later - earlier for earlier, later in zip(site.asked, site.asked[1:], strict=False)] == [900, 1800, 10_000]
    assert logged[0] == (
        "small:one is left alone (Please wait a few minutes before you try again.): "
        "the next request goes out at 11:21 UTC, in 15 min."
    )
    assert len(logged) == 3
    assert identity_state(CollectorDatabase(tmp_path), site.identity).opened == 0


def test_the_breaker_is_obeyed_after_a_restart(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, WAIT)
    with pytest.raises(BreakerOpenError):
        requester_of(tmp_path, site, clock, patience=60).fetch("sun_diary", REQUEST)
    clock.time += 300
    assert requester_of(tmp_path, site, clock).fetch("moon", REQUEST).outcome is ResponseOutcome.OK
    assert site.asked == [START, START + 900]


def test_who_has_no_patience_learns_until_when_to_wait_and_asks_nothing(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, WAIT)
    requester = requester_of(tmp_path, site, clock, patience=600)
    for _ in range(3):
        with pytest.raises(BreakerOpenError, match=r"left alone .*Please wait a few minutes") as caught:
            requester.fetch("sun_diary", REQUEST)
        assert caught.value.until.timestamp() == START + 900
    assert len(site.asked) == 1
    clock.time += 301  # what is left now can be waited for
    assert requester.fetch("sun_diary", REQUEST).outcome is ResponseOutcome.OK
    assert site.asked[-1] == START + 900


def test_a_pause_that_came_with_a_good_answer_is_kept_over_a_restart(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, Classification(ResponseOutcome.OK, "80 % used", pause=120))
    assert requester_of(tmp_path, site, clock).fetch("sun_diary", REQUEST).outcome is ResponseOutcome.OK
    assert clock.now() == START
    requester_of(tmp_path, site, clock).fetch("sun_diary", REQUEST)
    assert site.asked == [START, START + 120]


def test_a_busy_server_is_left_alone_as_long_as_it_says(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, Classification(ResponseOutcome.TRANSIENT, "503", pause=500))
    requester_of(tmp_path, site, clock).fetch("sun_diary", REQUEST)
    assert site.asked == [START, START + 500]


@pytest.mark.parametrize(
    "outcome", [ResponseOutcome.CHECKPOINT, ResponseOutcome.AUTH_GONE, ResponseOutcome.NO_PERMISSION]
)
def test_a_stop_leads_to_no_further_request_until_a_person_clears_it(tmp_path: Path, outcome: ResponseOutcome) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, Classification(outcome, "see the site"))
    for subject in ("sun_diary", "sun_diary", "moon"):
        clock.time += 86_400
        with pytest.raises(
            IdentityStoppedError, match=rf"small:one is stopped since .*{outcome}: see the site.*cleared"
        ):
            requester_of(tmp_path, site, clock).fetch(subject, REQUEST)
    assert len(site.asked) == 1
    assert written(tmp_path) == [(outcome, "see the site")]
    clear_stop(CollectorDatabase(tmp_path), site.identity)
    assert requester_of(tmp_path, site, clock).fetch("sun_diary", REQUEST).outcome is ResponseOutcome.OK


def test_a_stop_that_comes_while_it_waits_is_obeyed_too(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock)
    requester = requester_of(tmp_path, site, clock, rates=SLOW)
    requester.fetch("sun_diary", REQUEST)
    clock.before_sleep = lambda _: record_classification(
        CollectorDatabase(tmp_path),
        0,
        site.identity,
        Classification(ResponseOutcome.CHECKPOINT, "elsewhere"),
        clock.now(),
    )
    with pytest.raises(IdentityStoppedError, match="elsewhere"):
        requester.fetch("sun_diary", REQUEST)
    assert len(site.asked) == 1


def test_two_programs_of_an_identity_never_ask_at_once(tmp_path: Path) -> None:
    site, inside, most = TellingSite(SystemClock()), list[int](), list[int]()

    def send(request: Request) -> Response:
        inside.append(1)
        most.append(len(inside))
        response = site.send(request)
        inside.pop()
        return response

    def ask_ten_times() -> None:
        requester = requester_of(tmp_path, site, SystemClock(), send=send)
        for _ in range(10):
            requester.fetch("sun_diary", REQUEST)

    threads = [Thread(target=ask_ten_times) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 30


def test_a_waiting_program_keeps_no_other_from_asking(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, Classification(ResponseOutcome.OK, pause=100))
    requester_of(tmp_path, site, clock).fetch("sun_diary", REQUEST)

    def ask_beside(_: float) -> None:
        clock.before_sleep = lambda seconds: None
        requester_of(tmp_path, site, clock).fetch("moon", REQUEST)

    clock.before_sleep = ask_beside
    requester_of(tmp_path, site, clock).fetch("sun_diary", REQUEST)
    # The other one asked while this one slept.
    assert site.asked == [START, START + 100, START + 200]


@pytest.mark.parametrize("answered", [True, False])
def test_a_request_whose_program_was_killed_counts_in_the_limits(tmp_path: Path, answered: bool) -> None:
    clock = VirtualClock()
    site = TellingSite(clock)

    def die(request: Request) -> Response:
        if answered:
            site.send(request)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    child = os.fork()
    if not child:
        requester_of(tmp_path, site, clock, rates="1,30", send=die).fetch("sun_diary", REQUEST)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert written(tmp_path) == [(None, "")]
    requester_of(tmp_path, site, clock, rates="1,30").fetch("sun_diary", REQUEST)
    assert site.asked == [START + 30]


def test_an_interrupt_while_it_waits_leaves_all_as_it_was(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock)
    requester = requester_of(tmp_path, site, clock, rates="1,30")
    requester.fetch("sun_diary", REQUEST)

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    clock.before_sleep = interrupt
    with pytest.raises(KeyboardInterrupt):
        requester.fetch("sun_diary", REQUEST)
    clock.before_sleep = lambda seconds: None
    assert written(tmp_path) == [("ok", "")]
    requester.fetch("sun_diary", REQUEST)
    assert site.asked == [START, START + 30]


def test_nothing_is_asked_that_cannot_be_written_down_first(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock)
    requester = requester_of(tmp_path, site, clock)
    (tmp_path / DATABASE_FILE).write_bytes(b"no database" * 100)
    with pytest.raises(StorageError, match=r"books\.sqlite: .*not a database"):
        requester.fetch("sun_diary", REQUEST)
    assert site.asked == []


def test_an_answer_that_cannot_be_written_down_leaves_its_request_counted(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock)

    def refuse_further_writes(request: Request) -> Response:
        with CollectorDatabase(tmp_path).writing() as connection:
            connection.execute(
                "CREATE TRIGGER full BEFORE UPDATE ON requests BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
            )
        return site.send(request)

    with pytest.raises(StorageError, match=r"disk is full\. Free space, then run again"):
        requester_of(tmp_path, site, clock, rates="1,30", send=refuse_further_writes).fetch("sun_diary", REQUEST)
    with CollectorDatabase(tmp_path).writing() as connection:
        connection.execute("DROP TRIGGER full")
    requester_of(tmp_path, site, clock, rates="1,30").fetch("sun_diary", REQUEST)
    assert site.asked == [START, START + 30]
    assert written(tmp_path) == [(None, ""), ("ok", "")]


def test_secrets_stand_in_no_file_message_or_error(tmp_path: Path) -> None:
    clock, logged = VirtualClock(), list[str]()
    site = TellingSite(clock, BROKEN, WAIT, CHECKPOINT)
    with pytest.raises(IdentityStoppedError) as caught:
        requester_of(tmp_path, site, clock, logged=logged).fetch("sun_diary", REQUEST)
    assert SECRET not in f"{logged}{caught.value}{REQUEST!r}"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not any(SECRET.encode() in path.read_bytes() for path in files)


def test_each_try_counts_in_the_days_budget_and_what_is_about_nobody_does_not_wait_for_it(tmp_path: Path) -> None:
    clock = VirtualClock()
    site = TellingSite(clock, *[BROKEN] * 9)
    requester = requester_of(tmp_path, site, clock, budget=Budget(per_day=5, per_subject=2))
    with pytest.raises(BudgetSpentError, match="its budget of 2 requests a day is used") as caught:
        requester.fetch("sun_diary", REQUEST)
    assert (len(site.asked), caught.value.until > clock.now()) == (2, True)
    site.responses.clear()
    for name in ("moon", "stars", "rain"):
        assert requester.fetch(name, REQUEST).outcome is ResponseOutcome.OK
    with pytest.raises(BudgetSpentError, match="the day's budget of 5 requests is used"):
        requester.fetch("snow", REQUEST)
    assert requester.fetch("", REQUEST).outcome is ResponseOutcome.OK
