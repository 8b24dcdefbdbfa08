"""Which files of the inbox a landing run was asked for: what lies there all the same is asked for again, ever later."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import dagster as dg

from instagram_assets.automation.run_states import under_way

_FIRST_WAIT, _LONGEST_WAIT = 30.0, 3600.0


class Ask(NamedTuple):
    """What a file was when a run was last asked for it, how often that was, and when, in seconds since 1970."""

    mark: str
    times: int
    at: float

    @property
    def wait(self) -> float:
        """For how long this try is waited for, in seconds."""
        return min(_FIRST_WAIT * 2.0 ** min(self.times - 1, 20), _LONGEST_WAIT)

    def is_fresh(self, now: float) -> bool:
        """True while it is too early to ask again; a clock that was set back does not count."""
        return 0 <= now - self.at < self.wait

    def again(self, mark: str, now: float) -> "Ask":
        """The next try for the same file, the first one for another of its name."""
        return Ask(mark, self.times + 1 if mark == self.mark else 1, now)

    def told(self, name: str) -> str:
        """Such as "a.json was asked for 3 times and lies in the inbox still: again at 10:20:00 UTC"."""
        again = datetime.fromtimestamp(self.at, UTC) + timedelta(seconds=self.wait)
        often = "once" if self.times == 1 else f"{self.times} times"
        return f"{name} was asked for {often} and lies in the inbox still: again at {again:%H:%M:%S} UTC"


def read_asks(cursor: str | None) -> dict[str, Ask]:
    """What a cursor remembers, by the name of the file; nothing when it is lost or not one of ours."""
    try:
        kept = json.loads(cursor or "{}")
    except ValueError:
        return {}
    return {str(name): ask for name, value in kept.items() if (ask := _ask(value))} if isinstance(kept, dict) else {}


def write_asks(asks: Mapping[str, Ask]) -> str:
    """The cursor that remembers these."""
    return json.dumps(asks)


def files_under_way(instance: dg.DagsterInstance) -> frozenset[str] | None:
    """The files that landing runs are queued or running for; null when one of them may be for any file."""
    names: set[str] = set()
    for run in under_way(instance, "landing"):
        files = _files_of(run.run_config)
        if not files:
            return None
        names.update(files)
    return frozenset(names)


def _ask(value: object) -> Ask | None:
    match value:
        case str():  # as cursors were before they counted
            return Ask(value, 1, 0.0)
        case [str() as mark, int() as times, int() | float() as at]:
            return Ask(mark, times, at)
        case _:
            return None


def _files_of(config: Mapping[str, object]) -> list[str]:
    found: object = config
    for key in ("ops", "landed", "config", "files"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return [str(name) for name in found] if isinstance(found, list) else []
