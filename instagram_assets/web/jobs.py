"""What somebody collected: runs of Dagster, as the history shows them; to find, start, cancel and remove them."""

import asyncio
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from instagram_assets.automation.forget_requests import refuse_while_paused
from instagram_assets.automation.run_states import ACTIVE_STATUSES, RUNNING_STATUSES, WAITING_STATUSES
from instagram_assets.automation.search_runs import SEARCH_STEPS as STEPS_OF_SEARCH
from instagram_assets.errors import ConflictError, DagsterRefusedError, NotFoundError
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
from instagram_assets.search.requests import is_search_name, searches_folder
from instagram_assets.settings import Settings
from instagram_assets.storage.folders import Removed, remove_folder
from instagram_assets.web.dagster_api import Run
from instagram_assets.web.folder_locks import alone_with
from instagram_assets.web.services import Services
from instagram_assets.web.wanted import CollectionBody, JobBody, ScrapeBody, SearchBody

if TYPE_CHECKING:
    import dagster as dg

MOST_AT_ONCE = 100
_RUNS_AT_ONCE = 500
_LONGEST_ERROR = 300
_LONGEST_TAG = 1_000
_LONGEST_NUMBER = 9
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
    State.queued: WAITING_STATUSES,
    State.running: RUNNING_STATUSES,
    State.done: ("SUCCESS",),
    State.failed: ("FAILURE",),
    State.cancelled: ("CANCELED",),
}
"""The statuses of Dagster's runs, by state."""
_STATES = {status: state for state, statuses in STATUSES.items() for status in statuses}
_CANCELLING = "CANCELING"
_STEP_DONE = ("SUCCESS", "SKIPPED")
_OPEN = (State.queued, State.running)


@dataclass(frozen=True)
class Job:
    """One collection; `job_id` is the id of its run. Times are in UTC; counts are null until they are known."""

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
    runs = await services.dagster.runs(
        {HISTORY_TAG: SHOWN_IN_HISTORY}, limit=size + 1, cursor=before, statuses=statuses
    )
    shown = runs[:size]
    return JobPage(await _jobs(services, shown), shown[-1].run_id if len(runs) > size else None)


async def find_job(services: Services, job_id: str) -> Job:
    """One job. Raises NotFoundError when there is none with this id, or it was taken out of the history."""
    _check_id(job_id)
    run = await services.dagster.run(job_id)
    if run is None or run.tags.get(HISTORY_TAG) != SHOWN_IN_HISTORY:
        raise _unknown(job_id)
    (job,) = await _jobs(services, [run])
    return job


def folder_of(job: Job) -> str:
    """The search whose images a job has; empty for jobs that are none, and those of an earlier dashboard."""
    return job.folder if job.kind is Kind.search and not job.is_imported else ""


async def newest_of(services: Services, folder: str) -> Job | None:
    """The job whose images a folder holds: of those in the history the last one that is done."""
    wanted = {HISTORY_TAG: SHOWN_IN_HISTORY, FOLDER_TAG: folder}
    runs = await services.dagster.runs(wanted, limit=1, statuses=STATUSES[State.done])
    return (await _jobs(services, runs))[0] if runs else None


async def start_search(services: Services, wanted: SearchBody) -> Job:
    """Start an image search. Raises the error of whatever is wrong with it before anything is started."""
    return await _start(services, wanted)


async def start_scrape(services: Services, wanted: ScrapeBody) -> Job:
    """Start an actor of Apify, which costs money; as `start_search`."""
    return await _start(services, wanted)


async def start_collection(services: Services, wanted: CollectionBody) -> Job:
    """Start our own collector; as `start_search`."""
    return await _start(services, wanted)


async def cancel(services: Services, job_id: str) -> Job:
    """Cancel a job that waits or goes on; what it has made stays. To ask again changes nothing.

    Raises NotFoundError, and ConflictError for a job that has come to its own end.
    """
    job = await find_job(services, job_id)
    if job.is_cancelling or job.state is State.cancelled:
        return job
    if job.is_open:
        try:
            await services.dagster.terminate(job_id)
        except DagsterRefusedError:
            if (job := await find_job(services, job_id)).is_cancelling or job.state is State.cancelled:
                return job
            if job.is_open:
                raise
        else:
            return await find_job(services, job_id)
    raise ConflictError(f"{job.query or job_id} has ended already ({job.state}), so there is nothing to cancel.")


async def remove(services: Services, job_id: str, *, files: bool = False) -> Removed:
    """Take a job that has ended out of the history; with `files` also the folder of its search.

    Of the folder our own images, manifest and card go while they are as we wrote them. What people put or changed there
    stays, and so does the lake: the run's tables are Dagster's record of what was made. Raises NotFoundError, and
    ConflictError for a job that waits or goes on, and with `files` where the folder is another job's: of one that waits
    or goes on, or, later than this one, is done.
    """
    job = await find_job(services, job_id)
    if job.is_open:
        raise ConflictError(f"{job.query or job_id} is {job.state}. Cancel it first.")
    folder = folder_of(job) if files else ""

    def work() -> Removed:
        from instagram_assets.automation.hidden_runs import hide_runs

        with history(services.settings) as instance:
            removed = _remove_folders(services.settings, [folder]) if folder else Removed(0, [])
            hide_runs(instance, [job_id])
        return removed

    async with alone_with(services, [folder]):
        if folder and folder in await _folders_in_use(services):
            raise ConflictError(f"Another collection works on the folder {folder}. Cancel it first.")
        if folder and (owner := await newest_of(services, folder)) and owner.job_id != job_id:
            at = owner.created_at.astimezone(services.settings.zone)
            raise ConflictError(
                f"The images of the folder {folder} are those of another collection: {owner.query}, "
                f"{at:%Y-%m-%d %H:%M}. Delete them with that one, or this one without images."
            )
        return await asyncio.to_thread(work)


async def clear(services: Services, *, files: bool = False) -> int:
    """Take all jobs that have ended out of the history, as `remove` does; how many.

    Folders stay that are in use, or that a job wrote which ended only since it was looked which have.
    """

    def look() -> dict[str, str]:
        from instagram_assets.automation.hidden_runs import ended_runs

        with history(services.settings) as instance:
            return ended_runs(instance)

    def work(ended: Mapping[str, str], folders: Sequence[str]) -> int:
        from instagram_assets.automation.hidden_runs import hide_runs

        with history(services.settings) as instance:
            _remove_folders(services.settings, folders)
            return hide_runs(instance, list(ended))

    ended = await asyncio.to_thread(look)
    folders = {*ended.values()} - {""} if files else set[str]()
    async with alone_with(services, folders):
        in_use = await _folders_in_use(services) if folders else set[str]()
        now = await asyncio.to_thread(look)
        later = {folder for run_id, folder in now.items() if run_id not in ended}
        return await asyncio.to_thread(work, ended, sorted(folders - in_use - later))


async def _start(services: Services, wanted: JobBody) -> Job:
    start = await asyncio.to_thread(wanted.start, services.settings)
    async with alone_with(services, [start.search]):
        if start.search:
            await services.dagster.add_partition("searches", start.search)
        started = await services.dagster.launch(start.job, start.config, start.tags)
    return await find_job(services, started)


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
    failed = [run.run_id for run in runs if _state(run) is State.failed and IMPORTED_TAG not in run.tags]
    steps, errors = await asyncio.gather(services.dagster.steps(going), services.dagster.errors(failed))
    return [job_of(run, run.steps or steps.get(run.run_id, {}), errors.get(run.run_id, "")) for run in runs]


def job_of(run: Run, steps: Mapping[str, str], error: str) -> Job:
    """Anybody can write tags, so of those that make no sense is shown what can be."""
    kind, state, tags = KINDS.get(run.job, Kind.search), _state(run), run.tags
    said = tags.get(FOLDER_TAG) or (tags.get(PARTITION, "") if kind is Kind.search else "")
    is_imported = IMPORTED_TAG in tags
    folder = _readable(tags.get(OUT_DIR_TAG, "")) if is_imported else said if is_search_name(said) else ""
    # Of a run that was cancelled while it waited Dagster takes its end for its start, too.
    never_began = state is State.cancelled and run.started == run.ended and not is_imported
    # One that was made again has the counts of the first until it has its own.
    has_counted = tags.get(COUNTED_BY_TAG, "" if _PARENT in tags else run.run_id) == run.run_id
    counts = tags if has_counted else {}
    every = len(run.assets) or (len(STEPS_OF_SEARCH) if kind is Kind.search else 1)
    return Job(
        job_id=run.run_id,
        kind=kind,
        query=_readable(tags.get(QUERY_TAG, "") or folder or said),
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
    except (ValueError, OverflowError, OSError):  # no time of this calendar
        return None


def _readable(text: str) -> str:
    return replace_control_characters(text, _LONGEST_TAG)


def _short(error: str) -> str:
    """The first line of an error, in which our own say all."""
    line = next((line.strip() for line in error.splitlines() if line.strip()), "")
    first = replace_control_characters(line.replace("\t", " "), _LONGEST_TAG)
    return first if len(first) <= _LONGEST_ERROR else f"{first[: _LONGEST_ERROR - 1]}…"


async def _folders_in_use(services: Services) -> set[str]:
    """The folders of searches that wait or go on, also of those that the history does not show."""
    found, cursor = set[str](), None
    while True:
        runs = await services.dagster.runs({}, limit=_RUNS_AT_ONCE, cursor=cursor, statuses=ACTIVE_STATUSES)
        # Also of other jobs: in the UI somebody may make some of a search's tables by themselves.
        found |= {run.tags.get(FOLDER_TAG) or run.tags.get(PARTITION, "") for run in runs}
        if len(runs) < _RUNS_AT_ONCE:
            return found - {""}
        cursor = runs[-1].run_id


def _remove_folders(settings: Settings, names: Sequence[str]) -> Removed:
    """Names come from tags, which anybody can write: a path among them leads nowhere."""
    base = searches_folder(settings)
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
    from instagram_assets.automation.shell_runs import look_at_instance

    refuse_while_paused()
    home = settings.folder("dagster")
    with look_at_instance(home) as instance:
        if instance is None:
            raise NotFoundError(f"{home}: Dagster has no history there. Start it with: instagram-assets dev.")
        yield instance
