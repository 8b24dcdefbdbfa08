"""Many images at once: what is known is not asked again, what expires soonest is asked first.

async for outcome in download([ImageRequest("a", "https://…")], store, DownloadOptions()):
    print(outcome.key, outcome.status, outcome.path)
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from instagram_assets.media.addresses import check_url, expiry, url_identity
from instagram_assets.media.fetch import Fetch, open_session
from instagram_assets.media.incoming import Arrival, too_large
from instagram_assets.media.index import Entry
from instagram_assets.media.options import DownloadOptions
from instagram_assets.media.outcomes import Expired, Failed, ImageRequest, Outcome, Passing, Progress, Refused, Status
from instagram_assets.media.store import MediaStore
from instagram_assets.media.verify import check_size

if TYPE_CHECKING:
    from aiohttp import ClientSession

__all__ = ["DownloadOptions", "ImageRequest", "Outcome", "Progress", "download", "download_all"]

_BATCH = 128
"""Images made durable together, and at most so many wait for it: this bounds what is held in memory."""
_NEVER = datetime.max.replace(tzinfo=UTC)
T = TypeVar("T")
_Numbered = tuple[int, Outcome]


async def download(
    requests: Iterable[ImageRequest],
    store: MediaStore,
    options: DownloadOptions,
    on_progress: Callable[[Progress], None] | None = None,
) -> AsyncGenerator[Outcome, None]:
    """One outcome per request, as they come. An `ok` image is in the store for good when its outcome is given.

    Raises StorageError when the disk or the limit on open files refuses. Leaving the loop early cancels
    what is under way and leaves no partial file.
    """
    async with aclosing(_numbered(list(requests), store, options, on_progress)) as outcomes:
        async for _, outcome in outcomes:
            yield outcome


def download_all(
    requests: Iterable[ImageRequest],
    store: MediaStore,
    options: DownloadOptions,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[Outcome]:
    """The outcomes in the order of the requests. May be called where an event loop runs, and then blocks it."""

    async def collect() -> list[Outcome]:
        async with aclosing(_numbered(list(requests), store, options, on_progress)) as outcomes:
            pairs = [pair async for pair in outcomes]
        return [outcome for _, outcome in sorted(pairs, key=lambda pair: pair[0])]

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(collect())
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, collect()).result()


@dataclass
class _Job:
    """One image to fetch, and the places of all the requests that it answers."""

    identity: str
    url: str
    expires: datetime
    places: list[int] = field(default_factory=list[int])


async def _numbered(
    requests: Sequence[ImageRequest],
    store: MediaStore,
    options: DownloadOptions,
    on_progress: Callable[[Progress], None] | None,
) -> AsyncGenerator[_Numbered, None]:
    """Outcomes as they come, each with the place of its request."""
    progress = Progress(total=len(requests))
    start = time.monotonic()
    run = _Run(requests, store, options)
    task = asyncio.create_task(run.all())
    task.add_done_callback(lambda _: run.outcomes.put_nowait(None))
    try:
        while (numbered := await run.outcomes.get()) is not None:
            progress.add(numbered[1], time.monotonic() - start)
            if on_progress is not None:
                on_progress(progress)
            yield numbered
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class _Run:
    """One download under way: workers fetch, one keeper makes what they bring durable, batch by batch."""

    def __init__(self, requests: Sequence[ImageRequest], store: MediaStore, options: DownloadOptions) -> None:
        self.outcomes: asyncio.Queue[_Numbered | None] = asyncio.Queue()
        self._requests = requests
        self._store = store
        self._options = options
        self._arrivals: asyncio.Queue[tuple[_Job, Arrival, int] | None] = asyncio.Queue(_BATCH)

    async def all(self) -> None:
        """Bring every request to its outcome."""
        refused, known, jobs = await _in_thread(self._plan)
        for places, reason in refused:
            self._end(places, "refused", reason)
        for job, entry in known:
            self._have(job, entry, attempts=0)
        if not jobs:
            return
        try:
            async with open_session(self._options) as session, asyncio.TaskGroup() as group:
                group.create_task(self._keep())
                supply = iter(jobs)
                count = min(self._options.max_concurrent_requests, len(jobs))
                await asyncio.gather(*(group.create_task(self._work(session, supply)) for _ in range(count)))
                await self._arrivals.put(None)
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            while not self._arrivals.empty():
                if waiting := self._arrivals.get_nowait():
                    waiting[1].discard()

    def _plan(self) -> tuple[list[tuple[list[int], str]], list[tuple[_Job, Entry]], list[_Job]]:
        """What is refused and why, what is stored, and what must be fetched, soonest to expire first."""
        refused: list[tuple[list[int], str]] = []
        jobs: dict[str, _Job] = {}
        # What is stored stays, also when its address may no longer be asked.
        any_known = replace(self._options, allow_http=True, allow_loopback=True)
        for place, request in enumerate(self._requests):
            try:
                url = check_url(request.url, any_known)
            except Refused as refusal:
                refused.append(([place], refusal.reason))
                continue
            identity, expires = url_identity(url), expiry(url) or _NEVER
            job = jobs.setdefault(identity, _Job(identity, url, expires))
            job.places.append(place)
            if expires > job.expires:
                job.url, job.expires = url, expires
        known = self._store.find(jobs) if self._options.cache_images else {}
        stored = [(jobs.pop(identity), entry) for identity, entry in known.items()]
        wanted: list[_Job] = []
        for job in jobs.values():
            try:
                check_url(job.url, self._options)
                wanted.append(job)
            except Refused as refusal:
                refused.append((job.places, refusal.reason))
        return refused, stored, sorted(wanted, key=lambda job: job.expires)

    async def _work(self, session: "ClientSession", supply: Iterator[_Job]) -> None:
        for job in supply:
            incoming = self._store.incoming(self._options.max_bytes, self._options.max_megapixels)
            fetch = Fetch(session, incoming, job.url, self._options)
            try:
                if job.expires <= datetime.now(UTC):
                    raise Expired(f"address expired at {job.expires:%Y-%m-%dT%H:%M:%SZ}; collect the post again")
                arrival = await fetch.run()
            except Refused as ending:
                self._end(job.places, "refused", ending.reason, fetch.attempts)
            except Expired as ending:
                self._end(job.places, "expired", ending.reason, fetch.attempts)
            except (Failed, Passing) as ending:
                self._end(job.places, "failed", ending.reason, fetch.attempts)
            else:
                await self._hand_over(job, arrival, fetch.attempts)

    async def _hand_over(self, job: _Job, arrival: Arrival, attempts: int) -> None:
        try:
            await self._arrivals.put((job, arrival, attempts))
        except BaseException:
            arrival.discard()
            raise

    async def _keep(self) -> None:
        """Take all that waits, make it durable together, only then report it."""
        while (first := await self._arrivals.get()) is not None:
            batch, last = [first], False
            while len(batch) < _BATCH and not self._arrivals.empty():
                if (more := self._arrivals.get_nowait()) is None:
                    last = True
                    break
                batch.append(more)
            arrived = [(job.identity, arrival) for job, arrival, _ in batch]
            entries = await _in_thread(partial(self._store.keep, arrived))
            for (job, _, attempts), entry in zip(batch, entries, strict=True):
                self._have(job, entry, attempts)
            if last:
                return

    def _have(self, job: _Job, entry: Entry, attempts: int) -> None:
        """Report a stored image to each request that asked for it; the limits hold for the cache, too."""
        try:
            if entry.bytes > self._options.max_bytes:
                raise Refused(too_large(self._options.max_bytes))
            check_size(entry.width, entry.height, self._options.max_megapixels)
        except Refused as refusal:
            self._end(job.places, "refused", refusal.reason)
            return
        for number, place in enumerate(job.places):
            request = self._requests[place]
            fetched = attempts if number == 0 else 0
            outcome = Outcome(
                key=request.key,
                url=request.url,
                status="ok",
                reason=entry.note,
                image_id=entry.image_id,
                path=entry.path,
                width=entry.width,
                height=entry.height,
                bytes=entry.bytes,
                cached=fetched == 0,
                attempts=fetched,
            )
            self._report(place, outcome)

    def _end(self, places: Sequence[int], status: Status, reason: str, attempts: int = 0) -> None:
        for place in places:
            request = self._requests[place]
            self._report(place, Outcome(request.key, request.url, status, reason, attempts=attempts))

    def _report(self, place: int, outcome: Outcome) -> None:
        self.outcomes.put_nowait((place, outcome))


async def _in_thread(work: Callable[[], T]) -> T:
    """The result of blocking work. When cancelled, the work is seen to its end first: no thread outlives us."""
    thread = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        await asyncio.wait([thread])
        if not thread.cancelled():
            thread.exception()
        raise
