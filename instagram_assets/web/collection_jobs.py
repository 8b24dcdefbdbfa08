"""Collection jobs for the history pages: Dagster runs that collect data, with their state, counts and image folder."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from instagram_assets.automation.run_states import RUNNING_STATUSES, WAITING_STATUSES
from instagram_assets.automation.search_runs import SEARCH_STEPS as STEPS_OF_SEARCH
from instagram_assets.errors import NotFoundError, SearchRequestError
from instagram_assets.partitions import (
    CANDIDATES_TAG,
    COUNTED_BY_TAG,
    ERROR_TAG,
    FOLDER_TAG,
    HISTORY_TAG,
    IMPORTED_TAG,
    KEPT_TAG,
    LIMIT_TAG,
    OUT_DIR_TAG,
    PARTITION,
    QUERY_TAG,
    SHOWN_IN_HISTORY,
)
from instagram_assets.report.safe_text import replace_control_characters
from instagram_assets.search.search_requests import is_search_name, search_folder
from instagram_assets.settings import Settings
from instagram_assets.web.dagster_queries import Run
from instagram_assets.web.dependencies import Services

if TYPE_CHECKING:
    pass

MOST_AT_ONCE = 100
_RUNS_AT_ONCE = 500
_LONGEST_ERROR = 300
_LONGEST_TAG = 1_000
_LONGEST_NUMBER = 9
_PARENT = "dagster/parent_run_id"
"""Dagster's tag on a re-executed run."""
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class State(StrEnum):
    """The state of a collection job."""

    queued = "queued"
    running = "running"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"


class Kind(StrEnum):
    """How a job collects: by image search, by an Apify actor, or by our own collector."""

    search = "search"
    apify = "apify"
    collector = "collector"


_KINDS = {"search": Kind.search, "scrape": Kind.apify, "collect_accounts": Kind.collector}
"""The kind of a collection, by the name of its Dagster job."""
_STATUSES: Mapping[State, Sequence[str]] = {
    State.queued: WAITING_STATUSES,
    State.running: RUNNING_STATUSES,
    State.done: ("SUCCESS",),
    State.failed: ("FAILURE",),
    State.cancelled: ("CANCELED",),
}
"""The Dagster run statuses of each state."""
_STATES = {status: state for state, statuses in _STATUSES.items() for status in statuses}
_CANCELLING = "CANCELING"
_STEP_DONE = ("SUCCESS", "SKIPPED")
_OPEN = (State.queued, State.running)


@dataclass(frozen=True)
class Job:
    """One collection; `job_id` is the id of its Dagster run. Times are in UTC; counts are null until they are known."""

    job_id: str
    kind: Kind
    query: str
    limit: int | None
    folder: Annotated[str, Field(description="Name of the folder below datasets/search; empty but for searches.")]
    state: State
    is_cancelling: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    kept: int | None
    candidates: int | None
    step: Annotated[str, Field(description="The step it works on now.")]
    steps_done: int
    steps: int
    error: Annotated[str, Field(description="Why it failed; empty when it did not.")]
    is_imported: Annotated[bool, Field(description="From an earlier dashboard: there is no run behind it.")]

    @property
    def is_open(self) -> bool:
        """Whether it is queued or running, so that it can be cancelled but not removed."""
        return self.state in _OPEN


@dataclass(frozen=True)
class JobPage:
    """A page of jobs, newest first; `before` is the cursor for the next page, null on the last page."""

    jobs: Sequence[Job]
    before: str | None


async def find_jobs(
    services: Services, *, before: str | None = None, size: int = 25, states: Sequence[State] = ()
) -> JobPage:
    """Returns a page of the history, newest first; with `states`, only jobs in one of these states.

    `before` is the cursor of the previous page; raises NotFoundError if it is not a job id.
    """
    if before is not None:
        _check_id(before)
    statuses = [status for state in dict.fromkeys(states) for status in _STATUSES[state]]
    size = max(1, min(size, MOST_AT_ONCE))
    runs = await services.dagster.runs(
        {HISTORY_TAG: SHOWN_IN_HISTORY}, limit=size + 1, cursor=before, statuses=statuses
    )
    shown = runs[:size]
    return JobPage(await _jobs(services, shown), shown[-1].run_id if len(runs) > size else None)


async def find_job(services: Services, job_id: str) -> Job:
    """Returns one job. Raises NotFoundError if its id is unknown or it was removed from the history."""
    _check_id(job_id)
    run = await services.dagster.run(job_id)
    if run is None or run.tags.get(HISTORY_TAG) != SHOWN_IN_HISTORY:
        raise _unknown(job_id)
    (job,) = await _jobs(services, [run])
    return job


def folder_of(job: Job) -> str:
    """Returns the name of the search whose images the job collected; empty for imported jobs and other kinds.

    Imported jobs were run by an earlier dashboard.
    """
    return job.folder if job.kind is Kind.search and not job.is_imported else ""


def folder_path(settings: Settings, job: Job) -> Path | None:
    """Returns the path of the job's image folder; None if it does not exist."""
    try:
        path = search_folder(settings, job.folder) if folder_of(job) else Path(job.folder)
        return path if job.folder and path.is_absolute() and path.is_dir() else None
    except (OSError, ValueError, SearchRequestError):  # not a valid name of a file or of a search
        return None


async def newest_of(services: Services, folder: str) -> Job | None:
    """Returns the job that wrote a folder's current images, the newest successful one; None if there is none."""
    filter_tags = {HISTORY_TAG: SHOWN_IN_HISTORY, FOLDER_TAG: folder}
    runs = await services.dagster.runs(filter_tags, limit=1, statuses=_STATUSES[State.done])
    return (await _jobs(services, runs))[0] if runs else None


def is_id(text: str) -> bool:
    """Whether a text has the format of a job id (a UUID)."""
    return _RUN_ID.fullmatch(text) is not None


def _check_id(job_id: str) -> None:
    if not is_id(job_id):
        raise _unknown(job_id)


def _unknown(job_id: str) -> NotFoundError:
    return NotFoundError(f"There is no collection {job_id[:50]!r} in the history.")


async def _jobs(services: Services, runs: Sequence[Run]) -> list[Job]:
    """Returns the jobs of these runs; queries steps only for active runs, and errors only for failed ones."""
    going = [run.run_id for run in runs if _STATES.get(run.status) is State.running and not run.steps]
    failed = [run.run_id for run in runs if _state(run) is State.failed and IMPORTED_TAG not in run.tags]
    steps, errors = await asyncio.gather(services.dagster.steps(going), services.dagster.errors(failed))
    return [job_of(run, run.steps or steps.get(run.run_id, {}), errors.get(run.run_id, "")) for run in runs]


def job_of(run: Run, steps: Mapping[str, str], error: str) -> Job:
    """Returns the job of a Dagster run, read from its tags; invalid tags, which anybody can set, are ignored."""
    kind, state, tags = _KINDS.get(run.job, Kind.search), _state(run), run.tags
    tagged_folder = tags.get(FOLDER_TAG) or (tags.get(PARTITION, "") if kind is Kind.search else "")
    is_imported = IMPORTED_TAG in tags
    folder = (
        _readable(tags.get(OUT_DIR_TAG, "")) if is_imported else tagged_folder if is_search_name(tagged_folder) else ""
    )
    # For a run that was cancelled while queued, Dagster sets the start time to the end time.
    never_began = state is State.cancelled and run.started == run.ended and not is_imported
    # A re-executed run has the tags with the first run's counts until it has counted itself.
    has_counted = tags.get(COUNTED_BY_TAG, "" if _PARENT in tags else run.run_id) == run.run_id
    counts = tags if has_counted else {}
    every = len(run.assets) or (len(STEPS_OF_SEARCH) if kind is Kind.search else 1)
    return Job(
        job_id=run.run_id,
        kind=kind,
        query=_readable(tags.get(QUERY_TAG, "") or folder or tagged_folder),
        limit=_number(tags.get(LIMIT_TAG)),
        folder=folder,
        is_cancelling=run.status == _CANCELLING,
        state=state,
        created_at=_moment(run.created) or datetime.fromtimestamp(0, UTC),
        started_at=None if never_began else _moment(run.started),
        finished_at=_moment(run.ended),
        kept=_number(counts.get(KEPT_TAG)),
        candidates=_number(counts.get(CANDIDATES_TAG)),
        step=next((name for name, status in steps.items() if status == "IN_PROGRESS"), "") if state in _OPEN else "",
        steps_done=every if state is State.done else sum(status in _STEP_DONE for status in steps.values()),
        steps=every,
        error=_short(tags.get(ERROR_TAG, error)),
        is_imported=is_imported,
    )


def _state(run: Run) -> State:
    return _STATES.get(run.status, State.running)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER else None


def _moment(seconds: float | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):  # not a representable date
        return None


def _readable(text: str) -> str:
    return replace_control_characters(text, _LONGEST_TAG)


def _short(error: str) -> str:
    """Returns the first non-empty line of an error message; errors of this package have only one line."""
    line = next((line.strip() for line in error.splitlines() if line.strip()), "")
    first = replace_control_characters(line.replace("\t", " "), _LONGEST_TAG)
    return first if len(first) <= _LONGEST_ERROR else f"{first[: _LONGEST_ERROR - 1]}…"
