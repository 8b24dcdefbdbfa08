"""A client of the GraphQL API of Dagster's webserver, used for all requests of the web app to Dagster."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from instagram_assets.automation import forget_requests
from instagram_assets.errors import NotFoundError
from instagram_assets.web.dagster_queries import (
    ADD_PARTITION,
    DAEMONS,
    ERRORS,
    EVENTS,
    LAUNCH,
    ONE_RUN,
    REPOSITORIES,
    RUNS,
    STEPS,
    TERMINATE,
    DagsterDownError,
    DagsterRefusedError,
    Events,
    Run,
    checked,
    is_shown,
    read_error,
    read_event,
    read_run,
    read_steps,
    refusal_words,
    tag_pairs,
)

_SECONDS = 30.0
_MOST_WORDS = 300
_MOST_CACHED = 2_000
_STARTING = ("NOT_STARTED", "STARTING")
_LOOKS, _SECONDS_BETWEEN_LOOKS = 5, 0.5


class DagsterApi:
    """Client of the Dagster webserver at `url`, such as http://127.0.0.1:3000.

    Its methods raise DagsterDownError if the webserver does not respond, and DagsterRefusedError if it responds with an
    error.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._errors: dict[str, str] = {}
        self._errors_since = 0.0

    async def launch(
        self, job: str, config: Mapping[str, Any], tags: Mapping[str, str], assets: Sequence[str] = ()
    ) -> str:
        """Start a run of a job of this code location, for all its assets or only `assets`; returns the run id."""
        some = {"assetSelection": [{"path": [name]} for name in assets]} if assets else {}
        parameters = {
            "selector": {"jobName": job, **await self._repository_of(job), **some},
            "runConfigData": config,
            "executionMetadata": {"tags": tag_pairs(tags)},
        }
        data = await self._query(LAUNCH, parameters=parameters)
        return checked(data["launchRun"], "LaunchRunSuccess")["run"]["runId"]

    async def add_partition(self, definition: str, key: str) -> None:
        """Add a key to a dynamic partitions definition; does nothing if the key exists."""
        repository = await self._repository_of(None)
        data = await self._query(ADD_PARTITION, key=key, definition=definition, repository=repository)
        checked(data["addDynamicPartition"], "AddDynamicPartitionSuccess", "DuplicateDynamicPartitionError")

    async def runs(
        self, tags: Mapping[str, str], *, limit: int, cursor: str | None = None, statuses: Sequence[str] = ()
    ) -> list[Run]:
        """Returns the newest runs that have all these tags and, if given, one of the statuses.

        `cursor` is the id of the last run of the previous page.
        """
        run_filter: dict[str, Any] = {"tags": tag_pairs(tags)}
        if statuses:
            run_filter["statuses"] = list(statuses)
        data = await self._query(RUNS, filter=run_filter, cursor=cursor, limit=limit)
        return [read_run(found) for found in checked(data["runsOrError"], "Runs")["results"]]

    async def run(self, run_id: str) -> Run | None:
        """Returns one run by its id; None if it does not exist."""
        data = (await self._query(ONE_RUN, run=run_id))["runOrError"]
        return None if data["__typename"] == "RunNotFoundError" else read_run(checked(data, "Run"))

    async def steps(self, run_ids: Sequence[str]) -> dict[str, Mapping[str, str]]:
        """Returns the step statuses of several runs, by run id, in the format of `Run.steps`."""
        if not run_ids:
            return {}
        data = await self._query(STEPS, filter={"runIds": list(run_ids)})
        return {found["runId"]: read_steps(found) for found in checked(data["runsOrError"], "Runs")["results"]}

    async def errors(self, run_ids: Sequence[str]) -> dict[str, str]:
        """Returns the error messages of failed runs, by run id; cached until an account or hashtag is erased."""
        if self._errors_since != (changed := forget_requests.last_change()):
            self._errors.clear()
            self._errors_since = changed
        if unknown := [run_id for run_id in run_ids if run_id not in self._errors]:
            data = await self._query(ERRORS, filter={"runIds": unknown})
            for found in checked(data["runsOrError"], "Runs")["results"]:
                self._errors[found["runId"]] = read_error(found)
        known = {run_id: self._errors[run_id] for run_id in run_ids if run_id in self._errors}
        for oldest in list(self._errors)[:-_MOST_CACHED]:
            del self._errors[oldest]
        return known

    async def events(self, run_id: str, cursor: str | None = None, limit: int = 500) -> Events:
        """Returns at most `limit` log events of a run after a cursor; Dagster's internal events are left out.

        Raises NotFoundError if the run does not exist.
        """
        data = (await self._query(EVENTS, run=run_id, cursor=cursor, limit=limit))["logsForRun"]
        if data["__typename"] == "RunNotFoundError":
            raise NotFoundError(f"There is no run {run_id}.")
        found = checked(data, "EventConnection")
        read = [read_event(event) for event in found["events"] if is_shown(event)]
        return Events(read, found["cursor"], found["hasMore"])

    async def terminate(self, run_id: str) -> None:
        """Cancel a queued or active run. Raises NotFoundError if it does not exist."""
        data = (await self._query(TERMINATE, run=run_id, policy="SAFE_TERMINATE"))["terminateRun"]
        if data["__typename"] == "RunNotFoundError":
            raise NotFoundError(f"There is no run {run_id}.")
        if data["__typename"] == "TerminateRunFailure" and (run := await self.run(run_id)):
            if run.status == "CANCELING":
                return
            if run.status in _STARTING:  # the run's process checks for this mark when it starts
                marked = await self._query(TERMINATE, run=run_id, policy="MARK_AS_CANCELED_IMMEDIATELY")
                checked(marked["terminateRun"], "TerminateRunSuccess")
                await self._end_what_began(run_id)
                return
        checked(data, "TerminateRunSuccess")

    async def _end_what_began(self, run_id: str) -> None:
        """Terminate a run that was marked as cancelled but started anyway.

        The run's process checks for the mark at its start, and may have done so just before the mark was set.
        """
        for _ in range(_LOOKS):
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
            run = await self.run(run_id)
            if run and run.status == "STARTED":
                data = (await self._query(TERMINATE, run=run_id, policy="SAFE_TERMINATE"))["terminateRun"]
                if data["__typename"] != "TerminateRunFailure":  # it ended meanwhile
                    checked(data, "TerminateRunSuccess")
                return

    async def daemons(self) -> Mapping[str, bool]:
        """Returns for each required Dagster daemon, by its type, whether it is running."""
        data = await self._query(DAEMONS)
        every = data["instance"]["daemonHealth"]["allDaemonStatuses"]
        return {daemon["daemonType"]: bool(daemon["healthy"]) for daemon in every if daemon["required"]}

    async def _repository_of(self, job: str | None) -> dict[str, str]:
        """Returns the GraphQL selector of the repository with this job, or of the first one with any job."""
        data = checked((await self._query(REPOSITORIES))["repositoriesOrError"], "RepositoryConnection")
        for node in data["nodes"]:
            names = [each["name"] for each in node["jobs"]]
            if job in names if job else names:
                return {"repositoryName": node["name"], "repositoryLocationName": node["location"]["name"]}
        missing = f"the job {job}" if job else "a code location"
        raise DagsterRefusedError(f"Dagster has not loaded {missing}. See Deployment in its UI for why.")

    async def _query(self, document: str, **variables: Any) -> dict[str, Any]:
        """Sends a GraphQL query and returns the data of the response.

        Each request opens its own HTTP session, which costs 0.3 ms, so that the client works in any event loop.
        """
        import aiohttp

        body = {"query": document, "variables": variables}
        limit = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=limit) as session,
                session.post(f"{self.url}/graphql", json=body, allow_redirects=False) as answer,
            ):
                if answer.content_type != "application/json":
                    raise self._down(f"answered with status {answer.status} and {answer.content_type}")
                data: Any = await answer.json()
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = f"no answer in {_SECONDS:.0f} s" if isinstance(error, asyncio.TimeoutError) else str(error)
            raise self._down(reason) from error
        # GraphQL has its errors in the body; for an invalid variable Dagster responds with status 500 as well.
        if not isinstance(data, dict) or not (data.get("data") or data.get("errors")):
            raise self._down(f"answered with status {answer.status} and no GraphQL")
        if data.get("errors") or not isinstance(data.get("data"), dict):
            raise DagsterRefusedError(refusal_words([str(error.get("message", "")) for error in data["errors"]]))
        return data["data"]

    def _down(self, reason: str) -> DagsterDownError:
        return DagsterDownError(
            f"Dagster does not answer at {self.url} ({reason[:_MOST_WORDS]}). It may still be starting; "
            "else start it with: instagram-assets dev."
        )
