"""Retries of landing runs: which inbox files were requested, how often and when, kept in the sensor's cursor.

A file that still lies in the inbox is requested again with exponential backoff.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import dagster as dg

from instagram_assets.automation.run_states import active_runs

_FIRST_WAIT, _LONGEST_WAIT = 30.0, 3600.0


class InboxAttempt(NamedTuple):
    """The last landing run requested for a file: the file's fingerprint, the number of tries, and a Unix timestamp."""

    mark: str
    times: int
    at: float

    @property
    def wait(self) -> float:
        """Seconds to wait before the next try: exponential backoff, at most an hour."""
        return min(_FIRST_WAIT * 2.0 ** min(self.times - 1, 20), _LONGEST_WAIT)

    def is_fresh(self, now: float) -> bool:
        """True while it is too early to try again; timestamps in the future are ignored."""
        return 0 <= now - self.at < self.wait

    def again(self, mark: str, now: float) -> "InboxAttempt":
        """The next try for the same file; the first try if the file has changed."""
        return InboxAttempt(mark, self.times + 1 if mark == self.mark else 1, now)

    def told(self, name: str) -> str:
        """A log message such as "a.json was asked for 3 times and lies in the inbox still: again at 10:20:00 UTC"."""
        again = datetime.fromtimestamp(self.at, UTC) + timedelta(seconds=self.wait)
        often = "once" if self.times == 1 else f"{self.times} times"
        return f"{name} was asked for {often} and lies in the inbox still: again at {again:%H:%M:%S} UTC"


def read_attempts(cursor: str | None) -> dict[str, InboxAttempt]:
    """Attempts by file name, from a sensor's cursor; empty when it is missing or invalid."""
    try:
        kept = json.loads(cursor or "{}")
    except ValueError:
        return {}
    return {str(name): ask for name, value in kept.items() if (ask := _ask(value))} if isinstance(kept, dict) else {}


def write_attempts(asks: Mapping[str, InboxAttempt]) -> str:
    """The sensor's cursor for these attempts, as JSON."""
    return json.dumps(asks)


def files_of_active_runs(instance: dg.DagsterInstance) -> frozenset[str] | None:
    """Files of queued or running landing runs; None when one of them is not limited to files."""
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
