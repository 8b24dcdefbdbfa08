"""Reader for the `jobs.json` of an earlier dashboard of image searches, to import its job history once.

The file is a list of jobs, an object of jobs by id, or `{"jobs": …}` with either. A job has `id`, `query`,
`request_limit`, `out_dir`, `status`, `count`, `error`, `log`, `started_at` and `finished_at`.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from instagram_assets.errors import FileError

JOB_STATUSES = {
    "done": "done",
    "failed": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    # A job that was running when the file was written is not running any more.
    "running": "cancelled",
    "queued": "cancelled",
}
"""Mapping of the status in the file to the status after the import."""

_FIELDS = {"id", "query", "status", "request_limit", "out_dir", "count", "started_at", "finished_at"}
_LONGEST_LOG = 1_000_000
_MOST = 10**9
_MILLISECONDS = 10**11
_REMEDY = "Name the jobs.json of the dashboard, such as dashboard/data/jobs.json"


@dataclass(frozen=True)
class DashboardJob:
    """A job of the earlier dashboard; `status` is done, failed or cancelled; aware timestamps, None if unknown."""

    id: str
    query: str
    limit: int | None
    out_dir: str
    status: str
    count: int | None
    error: str
    log: str
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def texts(self) -> tuple[str, ...]:
        """Return all free-text fields of the job: what users entered, and its error and log output."""
        return self.id, self.query, self.out_dir, self.error, self.log


@dataclass(frozen=True)
class DashboardJobs:
    """The jobs of a file in order, and one message for each entry that is not a valid job."""

    jobs: list[DashboardJob]
    problems: list[str]


def read_dashboard_jobs(path: Path, zone: tzinfo) -> DashboardJobs:
    """Read the jobs of a file; times without a zone are in `zone`.

    Raises FileError for a file that is not a jobs.json.
    """
    try:
        said: Any = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise FileError(str(path), f"cannot be read ({error.strerror})", _REMEDY) from error
    except (ValueError, RecursionError) as error:
        raise FileError(str(path), f"is no JSON ({error})", _REMEDY) from error
    if isinstance(said, dict) and isinstance(said.get("jobs"), list | dict):  # pyright: ignore[reportUnknownMemberType]
        said = said["jobs"]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(said, list | dict):
        raise FileError(str(path), "has no jobs: it is neither a list nor an object", _REMEDY)
    entries = list(_entries(said))  # pyright: ignore[reportUnknownArgumentType]
    if entries and not any(isinstance(entry, dict) and entry.keys() & _FIELDS for _, _, entry in entries):
        raise FileError(str(path), "has no jobs: none of its entries has a query, a status or times", _REMEDY)
    jobs, problems = dict[str, DashboardJob](), list[str]()
    for place, key, entry in entries:
        try:
            job = _job(entry, key, zone)
            if job.id in jobs:
                raise ValueError(f"id: {job.id!r} is that of another job, too")
            jobs[job.id] = job
        except ValueError as error:
            problems.append(f"{place}: {error}")
    return DashboardJobs(list(jobs.values()), problems)


def _entries(said: "list[Any] | dict[str, Any]") -> Iterator[tuple[str, str | None, Any]]:
    """Yield (position for messages, key or None, job) for each entry of the file."""
    if isinstance(said, dict):
        yield from ((f"job {key!r}", key, entry) for key, entry in said.items())
    else:
        yield from ((f"job {number}", None, entry) for number, entry in enumerate(said, 1))


def _job(entry: Any, key: str | None, zone: tzinfo) -> DashboardJob:
    """Parse one job. Raises ValueError naming the invalid field."""
    if not isinstance(entry, dict):
        raise ValueError("is no object")
    said: Mapping[str, Any] = entry  # pyright: ignore[reportUnknownVariableType]
    status = said.get("status")
    if not isinstance(status, str) or status.strip().lower() not in JOB_STATUSES:
        raise ValueError(f"status: {status!r} is none of {', '.join(sorted(JOB_STATUSES))}")
    started, finished = (_time(said, field, zone) for field in ("started_at", "finished_at"))
    if started and finished and finished < started:
        raise ValueError("finished_at: is before started_at")
    return DashboardJob(
        id=_needed(said, "id", key),
        query=_needed(said, "query"),
        limit=_count(said, "request_limit"),
        out_dir=_text(said, "out_dir"),
        status=JOB_STATUSES[status.strip().lower()],
        count=_count(said, "count"),
        error=_text(said, "error"),
        log=_text(said, "log")[-_LONGEST_LOG:],
        started_at=started,
        finished_at=finished,
    )


def _needed(said: Mapping[str, Any], field: str, otherwise: str | None = None) -> str:
    value = said.get(field)
    if value is None:
        value = otherwise
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{field}: {value!r} is no text")
    return _storable(text.strip())


def _text(said: Mapping[str, Any], field: str) -> str:
    """Return a text field, with a list of lines joined; empty if it is missing."""
    value = said.get(field)
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):  # pyright: ignore[reportUnknownVariableType]
        value = "\n".join(line.rstrip("\n") for line in value)  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(value, str):
        raise ValueError(f"{field}: {str(value)[:50]!r} is no text")  # pyright: ignore[reportUnknownArgumentType]
    return _storable(value)


def _storable(text: str) -> str:
    """Return the text without characters that databases reject: lone surrogates and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _count(said: Mapping[str, Any], field: str) -> int | None:
    value = said.get(field)
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
        raise ValueError(f"{field}: {str(value)[:50]!r} is no number of images")
    return value


def _time(said: Mapping[str, Any], field: str, zone: tzinfo) -> datetime | None:
    """Parse a timestamp (ISO 8601, or seconds or milliseconds since 1970); ISO without a zone is in `zone`."""
    value = said.get(field)
    if value is None or value == "":
        return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return datetime.fromtimestamp(value / 1_000 if abs(value) > _MILLISECONDS else value, UTC)
        if isinstance(value, str):
            moment = datetime.fromisoformat(value.strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise ValueError(f"{field}: {str(value)[:50]!r} is no time")
