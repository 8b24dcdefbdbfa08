"""Data of job pages in addition to runs: whether Dagster responds, the original request, reasons, duration."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from instagram_assets.datasets.image_folder import why_not
from instagram_assets.errors import InstagramAssetsError
from instagram_assets.search.search_requests import SearchRequest, find_request
from instagram_assets.storage.lake import read_table
from instagram_assets.web.collection_jobs import Job, Kind, State, find_jobs
from instagram_assets.web.dagster_queries import DagsterDownError
from instagram_assets.web.dependencies import Services
from instagram_assets.web.rendering import format_duration
from instagram_assets.web.words import Words

_STARTS_RUNS = "QUEUED_RUN_COORDINATOR"
"""The daemon without which runs wait."""


@dataclass(frozen=True)
class Watched:
    """A page of jobs, newest first, and whether older ones follow; empty with `is_down` if Dagster did not respond.

    `waits` is true when queued runs are not started because the daemon for that is not running.
    """

    jobs: Sequence[Job] = ()
    before: str | None = None
    is_down: bool = False
    waits: bool = False

    @property
    def polls(self) -> bool:
        """Whether the page should poll, because something changes without user action."""
        return self.is_down or any(job.is_open for job in self.jobs)


async def watch(
    services: Services, *, before: str | None = None, size: int = 25, states: Sequence[State] = ()
) -> Watched:
    """A page of jobs as `find_jobs` gives them, with Dagster's availability."""
    try:
        page, waits = await asyncio.gather(
            find_jobs(services, before=before, size=size, states=states), nothing_starts(services)
        )
    except DagsterDownError:
        return Watched(is_down=True)
    return Watched(page.jobs, page.before, waits=waits)


async def nothing_starts(services: Services) -> bool:
    """Whether queued runs would wait because the daemon that starts them does not run."""
    return not (await services.dagster.daemons()).get(_STARTS_RUNS, True)


_ASKED = ("subject", "min_side", "min_sharpness")
_COLUMNS = ("kept", "reason")


@dataclass(frozen=True)
class Details:
    """Details of one job from the lake: `left_out` counts candidates by reason; `problem` says why they cannot be read.

    `body` is the body of `POST /api/run` that starts the same again; empty where the page cannot start it.
    """

    requested: Mapping[str, Any] = field(default_factory=dict[str, Any])
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    problem: str = ""


def details_of(services: Services, job: Job, *, is_newest: bool) -> Details:
    """Read the details of a job, and, of the newest job of its folder, why candidates were left out.

    It reads files, so call it in a thread.
    """
    if job.kind is not Kind.search:
        return Details()
    body: dict[str, Any] = {"query": job.query}
    if not job.is_imported:  # a path in jobs of an earlier dashboard
        body["folder"] = job.folder
    if job.limit:
        body["limit"] = job.limit
    try:
        request = find_request(services.lake, job.folder) if job.folder else None
        left_out = _left_out(services, job) if is_newest else {}
    except InstagramAssetsError as error:
        return Details(body=body, problem=str(error))
    requested = _requested(request) if request and request.query == job.query else {}
    return Details(requested, left_out, body | requested)


def took(job: Job, words: Words) -> str:
    """The duration of a job, so far if it is running; empty before its start, or when its end is unknown."""
    if job.started_at is None or (job.finished_at is None and not job.is_open):
        return ""
    return format_duration((job.finished_at or datetime.now(UTC)) - job.started_at, words)


def _requested(request: SearchRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in _ASKED}


def _left_out(services: Services, job: Job) -> dict[str, int]:
    """Counts of candidates that the folder's newest run left out, by reason; empty for earlier runs."""
    if not job.folder or not job.candidates:
        return {}
    rows = read_table(services.lake, "search_dataset", [job.folder]).select(_COLUMNS).to_pylist()
    is_newest = (len(rows), sum(row["kept"] for row in rows)) == (job.candidates, job.kept)
    return why_not(rows) if is_newest else {}
