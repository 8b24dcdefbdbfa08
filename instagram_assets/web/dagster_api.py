"""Dagster by the GraphQL of its webserver: all that the web app asks it stands here.

Dagster says that its GraphQL may change; a test asks each of these documents of a real webserver.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from instagram_assets.automation import forget_requests
from instagram_assets.errors import (
    DagsterDownError,
    DagsterRefusedError,
    InstagramAssetsError,
    NotFoundError,
    names_below,
)

_SECONDS = 30.0
_MOST_WORDS = 300
_MOST_REMEMBERED = 2_000
# What somebody who follows a run wants to read; of the rest Dagster writes a dozen lines for each step.
_FAILURES = ("ExecutionStepFailureEvent", "RunFailureEvent")
_READ = (
    "LogMessageEvent",
    *("RunEnqueuedEvent", "RunStartEvent", "RunSuccessEvent", "RunCancelingEvent", "RunCanceledEvent"),
    *("ExecutionStepStartEvent", "ExecutionStepSuccessEvent", "ExecutionStepUpForRetryEvent"),
    *("ExecutionStepSkippedEvent", *_FAILURES),
)
_STARTING = ("NOT_STARTED", "STARTING")
_LOOKS, _SECONDS_BETWEEN_LOOKS = 5, 0.5
_CONSEQUENCE = "Dependencies for step "
_STEPS_FAILED = "Steps failed: "
_RUN = "runId jobName status creationTime startTime endTime tags {key value} assetSelection {path}"
_CAUSES = "error {message className causes {message className}}"
_PYTHON_ERROR = "... on PythonError {message}"

_RUNS = f"""query ($filter: RunsFilter!, $cursor: String, $limit: Int!) {{
  runsOrError(filter: $filter, cursor: $cursor, limit: $limit) {{
    __typename ... on Runs {{results {{{_RUN}}}}} ... on InvalidPipelineRunsFilterError {{message}} {_PYTHON_ERROR}
  }}
}}"""
_ONE_RUN = f"""query ($run: ID!) {{
  runOrError(runId: $run) {{
    __typename ... on Run {{{_RUN} stepStats {{stepKey status}}}} {_PYTHON_ERROR}
  }}
}}"""
_STEPS = f"""query ($filter: RunsFilter!) {{
  runsOrError(filter: $filter) {{
    __typename ... on Runs {{results {{runId stepStats {{stepKey status}}}}}}
    ... on InvalidPipelineRunsFilterError {{message}} {_PYTHON_ERROR}
  }}
}}"""
_ERRORS = f"""query ($filter: RunsFilter!) {{
  runsOrError(filter: $filter) {{
    __typename
    ... on Runs {{results {{runId eventConnection {{events {{
      __typename
      ... on ExecutionStepFailureEvent {{message {_CAUSES}}} ... on RunFailureEvent {{message {_CAUSES}}}
    }}}}}}}}
    ... on InvalidPipelineRunsFilterError {{message}} {_PYTHON_ERROR}
  }}
}}"""
_EVENTS = f"""query ($run: ID!, $cursor: String, $limit: Int!) {{
  logsForRun(runId: $run, afterCursor: $cursor, limit: $limit) {{
    __typename
    ... on EventConnection {{cursor hasMore events {{
      __typename ... on MessageEvent {{timestamp level stepKey message}}
      ... on ExecutionStepFailureEvent {{{_CAUSES}}}
      ... on RunFailureEvent {{{_CAUSES}}}
    }}}}
    ... on RunNotFoundError {{message}} {_PYTHON_ERROR}
  }}
}}"""
_PLACES = f"""{{
  repositoriesOrError {{
    __typename ... on RepositoryConnection {{nodes {{name location {{name}} jobs {{name}}}}}}
    ... on RepositoryNotFoundError {{message}} {_PYTHON_ERROR}
  }}
}}"""
_LAUNCH = f"""mutation ($parameters: ExecutionParams!) {{
  launchRun(executionParams: $parameters) {{
    __typename ... on LaunchRunSuccess {{run {{runId}}}}
    ... on RunConfigValidationInvalid {{errors {{message}}}} ... on PipelineNotFoundError {{message}}
    ... on InvalidSubsetError {{message}} ... on UnauthorizedError {{message}} ... on RunConflict {{message}}
    {_PYTHON_ERROR}
  }}
}}"""
_ADD_PARTITION = f"""mutation ($key: String!, $definition: String!, $repository: RepositorySelector!) {{
  addDynamicPartition(partitionKey: $key, partitionsDefName: $definition, repositorySelector: $repository) {{
    __typename ... on UnauthorizedError {{message}} ... on DuplicateDynamicPartitionError {{message}} {_PYTHON_ERROR}
  }}
}}"""
_TERMINATE = f"""mutation ($run: String!, $policy: TerminateRunPolicy!) {{
  terminateRun(runId: $run, terminatePolicy: $policy) {{
    __typename ... on TerminateRunFailure {{message}} ... on RunNotFoundError {{message}}
    ... on UnauthorizedError {{message}} {_PYTHON_ERROR}
  }}
}}"""
_DAEMONS = "{instance {daemonHealth {allDaemonStatuses {daemonType required healthy}}}}"


@dataclass(frozen=True)
class Run:
    """A run as Dagster has it; times are seconds since 1970, null where it has not come so far.

    `status` is Dagster's own: QUEUED, NOT_STARTED, STARTING, STARTED, SUCCESS, FAILURE, CANCELING, CANCELED.
    `steps` names each step that has begun with its status (IN_PROGRESS, SUCCESS, FAILURE, SKIPPED), in their order;
    `DagsterApi.runs` leaves it empty, since it costs a look at each run's events: see `DagsterApi.steps`.
    `assets` are those that it was asked for, empty where it makes all of its job.
    """

    run_id: str
    job: str
    status: str
    tags: Mapping[str, str]
    created: float
    started: float | None
    ended: float | None
    steps: Mapping[str, str]
    assets: Sequence[str] = ()


@dataclass(frozen=True)
class Event:
    """A line of a run's log; `step` is empty for those of the run itself, `error` holds the reason of a failure."""

    seconds: float
    level: str
    step: str
    message: str
    kind: str
    error: str = ""


@dataclass(frozen=True)
class Events:
    """Lines of a run's log, and the cursor behind the last of them."""

    events: Sequence[Event]
    cursor: str
    has_more: bool


class DagsterApi:
    """A Dagster webserver at an address such as http://127.0.0.1:3000.

    Its methods raise DagsterDownError when it does not answer, and DagsterRefusedError with its words when it says no.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._errors: dict[str, str] = {}
        self._errors_since = 0.0

    async def launch(
        self, job: str, config: Mapping[str, Any], tags: Mapping[str, str], assets: Sequence[str] = ()
    ) -> str:
        """Start a run of a job of this code location, of all its assets or of some; its id."""
        some = {"assetSelection": [{"path": [name]} for name in assets]} if assets else {}
        parameters = {
            "selector": {"jobName": job, **await self._place_of(job), **some},
            "runConfigData": config,
            "executionMetadata": {"tags": _pairs(tags)},
        }
        said = await self._ask(_LAUNCH, parameters=parameters)
        return _granted(said["launchRun"], "LaunchRunSuccess")["run"]["runId"]

    async def add_partition(self, definition: str, key: str) -> None:
        """Register a dynamic partition; one that is there already stays."""
        place = await self._place_of(None)
        said = await self._ask(_ADD_PARTITION, key=key, definition=definition, repository=place)
        _granted(said["addDynamicPartition"], "AddDynamicPartitionSuccess", "DuplicateDynamicPartitionError")

    async def runs(
        self, tags: Mapping[str, str], *, limit: int, cursor: str | None = None, statuses: Sequence[str] = ()
    ) -> list[Run]:
        """The newest runs that have all these tags; `cursor` is the id of the last run of the page before."""
        wanted: dict[str, Any] = {"tags": _pairs(tags)}
        if statuses:
            wanted["statuses"] = list(statuses)
        said = await self._ask(_RUNS, filter=wanted, cursor=cursor, limit=limit)
        return [_run(found) for found in _granted(said["runsOrError"], "Runs")["results"]]

    async def run(self, run_id: str) -> Run | None:
        """One run; null when there is none with this id."""
        said = (await self._ask(_ONE_RUN, run=run_id))["runOrError"]
        return None if said["__typename"] == "RunNotFoundError" else _run(_granted(said, "Run"))

    async def steps(self, run_ids: Sequence[str]) -> dict[str, Mapping[str, str]]:
        """The steps of some runs, by run, as `Run.steps` has them."""
        if not run_ids:
            return {}
        said = await self._ask(_STEPS, filter={"runIds": list(run_ids)})
        return {found["runId"]: _steps(found) for found in _granted(said["runsOrError"], "Runs")["results"]}

    async def errors(self, run_ids: Sequence[str]) -> dict[str, str]:
        """Why some runs failed, by run: it changes only where somebody is forgotten, so it is remembered."""
        if self._errors_since != (changed := forget_requests.last_change()):
            self._errors.clear()
            self._errors_since = changed
        if unknown := [run_id for run_id in run_ids if run_id not in self._errors]:
            said = await self._ask(_ERRORS, filter={"runIds": unknown})
            for found in _granted(said["runsOrError"], "Runs")["results"]:
                self._errors[found["runId"]] = _error(found)
        known = {run_id: self._errors[run_id] for run_id in run_ids if run_id in self._errors}
        for oldest in list(self._errors)[:-_MOST_REMEMBERED]:
            del self._errors[oldest]
        return known

    async def events(self, run_id: str, cursor: str | None = None, limit: int = 500) -> Events:
        """The log of a run from a cursor on: of so many events those that people read.

        Raises NotFoundError when there is no such run.
        """
        said = (await self._ask(_EVENTS, run=run_id, cursor=cursor, limit=limit))["logsForRun"]
        if said["__typename"] == "RunNotFoundError":
            raise NotFoundError(f"There is no run {run_id}.")
        found = _granted(said, "EventConnection")
        read = [_event(event) for event in found["events"] if _is_read(event)]
        return Events(read, found["cursor"], found["hasMore"])

    async def terminate(self, run_id: str) -> None:
        """Cancel a run that waits or runs. Raises NotFoundError when there is no such run."""
        said = (await self._ask(_TERMINATE, run=run_id, policy="SAFE_TERMINATE"))["terminateRun"]
        if said["__typename"] == "RunNotFoundError":
            raise NotFoundError(f"There is no run {run_id}.")
        if said["__typename"] == "TerminateRunFailure" and (run := await self.run(run_id)):
            if run.status == "CANCELING":
                return
            if run.status in _STARTING:  # its process looks before it begins whether it was marked
                marked = await self._ask(_TERMINATE, run=run_id, policy="MARK_AS_CANCELED_IMMEDIATELY")
                _granted(marked["terminateRun"], "TerminateRunSuccess")
                await self._end_what_began(run_id)
                return
        _granted(said, "TerminateRunSuccess")

    async def _end_what_began(self, run_id: str) -> None:
        """Terminate a run whose process had looked just before it was marked: it begins then, as if nothing were."""
        for _ in range(_LOOKS):
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
            run = await self.run(run_id)
            if run and run.status == "STARTED":
                said = (await self._ask(_TERMINATE, run=run_id, policy="SAFE_TERMINATE"))["terminateRun"]
                if said["__typename"] != "TerminateRunFailure":  # it ended meanwhile
                    _granted(said, "TerminateRunSuccess")
                return

    async def daemons(self) -> Mapping[str, bool]:
        """Each daemon that should run, and whether it does."""
        said = await self._ask(_DAEMONS)
        every = said["instance"]["daemonHealth"]["allDaemonStatuses"]
        return {daemon["daemonType"]: bool(daemon["healthy"]) for daemon in every if daemon["required"]}

    async def _place_of(self, job: str | None) -> dict[str, str]:
        """The repository that has the job, as Dagster selects it; the first that has jobs where none is named."""
        said = _granted((await self._ask(_PLACES))["repositoriesOrError"], "RepositoryConnection")
        for node in said["nodes"]:
            names = [each["name"] for each in node["jobs"]]
            if job in names if job else names:
                return {"repositoryName": node["name"], "repositoryLocationName": node["location"]["name"]}
        missing = f"the job {job}" if job else "a code location"
        raise DagsterRefusedError(f"Dagster has not loaded {missing}. See Deployment in its UI for why.")

    async def _ask(self, document: str, **variables: Any) -> dict[str, Any]:
        """The data of an answer. A session for each question: it costs 0.3 ms, and belongs to no event loop."""
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
                said: Any = await answer.json()
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = f"no answer in {_SECONDS:.0f} s" if isinstance(error, asyncio.TimeoutError) else str(error)
            raise self._down(reason) from error
        # GraphQL has its errors in the body; Dagster answers a wrong variable with status 500 beside them.
        if not isinstance(said, dict) or not (said.get("data") or said.get("errors")):
            raise self._down(f"answered with status {answer.status} and no GraphQL")
        if said.get("errors") or not isinstance(said.get("data"), dict):
            raise DagsterRefusedError(_words([str(error.get("message", "")) for error in said["errors"]]))
        return said["data"]

    def _down(self, reason: str) -> DagsterDownError:
        return DagsterDownError(
            f"Dagster does not answer at {self.url} ({reason[:_MOST_WORDS]}). It may still be starting; "
            "else start it with: instagram-assets dev."
        )


def _granted(said: dict[str, Any], *kinds: str) -> dict[str, Any]:
    """An answer of one of these kinds. Raises DagsterRefusedError with its words for any other."""
    if said["__typename"] in kinds:
        return said
    told = [each["message"] for each in said.get("errors", ())] or [said.get("message", "")]
    raise DagsterRefusedError(_words(told) if any(told) else f"Dagster refuses it: {said['__typename']}.")


def _words(messages: Sequence[str]) -> str:
    """The first lines of what Dagster says."""
    first = [message.strip().partition("\n")[0] for message in messages if message.strip()]
    return f"Dagster refuses it: {'; '.join(first)[:_MOST_WORDS] or 'it does not say why'}"


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _run(said: dict[str, Any]) -> Run:
    tags = {tag["key"]: tag["value"] for tag in said["tags"]}
    times = (said["creationTime"], said["startTime"], said["endTime"])
    assets = ["/".join(asset["path"]) for asset in said["assetSelection"] or ()]
    return Run(said["runId"], said["jobName"], said["status"], tags, *times, _steps(said), assets)


def _steps(said: dict[str, Any]) -> dict[str, str]:
    return {step["stepKey"]: step["status"] or "IN_PROGRESS" for step in said.get("stepStats", ())}


def _error(said: dict[str, Any]) -> str:
    """Why a run failed. The words of a step say more than "Execution of run failed. Steps failed: …"."""
    events = said["eventConnection"]["events"]
    reasons = (_reason(event) for kind in _FAILURES for event in events if event["__typename"] == kind)
    return next(filter(None, reasons), "")


def _is_read(said: dict[str, Any]) -> bool:
    """False for what only Dagster's own people need, and for the steps that are not done since another failed."""
    return said["__typename"] in _READ and not said["message"].startswith(_CONSEQUENCE)


def _event(said: dict[str, Any]) -> Event:
    kind, step = said["__typename"], said["stepKey"] or ""
    # Where a step failed, its own line has told why.
    tells = kind == "ExecutionStepFailureEvent" or (kind == "RunFailureEvent" and _STEPS_FAILED not in said["message"])
    seconds = float(said["timestamp"]) / 1_000
    message = said["message"] or ("The run waits for its turn." if kind == "RunEnqueuedEvent" else "")
    return Event(seconds, said["level"], step, message, kind, _reason(said) if tells else "")


def _reason(said: dict[str, Any]) -> str:
    """The words of our own error among the causes, else of the first of them, without its class."""
    error = said.get("error")
    if not error:
        return str(said["message"]).strip()
    ours = names_below(InstagramAssetsError)
    chain = [error, *error["causes"]]
    first = next((each for each in chain if each["className"] in ours), chain[-1])
    message = first["message"].strip()
    head, colon, rest = message.partition(": ")
    words = rest if colon and head.rpartition(".")[2] == first["className"] else message
    return words.partition("\nStacktrace:")[0].strip()  # a browser's, of addresses only
