"""Runs the command `instagram-assets index` as a child process of the web app."""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Event

from instagram_assets.automation.child_processes import Child, child_processes
from instagram_assets.automation.forget_requests import is_paused, last_change
from instagram_assets.settings import ENV_PREFIX, Settings

_TICK = 0.2
_PREFIX = "instagram_assets-index-"


def run_index_command(
    settings: Settings, *options: str, ended: Event, makes_way: Callable[[], bool] = lambda: False
) -> str | None:
    """Run the command and return its error message, empty on success; None if it was killed before it finished.

    It is killed when `ended` is set, when `makes_way()` returns true, and when an erasure starts, since its result
    would contain data that is being erased.
    """
    change_before = last_change()
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as logs, child_processes(Path(logs), _PREFIX) as group:
        command = (sys.executable, "-m", "instagram_assets.cli", "index", *options, "--json")
        child = group.start("index", command, _environment(settings))
        while not child.ended:
            if ended.wait(_TICK) or is_paused() or last_change() != change_before or makes_way():
                return None
        return _error_message(child)


def _environment(settings: Settings) -> dict[str, str]:
    """Returns the child's environment variables: the same lake, data folder and limits, without the access token."""
    others = {name: value for name, value in os.environ.items() if name != settings.web.token_variable}
    given = {
        "DATA_DIR": str(settings.data_dir.absolute()),
        "LAKE": settings.lake,
        "LAKE_OPTIONS": json.dumps(settings.lake_options),
        "TIME_ZONE": settings.time_zone,
        "WEB__THUMBNAILS_MB": str(settings.web.thumbnails_mb),
        "DOWNLOAD__MAX_MEGAPIXELS": str(settings.download.max_megapixels),
    }
    return {**others, **{f"{ENV_PREFIX}{name}": value for name, value in given.items()}}


def _error_message(child: Child) -> str:
    """Returns the error message of a failed child process, the last line of its output; empty if it succeeded."""
    status = child.process.returncode
    if not status:
        return ""
    lines = child.log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1][:2_000] if lines else f"The command ended with status {status}."
