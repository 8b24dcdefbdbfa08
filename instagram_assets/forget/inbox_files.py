"""Erases from the inbox: waiting files, those in `done` and `rejected`, and their sidecar files.

A file is rewritten in place and keeps its modification time. The hashes before and after are recorded, so that the
landing zone recognises the file by both.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from instagram_assets.forget.erasure_steps import Step, StepResult, sha256_of_stored
from instagram_assets.ingest.folder_scan import DONE, ERROR_SUFFIX, REJECTED
from instagram_assets.ingest.manifests import rewritten_path
from instagram_assets.ingest.record_source import OBSERVED_AT_SUFFIX
from instagram_assets.ingest.redact.inbox_redaction import InboxRedactor, Task
from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import is_temporary, sweep
from instagram_assets.storage.lake import lake_root

_AREA = "inbox"


def inbox_steps(settings: Settings, forgotten: Forgotten) -> Iterator[Step]:
    """Yields the steps for the files and folders of the inbox, the files of a folder before the folder itself.

    A file that cannot be parsed, such as a damaged ZIP, is removed if it mentions an erased name. Raises OSError if a
    file cannot be read.
    """
    inbox = settings.folder("inbox")
    redactor = InboxRedactor(lake_root(settings), forgotten, settings.ingest.encoding)
    for folder in (inbox, inbox / DONE, inbox / REJECTED):
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir(), key=_errors_first):
            if path in (inbox / DONE, inbox / REJECTED) or _goes_along(path, OBSERVED_AT_SUFFIX):
                continue
            if is_temporary(path.name):
                yield Step(_AREA, _shown_path(path, settings), "remove", 0, partial(_sweep_folder, folder))
                continue
            for task in redactor.tasks(path):
                yield _step(redactor, _with_its_file(task), settings)


def _errors_first(path: Path) -> tuple[bool, str]:
    """Sort key: puts a rejected file's `.error.txt` before the file, as renaming the file renames that sidecar too."""
    return not path.name.endswith(ERROR_SUFFIX), path.name


def _goes_along(path: Path, ending: str) -> bool:
    """Whether a file is the sidecar (name suffix `ending`) of an existing file, together with which it is moved."""
    return path.name.endswith(ending) and path.with_name(path.name.removesuffix(ending)).exists()


def _with_its_file(task: Task) -> Task:
    if task.to is None or not _goes_along(task.path, ERROR_SUFFIX):
        return task
    return Task(task.path, task.path, task.rows, task.is_rewritten)


def _step(redactor: InboxRedactor, task: Task, settings: Settings) -> Step:
    verb = "remove" if task.to is None else "rewrite"
    return Step(_AREA, _shown_path(task.path, settings), verb, task.rows, partial(_apply, redactor, task))


def _apply(redactor: InboxRedactor, task: Task) -> int | StepResult:
    """Applies a task; the result has the SHA-256 of a rewritten file and of the record that maps old to new hash."""
    written = redactor.do(task)
    if task.to is None or not task.to.is_file() or task.to.is_symlink():
        return written
    hashes = [sha256_of_stored(task.to)]
    note = rewritten_path(redactor.lake, hashes[0])
    if task.is_rewritten and note.exists():
        hashes.append(sha256_of_stored(note))
    return StepResult(0, hashes, task.rows, written)


def _shown_path(path: Path, settings: Settings) -> str:
    return str(path.relative_to(settings.data_dir) if path.is_relative_to(settings.data_dir) else path)


def _sweep_folder(folder: Path) -> int:
    sweep(folder)
    return 0
