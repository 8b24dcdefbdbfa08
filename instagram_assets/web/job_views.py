"""Data of job pages beyond the job itself: Dagster's availability, the search request, left-out images, durations."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from instagram_assets.datasets.image_folder_card import why_not
from instagram_assets.errors import InstagramAssetsError
from instagram_assets.search.search_requests import SearchRequest, find_request
from instagram_assets.storage.lake import read_table
from instagram_assets.web.collection_jobs import Job, Kind, State, find_jobs
from instagram_assets.web.dagster_queries import DagsterDownError
from instagram_assets.web.dependencies import Services
from instagram_assets.web.rendering import format_duration
from instagram_assets.web.words import Words

_STARTS_RUNS = "QUEUED_RUN_COORDINATOR"
"""Type of the Dagster daemon that starts queued runs."""


@dataclass(frozen=True)
class Watched:
    """A page of jobs, newest first; `before` is the cursor of the next page, `is_down` whether Dagster is down.

    `waits` is true if queued runs are not started because the responsible Dagster daemon is not running.
    """

    jobs: Sequence[Job] = ()
    before: str | None = None
    is_down: bool = False
    waits: bool = False

    @property
    def polls(self) -> bool:
        """Whether the page should poll for changes: a job is queued or active, or Dagster is down."""
        return self.is_down or any(job.is_open for job in self.jobs)


async def watch(
    services: Services, *, before: str | None = None, size: int = 25, states: Sequence[State] = ()
) -> Watched:
    """Returns a page of the job history, newest first; if Dagster does not respond, without jobs and with `is_down`.

    `before` is the cursor of the previous page; with `states`, only jobs in one of these states are returned.
    """
    try:
        page, waits = await asyncio.gather(
            find_jobs(services, before=before, size=size, states=states), nothing_starts(services)
        )
    except DagsterDownError:
        return Watched(is_down=True)
    return Watched(page.jobs, page.before, waits=waits)


async def nothing_starts(services: Services) -> bool:
    """Whether queued runs are not started because the responsible Dagster daemon is not running."""
    return not (await services.dagster.daemons()).get(_STARTS_RUNS, True)


_ASKED = ("subject", "min_side", "min_sharpness")
_COLUMNS = ("kept", "reason")


@dataclass(frozen=True)
class Details:
    """Details of a search job from the lake: `left_out` counts the candidate images that were left out, by reason.

    `requested` are the options of the search; `unread` is true if the embedding model cannot read the query, by which
    the subject was chosen. `body` is the request body for `POST /api/run` that starts the same search again; empty if
    the page cannot start it. `problem` is the error if the lake cannot be read.
    """

    requested: Mapping[str, Any] = field(default_factory=dict[str, Any])
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])
    unread: bool = False
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    problem: str = ""


def details_of(services: Services, job: Job, *, is_newest: bool) -> Details:
    """Reads the details of a job; `left_out` and `unread` only for the newest job of its image folder.

    It reads files, so async code has to call it in a thread.
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
        unread = is_newest and _is_unread(services, job)
    except InstagramAssetsError as error:
        return Details(body=body, problem=str(error))
    requested = _requested(request) if request and request.query == job.query else {}
    return Details(requested, left_out, unread, body | requested)


def took(job: Job, words: Words) -> str:
    """Returns the duration of a job as text, up to now if it is active; empty if it is unknown."""
    if job.started_at is None or (job.finished_at is None and not job.is_open):
        return ""
    return format_duration((job.finished_at or datetime.now(UTC)) - job.started_at, words)


def _requested(request: SearchRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in _ASKED}


def _left_out(services: Services, job: Job) -> dict[str, int]:
    """Returns the number of left-out candidate images by reason; empty unless the lake has this job's result."""
    if not job.folder or not job.candidates:
        return {}
    rows = read_table(services.lake, "search_dataset", [job.folder]).select(_COLUMNS).to_pylist()
    is_newest = (len(rows), sum(row["kept"] for row in rows)) == (job.candidates, job.kept)
    return why_not(rows) if is_newest else {}


def _is_unread(services: Services, job: Job) -> bool:
    """Whether the images of a job's folder were chosen by a query that the embedding model cannot read."""
    if not job.folder:
        return False
    return False in read_table(services.lake, "search_clusters", [job.folder])["query_readable"].unique().to_pylist()
