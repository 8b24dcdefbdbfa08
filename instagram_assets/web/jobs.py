"""What somebody collected: runs of Dagster, as the history shows them; to find, start, cancel and remove them."""

import asyncio
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from instagram_assets.automation.imported_jobs import ERROR, IMPORTED, OUT_DIR
from instagram_assets.automation.pause import refuse_while_paused
from instagram_assets.automation.searches import (
    CANDIDATES,
    COUNTED_BY,
    FOLDER,
    HISTORY,
    KEPT,
    LIMIT,
    QUERY,
    SHOWN,
    search_folder,
)
from instagram_assets.automation.searches import STEPS as STEPS_OF_SEARCH
from instagram_assets.datasets.folder_removal import Removed, remove_folder
from instagram_assets.errors import ConflictError, DagsterRefusedError, NotFoundError
from instagram_assets.partitions import PARTITION
from instagram_assets.settings import Settings
from instagram_assets.web.dagster_api import Run
from instagram_assets.web.services import Services
from instagram_assets.web.wanted import CollectionWanted, ScrapeWanted, SearchWanted, Wanted

if TYPE_CHECKING:
    import dagster as dg

MOST_AT_ONCE = 100
_LONGEST_ERROR = 300
_PARENT = "dagster/parent_run_id"
"""The tag of Dagster's on a run that is made again."""
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class State(StrEnum):
    """How far a job is."""

    queued = "queued"
    running = "running"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"


class Kind(StrEnum):
    """What collects: an image search, an actor of Apify, or our own collector."""

    search = "search"
    apify = "apify"
    collector = "collector"


KINDS = {"search": Kind.search, "scrape": Kind.apify, "collect_accounts": Kind.collector}
"""By the name of the job of Dagster."""
STATUSES: Mapping[State, Sequence[str]] = {
    State.queued: ("QUEUED", "NOT_STARTED"),
    State.running: ("STARTING", "STARTED", "CANCELING"),
    State.done: ("SUCCESS",),
    State.failed: ("FAILURE",),
    State.cancelled: ("CANCELED",),
}
"""The statuses of Dagster's runs, by state."""
_STATES = {status: state for state, statuses in STATUSES.items() for status in statuses}
_STEP_DONE = ("SUCCESS", "SKIPPED")
_OPEN = (State.queued, State.running)


@dataclass(frozen=True)
class Job:
    """One collection; `job_id` is the id of its run. Times are aware; counts are null until they are known."""

    job_id: str
    kind: Kind
    query: str
    limit: int | None
    folder: str
    """Name of the folder below `datasets/search`; empty but for searches."""
    state: State
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    kept: int | None = None
    candidates: int | None = None
    step: str = ""
    """The step it works on now, and how many there are: `search_images`, 2 of 5."""
    steps_done: int = 0
    steps: int = 0
    error: str = ""
    is_imported: bool = False
    """From the jobs.json of an earlier dashboard: there is no run behind it."""

    @property
    def is_open(self) -> bool:
        """Whether it waits or goes on, so that it can be cancelled and not removed."""
        return self.state in _OPEN


@dataclass(frozen=True)
class JobPage:
    """Jobs, the newest first; `before` is what the next page is asked with, null where there are no older ones."""

    jobs: Sequence[Job]
    before: str | None


async def find_jobs(
    services: Services, *, before: str | None = None, size: int = 25, states: Sequence[State] = ()
) -> JobPage:
    """A page of the history; only jobs in these states where some are named.

    Raises NotFoundError where `before` is no id of a job.
    """
    if before is not None:
        _check_id(before)
    statuses = [status for state in dict.fromkeys(states) for status in STATUSES[state]]
    size = max(1, min(size, MOST_AT_ONCE))
    runs = await services.dagster.runs({HISTORY: SHOWN}, limit=size + 1, cursor=before, statuses=statuses)
    shown = runs[:size]
    return JobPage(await _jobs(services, shown), shown[-1].run_id if len(runs) > size else None)


async def find_job(services: Services, job_id: str) -> Job:
    """One job. Raises NotFoundError when there is none with this id, or it was taken out of the history."""
    _check_id(job_id)
    run = await services.dagster.run(job_id)
    if run is None or run.tags.get(HISTORY) != SHOWN:
        raise _unknown(job_id)
    (job,) = await _jobs(services, [run])
    return job


async def start_search(services: Services, wanted: SearchWanted) -> Job:
    """Start an image search. Raises the error of whatever is wrong with it before anything is started."""
    return await _start(services, wanted)


async def start_scrape(services: Services, wanted: ScrapeWanted) -> Job:
    """Start an actor of Apify, which costs money; as `start_search`."""
    return await _start(services, wanted)


async def start_collection(services: Services, wanted: CollectionWanted) -> Job:
    """Start our own collector; as `start_search`."""
    return await _start(services, wanted)


async def cancel(services: Services, job_id: str) -> Job:
    """Cancel a job that waits or goes on; what it has made stays. Raises NotFoundError and ConflictError."""
    job = await find_job(services, job_id)
    if job.is_open:
        try:
            await services.dagster.terminate(job_id)
        except DagsterRefusedError:
            if (job := await find_job(services, job_id)).is_open:
                raise
        else:
            return await find_job(services, job_id)
    raise ConflictError(f"{job.query or job_id} has ended already ({job.state}), so there is nothing to cancel.")


async def remove(services: Services, job_id: str, *, files: bool = False) -> Removed:
    """Take a job that has ended out of the history; with `files` also the folder of its search.

    Of the folder our own images, manifest and card go while they are as we wrote them. What people put or changed there
    stays, and so does the lake: the run's tables are Dagster's record of what was made. Raises NotFoundError, and
    ConflictError for a job that waits or goes on, or whose folder another such job is about.
    """
    job = await find_job(services, job_id)
    if job.is_open:
        raise ConflictError(f"{job.query or job_id} is {job.state}. Cancel it first.")
    folder = job.folder if files and job.kind is Kind.search and not job.is_imported else ""
    if folder and folder in await _folders_in_use(services):
        raise ConflictError(f"Another collection works on the folder {folder}. Cancel it first.")

    def work() -> Removed:
        from instagram_assets.automation.hidden_runs import hide_runs

        removed = _remove_folders(services.settings, [folder]) if folder else Removed(0, [])
        with history(services.settings) as instance:
            hide_runs(instance, [job_id])
        return removed

    return await asyncio.to_thread(work)


async def clear(services: Services, *, files: bool = False) -> int:
    """Take all jobs that have ended out of the history, as `remove` does; how many. Folders in use stay."""
    in_use = await _folders_in_use(services) if files else set[str]()

    def work() -> int:
        from instagram_assets.automation.hidden_runs import ended_runs, hide_runs

        with history(services.settings) as instance:
            ended = ended_runs(instance)
            if files:
                _remove_folders(services.settings, sorted({*ended.values()} - {"", *in_use}))
            return hide_runs(instance, list(ended))

    return await asyncio.to_thread(work)


async def _start(services: Services, wanted: Wanted) -> Job:
    start = await asyncio.to_thread(wanted.start, services.settings)
    if start.search:
        await services.dagster.add_partition("searches", start.search)
    return await find_job(services, await services.dagster.launch(start.job, start.config, start.tags))


def is_id(text: str) -> bool:
    """Whether a text has the form of a job's id."""
    return _RUN_ID.fullmatch(text) is not None


def _check_id(job_id: str) -> None:
    if not is_id(job_id):
        raise _unknown(job_id)


def _unknown(job_id: str) -> NotFoundError:
    return NotFoundError(f"There is no collection {job_id[:50]!r} in the history.")


async def _jobs(services: Services, runs: Sequence[Run]) -> list[Job]:
    """The jobs that these runs are; only those that go on are asked for steps, those that failed for why."""
    going = [run.run_id for run in runs if _STATES.get(run.status) is State.running and not run.steps]
    failed = [run.run_id for run in runs if _state(run) is State.failed and IMPORTED not in run.tags]
    steps, errors = await asyncio.gather(services.dagster.steps(going), services.dagster.errors(failed))
    return [_job(run, run.steps or steps.get(run.run_id, {}), errors.get(run.run_id, "")) for run in runs]


def _job(run: Run, steps: Mapping[str, str], error: str) -> Job:
    kind, state, tags = KINDS.get(run.job, Kind.search), _state(run), run.tags
    folder = tags.get(OUT_DIR) or tags.get(FOLDER) or (tags.get(PARTITION, "") if kind is Kind.search else "")
    # Of a run that was cancelled while it waited Dagster takes its end for its start, too.
    never_began = state is State.cancelled and run.started == run.ended and IMPORTED not in tags
    # One that was made again has the counts of the first until it has its own.
    has_counted = tags.get(COUNTED_BY, "" if _PARENT in tags else run.run_id) == run.run_id
    counts = tags if has_counted else {}
    every = len(STEPS_OF_SEARCH) if kind is Kind.search else 1
    return Job(
        job_id=run.run_id,
        kind=kind,
        query=tags.get(QUERY, "") or folder,
        limit=_number(tags.get(LIMIT)),
        folder=folder,
        state=state,
        created_at=_moment(run.created),
        started_at=None if run.started is None or never_began else _moment(run.started),
        finished_at=None if run.ended is None else _moment(run.ended),
        kept=_number(counts.get(KEPT)),
        candidates=_number(counts.get(CANDIDATES)),
        step=next((name for name, status in steps.items() if status == "IN_PROGRESS"), "") if state in _OPEN else "",
        steps_done=every if state is State.done else sum(status in _STEP_DONE for status in steps.values()),
        steps=every,
        error=_short(tags.get(ERROR, error)),
        is_imported=IMPORTED in tags,
    )


def _state(run: Run) -> State:
    return _STATES.get(run.status, State.running)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() else None


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _short(error: str) -> str:
    """The first line of an error, in which our own say all."""
    first = next((line.strip() for line in error.splitlines() if line.strip()), "")
    return first if len(first) <= _LONGEST_ERROR else f"{first[: _LONGEST_ERROR - 1]}…"


async def _folders_in_use(services: Services) -> set[str]:
    """The folders of searches that wait or go on, also of those that the history does not show."""
    statuses = [status for state in _OPEN for status in STATUSES[state]]
    runs = await services.dagster.runs({}, limit=1_000, statuses=statuses)
    # Also of other jobs: in the UI somebody may make some of a search's tables by themselves.
    return {run.tags.get(FOLDER) or run.tags.get(PARTITION, "") for run in runs} - {""}


def _remove_folders(settings: Settings, names: Sequence[str]) -> Removed:
    """Names come from tags, which anybody can write: a path among them leads nowhere."""
    base = search_folder(settings, "")
    with suppress(FileNotFoundError):
        there = {entry.name: entry for entry in base.iterdir() if entry.is_dir() and not entry.is_symlink()}
        each = [remove_folder(there[name]) for name in names if name in there]
        return Removed(sum(removed.files for removed in each), [name for removed in each for name in removed.left])
    return Removed(0, [])


@contextmanager
def history(settings: Settings) -> "Generator[dg.DagsterInstance]":
    """Dagster's own storage of runs: its GraphQL can neither tag a run nor take one in.

    Raises NotFoundError, and PausedError while something is being forgotten: nobody else may have it open then.
    """
    from instagram_assets.runs import look_at_instance

    refuse_while_paused()
    home = settings.folder("dagster")
    with look_at_instance(home) as instance:
        if instance is None:
            raise NotFoundError(f"{home}: Dagster has no history there. Start it with: instagram-assets dev.")
        yield instance
