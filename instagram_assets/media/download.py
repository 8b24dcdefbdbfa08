"""Downloads many images and videos concurrently, soonest URL expiry first; files in the store are not requested again.

async for outcome in download([MediaRequest("a", "https://…")], store, DownloadOptions()):
    print(outcome.key, outcome.status, outcome.path)
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
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
from instagram_assets.media.download_options import DownloadOptions, SizeLimits, too_large
from instagram_assets.media.download_queue import DownloadJob, HostQueue, plan_downloads
from instagram_assets.media.download_types import (
    DownloadOutcome,
    DownloadProgress,
    DownloadStatus,
    MediaKind,
    MediaRequest,
)
from instagram_assets.media.event_loop import in_thread, rare_collections, run_until_signalled
from instagram_assets.media.http_fetch import Fetch, open_session
from instagram_assets.media.never_download import WAS_FORGOTTEN
from instagram_assets.media.response_body import ReceivedMedia
from instagram_assets.media.store import MediaStore
from instagram_assets.media.url_index import StoredMedia
from instagram_assets.media.verify import check_size

if TYPE_CHECKING:
    from aiohttp import ClientSession

__all__ = ["DownloadOptions", "DownloadOutcome", "DownloadProgress", "MediaRequest", "download", "download_all"]

_BATCH = 64
"""Maximum number of bodies that are fsynced together, and that may wait for it: this bounds memory."""
_GATHER = 0.02
"""Seconds to wait for a batch to fill: a short wait reduces the cost per body."""
_Numbered = tuple[int, DownloadOutcome]


async def download(
    requests: Iterable[MediaRequest],
    store: MediaStore,
    options: DownloadOptions,
    on_progress: Callable[[DownloadProgress], None] | None = None,
) -> AsyncGenerator[DownloadOutcome, None]:
    """Yields one outcome per request, in order of completion; an `ok` image is already stored durably.

    Raises StorageError on an I/O error or too many open files. Leaving the loop early cancels pending downloads and
    leaves no partial file.
    """
    async with aclosing(_numbered(list(requests), store, options, on_progress)) as outcomes:
        async for _, outcome in outcomes:
            yield outcome


def download_all(
    requests: Iterable[MediaRequest],
    store: MediaStore,
    options: DownloadOptions,
    on_progress: Callable[[DownloadProgress], None] | None = None,
) -> list[DownloadOutcome]:
    """Returns the outcomes in the order of the requests. Can be called while an event loop runs, which it then blocks.

    SIGINT and SIGTERM are handled by `run_until_signalled`: images already reported are kept, partial files are
    deleted.
    """

    async def collect() -> list[DownloadOutcome]:
        async with aclosing(_numbered(list(requests), store, options, on_progress)) as outcomes:
            pairs = [pair async for pair in outcomes]
        return [outcome for _, outcome in sorted(pairs, key=lambda pair: pair[0])]

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return run_until_signalled(collect())
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run_until_signalled, collect()).result()


async def _numbered(
    requests: Sequence[MediaRequest],
    store: MediaStore,
    options: DownloadOptions,
    on_progress: Callable[[DownloadProgress], None] | None,
) -> AsyncGenerator[_Numbered, None]:
    """Yields outcomes in order of completion, each with the index of its request."""
    progress = DownloadProgress(total=len(requests))
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
    """One download run: workers fetch response bodies, and one task stores them durably in batches."""

    def __init__(self, requests: Sequence[MediaRequest], store: MediaStore, options: DownloadOptions) -> None:
        self.outcomes: asyncio.Queue[_Numbered | None] = asyncio.Queue()
        self._requests = requests
        self._store = store
        self._options = options
        self._limits: dict[MediaKind, SizeLimits] = {"image": options.limits("image"), "video": options.limits("video")}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="media-keep")
        self._dead: dict[str, str] = {}
        self._received: asyncio.Queue[tuple[DownloadJob, ReceivedMedia, int] | None] = asyncio.Queue(_BATCH)

    async def all(self) -> None:
        """Put an outcome for every request into the queue `outcomes`."""
        # Started before the first body: when memory is exhausted, Python waits forever for a thread that cannot start.
        with self._thread:
            await self._all()

    async def _all(self) -> None:
        try:
            plan = partial(plan_downloads, self._requests, self._store, self._options)
            rejected, cached, jobs = await in_thread(plan, self._thread)
        except RuntimeError as error:
            raise _with_remedy(error) from error
        for indexes, status, reason in rejected:
            self._report_failure(indexes, status, reason)
        for job, entry in cached:
            self._report_stored(job, entry, attempts=0)
        if not jobs:
            return
        try:
            with rare_collections():
                await self._fetch_all(jobs)
        except BaseExceptionGroup as failures:
            raise _with_remedy(failures.exceptions[0]) from None
        finally:
            while not self._received.empty():
                if waiting := self._received.get_nowait():
                    waiting[1].discard()

    async def _fetch_all(self, jobs: list[DownloadJob]) -> None:
        queue = HostQueue(jobs, lambda job: job.host, self._options.max_per_host)
        count = min(self._options.max_concurrent_requests, len(jobs))
        jobs.clear()  # so that each job is released when it is done
        async with open_session(self._options) as session, asyncio.TaskGroup() as group:
            group.create_task(self._store_batches())
            await asyncio.gather(*(group.create_task(self._work(session, queue)) for _ in range(count)))
            await self._received.put(None)

    async def _work(self, session: "ClientSession", queue: HostQueue[DownloadJob]) -> None:
        while job := await queue.take():
            try:
                await self._fetch(session, job)
            finally:
                queue.give_back(job)

    async def _fetch(self, session: "ClientSession", job: DownloadJob) -> None:
        limits = self._limits[job.kind]
        fetch = Fetch(session, self._store.receiver(limits), job.url, limits, self._options)
        try:
            if job.expires <= datetime.now(UTC):
                raise MediaExpiredError(f"address expired at {job.expires:%Y-%m-%dT%H:%M:%SZ}; collect the post again")
            if reason := self._dead.get(job.host):
                raise MediaFailedError(reason)
            media = await fetch.run()
        except MediaRefusedError as ending:
            self._report_failure(job.indexes, "refused", ending.reason, fetch.attempts)
        except MediaExpiredError as ending:
            self._report_failure(job.indexes, "expired", ending.reason, fetch.attempts)
        except (MediaFailedError, MediaTransientError) as ending:
            if self._options.skip_dead_hosts and isinstance(ending, MediaUnreachableError):
                self._dead[job.host] = ending.reason
            self._report_failure(job.indexes, "failed", ending.reason, fetch.attempts)
        else:
            await self._queue_for_storage(job, media, fetch.attempts)

    async def _queue_for_storage(self, job: DownloadJob, media: ReceivedMedia, attempts: int) -> None:
        try:
            await self._received.put((job, media, attempts))
        except BaseException:
            media.discard()
            raise

    async def _store_batches(self) -> None:
        """Store the received bodies durably in batches, and report each only when its batch is durable."""
        last = False
        while not last and (first := await self._received.get()) is not None:
            if self._received.qsize() < _BATCH // 2:
                await asyncio.sleep(_GATHER)
            batch = [first]
            while len(batch) < _BATCH and not last and not self._received.empty():
                more = self._received.get_nowait()
                last = more is None
                if more is not None:
                    batch.append(more)
            batch = [each for each in batch if not await self._is_refused(*each)]
            received = [(job.identity, media) for job, media, _ in batch]
            entries = await in_thread(partial(self._store.add, received), self._thread)
            for (job, _, attempts), entry in zip(batch, entries, strict=True):
                self._report_stored(job, entry, attempts)

    async def _is_refused(self, job: DownloadJob, media: ReceivedMedia, attempts: int) -> bool:
        """Whether the received bytes are an image erased on request, from whatever URL; if so, discard them."""
        forgotten = self._options.forgotten
        if not forgotten or not forgotten.has("image", await in_thread(media.digest, self._thread)):
            return False
        media.discard()
        self._report_failure(job.indexes, "refused", WAS_FORGOTTEN, attempts)
        return True

    def _report_stored(self, job: DownloadJob, entry: StoredMedia, attempts: int) -> None:
        """Report a stored file to each request for it; cached files are checked against the size limits too."""
        for number, index in enumerate(job.indexes):
            request = self._requests[index]
            if self._options.forgotten.has("image", entry.image_id):
                self._report_failure([index], "refused", WAS_FORGOTTEN)
                continue
            try:
                _check_entry(entry, self._limits[request.kind])
            except MediaRefusedError as refusal:
                self._report_failure([index], "refused", refusal.reason)
                continue
            fetched = attempts if number == 0 else 0
            outcome = DownloadOutcome(
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
            self._report(index, outcome)

    def _report_failure(self, indexes: Sequence[int], status: DownloadStatus, reason: str, attempts: int = 0) -> None:
        for index in indexes:
            request = self._requests[index]
            self._report(index, DownloadOutcome(request.key, request.url, status, reason, attempts=attempts))

    def _report(self, index: int, outcome: DownloadOutcome) -> None:
        self.outcomes.put_nowait((index, outcome))


def _check_entry(entry: StoredMedia, limits: SizeLimits) -> None:
    """Raise MediaRefusedError for a stored file of the wrong kind (image, video) or above the present size limits."""
    kind = "video" if entry.ext in ("mp4", "mov") else "image"
    if kind != limits.kind:
        raise MediaRefusedError("a video instead of an image" if kind == "video" else "an image instead of a video")
    if entry.bytes > limits.max_bytes:
        raise MediaRefusedError(too_large(limits))
    check_size(entry.width, entry.height, limits.max_megapixels)


def _with_remedy(problem: BaseException) -> BaseException:
    """Returns an out-of-memory error as a StorageError with a remedy; any other exception unchanged."""
    if isinstance(problem, MemoryError) or str(problem) == "can't start new thread":
        remedy = "Raise its limit (ulimit -v) or lower max_concurrent_requests"
        return StorageError(f"Out of memory. {remedy}, then run again.")
    return problem
