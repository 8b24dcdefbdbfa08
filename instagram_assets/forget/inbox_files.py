"""The inbox forgets: what waits in it, what was put aside in `done` and `rejected`, and what is said beside it.

A file is rewritten where it lies and keeps its time; the landing zone knows it by both hashes afterwards.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from instagram_assets.forget.steps import Applied, Step, sha256_of
from instagram_assets.ingest.manifests import rewritten_path
from instagram_assets.ingest.moves import DONE, ERROR, REJECTED
from instagram_assets.ingest.scrub.in_place import Place, Task
from instagram_assets.ingest.stated import STATED
from instagram_assets.privacy.forgotten import Forgotten
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import is_temporary, sweep
from instagram_assets.storage.lake import lake_root

PLACE = "inbox"


def steps(settings: Settings, forgotten: Forgotten) -> Iterator[Step]:
    """What is to be done to the files and folders of the inbox, those within a folder before the folder.

    A file that cannot be taken apart, such as a damaged ZIP, goes whole where a name stands in it. Raises OSError
    where one cannot be read.
    """
    inbox = settings.folder("inbox")
    place = Place(lake_root(settings), forgotten, settings.ingest.encoding)
    for folder in (inbox, inbox / DONE, inbox / REJECTED):
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir(), key=_errors_first):
            if path in (inbox / DONE, inbox / REJECTED) or _goes_along(path, STATED):
                continue
            if is_temporary(path.name):
                yield Step(PLACE, _shown(path, settings), "remove", 0, partial(_swept, folder))
                continue
            for task in place.tasks(path):
                yield _step(place, _with_its_file(task), settings)


def _errors_first(path: Path) -> tuple[bool, str]:
    """What is said of a bad file is rewritten before the file is renamed, which takes it along."""
    return not path.name.endswith(ERROR), path.name


def _goes_along(path: Path, ending: str) -> bool:
    """True for what stands beside a file and is moved with it."""
    return path.name.endswith(ending) and path.with_name(path.name.removesuffix(ending)).exists()


def _with_its_file(task: Task) -> Task:
    if task.to is None or not _goes_along(task.path, ERROR):
        return task
    return Task(task.path, task.path, task.rows, task.is_rewritten)


def _step(place: Place, task: Task, settings: Settings) -> Step:
    verb = "remove" if task.to is None else "rewrite"
    return Step(PLACE, _shown(task.path, settings), verb, task.rows, partial(_do, place, task))


def _do(place: Place, task: Task) -> int | Applied:
    """Do a task; of a file the hash is told wherever it lies afterwards, and that of the note of its two hashes."""
    written = place.do(task)
    if task.to is None or not task.to.is_file() or task.to.is_symlink():
        return written
    hashes = [sha256_of(task.to)]
    note = rewritten_path(place.lake, hashes[0])
    if task.is_rewritten and note.exists():
        hashes.append(sha256_of(note))
    return Applied(0, hashes, task.rows, written)


def _shown(path: Path, settings: Settings) -> str:
    return str(path.relative_to(settings.data_dir) if path.is_relative_to(settings.data_dir) else path)


def _swept(folder: Path) -> int:
    sweep(folder)
    return 0
