"""Dagster by the GraphQL of its webserver: all that the web app asks it stands here.

Dagster says that its GraphQL may change; a test asks each of these documents of a real webserver.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Run:
    """A run as Dagster has it; times are seconds since 1970, null where it has not come so far.

    `status` is Dagster's own: QUEUED, NOT_STARTED, STARTING, STARTED, SUCCESS, FAILURE, CANCELING, CANCELED.
    `steps` names each step that has begun with its status (IN_PROGRESS, SUCCESS, FAILURE, SKIPPED), in their order.
    """

    run_id: str
    job: str
    status: str
    tags: Mapping[str, str]
    created: float
    started: float | None
    ended: float | None
    steps: Mapping[str, str]


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
        self.url = url

    async def launch(self, job: str, config: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        """Start a run of a job of this code location; its id."""
        raise NotImplementedError

    async def add_partition(self, definition: str, key: str) -> None:
        """Register a dynamic partition; one that is there already stays."""
        raise NotImplementedError

    async def runs(
        self, tags: Mapping[str, str], *, limit: int, cursor: str | None = None, statuses: Sequence[str] = ()
    ) -> list[Run]:
        """The newest runs that have all these tags; `cursor` is the id of the last run of the page before."""
        raise NotImplementedError

    async def run(self, run_id: str) -> Run | None:
        """One run; null when there is none with this id."""
        raise NotImplementedError

    async def events(self, run_id: str, cursor: str | None = None, limit: int = 500) -> Events:
        """The log of a run from a cursor on."""
        raise NotImplementedError

    async def terminate(self, run_id: str) -> None:
        """Cancel a run that waits or runs."""
        raise NotImplementedError

    async def daemons(self) -> Mapping[str, bool]:
        """Each daemon that should run, and whether it does."""
        raise NotImplementedError
