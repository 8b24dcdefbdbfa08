"""Erases from the ledger of model calls: the video and the response of a call; its cost is kept, for the budget."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeVar

from instagram_assets.errors import StorageError
from instagram_assets.forget.erasure_steps import Step
from instagram_assets.forget.text_files import MentionFilter
from instagram_assets.ingest.redact.redactor import RecordRedactor
from instagram_assets.privacy.forgotten_identifiers import ERASED_ID, Forgotten

_AREA = "ledger"

_T = TypeVar("_T")
_TIMEOUT = 60.0

_Row = tuple[str | None, str | None, str | None, int]


def ledger_steps(file: Path, forgotten: Forgotten) -> Iterator[Step]:
    """Yields the step for the ledger if its rows or free database pages mention the subject. Raises StorageError."""
    if not file.exists():
        return
    rows = len(_with(file, lambda connection: list(_changes(connection, forgotten))))
    if rows or _in_bytes(file, forgotten):
        yield Step(_AREA, f"{file.parent.name}/{file.name}", "rewrite", rows, partial(_forget, file, forgotten))


def _changes(connection: sqlite3.Connection, forgotten: Forgotten) -> Iterator[_Row]:
    redactor = RecordRedactor(forgotten)
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'calls'").fetchone():
        return  # created by a process that was killed before its first call
    for number, video_id, reason, answer in connection.execute("SELECT id, video_id, reason, answer FROM calls"):
        if forgotten.has("image", video_id):
            yield ERASED_ID, None, None, number
            continue
        texts = [None if text is None else redactor.text(text) for text in (reason, answer)]
        if texts != [reason, answer]:
            yield video_id, texts[0], texts[1], number


def _forget(file: Path, forgotten: Forgotten) -> int:
    if not file.exists():
        return 0

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("BEGIN IMMEDIATE")
        rows = list(_changes(connection, forgotten))
        connection.executemany("UPDATE calls SET video_id = ?, reason = ?, answer = ? WHERE id = ?", rows)
        connection.execute("COMMIT")
        # Free pages and the write-ahead log still have the old rows.
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    _with(file, work)
    return file.stat().st_size


def _with(file: Path, work: Callable[[sqlite3.Connection], _T]) -> _T:
    try:
        with closing(sqlite3.connect(file, timeout=_TIMEOUT, isolation_level=None)) as connection:
            return work(connection)
    except sqlite3.Error as error:
        raise StorageError(
            f"{file}: {error}. Stop what writes it, or put back the copy that you kept of it; then run again."
        ) from error


def _in_bytes(file: Path, forgotten: Forgotten) -> bool:
    may_mention, redactor = MentionFilter(forgotten), RecordRedactor(forgotten)
    if forgotten.patterns is None:
        return False
    for path in (file, file.with_name(f"{file.name}-wal")):
        text = path.read_bytes().decode("latin-1") if path.exists() else ""
        if may_mention(text) and redactor.text(text) != text:
            return True
    return False
