"""Creates thumbnails in advance while the web app runs: after each new index version, in a low-priority child."""

import logging
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from instagram_assets.automation.child_processes import child_processes
from instagram_assets.automation.forget_requests import is_paused, last_change
from instagram_assets.errors import InstagramAssetsError
from instagram_assets.lake_index.index_files import INDEX_FOLDER, index_file, version_stamp
from instagram_assets.settings import Settings
from instagram_assets.web.index_updater import CLI, environment_of, reason_of

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 3.0
_TICK = 0.2
_NEWER_SECONDS = 60.0
"""A child that works for longer makes way for one that begins with the images of a newer index."""
_AFTER_FAILURE = 600.0
_COMMAND = (*CLI, "index", "--thumbnails", "--as-it-is", "--json")


class ThumbnailKeeper:
    """A thread that creates missing thumbnails in advance, from `start` to `stop`.

    It pauses during an erasure. Failures are retried with the next index version, or later.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.folder(INDEX_FOLDER)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="thumbnail-keeper", daemon=True)
        self._done = ""
        self.problem = ""
        """Why the last child failed; empty after one that did not."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and its child process; thumbnails already made stay."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        wait = _LOOK_SECONDS
        while not self._ended.wait(wait):
            wait = _LOOK_SECONDS
            stamp = version_stamp(index_file(self._folder))
            if not stamp or stamp == self._done or is_paused():
                continue
            try:
                if self._make(stamp):
                    self._done = stamp
            except (InstagramAssetsError, OSError) as error:
                self.problem = str(error)
            if self.problem:
                _log.warning("No thumbnails are made ahead for now: %s", self.problem)
                wait = _AFTER_FAILURE

    def _make(self, stamp: str) -> bool:
        """Create the thumbnails of an index version in a child process; returns whether all are done."""
        began, paused_before = monotonic(), last_change()
        with (
            tempfile.TemporaryDirectory(prefix="instagram_assets-thumbnails-") as logs,
            child_processes(Path(logs), "instagram_assets-thumbnails-") as group,
        ):
            child = group.start("thumbnails", _COMMAND, environment_of(self._settings))
            while not child.ended:
                if self._ended.wait(_TICK) or is_paused() or last_change() != paused_before:
                    return False
                is_newer = version_stamp(index_file(self._folder)) != stamp
                if is_newer and monotonic() - began > _NEWER_SECONDS:
                    return False
            self.problem = reason_of(child) if child.process.returncode else ""
            return not self.problem


@contextmanager
def making_ahead(settings: Settings) -> Generator[None]:
    """Context manager: create thumbnails in advance while the block runs, unless the settings disable it."""
    if not settings.web.thumbnails_ahead:
        yield
        return
    keeper = ThumbnailKeeper(settings)
    keeper.start()
    try:
        yield
    finally:
        keeper.stop()
