import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.media.download_queue import HostQueue

jobs_of_hosts = st.lists(st.sampled_from("abc"), max_size=40).map(lambda hosts: list(enumerate(hosts)))


@given(jobs_of_hosts, st.integers(0, 3), st.integers(1, 8))
def test_every_job_is_handed_out_once_and_no_host_has_more_than_its_share(
    jobs: list[tuple[int, str]], per_host: int, workers: int
) -> None:
    done: list[tuple[int, str]] = []
    busy: Counter[str] = Counter()

    async def work(queue: HostQueue[tuple[int, str]]) -> None:
        while job := await queue.take():
            busy[job[1]] += 1
            assert not per_host or busy[job[1]] <= per_host
            await asyncio.sleep(0)
            busy[job[1]] -= 1
            done.append(job)
            queue.give_back(job)

    async def run() -> None:
        queue = HostQueue(jobs, lambda job: job[1], per_host)
        async with asyncio.timeout(5):
            await asyncio.gather(*(work(queue) for _ in range(workers)))

    asyncio.run(run())
    assert sorted(done) == jobs


@given(jobs_of_hosts)
def test_jobs_come_in_their_order_where_no_host_is_busy(jobs: list[tuple[int, str]]) -> None:
    async def run() -> list[tuple[int, str]]:
        queue = HostQueue(jobs, lambda job: job[1], 2)
        taken: list[tuple[int, str]] = []
        while job := await queue.take():
            taken.append(job)
            queue.give_back(job)
        return taken

    assert asyncio.run(run()) == jobs


def test_a_busy_host_lets_the_next_one_go_first() -> None:
    async def run() -> list[int | None]:
        queue = HostQueue([(1, "a"), (2, "a"), (3, "b")], lambda job: job[1], 1)
        first, second = await queue.take(), await queue.take()
        assert first is not None
        queue.give_back(first)
        third = await queue.take()
        return [job and job[0] for job in (first, second, third)]

    assert asyncio.run(run()) == [1, 3, 2]
