"""Downloads many images and videos concurrently, soonest expiry first; cached ones are not requested again.

async for outcome in download([MediaRequest("a", "https://…")], store, DownloadOptions()):
    print(outcome.key, outcome.status, outcome.path)
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from instagram_assets.errors import (
    MediaExpiredError,
    MediaFailedError,
    MediaRefusedError,
    MediaTransientError,
    MediaUnreachableError,
    StorageError,
)
from instagram_assets.media.addresses import check_url, expiry, is_in_archive
from instagram_assets.media.event_loop import in_thread, rare_collections, run_until_told
from instagram_assets.media.excluded import WAS_FORGOTTEN, is_forgotten
from instagram_assets.media.fetch import Fetch, host_of, open_session
from instagram_assets.media.host_queue import HostQueue
from instagram_assets.media.incoming import Arrival, Limits, too_large
from instagram_assets.media.index import Entry
from instagram_assets.media.options import DownloadOptions
from instagram_assets.media.outcomes import Kind, MediaRequest, Outcome, Progress, Status
from instagram_assets.media.store import MediaStore
from instagram_assets.media.verify import check_size
from instagram_assets.storage.fingerprints import url_identity

if TYPE_CHECKING:
    from aiohttp import ClientSession

__all__ = ["DownloadOptions", "MediaRequest", "Outcome", "Progress", "download", "download_all"]

_BATCH = 64
"""Maximum number of bodies that are fsynced together, and that may wait for it: this bounds memory."""
_GATHER = 0.02
"""Seconds to wait for a batch to fill: a short wait reduces the cost per body."""
_NEVER = datetime.max.replace(tzinfo=UTC)
_Numbered = tuple[int, Outcome]
_Ended = tuple[Sequence[int], Status, str]
"""The indexes of requests that need no download, and their status and reason."""
NOT_IN_STORE = "in no archive that was read"
"""The reason for a missing image of a user's own archive."""


async def download(
    requests: Iterable[MediaRequest],
    store: MediaStore,
    options: DownloadOptions,
    on_progress: Callable[[Progress], None] | None = None,
) -> AsyncGenerator[Outcome, None]:
    """Yields one outcome per request, in order of completion; an `ok` image is already stored durably.

    Raises StorageError when the disk or the limit on open files refuses. Leaving the loop early cancels pending
    downloads and leaves no partial file.
    """
    async with aclosing(_numbered(list(requests), store, options, on_progress)) as outcomes:
        async for _, outcome in outcomes:
            yield outcome


def download_all(
    requests: Iterable[MediaRequest],
    store: MediaStore,
    options: DownloadOptions,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[Outcome]:
    """Returns the outcomes in the order of the requests. May be called while an event loop runs, and then blocks it.

    SIGINT and SIGTERM are handled as by `run_until_told`: reported images stay, and no partial file does.
    """

    async def collect() -> list[Outcome]:
        async with aclosing(_numbered(list(requests), store, options, on_progress)) as outcomes:
            pairs = [pair async for pair in outcomes]
        return [outcome for _, outcome in sorted(pairs, key=lambda pair: pair[0])]

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return run_until_told(collect())
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run_until_told, collect()).result()


@dataclass(slots=True)
class _Job:
    """One body to download, and the indexes of all requests that it answers."""

    identity: str
    url: str
    kind: Kind
    expires: datetime
    places: tuple[int, ...] = ()

    @property
    def host(self) -> str:
        return host_of(self.url)


async def _numbered(
    requests: Sequence[MediaRequest],
    store: MediaStore,
    options: DownloadOptions,
    on_progress: Callable[[Progress], None] | None,
) -> AsyncGenerator[_Numbered, None]:
    """Yields outcomes in order of completion, each with the index of its request."""
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
    """One download run: workers fetch bodies, and one task stores them durably, batch by batch."""

    def __init__(self, requests: Sequence[MediaRequest], store: MediaStore, options: DownloadOptions) -> None:
        self.outcomes: asyncio.Queue[_Numbered | None] = asyncio.Queue()
        self._requests = requests
        self._store = store
        self._options = options
        self._limits: dict[Kind, Limits] = {"image": options.limits("image"), "video": options.limits("video")}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="media-keep")
        self._dead: dict[str, str] = {}
        self._arrivals: asyncio.Queue[tuple[_Job, Arrival, int] | None] = asyncio.Queue(_BATCH)

    async def all(self) -> None:
        """Process every request to its outcome."""
        # Started before the first body: when memory is exhausted, Python waits forever for a thread that cannot start.
        with self._thread:
            await self._all()

    async def _all(self) -> None:
        try:
            refused, known, jobs = await in_thread(self._plan, self._thread)
        except RuntimeError as error:
            raise _in_words(error) from error
        for places, status, reason in refused:
            self._end(places, status, reason)
        for job, entry in known:
            self._have(job, entry, attempts=0)
        if not jobs:
            return
        try:
            with rare_collections():
                await self._fetch_all(jobs)
        except BaseExceptionGroup as failures:
            raise _in_words(failures.exceptions[0]) from None
        finally:
            while not self._arrivals.empty():
                if waiting := self._arrivals.get_nowait():
                    waiting[1].discard()

    async def _fetch_all(self, jobs: list[_Job]) -> None:
        queue = HostQueue(jobs, lambda job: job.host, self._options.max_per_host)
        count = min(self._options.max_concurrent_requests, len(jobs))
        jobs.clear()  # each is released when it is done
        async with open_session(self._options) as session, asyncio.TaskGroup() as group:
            group.create_task(self._keep())
            await asyncio.gather(*(group.create_task(self._work(session, queue)) for _ in range(count)))
            await self._arrivals.put(None)

    def _plan(self) -> tuple[list[_Ended], list[tuple[_Job, Entry]], list[_Job]]:
        """Returns the requests that cannot be downloaded, those cached, and the jobs to run, soonest expiry first."""
        refused: list[_Ended] = []
        jobs: dict[str, _Job] = {}
        # Cached files stay available, even if their URL may no longer be requested.
        any_known = replace(self._options, allow_http=True, allow_loopback=True)
        for place, request in enumerate(self._requests):
            if is_forgotten(request.url, self._options.forgotten):
                refused.append(([place], "refused", WAS_FORGOTTEN))
                continue
            try:
                in_archive = is_in_archive(request.url)
                url = str(request.url) if in_archive else check_url(request.url, any_known)
            except MediaRefusedError as refusal:
                refused.append(([place], "refused", refusal.reason))
                continue
            identity, expires = url_identity(url), expiry(url) or _NEVER
            job = jobs.setdefault(identity, _Job(identity, url, request.kind, expires))
            job.places += (place,)
            if expires > job.expires:
                job.url, job.expires = url, expires
        cached = jobs if self._options.cache_images else filter(is_in_archive, jobs)
        known = self._store.find(cached)
        stored = [(jobs.pop(identity), entry) for identity, entry in known.items()]
        wanted: list[_Job] = []
        for job in jobs.values():
            if is_in_archive(job.url):
                refused.append((job.places, "failed", NOT_IN_STORE))
                continue
            try:
                check_url(job.url, self._options)
                wanted.append(job)
            except MediaRefusedError as refusal:
                refused.append((job.places, "refused", refusal.reason))
        return refused, stored, sorted(wanted, key=lambda job: job.expires)

    async def _work(self, session: "ClientSession", queue: HostQueue[_Job]) -> None:
        while job := await queue.take():
            try:
                await self._fetch(session, job)
            finally:
                queue.give_back(job)

    async def _fetch(self, session: "ClientSession", job: _Job) -> None:
        limits = self._limits[job.kind]
        fetch = Fetch(session, self._store.incoming(limits), job.url, limits, self._options)
        try:
            if job.expires is not _NEVER and job.expires <= datetime.now(UTC):
                raise MediaExpiredError(f"address expired at {job.expires:%Y-%m-%dT%H:%M:%SZ}; collect the post again")
            if reason := self._dead.get(job.host):
                raise MediaFailedError(reason)
            arrival = await fetch.run()
        except MediaRefusedError as ending:
            self._end(job.places, "refused", ending.reason, fetch.attempts)
        except MediaExpiredError as ending:
            self._end(job.places, "expired", ending.reason, fetch.attempts)
        except (MediaFailedError, MediaTransientError) as ending:
            if self._options.skip_dead_hosts and isinstance(ending, MediaUnreachableError):
                self._dead[job.host] = ending.reason
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
        """Store the waiting bodies durably as one batch, and only then report them."""
        last = False
        while not last and (first := await self._arrivals.get()) is not None:
            if self._arrivals.qsize() < _BATCH // 2:
                await asyncio.sleep(_GATHER)
            batch = [first]
            while len(batch) < _BATCH and not last and not self._arrivals.empty():
                more = self._arrivals.get_nowait()
                last = more is None
                if more is not None:
                    batch.append(more)
            batch = [each for each in batch if not await self._is_refused(*each)]
            arrived = [(job.identity, arrival) for job, arrival, _ in batch]
            entries = await in_thread(partial(self._store.keep, arrived), self._thread)
            for (job, _, attempts), entry in zip(batch, entries, strict=True):
                self._have(job, entry, attempts)

    async def _is_refused(self, job: _Job, arrival: Arrival, attempts: int) -> bool:
        """Whether the bytes are erased ones, from whatever URL: they must not be stored."""
        forgotten = self._options.forgotten
        if not forgotten or not forgotten.has("image", await in_thread(arrival.digest, self._thread)):
            return False
        arrival.discard()
        self._end(job.places, "refused", WAS_FORGOTTEN, attempts)
        return True

    def _have(self, job: _Job, entry: Entry, attempts: int) -> None:
        """Report a stored body to each request for it; the size limits apply to cached ones, too."""
        for number, place in enumerate(job.places):
            request = self._requests[place]
            if self._options.forgotten.has("image", entry.image_id):
                self._end([place], "refused", WAS_FORGOTTEN)
                continue
            try:
                _check_entry(entry, self._limits[request.kind])
            except MediaRefusedError as refusal:
                self._end([place], "refused", refusal.reason)
                continue
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


def _check_entry(entry: Entry, limits: Limits) -> None:
    """Raises MediaRefusedError for a stored body that exceeds the current limits."""
    kind = "video" if entry.ext in ("mp4", "mov") else "image"
    if kind != limits.kind:
        raise MediaRefusedError("a video instead of an image" if kind == "video" else "an image instead of a video")
    if entry.bytes > limits.max_bytes:
        raise MediaRefusedError(too_large(limits))
    check_size(entry.width, entry.height, limits.max_megapixels)


def _in_words(problem: BaseException) -> BaseException:
    """Returns the exception that ended the run as one that says what to do."""
    if isinstance(problem, MemoryError) or str(problem) == "can't start new thread":
        remedy = "Raise its limit (ulimit -v) or lower max_concurrent_requests"
        return StorageError(f"Out of memory. {remedy}, then run again.")
    return problem
