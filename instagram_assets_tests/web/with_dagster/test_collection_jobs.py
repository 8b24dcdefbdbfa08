"""A collection is started, watched, found again, cancelled and removed; of its files only our own unchanged ones go."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

import pytest

from instagram_assets.automation.imported_jobs import import_jobs, run_id_of
from instagram_assets.automation.search_runs import search_folder
from instagram_assets.errors import (
    CollectionRefusedError,
    ConflictError,
    NotFoundError,
    ScrapeRequestError,
    SearchRequestError,
    SettingsError,
)
from instagram_assets.ingest.dashboard_jobs import DashboardJob
from instagram_assets.storage.image_folder_state import Removed
from instagram_assets.web import collection_jobs, job_actions
from instagram_assets.web.collection_jobs import Job, Kind, State
from instagram_assets.web.dependencies import Services
from instagram_assets.web.job_requests import CollectionBody, ScrapeBody, SearchBody
from instagram_assets_tests.servers.dev import Dev
from instagram_assets_tests.servers.searching_dev import CATS, HANGING, NOTHING
from instagram_assets_tests.web.with_dagster.jobs_of import services_for, until

ENDED = (State.done, State.failed, State.cancelled)


@pytest.fixture
def services(collecting_dev: Dev) -> Services:
    return services_for(collecting_dev)


async def search(services: Services, word: str, **given: object) -> Job:
    """A job for the word in a folder of its own."""
    wanted = {"query": word, "folder": uuid4().hex, "limit": 12, **given}
    return await job_actions.start(services, SearchBody.model_validate(wanted))


class Watched(NamedTuple):
    """A search as it was seen right after its start, while it went on, and at its end."""

    started: Job
    running: Job
    done: Job


@pytest.fixture(scope="module")
def watched(collecting_dev: Dev) -> Watched:
    services = services_for(collecting_dev)

    async def watch() -> Watched:
        started = await search(services, CATS)
        running = await until(services, started.job_id, State.running, *ENDED)
        return Watched(started, running, await until(services, started.job_id, *ENDED))

    return asyncio.run(watch())


def test_a_search_is_started_and_watched_to_its_end_and_found_again(services: Services, watched: Watched) -> None:
    started, running, done = watched
    assert (started.kind, started.query, started.limit, started.state) == (Kind.search, CATS, 12, State.queued)
    assert started.started_at is started.kept is started.candidates is None
    assert (running.state, running.steps, running.kept) == (State.running, 5, None)
    assert (done.state, done.error, done.candidates) == (State.done, "", 12)
    assert (done.step, done.steps_done, done.steps) == ("", 5, 5)
    assert done.started_at
    assert done.finished_at
    assert started.created_at <= done.started_at <= done.finished_at
    images = list(search_folder(services.settings, started.folder).glob("img_*.jpg"))
    assert done.kept == len(images) > 0
    assert done in asyncio.run(collection_jobs.find_jobs(services, states=[State.done])).jobs


def test_a_removed_job_takes_our_files_along_where_asked_and_leaves_those_of_people(
    services: Services, watched: Watched
) -> None:
    folder = search_folder(services.settings, watched.done.folder)
    (folder / "labels.csv").write_text("mine")
    changed = folder / "img_0001.jpg"
    changed.write_bytes(b"mine, too")
    removed = asyncio.run(job_actions.remove(services, watched.done.job_id, files=True))
    assert removed.left == ["img_0001.jpg", "labels.csv"]
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == removed.left
    assert changed.read_bytes() == b"mine, too"


def test_why_a_job_failed_is_told_in_a_line(services: Services) -> None:
    async def fail() -> None:
        failed = await until(services, (await search(services, NOTHING)).job_id, *ENDED)
        assert (failed.state, failed.kept, failed.candidates) == (State.failed, None, None)
        assert "it found nothing" in failed.error
        assert "\n" not in failed.error

    asyncio.run(fail())


def test_a_job_that_goes_on_is_cancelled_and_only_then_removed(services: Services) -> None:
    async def cancel() -> None:
        job = await search(services, HANGING)
        running = await until(services, job.job_id, State.running)
        with pytest.raises(ConflictError, match="Cancel it first"):
            await job_actions.remove(services, running.job_id)
        await job_actions.cancel(services, job.job_id)
        cancelled = await until(services, job.job_id, *ENDED)
        assert cancelled.state is State.cancelled
        assert (await job_actions.cancel(services, job.job_id)).state is State.cancelled
        await job_actions.remove(services, job.job_id)
        with pytest.raises(NotFoundError):
            await collection_jobs.find_job(services, job.job_id)

    asyncio.run(cancel())


def test_a_folder_that_another_job_works_on_stays(services: Services) -> None:
    async def conflict() -> None:
        first = await search(services, HANGING)
        await job_actions.cancel(services, first.job_id)
        assert (await until(services, first.job_id, *ENDED)).started_at is None
        second = await search(services, HANGING, folder=first.folder)
        with pytest.raises(ConflictError, match=f"works on the folder {first.folder}"):
            await job_actions.remove(services, first.job_id, files=True)
        await job_actions.cancel(services, second.job_id)
        await until(services, second.job_id, *ENDED)
        assert await job_actions.remove(services, first.job_id, files=True) == Removed(0, [])

    asyncio.run(conflict())


def test_the_history_is_paged_and_cleared_of_all_that_ended(services: Services) -> None:
    async def clear() -> None:
        made = [await search(services, HANGING) for _ in range(3)]
        for job in made[:2]:
            await job_actions.cancel(services, job.job_id)
            await until(services, job.job_id, *ENDED)
        first = await collection_jobs.find_jobs(services, size=2)
        second = await collection_jobs.find_jobs(services, size=2, before=first.before)
        ids = [job.job_id for job in (*first.jobs, *second.jobs)]
        assert ids[:3] == [job.job_id for job in reversed(made)]
        assert len(set(ids)) == len(ids)
        assert await job_actions.clear(services) >= 2
        left = await collection_jobs.find_jobs(services)
        assert [job.job_id for job in left.jobs] == [made[2].job_id]
        assert left.before is None
        await job_actions.cancel(services, made[2].job_id)
        await until(services, made[2].job_id, *ENDED)

    asyncio.run(clear())


def test_a_job_of_an_earlier_dashboard_is_in_the_history_and_no_folder_goes_with_it(services: Services) -> None:
    begun = datetime(2025, 3, 1, tzinfo=UTC)
    old = DashboardJob(
        uuid4().hex, CATS, 50, CATS, "failed", 3, "no images\nmore", "one\ntwo", begun, begun + timedelta(minutes=5)
    )
    folder = search_folder(services.settings, CATS)
    folder.mkdir(parents=True, exist_ok=True)
    with job_actions.run_history(services.settings) as instance:
        assert import_jobs(instance, [old]) == 1

    async def look() -> None:
        job = await collection_jobs.find_job(services, run_id_of(old))
        assert job.is_imported
        assert (job.kind, job.query, job.limit, job.folder) == (Kind.search, CATS, 50, CATS)
        assert (job.state, job.kept, job.error) == (State.failed, 3, "no images")
        assert (job.created_at, job.started_at, job.finished_at) == (begun, begun, old.finished_at)
        assert (await collection_jobs.find_jobs(services, size=100)).jobs[-1] == job
        (line,) = (await services.dagster.events(job.job_id)).events
        assert line.message == old.log
        assert await job_actions.remove(services, job.job_id, files=True) == Removed(0, [])
        assert folder.is_dir()

    asyncio.run(look())


@pytest.mark.parametrize("job_id", ["", "x", "../x", "a" * 36, "00000000-0000-4000-8000-000000000000", "\0", "고양이"])
def test_a_job_that_is_not_there_is_told(services: Services, job_id: str) -> None:
    asked: list[Callable[[Services, str], Awaitable[object]]] = [
        collection_jobs.find_job,
        job_actions.cancel,
        job_actions.remove,
    ]

    async def ask() -> None:
        for each in asked:
            with pytest.raises(NotFoundError):
                await each(services, job_id)

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"query": " "}, "empty"),
        ({"query": "a\0b"}, "control character"),
        ({"query": "\u202egpj.exe"}, r"control character U\+202E"),
        ({"query": "a", "folder": "b\u2066c"}, r"the folder .* control character U\+2066"),
        ({"query": "cats", "limit": 501}, "limit 501"),
        ({"query": "cats", "limit": 0}, "limit 0"),
        ({"query": "cats", "folder": "../cats"}, "a path, and a name is wanted"),
        ({"query": "cats", "min_side": -1}, "min_side -1"),
        ({"query": "cats", "min_sharpness": -1}, "min_sharpness -1"),
    ],
)
def test_a_search_that_makes_no_sense_starts_nothing(services: Services, given: dict[str, object], said: str) -> None:
    with pytest.raises(SearchRequestError, match=said):
        asyncio.run(job_actions.start(services, SearchBody.model_validate(given)))


def test_a_scrape_or_a_collection_that_makes_no_sense_starts_nothing(services: Services) -> None:
    async def ask() -> None:
        before = (await collection_jobs.find_jobs(services, size=100)).jobs
        for name in ("../posts", "nothing", "post"):
            with pytest.raises(ScrapeRequestError):
                await job_actions.start(services, ScrapeBody(name=name))
        with pytest.raises(ScrapeRequestError, match="yesterday"):
            await job_actions.start(services, ScrapeBody(name="posts", names=["cat"], newer_than="yesterday"))
        with pytest.raises(SettingsError, match="TOKEN"):
            await job_actions.start(services, ScrapeBody(name="posts", names=["cat"]))
        with pytest.raises(CollectionRefusedError):
            await job_actions.start(services, CollectionBody(names=["no account!"]))
        with pytest.raises(SettingsError, match="accounts"):
            await job_actions.start(services, CollectionBody())
        assert (await collection_jobs.find_jobs(services, size=100)).jobs == before

    asyncio.run(ask())
