"""Persistent records of actor starts, written before each start so that no run is started, and paid, twice."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from instagram_assets.errors import FileError
from instagram_assets.storage.atomic import remove_durably, write_atomic

REPEATED_WITHIN = timedelta(hours=12)
"""Time after a successful request within which an equal one counts as a repetition and is not run again."""


@dataclass(frozen=True)
class RunRecord:
    """The record of one start of an Apify actor for a scrape request, and of the run's progress.

    `marker` is a random value added to the actor's input, by which the run is found if its start got no response;
    `after` and `after_at` are the id and start time of the actor's newest run before that start. `run` is empty until
    the run's id is known, `status` until the request is finished; if it is SUCCEEDED, the run's data is in the inbox.
    `is_cancelled` is true if the request was cancelled before its run was known. `asked_at` is the time of the request,
    `ended_at` that of its end; they and `after_at` are ISO timestamps.
    """

    name: str
    digest: str
    actor: str
    input: dict[str, Any]
    marker: str
    asked_at: str
    after: str = ""
    after_at: str = ""
    run: str = ""
    is_cancelled: bool = False
    status: str = ""
    file: str = ""
    items: int = 0
    charge_usd: float | None = None
    ended_at: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the request is unfinished: a run was or may have been started whose data is not in the inbox yet."""
        return not self.status

    def is_old(self, now: datetime) -> bool:
        """Whether the request is older than REPEATED_WITHIN, so that its result is not expected any more."""
        return now - datetime.fromisoformat(self.asked_at) >= REPEATED_WITHIN

    def is_repetition(self, now: datetime) -> bool:
        """Whether the request succeeded within REPEATED_WITHIN, so that an equal request is not run again."""
        return self.status == "SUCCEEDED" and now - datetime.fromisoformat(self.ended_at) < REPEATED_WITHIN


def save_record(folder: Path, record: RunRecord) -> RunRecord:
    """Writes a record durably to the folder and returns it."""
    text = json.dumps(asdict(record), ensure_ascii=False, indent=1)
    write_atomic(_path(folder, record.digest), lambda stream: stream.write(text.encode()))
    return record


def delete_record(folder: Path, record: RunRecord) -> None:
    """Deletes the record of an actor start that Apify rejected, for which no run exists."""
    remove_durably(_path(folder, record.digest))


def find_record(folder: Path, digest: str) -> RunRecord | None:
    """Returns the record of a request by its digest; None if there is none. Raises FileError if it is unreadable."""
    path = _path(folder, digest)
    return _read(path) if path.exists() else None


def open_records(folder: Path, log_damaged: Callable[[FileError], object]) -> list[RunRecord]:
    """Returns the records of unfinished actor starts, oldest first; calls `log_damaged` for each unreadable record."""
    found: list[RunRecord] = []
    for path in sorted(folder.glob("[!.]*.json")):
        try:
            record = _read(path)
        except FileError as error:
            log_damaged(error)
            continue
        if record.is_open:
            found.append(record)
    return sorted(found, key=lambda record: record.asked_at)


def utc_now() -> datetime:
    """Returns the current time in UTC."""
    return datetime.now(UTC)


def _path(folder: Path, digest: str) -> Path:
    return folder / f"{digest[:16]}.json"


def _read(path: Path) -> RunRecord:
    try:
        return RunRecord(**json.loads(path.read_bytes()))
    except OSError as error:
        raise FileError(str(path), f"cannot be read ({error.strerror})", "Check that you may read it") from error
    except (ValueError, TypeError) as error:
        remedy = "See at https://console.apify.com/actors/runs that no run of it goes on, then delete this file"
        raise FileError(str(path), "is no record of a scrape", remedy) from error
