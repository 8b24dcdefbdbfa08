"""What pages that follow jobs show, also while Dagster does not answer."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from instagram_assets.errors import DagsterDownError
from instagram_assets.web.jobs import Job, State, find_jobs
from instagram_assets.web.services import Services

_STARTS_RUNS = "QUEUED_RUN_COORDINATOR"
"""The daemon without which runs wait."""


@dataclass(frozen=True)
class Watched:
    """Jobs, newest first, and whether older ones follow; `is_down` when Dagster did not answer, so that there are none.

    `waits` says that nothing starts runs now.
    """

    jobs: Sequence[Job] = ()
    before: str | None = None
    is_down: bool = False
    waits: bool = False

    @property
    def polls(self) -> bool:
        """Whether there will be news without anybody's doing."""
        return self.is_down or any(job.is_open for job in self.jobs)


async def watch(
    services: Services, *, before: str | None = None, size: int = 25, states: Sequence[State] = ()
) -> Watched:
    """The jobs as `find_jobs` gives them, and how Dagster is."""
    try:
        page, waits = await asyncio.gather(
            find_jobs(services, before=before, size=size, states=states), nothing_starts(services)
        )
    except DagsterDownError:
        return Watched(is_down=True)
    return Watched(page.jobs, page.before, waits=waits)


async def nothing_starts(services: Services) -> bool:
    """Whether runs would wait: the daemon that starts them does not run."""
    return not (await services.dagster.daemons()).get(_STARTS_RUNS, True)
