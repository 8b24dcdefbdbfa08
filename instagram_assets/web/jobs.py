"""What somebody collected: runs of Dagster, as the history shows them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
