"""When this is imported, the process reads the migrations of Dagster's databases once, and not at each use of one.

There are some 90 files of them, and each database that is made or opened asks alembic for all: a fifth of the time of
a small run, a quarter of a trial. What is in them is Dagster's, no promise of ours.
"""

from functools import cache

from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log.sqlite import sqlite_event_log as _events
from dagster._core.storage.runs.sqlite import sqlite_run_storage as _runs
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage as _schedules
from dagster._core.storage.sql import get_alembic_config

_read = ScriptDirectory.from_config
_config: dict[tuple[str | None, ...], Config] = {}


@cache
def _read_once(place: tuple[str | None, ...]) -> ScriptDirectory:
    return _read(_config[place])


def _from_config(config: Config) -> ScriptDirectory:
    place = tuple(map(config.get_main_option, ("script_location", "version_locations")))
    _config.setdefault(place, config)
    return _read_once(place)


ScriptDirectory.from_config = staticmethod(_from_config)  # pyright: ignore[reportAttributeAccessIssue]

# Read at once, so that whoever forks afterwards has them.
for _storage in (_runs, _events, _schedules):
    ScriptDirectory.from_config(get_alembic_config(_storage.__file__)).as_revision_number("head")
