"""Actions on collection jobs: start, cancel, remove from the history, and rewrite the image folder of a search."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from starlette.concurrency import run_in_threadpool

from instagram_assets.automation.forget_requests import refuse_while_paused
from instagram_assets.automation.run_states import ACTIVE_STATUSES
from instagram_assets.automation.search_runs import search_run_tags
from instagram_assets.errors import ConflictError, NotFoundError
from instagram_assets.partitions import FOLDER_TAG, PARTITION
from instagram_assets.search.search_requests import load_search_request, searches_folder
from instagram_assets.settings import Settings
from instagram_assets.storage.image_folder_state import Removed, remove_folder
from instagram_assets.web.collection_jobs import Job, State, find_job, folder_of, newest_of
from instagram_assets.web.dagster_queries import DagsterRefusedError
from instagram_assets.web.dependencies import Services
from instagram_assets.web.job_requests import JobBody

if TYPE_CHECKING:
    import dagster as dg

_RUNS_AT_ONCE = 500


async def start(services: Services, body: JobBody) -> Job:
    """Start a collection and return its job. Raises the error of an invalid request before anything is started."""
    run = await asyncio.to_thread(body.start, services.settings)
    async with alone_with(services, [run.search]):
        if run.search:
            await services.dagster.add_partition("searches", run.search)
        started = await services.dagster.launch(run.job, run.config, run.tags)
    return await find_job(services, started)


async def cancel(services: Services, job_id: str) -> Job:
    """Cancel a queued or active job; what it has written is kept. Does nothing if it is already cancelled.

    Raises NotFoundError for an unknown job, and ConflictError for one that has finished.
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
    """Remove a finished job from the history; with `files`, also the image folder of its search.

    In the folder, only files that this package wrote (images, manifest, dataset card) and nobody changed are deleted.
    The lake is not changed, and Dagster keeps the run with its materializations. Raises NotFoundError for an unknown
    job, and ConflictError for one that is queued or active. With `files`, raises ConflictError also if another job uses
    the folder or wrote it later.
    """
    job = await find_job(services, job_id)
    if job.is_open:
        raise ConflictError(f"{job.query or job_id} is {job.state}. Cancel it first.")
    folder = folder_of(job) if files else ""

    def work() -> Removed:
        from instagram_assets.automation.hidden_runs import hide_runs

        with run_history(services.settings) as instance:
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
    """Remove all finished jobs from the history, with `files` also their image folders; returns the number of jobs.

    Folders that are in use, or that were written by a job that finished meanwhile, are kept.
    """

    def look() -> dict[str, str]:
        from instagram_assets.automation.hidden_runs import ended_runs

        with run_history(services.settings) as instance:
            return ended_runs(instance)

    def work(ended: Mapping[str, str], folders: Sequence[str]) -> int:
        from instagram_assets.automation.hidden_runs import hide_runs

        with run_history(services.settings) as instance:
            _remove_folders(services.settings, folders)
            return hide_runs(instance, list(ended))

    ended = await asyncio.to_thread(look)
    folders = {*ended.values()} - {""} if files else set[str]()
    async with alone_with(services, folders):
        in_use = await _folders_in_use(services) if folders else set[str]()
        now = await asyncio.to_thread(look)
        later = {folder for run_id, folder in now.items() if run_id not in ended}
        return await asyncio.to_thread(work, ended, sorted(folders - in_use - later))


async def apply_decisions(services: Services, search: str) -> str:
    """Start a run that rewrites the image folder of a search by the users' keep/drop decisions; returns the run id.

    No images are searched or downloaded. Raises NotFoundError for an unknown search, and ConflictError while another
    run uses the folder.
    """
    if not search:
        raise NotFoundError("This collection has no folder of images.")
    request = await run_in_threadpool(lambda: load_search_request(services.lake, search))
    async with alone_with(services, [search]):
        if await services.dagster.runs({PARTITION: search}, limit=1, statuses=ACTIVE_STATUSES):
            raise ConflictError(f"A run works on the folder {search}. Wait until it has ended, or cancel it.")
        return await services.dagster.launch("search", {}, search_run_tags(request), assets=["search_dataset"])


async def _folders_in_use(services: Services) -> set[str]:
    """Returns the image folders of queued and active runs, including runs that are hidden from the history."""
    found, cursor = set[str](), None
    while True:
        runs = await services.dagster.runs({}, limit=_RUNS_AT_ONCE, cursor=cursor, statuses=ACTIVE_STATUSES)
        # Also of other jobs: in the Dagster UI somebody may materialize some of a search's tables.
        found |= {run.tags.get(FOLDER_TAG) or run.tags.get(PARTITION, "") for run in runs}
        if len(runs) < _RUNS_AT_ONCE:
            return found - {""}
        cursor = runs[-1].run_id


def _remove_folders(settings: Settings, names: Sequence[str]) -> Removed:
    """Delete the image folders of searches by name; returns how many files were deleted and which were kept.

    The names come from run tags, which anybody can set, so only names of existing subfolders are accepted.
    """
    base = searches_folder(settings)
    with suppress(FileNotFoundError):
        there = {entry.name: entry for entry in base.iterdir() if entry.is_dir() and not entry.is_symlink()}
        each = [remove_folder(there[name]) for name in names if name in there]
        return Removed(sum(removed.files for removed in each), [name for removed in each for name in removed.left])
    return Removed(0, [])


@contextmanager
def run_history(settings: Settings) -> "Generator[dg.DagsterInstance]":
    """Context manager that yields Dagster's instance, for changes of the history that its GraphQL API cannot make.

    Raises NotFoundError if Dagster was never started, and PausedError during an erasure, which needs exclusive use of
    it.
    """
    from instagram_assets.automation.shell_runs import look_at_instance

    refuse_while_paused()
    home = settings.folder("dagster")
    with look_at_instance(home) as instance:
        if instance is None:
            raise NotFoundError(f"{home}: Dagster has no history there. Start it with: instagram-assets dev.")
        yield instance


_locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()


@asynccontextmanager
async def alone_with(services: Services, folders: Iterable[str]) -> AsyncGenerator[None]:
    """Context manager that holds exclusive locks on these image folders of searches; empty names are ignored.

    The locks are acquired in sorted order to avoid deadlocks.
    """
    root = str(services.settings.folder("datasets").absolute())
    locks = [_locks.setdefault((root, name), asyncio.Lock()) for name in sorted({*folders} - {""})]
    async with AsyncExitStack() as held:
        for lock in locks:
            await held.enter_async_context(lock)
        yield
