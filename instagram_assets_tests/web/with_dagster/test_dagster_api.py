"""Each question that the web app asks Dagster, asked of a real webserver: Dagster says that its GraphQL may change."""

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import pytest

from instagram_assets.errors import NotFoundError
from instagram_assets.partitions import CANDIDATES_TAG, KEPT_TAG, PARTITION
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dagster_queries import DagsterDownError, DagsterRefusedError, Run
from instagram_assets_tests.servers.dev import Dev
from instagram_assets_tests.servers.searching_dev import CATS, HANGING, NOTHING
from instagram_assets_tests.web.with_dagster.jobs_of import PATIENCE, POLL_SECONDS

ENDED = ("SUCCESS", "FAILURE", "CANCELED")
MARK = "instagram_assets/test"


@pytest.fixture
def api(collecting_dev: Dev) -> DagsterApi:
    return DagsterApi(f"http://127.0.0.1:{collecting_dev.port}")


async def launched(api: DagsterApi, word: str, mark: str) -> str:
    """The id of a run of a search for the word, in a partition of its own."""
    name = uuid4().hex
    await api.add_partition("searches", name)
    config = {"ops": {"search_results": {"config": {"query": word, "limit": 12}}}}
    return await api.launch("search", config, {PARTITION: name, MARK: mark})


async def until(api: DagsterApi, run_id: str, reached: Callable[[Run], bool]) -> Run:
    """The run as soon as it is so, or has ended."""
    give_up = monotonic() + PATIENCE
    while monotonic() < give_up:
        run = await api.run(run_id)
        assert run is not None
        if reached(run) or run.status in ENDED:
            return run
        await asyncio.sleep(POLL_SECONDS)
    raise AssertionError(f"{run_id} does not come so far")


async def log_of(api: DagsterApi, run_id: str, limit: int) -> list[Any]:
    """All lines of a run's log, asked for in pages."""
    read, cursor, more = list[Any](), None, True
    while more:
        page = await api.events(run_id, cursor, limit)
        read, cursor, more = [*read, *page.events], page.cursor, page.has_more
    return read


def test_a_run_is_started_and_followed_to_its_end(api: DagsterApi) -> None:
    async def follow() -> None:
        mark = uuid4().hex
        run_id = await launched(api, CATS, mark)
        run = await until(api, run_id, lambda _: False)
        assert (run.status, run.job, run.tags[MARK]) == ("SUCCESS", "search", mark)
        assert run.started
        assert run.ended
        assert run.created <= run.started <= run.ended
        names = ["search_results", "search_images", "search_embeddings", "search_clusters", "search_dataset"]
        assert run.steps == dict.fromkeys(names, "SUCCESS")
        assert (await api.steps([run_id]))[run_id] == run.steps
        assert await api.errors([run_id]) == {run_id: ""}
        assert run.tags[CANDIDATES_TAG] == "12"
        lines = await log_of(api, run_id, 500)
        assert lines == await log_of(api, run_id, 7)
        kinds = [line.kind for line in lines]
        assert (kinds[0], kinds[-1]) == ("RunEnqueuedEvent", "RunSuccessEvent")
        assert kinds.count("ExecutionStepSuccessEvent") == len(names)
        told = f"kept {run.tags[KEPT_TAG]} of 12"
        assert [line.step for line in lines if line.message.endswith(told)] == ["search_dataset"]

    asyncio.run(follow())


def test_of_a_run_that_failed_the_steps_own_error_is_told(api: DagsterApi) -> None:
    async def follow() -> None:
        run_id = await launched(api, NOTHING, uuid4().hex)
        run = await until(api, run_id, lambda _: False)
        assert run.status == "FAILURE"
        assert run.steps["search_results"] == "FAILURE"
        error = (await api.errors([run_id]))[run_id]
        assert "it found nothing" in error
        told = [line for line in await log_of(api, run_id, 500) if line.error]
        assert [(line.step, line.error) for line in told] == [("search_results", error)]

    asyncio.run(follow())


def test_a_run_that_goes_on_and_one_that_waits_are_cancelled(api: DagsterApi) -> None:
    async def cancel() -> None:
        run_id = await launched(api, HANGING, uuid4().hex)
        await until(api, run_id, lambda run: run.status == "STARTED")
        waiting = await launched(api, HANGING, uuid4().hex)
        await api.terminate(waiting)
        await api.terminate(run_id)
        assert (await until(api, waiting, lambda _: False)).status == "CANCELED"
        assert (await until(api, run_id, lambda _: False)).status == "CANCELED"
        with pytest.raises(DagsterRefusedError, match="could not be terminated"):
            await api.terminate(run_id)

    asyncio.run(cancel())


def test_a_run_that_is_just_starting_is_cancelled(api: DagsterApi) -> None:
    async def cancel() -> None:
        run_id = await launched(api, HANGING, uuid4().hex)
        await until(api, run_id, lambda run: run.status != "QUEUED")
        await api.terminate(run_id)
        await api.terminate(await launched(api, HANGING, uuid4().hex))
        assert (await until(api, run_id, lambda _: False)).status == "CANCELED"

    asyncio.run(cancel())


def test_runs_are_found_by_their_tags_and_states_page_by_page(api: DagsterApi) -> None:
    async def find() -> None:
        mark = uuid4().hex
        made = [await launched(api, HANGING, mark) for _ in range(3)]
        for run_id in made:
            await api.terminate(run_id)
            await until(api, run_id, lambda _: False)
        first = await api.runs({MARK: mark}, limit=2)
        second = await api.runs({MARK: mark}, limit=2, cursor=first[-1].run_id)
        assert [run.run_id for run in (*first, *second)] == made[::-1]
        assert [run.status for run in await api.runs({MARK: mark}, limit=9, statuses=["CANCELED"])] == ["CANCELED"] * 3
        assert await api.runs({MARK: mark}, limit=9, statuses=["QUEUED"]) == []
        assert await api.runs({MARK: mark, "job": "none"}, limit=9) == []

    asyncio.run(find())


def test_what_is_not_there_is_told(api: DagsterApi) -> None:
    async def ask() -> None:
        unknown = str(uuid4())
        assert await api.run(unknown) is None
        assert (await api.steps([unknown]), await api.errors([])) == ({}, {})
        with pytest.raises(NotFoundError):
            await api.events(unknown)
        with pytest.raises(NotFoundError):
            await api.terminate(unknown)
        with pytest.raises(DagsterRefusedError, match="not loaded the job nothing"):
            await api.launch("nothing", {}, {})
        with pytest.raises(DagsterRefusedError, match='unexpected config entry "word"'):
            await api.launch("search", {"ops": {"search_results": {"config": {"word": 1}}}}, {})
        with pytest.raises(DagsterRefusedError):
            await api.runs({}, limit=1, statuses=["NO_STATUS"])

    asyncio.run(ask())


def test_a_partition_that_is_there_already_stays(api: DagsterApi) -> None:
    async def add() -> None:
        name = f"이름 {uuid4().hex}"
        await api.add_partition("searches", name)
        await api.add_partition("searches", name)

    asyncio.run(add())


def test_the_daemons_are_known(api: DagsterApi) -> None:
    daemons: dict[str, bool] = {}
    give_up = monotonic() + PATIENCE
    while not (daemons and all(daemons.values())) and monotonic() < give_up:
        daemons = dict(asyncio.run(api.daemons()))
        sleep(POLL_SECONDS)
    assert "QUEUED_RUN_COORDINATOR" in daemons
    assert all(daemons.values()), daemons


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (200, "text/html", "<html>"),
        (502, "application/json", "{}"),
        (200, "application/json", "{"),
        (200, "application/json", "[]"),
        (301, "text/html", ""),
        (421, "text/plain", "not under this name"),
    ],
)
def test_what_is_no_dagster_is_down(status: int, kind: str, body: str) -> None:
    with answering(status, kind, body) as url, pytest.raises(DagsterDownError, match="instagram-assets dev"):
        asyncio.run(DagsterApi(url).daemons())


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "127.0.0.1", "http://name.invalid", ""])
def test_where_nobody_answers_dagster_is_down(url: str) -> None:
    with pytest.raises(DagsterDownError):
        asyncio.run(DagsterApi(url).daemons())


@contextmanager
def answering(status: int, kind: str, body: str) -> Generator[str]:
    """A server that gives this answer to everything; its address."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
