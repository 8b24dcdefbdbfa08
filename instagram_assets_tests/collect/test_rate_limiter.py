"""No window of time is ever exceeded and none is left unused: by restarts, several processes, or a wrong clock."""

import multiprocessing
from itertools import accumulate
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.collect.clock import Clock
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.rate_limiter import Limiter
from instagram_assets.settings.rate_limits import Rate, parse_rates
from instagram_assets_tests.collect.virtual_clock import START, SharedClock, VirtualClock
from instagram_assets_tests.collect.windows import assert_kept, fullest

US = "instagram:anonymous"
HOURS_3 = 3 * 3600
YEAR = 365 * 86_400


def limiter_of(folder: Path, rates: str, clock: Clock, logged: list[str] | None = None) -> Limiter:
    log = logged.append if logged is not None else print
    return Limiter(CollectorDatabase(folder), US, parse_rates(rates), clock, log)


def spend(limiter: Limiter, clock: Clock, end: float, most: int = 10**9) -> list[float]:
    """Ask as often as it is allowed until `end`; when each request was granted."""
    times: list[float] = []
    while len(times) < most and clock.now() + limiter.seconds_until_next() < end:
        limiter.acquire("instagram", "sun_diary", "a page")
        times.append(clock.now())
    return times


def written(folder: Path) -> list[float]:
    with CollectorDatabase(folder).reading() as connection:
        return [row["at"] for row in connection.execute("SELECT at FROM requests ORDER BY id")]


@pytest.mark.parametrize("rates", ["1,30;60,3600", "5,10;20,60;60,3600"])
def test_three_greedy_hours_are_exactly_what_the_rates_allow(tmp_path: Path, rates: str) -> None:
    clock = VirtualClock()
    times = spend(limiter_of(tmp_path, rates, clock), clock, START + HOURS_3)
    assert len(times) == 180
    assert_kept(times, parse_rates(rates))
    assert [fullest(times, rate.seconds) for rate in parse_rates(rates)] == [rate.calls for rate in parse_rates(rates)]
    assert written(tmp_path) == times


@pytest.mark.parametrize("rates", ["1,30;60,3600", "5,10;20,60;60,3600"])
def test_twenty_restarts_change_nothing(tmp_path: Path, rates: str) -> None:
    clock = VirtualClock()
    times: list[float] = []
    for _ in range(20):
        times += spend(limiter_of(tmp_path, rates, clock), clock, START + HOURS_3, most=9)
    assert len(times) == 180
    assert_kept(times, parse_rates(rates))
    assert clock.now() + limiter_of(tmp_path, rates, clock).seconds_until_next() >= START + HOURS_3


def spend_beside(folder: str, time: "Synchronized[float]", rates: str) -> None:
    """Spend what there is, in a process of its own."""
    clock = SharedClock(time)
    spend(limiter_of(Path(folder), rates, clock), clock, START + HOURS_3)


def test_two_processes_of_an_identity_share_its_windows(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    rates, time = "5,10;20,60;60,3600", context.Value("d", START)
    workers = [context.Process(target=spend_beside, args=(str(tmp_path), time, rates)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    times = written(tmp_path)
    # Both may have seen room before the end, and one of them got it: the other waited for the next window.
    assert len([time for time in times if time < START + HOURS_3]) == 180
    assert len(times) <= 181
    assert_kept(times, parse_rates(rates))


_RATES = st.lists(st.builds(Rate, st.integers(1, 4), st.integers(1, 40)), min_size=1, max_size=4)
_IDLE = st.lists(st.integers(0, 25), min_size=1, max_size=20)


@given(rates=_RATES, idle=_IDLE, begin=st.floats(0, 1), restart_after=st.integers(1, 8))
def test_random_rates_and_callers_exceed_no_window_and_wait_no_second_too_long(
    tmp_path_factory: pytest.TempPathFactory, rates: list[Rate], idle: list[int], begin: float, restart_after: int
) -> None:
    clock = VirtualClock(START + begin)
    times: list[float] = []
    database = CollectorDatabase(tmp_path_factory.mktemp("books"))
    limiter = Limiter(database, US, rates, clock, print)
    for number, seconds in enumerate(idle):
        clock.time += seconds
        if number % restart_after == 0:
            limiter = Limiter(CollectorDatabase(database.folder), US, rates, clock, print)
        asked = clock.now()
        limiter.acquire("instagram", "sun_diary", "a page")
        times.append(clock.now())
        # A whole second earlier some window would have been exceeded, or it was not asked for yet.
        earlier = [*times[:-1], times[-1] - 1]
        assert times[-1] == asked or any(fullest(earlier, rate.seconds) > rate.calls for rate in rates)
    assert_kept(times, rates)


@given(rates=_RATES)
def test_how_long_some_requests_will_take_is_known_before(
    tmp_path_factory: pytest.TempPathFactory, rates: list[Rate]
) -> None:
    clock = VirtualClock()
    limiter = Limiter(CollectorDatabase(tmp_path_factory.mktemp("books")), US, rates, clock, print)
    for _ in range(3):
        limiter.acquire("instagram", "sun_diary", "a page")
    clock.time += 5
    expected = [limiter.seconds_for(count) for count in range(1, 6)]
    began = clock.now()
    for seconds in expected:
        limiter.acquire("instagram", "sun_diary", "a page")
        assert clock.now() - began == seconds
    assert limiter.seconds_for(0) == 0


def test_identities_have_windows_of_their_own(tmp_path: Path) -> None:
    clock = VirtualClock()
    limiter_of(tmp_path, "1,30", clock).acquire("instagram", "sun_diary", "a page")
    other = Limiter(CollectorDatabase(tmp_path), "graph_api:1", parse_rates("1,30"), clock, print)
    assert other.seconds_until_next() == 0
    assert other.try_acquire("graph_api", "sun_diary", "a page").request_id == 2


def test_a_request_counts_from_when_it_was_granted_also_when_nothing_became_of_it(tmp_path: Path) -> None:
    clock = VirtualClock()
    first = limiter_of(tmp_path, "1,30", clock).acquire("instagram", "sun_diary", "the profile of sun_diary")
    with CollectorDatabase(tmp_path).reading() as connection:
        row = connection.execute("SELECT * FROM requests").fetchone()
    assert dict(row) == {
        "id": first,
        "at": START,
        "identity": US,
        "site": "instagram",
        "subject": "sun_diary",
        "what": "the profile of sun_diary",
        "outcome": None,
        "reason": "",
    }
    clock.time += 29.5
    grant = limiter_of(tmp_path, "1,30", clock).try_acquire("instagram", "sun_diary", "a page")
    assert grant.request_id is None
    assert grant.at == START + 30


def test_waiting_holds_no_transaction(tmp_path: Path) -> None:
    clock = VirtualClock()
    limiter = limiter_of(tmp_path, "1,30", clock)
    limiter.acquire("instagram", "sun_diary", "a page")

    def write_beside(_: float) -> None:
        with CollectorDatabase(tmp_path).writing() as connection:
            connection.execute("INSERT INTO subjects (site, subject) VALUES ('instagram', 'moon')")

    clock.before_sleep = write_beside
    limiter.acquire("instagram", "sun_diary", "a page")
    assert clock.slept == [30]


def test_a_long_wait_is_told_once_with_its_reason_and_end_and_a_short_one_is_not(tmp_path: Path) -> None:
    clock, logged = VirtualClock(), list[str]()
    limiter = limiter_of(tmp_path, "1,30;2,3600", clock, logged)
    for _ in range(2):
        limiter.acquire("instagram", "sun_diary", "a page")
    assert logged == []
    limiter.acquire("instagram", "sun_diary", "a page")
    assert logged == [
        "instagram:anonymous: the limit of 2 requests in 1 h is used up. "
        "The next one goes out at 12:06 UTC, in 59 min 30 s."
    ]


@pytest.mark.parametrize("back", [1, 3600, YEAR])
def test_a_clock_that_was_set_back_costs_one_window_and_never_more(tmp_path: Path, back: int) -> None:
    clock = VirtualClock()
    rates = "5,10;20,60;60,3600"
    before = spend(limiter_of(tmp_path, rates, clock), clock, START + 1200, most=60)
    real = before[-1]
    clock.time -= back
    limiter = limiter_of(tmp_path, rates, clock)
    set_back = clock.now()
    assert limiter.seconds_until_next() <= 3600
    after = spend(limiter, clock, set_back + HOURS_3, most=60)
    # In the time that really passed nothing was exceeded.
    assert_kept([*before, *(real + time - set_back for time in after)], parse_rates(rates))
    assert after[0] <= set_back + 3600
    assert len(after) == 60


def test_a_clock_that_is_set_back_while_it_is_waited_for_ends_the_wait_as_well(tmp_path: Path) -> None:
    clock = VirtualClock()
    limiter = limiter_of(tmp_path, "1,3600", clock)
    limiter.acquire("instagram", "sun_diary", "a page")

    def set_back_once(_: float) -> None:
        clock.before_sleep = lambda seconds: None
        clock.time -= YEAR

    clock.before_sleep = set_back_once
    limiter.acquire("instagram", "sun_diary", "a page")
    assert sum(clock.slept) == 3600 + 300


def test_a_clock_that_was_a_year_ahead_for_a_while_shuts_nobody_out(tmp_path: Path) -> None:
    clock = VirtualClock()
    rates = "1,30;60,3600"
    spend(limiter_of(tmp_path, rates, clock), clock, START + 600)
    clock.time += YEAR
    spend(limiter_of(tmp_path, rates, clock), clock, START + YEAR + 1200, most=10)
    clock.time -= YEAR
    limiter = limiter_of(tmp_path, rates, clock)
    began = clock.now()
    times = spend(limiter, clock, began + 3600)
    assert times[0] == began + 30
    assert_kept(times, parse_rates(rates))
    assert max(written(tmp_path)) == clock.now()


def test_naps_are_short_enough_to_notice_what_others_did(tmp_path: Path) -> None:
    clock = VirtualClock()
    limiter = limiter_of(tmp_path, "1,3600", clock)
    for _ in range(2):
        limiter.acquire("instagram", "sun_diary", "a page")
    assert list(accumulate(clock.slept)) == [300 * (number + 1) for number in range(12)]
