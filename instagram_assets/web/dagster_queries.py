"""The GraphQL queries that the web app sends to Dagster's webserver, and parsers of the responses.

Dagster does not guarantee a stable GraphQL schema; a test sends each of these queries to a real webserver.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from instagram_assets.errors import InstagramAssetsError, names_below

_MOST_WORDS = 300
# Event types of interest to users; Dagster writes a dozen others for each step.
_FAILURES = ("ExecutionStepFailureEvent", "RunFailureEvent")
_READ = (
    "LogMessageEvent",
    *("RunEnqueuedEvent", "RunStartEvent", "RunSuccessEvent", "RunCancelingEvent", "RunCanceledEvent"),
    *("ExecutionStepStartEvent", "ExecutionStepSuccessEvent", "ExecutionStepUpForRetryEvent"),
    *("ExecutionStepSkippedEvent", *_FAILURES),
)
_CONSEQUENCE = "Dependencies for step "
_STEPS_FAILED = "Steps failed: "
_RUN = "runId jobName status creationTime startTime endTime tags {key value} assetSelection {path}"
_CAUSES = "error {message className causes {message className}}"
_PYTHON_ERROR = "... on PythonError {message}"

RUNS = f"""query ($filter: RunsFilter!, $cursor: String, $limit: Int!) {{
  runsOrError(filter: $filter, cursor: $cursor, limit: $limit) {{
    __typename ... on Runs {{results {{{_RUN}}}}} ... on InvalidPipelineRunsFilterError {{message}} {_PYTHON_ERROR}
  }}
}}"""
ONE_RUN = f"""query ($run: ID!) {{
  runOrError(runId: $run) {{
    __typename ... on Run {{{_RUN} stepStats {{stepKey status}}}} {_PYTHON_ERROR}
  }}
}}"""
STEPS = f"""query ($filter: RunsFilter!) {{
  runsOrError(filter: $filter) {{
    __typename ... on Runs {{results {{runId stepStats {{stepKey status}}}}}}
    ... on InvalidPipelineRunsFilterError {{message}} {_PYTHON_ERROR}
  }}
}}"""
ERRORS = f"""query ($filter: RunsFilter!) {{
  runsOrError(filter: $filter) {{
    __typename
    ... on Runs {{results {{runId eventConnection {{events {{
      __typename
      ... on ExecutionStepFailureEvent {{message {_CAUSES}}} ... on RunFailureEvent {{message {_CAUSES}}}
    }}}}}}}}
    ... on InvalidPipelineRunsFilterError {{message}} {_PYTHON_ERROR}
  }}
}}"""
EVENTS = f"""query ($run: ID!, $cursor: String, $limit: Int!) {{
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
REPOSITORIES = f"""{{
  repositoriesOrError {{
    __typename ... on RepositoryConnection {{nodes {{name location {{name}} jobs {{name}}}}}}
    ... on RepositoryNotFoundError {{message}} {_PYTHON_ERROR}
  }}
}}"""
LAUNCH = f"""mutation ($parameters: ExecutionParams!) {{
  launchRun(executionParams: $parameters) {{
    __typename ... on LaunchRunSuccess {{run {{runId}}}}
    ... on RunConfigValidationInvalid {{errors {{message}}}} ... on PipelineNotFoundError {{message}}
    ... on InvalidSubsetError {{message}} ... on UnauthorizedError {{message}} ... on RunConflict {{message}}
    {_PYTHON_ERROR}
  }}
}}"""
ADD_PARTITION = f"""mutation ($key: String!, $definition: String!, $repository: RepositorySelector!) {{
  addDynamicPartition(partitionKey: $key, partitionsDefName: $definition, repositorySelector: $repository) {{
    __typename ... on UnauthorizedError {{message}} ... on DuplicateDynamicPartitionError {{message}} {_PYTHON_ERROR}
  }}
}}"""
TERMINATE = f"""mutation ($run: String!, $policy: TerminateRunPolicy!) {{
  terminateRun(runId: $run, terminatePolicy: $policy) {{
    __typename ... on TerminateRunFailure {{message}} ... on RunNotFoundError {{message}}
    ... on UnauthorizedError {{message}} {_PYTHON_ERROR}
  }}
}}"""
DAEMONS = "{instance {daemonHealth {allDaemonStatuses {daemonType required healthy}}}}"


class DagsterDownError(InstagramAssetsError):
    """Dagster's webserver does not respond: it is not running, or still starting."""


class DagsterRefusedError(InstagramAssetsError):
    """Dagster's webserver responded with an error: for example, the job does not exist or its config is invalid."""


@dataclass(frozen=True)
class Run:
    """A Dagster run. Times are Unix timestamps, None until the event has happened.

    `status` is Dagster's: QUEUED, NOT_STARTED, STARTING, STARTED, SUCCESS, FAILURE, CANCELING or CANCELED. `steps` maps
    each started step to its status (IN_PROGRESS, SUCCESS, FAILURE, SKIPPED), in order. `DagsterApi.runs` leaves it
    empty, since it requires a query of each run's events; see `DagsterApi.steps`. `assets` is the run's asset
    selection, empty if it materializes all assets of its job.
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
    """An event of a run's log; `step` is empty for events of the whole run, `error` is empty unless it failed."""

    seconds: float
    level: str
    step: str
    message: str
    kind: str
    error: str = ""


@dataclass(frozen=True)
class Events:
    """A page of events of a run's log, and the cursor of the last one."""

    events: Sequence[Event]
    cursor: str
    has_more: bool


def checked(data: dict[str, Any], *kinds: str) -> dict[str, Any]:
    """Returns a GraphQL result if it is of one of the expected types `kinds`.

    Raises DagsterRefusedError with Dagster's error messages for any other type.
    """
    if data["__typename"] in kinds:
        return data
    messages = [each["message"] for each in data.get("errors", ())] or [data.get("message", "")]
    raise DagsterRefusedError(
        refusal_words(messages) if any(messages) else f"Dagster refuses it: {data['__typename']}."
    )


def refusal_words(messages: Sequence[str]) -> str:
    """Returns an error message made of the first lines of Dagster's error messages."""
    first = [message.strip().partition("\n")[0] for message in messages if message.strip()]
    return f"Dagster refuses it: {'; '.join(first)[:_MOST_WORDS] or 'it does not say why'}"


def tag_pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def read_run(data: dict[str, Any]) -> Run:
    tags = {tag["key"]: tag["value"] for tag in data["tags"]}
    times = (data["creationTime"], data["startTime"], data["endTime"])
    assets = ["/".join(asset["path"]) for asset in data["assetSelection"] or ()]
    return Run(data["runId"], data["jobName"], data["status"], tags, *times, read_steps(data), assets)


def read_steps(data: dict[str, Any]) -> dict[str, str]:
    return {step["stepKey"]: step["status"] or "IN_PROGRESS" for step in data.get("stepStats", ())}


def read_error(data: dict[str, Any]) -> str:
    """Returns why a run failed: the error of a failed step if there is one, else that of the run; empty if unknown.

    The error of the run alone often only says that its execution failed.
    """
    events = data["eventConnection"]["events"]
    reasons = (_reason(event) for kind in _FAILURES for event in events if event["__typename"] == kind)
    return next(filter(None, reasons), "")


def is_shown(data: dict[str, Any]) -> bool:
    """Whether users see an event: not Dagster's internal ones, nor steps skipped because another one failed."""
    return data["__typename"] in _READ and not data["message"].startswith(_CONSEQUENCE)


def read_event(data: dict[str, Any]) -> Event:
    kind, step = data["__typename"], data["stepKey"] or ""
    # If a step failed, the reason is in the step's event, not in that of the run.
    tells = kind == "ExecutionStepFailureEvent" or (kind == "RunFailureEvent" and _STEPS_FAILED not in data["message"])
    seconds = float(data["timestamp"]) / 1_000
    message = data["message"] or ("The run waits for its turn." if kind == "RunEnqueuedEvent" else "")
    return Event(seconds, data["level"], step, message, kind, _reason(data) if tells else "")


def _reason(data: dict[str, Any]) -> str:
    """Returns the message of the failure's cause, without class name and stack trace.

    It is the error of this package in the chain of causes, or the root cause if there is none.
    """
    error = data.get("error")
    if not error:
        return str(data["message"]).strip()
    ours = names_below(InstagramAssetsError)
    chain = [error, *error["causes"]]
    first = next((each for each in chain if each["className"] in ours), chain[-1])
    message = first["message"].strip()
    head, colon, rest = message.partition(": ")
    words = rest if colon and head.rpartition(".")[2] == first["className"] else message
    return words.partition("\nStacktrace:")[0].strip()  # a link in the browser, which only shows URLs
