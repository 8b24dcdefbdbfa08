"""Keeps the index up to date while the web app runs: polls the lake for changes, and updates in a child process."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import get_args

from upath import UPath

from instagram_assets.automation.forget_requests import is_paused
from instagram_assets.errors import InstagramAssetsError
from instagram_assets.lake_index.facets import choices_of, clusters_of
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_files import INDEX_FOLDER, index_file, indexed_fingerprint, version_stamp
from instagram_assets.lake_index.index_reader import LakeIndex, index_handle
from instagram_assets.lake_index.lake_changes import fingerprint
from instagram_assets.lake_index.nearest_neighbours import Vectors
from instagram_assets.lake_index.sorted_rows import PostSort, Sort, shared_sorted_rows
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import is_local
from instagram_assets.storage.lake import lake_root
from instagram_assets.web.index_command import run_index_command

_LOOK_SECONDS, _LOOK_SECONDS_AT_STORE = 3.0, 300.0
"""Seconds between two polls of a local lake, and of one in an object store, whose files all have to be listed."""
_TIMES_AS_LONG = 3
"""After an update, the pause is at least this many times its duration, so that steady writes cause no steady load."""
_FIRST_WAIT, _LONGEST_WAIT = 10.0, 600.0


class IndexUpdater:
    """A background thread that keeps the index up to date, from `start` to `stop`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.folder(INDEX_FOLDER)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="index-updater", daemon=True)
        self._opened = index_handle(self._folder)
        self._seen: str | None = None
        self._warm = ""
        self._failures = 0
        self.is_updating = False
        self.problem = ""
        """Why the last update failed; empty if it succeeded."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and its child process; an unfinished update is discarded."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        wait = 0.0
        while not self._ended.wait(wait):
            began = monotonic()
            wait = _LOOK_SECONDS
            # Also during an erasure: caches of a deleted index have to be dropped.
            self._opened.release()
            if is_paused():
                continue
            try:
                root = lake_root(self._settings)
                if not self._is_needed(root):
                    self._warm_up()
                    continue
                self._update(root)
                self._warm_up()
            except (InstagramAssetsError, OSError) as error:
                self._failed(str(error))
            took = monotonic() - began
            wait = max(
                _LOOK_SECONDS if is_local(UPath(self._settings.lake_uri)) else _LOOK_SECONDS_AT_STORE,
                _TIMES_AS_LONG * took,
            )
            if self.problem:
                wait = min(_FIRST_WAIT * 2 ** (self._failures - 1), _LONGEST_WAIT)

    def _is_needed(self, root: UPath) -> bool:
        """Whether the lake changed since the last update; always true for object stores, which have no mtimes."""
        if not index_file(self._folder).exists() or self.problem or self._opened.is_damaged:
            return True
        now = fingerprint(root)
        return not now or now not in (self._seen, indexed_fingerprint(self._folder))

    def _update(self, root: UPath) -> None:
        """Update the index in a child process; an erasure kills it, since the index would keep erased data."""
        before = fingerprint(root)
        options = ("--rebuild",) if self._opened.is_damaged else ()
        self.is_updating = True
        try:
            problem = run_index_command(self._settings, *options, ended=self._ended)
        finally:
            self.is_updating = False
        if problem:
            self._failed(problem)
        elif problem is not None:
            self._seen, self.problem, self._failures = before, "", 0

    def _warm_up(self) -> None:
        """Fill the caches of a new version of the index before the first requests need them."""
        stamp = version_stamp(index_file(self._folder))
        if self.problem or not stamp or stamp == self._warm:
            return
        with suppress(InstagramAssetsError):  # the request that needs it raises the error again
            index = self._opened.newest()
            for step in _warm_ups(index):
                if self._ended.is_set() or is_paused():
                    return
                step()
        self._warm = stamp

    def _failed(self, reason: str) -> None:
        self.problem, self._failures = reason, self._failures + 1


@contextmanager
def index_updates(settings: Settings) -> Generator[IndexUpdater]:
    """Context manager that keeps the index of these settings up to date while its block runs."""
    folder = settings.folder(INDEX_FOLDER)
    updater = IndexUpdater(settings)
    _updaters[folder] = updater
    updater.start()
    try:
        yield updater
    finally:
        del _updaters[folder]
        updater.stop()


_updaters: dict[Path, IndexUpdater] = {}


def updater_of(folder: Path) -> IndexUpdater | None:
    """Returns this process's updater of the index in a folder; None if this process does not update it."""
    return _updaters.get(folder)


def _warm_ups(index: LakeIndex) -> Iterator[Callable[[], object]]:
    """Yields functions that fill the caches of a new index, most important first.

    They are separate functions so that a request waits for at most one of them.
    """
    yield partial(shared_sorted_rows().images, index, Filter())
    yield partial(shared_sorted_rows().posts, index, Filter())
    yield partial(choices_of, index)
    yield partial(clusters_of, index)
    yield partial(Vectors.of_index, index)
    for sort in get_args(Sort):
        if sort != "similar":
            yield partial(shared_sorted_rows().images, index, Filter(), sort)
    for sort in get_args(PostSort):
        yield partial(shared_sorted_rows().posts, index, Filter(), sort)
    # A text query caches the mapping from images to posts, which all text queries need.
    yield partial(shared_sorted_rows().images, index, Filter(q="a"))
