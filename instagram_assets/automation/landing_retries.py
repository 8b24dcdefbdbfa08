"""Retries of landing (ingesting inbox files): for which file a run was requested, how often and when.

This is stored in the sensor's cursor. For a file that is still in the inbox, a run is requested again with exponential
backoff.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import dagster as dg

from instagram_assets.automation.run_states import active_runs

_FIRST_WAIT, _LONGEST_WAIT = 30.0, 3600.0


class InboxAttempt(NamedTuple):
    """The last run requested to ingest a file: the file's fingerprint, the number of tries, and the Unix timestamp."""

    mark: str
    times: int
    at: float

    @property
    def wait(self) -> float:
        """Seconds to wait before the next try: exponential backoff, at most an hour."""
        return min(_FIRST_WAIT * 2.0 ** min(self.times - 1, 20), _LONGEST_WAIT)

    def is_fresh(self, now: float) -> bool:
        """Whether it is too early to request another run for the file; False if `at` is in the future."""
        return 0 <= now - self.at < self.wait

    def again(self, mark: str, now: float) -> "InboxAttempt":
        """The next attempt, at time `now`; the first again if the file's fingerprint `mark` has changed."""
        return InboxAttempt(mark, self.times + 1 if mark == self.mark else 1, now)

    def told(self, name: str) -> str:
        """A log message such as "a.json was asked for 3 times and lies in the inbox still: again at 10:20:00 UTC"."""
        again = datetime.fromtimestamp(self.at, UTC) + timedelta(seconds=self.wait)
        often = "once" if self.times == 1 else f"{self.times} times"
        return f"{name} was asked for {often} and lies in the inbox still: again at {again:%H:%M:%S} UTC"


def read_attempts(cursor: str | None) -> dict[str, InboxAttempt]:
    """Parse the attempts by file name from a sensor's cursor; empty if it is missing or invalid."""
    try:
        kept = json.loads(cursor or "{}")
    except ValueError:
        return {}
    return {str(name): ask for name, value in kept.items() if (ask := _ask(value))} if isinstance(kept, dict) else {}


def write_attempts(asks: Mapping[str, InboxAttempt]) -> str:
    """Serialise attempts by file name to JSON, as the sensor's cursor."""
    return json.dumps(asks)


def files_of_active_runs(instance: dg.DagsterInstance) -> frozenset[str] | None:
    """Inbox files that queued or running landing runs read; None if one of them reads the whole inbox."""
    names: set[str] = set()
    for run in active_runs(instance, "landing"):
        files = _files_of(run.run_config)
        if not files:
            return None
        names.update(files)
    return frozenset(names)


def _ask(value: object) -> InboxAttempt | None:
    match value:
        case str():  # cursors of an older version, without counts
            return InboxAttempt(value, 1, 0.0)
        case [str() as mark, int() as times, int() | float() as at]:
            return InboxAttempt(mark, times, at)
        case _:
            return None


def _files_of(config: Mapping[str, object]) -> list[str]:
    found: object = config
    for key in ("ops", "landed", "config", "files"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return [str(name) for name in found] if isinstance(found, list) else []
