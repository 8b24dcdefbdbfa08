"""The platform status, as shown by `instagram-assets status`; facts that need the user's action come first."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from upath import UPath

from instagram_assets.automation import forget_requests
from instagram_assets.errors import InstagramAssetsError
from instagram_assets.settings import Settings
from instagram_assets.status.data_status import AgeModelQuality, Output, TableStatus, read_age_model_quality
from instagram_assets.storage.lake import lake_root
from instagram_assets.web.background_value import BackgroundValue
from instagram_assets.web.dagster_queries import DagsterDownError
from instagram_assets.web.dependencies import Services
from instagram_assets.web.status_facts import (
    Fact,
    free_bytes,
    of_collectors,
    of_index,
    of_lake,
    of_machine,
    of_runs,
    of_settings,
    of_state,
)
from instagram_assets.web.words import Words

_SECONDS = 5.0
# What needs a person most comes first.
_ORDER = ("layout_older", "lake_unreadable", "settings_wrong", "disk_nearly_full", "dagster_down", "daemon_stopped")
_OF_DAGSTER = ("dagster_down", "dagster_refuses", "daemon_stopped")


@dataclass(frozen=True)
class PlatformStatus:
    """The status of a data folder at a moment: what needs the user's action (`needs`), and what the folder contains.

    `waits` are facts about pending work, and `to_know` other facts. `tables` are all tables of the lake that have rows,
    `datasets` the exported files and folders. `age_model` is null if there is none.
    """

    needs: Sequence[Fact]
    waits: Sequence[Fact]
    to_know: Sequence[Fact]
    tables: Sequence[TableStatus]
    datasets: Sequence[Output]
    age_model: AgeModelQuality | None
    landed: int
    free_bytes: int | None
    counted_at: datetime

    @property
    def is_moving(self) -> bool:
        """Whether the status can change without user action: runs or files are pending, or Dagster is down."""
        return bool(self.waits) or any(fact.name in _OF_DAGSTER for fact in self.needs)

    @property
    def is_empty(self) -> bool:
        """Whether there is no data yet."""
        return not (self.tables or self.landed or self.waits)


def cached_status(services: Services) -> BackgroundValue[PlatformStatus]:
    """Returns the status of the data folder, cached for some seconds and computed in the background."""
    settings = services.settings
    key = (str(settings.data_dir.absolute()), settings.lake_uri, forget_requests.last_change())
    with _lock:
        if key not in _counted:
            _counted.clear()  # older values may contain the name of an erased account
        return _counted.setdefault(key, BackgroundValue(lambda: read_status(settings), _SECONDS))


_lock = threading.Lock()
_counted: dict[tuple[str, str, float], BackgroundValue[PlatformStatus]] = {}


def read_status(settings: Settings) -> PlatformStatus:
    """Computes the status from the lake, the inbox, the machine, Dagster's run history and the collectors' state."""
    facts: list[Fact] = [*of_settings(settings)]
    root = _root_of(settings, facts)
    state = of_lake(root, settings, facts.append) if root is not None else None
    if state and root is not None:
        facts += [*of_state(state, settings), *of_index(root, settings)]
    if not forget_requests.is_paused():  # an erasure needs exclusive use of the history's databases
        facts += of_runs(settings)
    facts += [*of_collectors(settings), *of_machine(settings)]
    return PlatformStatus(
        _most_pressing([fact for fact in facts if fact.level in ("bad", "warning")]),
        [fact for fact in facts if fact.level == "busy"],
        [fact for fact in facts if fact.level == "info"],
        state.stages if state else [],
        state.datasets if state else [],
        read_age_model_quality(settings),
        state.files.landed if state else 0,
        free_bytes(settings),
        datetime.now(UTC),
    )


def in_words(platform: PlatformStatus, now: Sequence[Fact], words: Words) -> PlatformStatus:
    """Returns the status with its facts translated; `now` are current facts about Dagster, which are added."""
    needs = _most_pressing([*now, *platform.needs])
    texts = ([fact.translated(words) for fact in facts] for facts in (needs, platform.waits, platform.to_know))
    return replace(platform, **dict(zip(("needs", "waits", "to_know"), texts, strict=True)))


async def of_dagster(services: Services, patience: float = 3.0) -> list[Fact]:
    """Returns facts about Dagster: no response within `patience` seconds, or daemons that are not running."""
    try:
        async with asyncio.timeout(patience):
            daemons = await services.dagster.daemons()
    except (DagsterDownError, TimeoutError):
        return [Fact("dagster_down", "bad", 1, services.dagster.url)]
    except InstagramAssetsError as error:
        return [Fact("dagster_refuses", "bad", why=str(error))]
    stopped = [name for name, runs in daemons.items() if not runs]
    return [Fact("daemon_stopped", "bad", len(stopped), ", ".join(stopped).lower())] if stopped else []


def _root_of(settings: Settings, facts: list[Fact]) -> UPath | None:
    try:
        return lake_root(settings)
    except InstagramAssetsError as error:
        if not any(fact.why and str(error).startswith(fact.why) for fact in facts):
            facts.append(Fact("settings_wrong", "bad", why=str(error)))
        return None


def _most_pressing(facts: Sequence[Fact]) -> list[Fact]:
    def rank(fact: Fact) -> tuple[int, bool]:
        return (_ORDER.index(fact.name) if fact.name in _ORDER else len(_ORDER), fact.level != "bad")

    return sorted(facts, key=rank)
