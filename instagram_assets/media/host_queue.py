"""A job queue with a limit on concurrent requests per host, in the given order of priority."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Generic, TypeVar

T = TypeVar("T")


class HostQueue(Generic[T]):
    """Hands out jobs in order, so that no host has more than `per_host` of them at once (0: any number).

    Jobs of a busy host are skipped in favour of later jobs of other hosts. The caller gives each job back when done.
    """

    def __init__(self, jobs: Iterable[T], host_of: Callable[[T], str], per_host: int) -> None:
        self._host_of = host_of if per_host else lambda job: ""
        self._waiting: dict[str, deque[tuple[int, T]]] = {}
        for place, job in enumerate(jobs):
            self._waiting.setdefault(self._host_of(job), deque()).append((place, job))
        self._left = sum(map(len, self._waiting.values()))
        self._free = dict.fromkeys(self._waiting, per_host or self._left)
        # Heap of hosts below the limit, by the index of their next job.
        self._open = sorted((jobs[0][0], host) for host, jobs in self._waiting.items())
        self._change = asyncio.Event()

    async def take(self) -> T | None:
        """Returns the next job; None if there is none left."""
        while self._left and not self._open:
            self._change.clear()
            await self._change.wait()
        if not self._left:
            return None
        _, host = heappop(self._open)
        _, job = self._waiting[host].popleft()
        self._left -= 1
        self._free[host] -= 1
        self._offer(host)
        if not self._left:
            self._change.set()
        return job

    def give_back(self, job: T) -> None:
        """Mark the job as done, so that its host may be requested again."""
        host = self._host_of(job)
        self._free[host] += 1
        if self._free[host] == 1:
            self._offer(host)
            self._change.set()

    def _offer(self, host: str) -> None:
        if self._free[host] and self._waiting[host]:
            heappush(self._open, (self._waiting[host][0][0], host))
