"""How the web app is asked for `benchmarks.web`: one address many times, different ones in turn, by many readers."""

import asyncio
import statistics
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

READERS = 50


class Timed(NamedTuple):
    """Milliseconds of the answers of one address, or of one with different values, and the bytes of one."""

    path: str
    status: int
    median: float
    slowest: float
    bytes: int


def ask(url: str, body: bytes | None = None) -> tuple[int, bytes]:
    """The status and the content of one answer."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"} if body else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def timed(app: str, path: str, times: int) -> Timed:
    """Ask so many times after once: what is read at the first time is kept."""
    ask(app + path)
    return timed_once_each(app, path, [path] * times)


def timed_once_each(app: str, name: str, paths: Iterable[str]) -> Timed:
    """Ask each path once: nothing that was kept of the one before answers the next."""
    seconds: list[float] = []
    answers: list[tuple[int, int]] = []
    for path in paths:
        start = time.perf_counter()
        status, content = ask(app + path)
        seconds.append(time.perf_counter() - start)
        answers.append((status, len(content)))
        if status >= 500:
            raise AssertionError(f"{path} is answered with {status}: {content.decode('utf-8', 'replace')[:500]}")
    worst = max(status for status, _ in answers)
    return Timed(name, worst, statistics.median(seconds) * 1e3, max(seconds) * 1e3, max(size for _, size in answers))


def read_by_many(app: str, paths: Sequence[str], seconds: float) -> Counter[str]:
    """50 readers at once: how often each status was answered; what was no answer at all counts by its error."""
    return asyncio.run(_read(app, paths, seconds))


async def _read(app: str, paths: Sequence[str], seconds: float) -> Counter[str]:
    import aiohttp

    answers = Counter[str]()
    until = time.monotonic() + seconds

    async def reader(session: aiohttp.ClientSession, number: int) -> None:
        place = number
        while time.monotonic() < until:
            try:
                async with session.get(app + paths[place % len(paths)]) as answer:
                    await answer.read()
                    answers[str(answer.status)] += 1
            except (aiohttp.ClientError, TimeoutError) as error:
                answers[type(error).__name__] += 1
            place += 1

    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        await asyncio.gather(*(reader(session, number) for number in range(READERS)))
    return answers
