"""The queue of a download: one job per file, soonest expiry first, with a limit on concurrent requests per host."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import Generic, NamedTuple, TypeVar

from instagram_assets.errors import MediaRefusedError
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.download_types import DownloadStatus, MediaKind, MediaRequest
from instagram_assets.media.never_download import WAS_FORGOTTEN, is_forgotten
from instagram_assets.media.store import MediaStore
from instagram_assets.media.url_checks import check_url, host_of, is_in_archive, signature_expiry
from instagram_assets.media.url_index import StoredMedia
from instagram_assets.storage.fingerprints import url_identity

_Job = TypeVar("_Job")

_NEVER = datetime.max.replace(tzinfo=UTC)
_NOT_IN_STORE = "in no archive that was read"
"""The reason for a missing image of a user's own archive."""


@dataclass(slots=True)
class DownloadJob:
    """A file to download, and the indices of all requests for it."""

    identity: str
    url: str
    kind: MediaKind
    expires: datetime
    indexes: tuple[int, ...] = ()

    @property
    def host(self) -> str:
        return host_of(self.url)


class RejectedRequests(NamedTuple):
    """The indices of requests that are not downloaded, with their common status and reason."""

    indexes: Sequence[int]
    status: DownloadStatus
    reason: str


class DownloadPlan(NamedTuple):
    """The requests that are not downloaded, the jobs whose file is in the store, and the jobs to run, in order."""

    rejected: list[RejectedRequests]
    cached: list[tuple[DownloadJob, StoredMedia]]
    jobs: list[DownloadJob]


def plan_downloads(requests: Sequence[MediaRequest], store: MediaStore, options: DownloadOptions) -> DownloadPlan:
    """Decides which requests are rejected, cached or downloaded; requests with the same URL identity share a job.

    Jobs are sorted by URL expiry, soonest first.
    """
    rejected: list[RejectedRequests] = []
    jobs: dict[str, DownloadJob] = {}
    # Cached files can be used even if the options no longer allow their URL.
    any_cached = replace(options, allow_http=True, allow_loopback=True)
    for index, request in enumerate(requests):
        if is_forgotten(request.url, options.forgotten):
            rejected.append(RejectedRequests([index], "refused", WAS_FORGOTTEN))
            continue
        try:
            in_archive = is_in_archive(request.url)
            url = str(request.url) if in_archive else check_url(request.url, any_cached)
        except MediaRefusedError as refusal:
            rejected.append(RejectedRequests([index], "refused", refusal.reason))
            continue
        identity, expires = url_identity(url), signature_expiry(url) or _NEVER
        job = jobs.setdefault(identity, DownloadJob(identity, url, request.kind, expires))
        job.indexes += (index,)
        if expires > job.expires:
            job.url, job.expires = url, expires
    found = store.find(jobs if options.cache_images else filter(is_in_archive, jobs))
    cached = [(jobs.pop(identity), entry) for identity, entry in found.items()]
    allowed: list[DownloadJob] = []
    for job in jobs.values():
        if is_in_archive(job.url):
            rejected.append(RejectedRequests(job.indexes, "failed", _NOT_IN_STORE))
            continue
        try:
            check_url(job.url, options)
            allowed.append(job)
        except MediaRefusedError as refusal:
            rejected.append(RejectedRequests(job.indexes, "refused", refusal.reason))
    return DownloadPlan(rejected, cached, sorted(allowed, key=lambda job: job.expires))


class HostQueue(Generic[_Job]):
    """A queue of jobs in which no host has more than `per_host` jobs in progress (0: no limit).

    Jobs of a host at its limit are skipped in favour of later jobs of other hosts. The caller returns each job with
    `give_back` when it is done.
    """

    def __init__(self, jobs: Iterable[_Job], host_of: Callable[[_Job], str], per_host: int) -> None:
        self._host_of = host_of if per_host else lambda job: ""
        self._waiting: dict[str, deque[tuple[int, _Job]]] = {}
        for index, job in enumerate(jobs):
            self._waiting.setdefault(self._host_of(job), deque()).append((index, job))
        self._left = sum(map(len, self._waiting.values()))
        self._free = dict.fromkeys(self._waiting, per_host or self._left)
        # Heap of hosts below the limit, by the index of their next job.
        self._open = sorted((jobs[0][0], host) for host, jobs in self._waiting.items())
        self._change = asyncio.Event()

    async def take(self) -> _Job | None:
        """Waits for the next job whose host is below its limit; returns None if there are no jobs left."""
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

    def give_back(self, job: _Job) -> None:
        """Mark the job as done, so that its host can be requested again."""
        host = self._host_of(job)
        self._free[host] += 1
        if self._free[host] == 1:
            self._offer(host)
            self._change.set()

    def _offer(self, host: str) -> None:
        if self._free[host] and self._waiting[host]:
            heappush(self._open, (self._waiting[host][0][0], host))
