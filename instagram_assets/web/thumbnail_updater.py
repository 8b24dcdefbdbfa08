"""Pre-generates thumbnails while the web app runs: for each new index version, in a child process of low priority."""

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager
from time import monotonic

from instagram_assets.automation.forget_requests import is_paused
from instagram_assets.errors import InstagramAssetsError
from instagram_assets.lake_index.index_files import INDEX_FOLDER, index_file, version_stamp
from instagram_assets.settings import Settings
from instagram_assets.web.index_command import run_index_command

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 3.0
_NEWER_SECONDS = 60.0
"""Age in seconds above which a child process is replaced as soon as there is a newer index version."""
_AFTER_FAILURE = 600.0


class ThumbnailUpdater:
    """A background thread that pre-generates missing thumbnails, from `start` to `stop`.

    It pauses during an erasure. After a failure it waits ten minutes before the next try.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.folder(INDEX_FOLDER)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="thumbnail-updater", daemon=True)
        self._done = ""
        self.problem = ""
        """Why the last child process failed; empty if it succeeded."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and its child process; finished thumbnails are kept."""
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
        """Generate the thumbnails of an index version in a child process; returns whether it finished without an error.

        After a minute the process is killed if there is a newer index version.
        """
        began = monotonic()

        def makes_way() -> bool:
            return monotonic() - began > _NEWER_SECONDS and version_stamp(index_file(self._folder)) != stamp

        options = ("--thumbnails", "--as-it-is")
        problem = run_index_command(self._settings, *options, ended=self._ended, makes_way=makes_way)
        self.problem = problem or ""
        return problem == ""


@contextmanager
def making_ahead(settings: Settings) -> Generator[None]:
    """Context manager that pre-generates thumbnails while its block runs, unless the settings disable it."""
    if not settings.web.thumbnails_ahead:
        yield
        return
    updater = ThumbnailUpdater(settings)
    updater.start()
    try:
        yield
    finally:
        updater.stop()
