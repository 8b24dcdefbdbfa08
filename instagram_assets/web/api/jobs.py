"""REST API of collection jobs: start, list, follow, cancel and delete them."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from instagram_assets.storage.image_folder_state import Removed
from instagram_assets.web import collection_jobs, job_actions
from instagram_assets.web.collection_jobs import MOST_AT_ONCE, Job, JobPage, State
from instagram_assets.web.dependencies import ServicesDep
from instagram_assets.web.job_requests import CollectionBody, ScrapeBody, SearchBody
from instagram_assets.web.run_log import check_cursor
from instagram_assets.web.search_images import forget_jobs

router = APIRouter(prefix="/api", tags=["jobs"])

JobId = Annotated[str, Path(description="The id of a job, which is that of its run in Dagster.", max_length=100)]
Files = Annotated[bool, Query(description="Also take away the folder: our own files that nobody changed.")]


class LogLine(BaseModel):
    """A line of a log; `step` is empty for lines about the whole run, `error` is the reason of a failure."""

    at: datetime
    level: str
    step: str
    message: str
    kind: Annotated[str, Field(description="Dagster's name of the event, such as RunSuccessEvent.")]
    error: str


class Log(BaseModel):
    """A page of log lines; `cursor` requests the next page, at once if `has_more`, else later."""

    lines: list[LogLine]
    cursor: str
    has_more: bool


class ClearBody(BaseModel):
    """Whether the image folders are deleted as well."""

    model_config = ConfigDict(extra="forbid")

    files: bool = False


class Cleared(BaseModel):
    """How many jobs were removed from the history."""

    jobs: int


@router.post("/run", status_code=201)
async def run(services: ServicesDep, body: SearchBody) -> Job:
    """Search for images of a word, and make a folder of sharp, distinct images of one subject."""
    return await job_actions.start(services, body)


@router.post("/scrape", status_code=201)
async def scrape(services: ServicesDep, body: ScrapeBody) -> Job:
    """Run an actor of Apify; the posts that it collects are put into the inbox. It costs money."""
    return await job_actions.start(services, body)


@router.post("/collect", status_code=201)
async def collect(services: ServicesDep, body: CollectionBody) -> Job:
    """Collect accounts and hashtags with Meta's official API, or from Instagram's site if the settings allow it."""
    return await job_actions.start(services, body)


@router.get("/jobs")
async def find(
    services: ServicesDep,
    before: Annotated[str | None, Query(description="The `before` of the page before.", max_length=100)] = None,
    size: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = 25,
    state: Annotated[list[State], Query(description="Only jobs in these states.", max_length=len(State))] = [],  # noqa: B006
) -> JobPage:
    """The history of jobs, newest first."""
    return await collection_jobs.find_jobs(services, before=before, size=size, states=state)


@router.post("/jobs/clear")
async def clear(services: ServicesDep, body: ClearBody) -> Cleared:
    """Remove all finished jobs from the history. Their output is kept; `files` deletes their image folders."""
    count = await job_actions.clear(services, files=body.files)
    forget_jobs()
    return Cleared(jobs=count)


@router.get("/jobs/{job_id}")
async def find_one(services: ServicesDep, job_id: JobId) -> Job:
    """One job with its progress."""
    return await collection_jobs.find_job(services, job_id)


@router.get("/jobs/{job_id}/log")
async def log(services: ServicesDep, job_id: JobId, cursor: Annotated[str | None, Query(max_length=500)] = None) -> Log:
    """The log of a job, from a cursor on."""
    await collection_jobs.find_job(services, job_id)
    if cursor is not None:
        check_cursor(cursor)
    found = await services.dagster.events(job_id, cursor)
    lines = [
        LogLine(
            at=datetime.fromtimestamp(event.seconds, UTC),
            **{name: value for name, value in asdict(event).items() if name != "seconds"},
        )
        for event in found.events
    ]
    return Log(lines=lines, cursor=found.cursor, has_more=found.has_more)


@router.post("/jobs/{job_id}/cancel")
async def cancel(services: ServicesDep, job_id: JobId) -> Job:
    """Cancel a queued or running job. What it has made is kept."""
    return await job_actions.cancel(services, job_id)


@router.delete("/jobs/{job_id}")
async def delete(services: ServicesDep, job_id: JobId, files: Files = False) -> Removed:
    """Remove a finished job from the history. Its output is kept; with `files`, its image folder is deleted."""
    removed = await job_actions.remove(services, job_id, files=files)
    forget_jobs()
    return removed
