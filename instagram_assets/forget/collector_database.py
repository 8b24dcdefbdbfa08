"""Erases the data subject from the collectors' database and files: rows, stored pages and files written for users.

Rate limits and the hashtag budget are computed from past requests, so these rows are kept, without the subject's name.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from instagram_assets.collect.collector_database import DATABASE_FILE, CollectorDatabase
from instagram_assets.collect.output_folder import collector_files, known_output_folders, record_lines_of
from instagram_assets.collect.stored_pages import json_line
from instagram_assets.collect.unknown_responses import RESPONSES_FOLDER as ANSWERS
from instagram_assets.collect.unknown_responses import subject_of_response
from instagram_assets.forget import files_and_folders
from instagram_assets.forget.erasure_steps import Step
from instagram_assets.forget.file_operations import remove_path
from instagram_assets.ingest.redact.redactor import GONE, RecordRedactor, scrubbed_name
from instagram_assets.privacy.forgotten_identifiers import ERASED_ID as FORGOTTEN_ID
from instagram_assets.privacy.forgotten_identifiers import Forgotten

_AREA = "collection"
_NAMED = ("requests", "crawls", "subjects")
_TEXTS = {
    "requests": ("what", "reason"),
    "crawls": ("reason", "file"),
    "subjects": ("reason", "newest_shortcode", "facts"),
    "identities": ("reason",),
}


class _Change(NamedTuple):
    """An SQL statement that deletes or changes one row, with its parameters."""

    statement: str
    values: Sequence[Any]


def collector_steps(folder: Path, root: Path, forgotten: Forgotten) -> Iterator[Step]:
    """Yields the steps for files that `scrape-users` wrote, the database in `folder` and the raw responses beside it.

    Raises StorageError when the database is damaged.
    """
    file = folder / DATABASE_FILE
    if file.exists():
        for path in user_output_files(folder):
            yield from _user_file_steps(path, root, forgotten)
        with CollectorDatabase(folder).reading() as connection:
            rows = sum(1 for _ in _changes(connection, forgotten))
        if rows:
            yield Step(
                _AREA, files_and_folders.path_below(file, root), "rewrite", rows, partial(_forget, folder, forgotten)
            )
    for path in sorted((folder / ANSWERS).glob("*.json")):
        text = path.read_text("utf-8", "replace")
        if (
            forgotten.has("account", subject_of_response(path)) or RecordRedactor(forgotten).text(text) != text
        ):  # stored for adapting the collector; any later answer serves too
            yield Step(_AREA, files_and_folders.path_below(path, root), "remove", 1, partial(remove_path, path))


def user_output_folders(folder: Path) -> list[Path]:
    """Returns the folders into which `scrape-users` ever wrote, from the database in `folder`; empty without one."""
    return known_output_folders(CollectorDatabase(folder)) if (folder / DATABASE_FILE).exists() else []


def user_output_files(folder: Path) -> list[Path]:
    """The files that `scrape-users` wrote, in all folders that the database in `folder` lists."""
    return [path for output in user_output_folders(folder) for path in collector_files(output)]


def _user_file_steps(path: Path, root: Path, forgotten: Forgotten) -> Iterator[Step]:
    if _is_all_gone(path, RecordRedactor(forgotten)):  # also where it is named after a former name of the account
        yield Step(
            _AREA,
            scrubbed_name(files_and_folders.path_below(path, root), forgotten),
            "remove",
            1,
            partial(remove_path, path),
        )
    else:
        yield from files_and_folders.file_steps(_AREA, path, root, forgotten)


def _is_all_gone(path: Path, redactor: RecordRedactor) -> bool:
    try:
        return all(redactor.record(json.loads(record)) is GONE for record in record_lines_of(path))
    except ValueError:  # damaged: its bytes are searched instead
        return False


def _forget(folder: Path, forgotten: Forgotten) -> int:
    database = CollectorDatabase(folder)
    with database.writing() as connection:
        for change in list(_changes(connection, forgotten)):
            connection.execute(change.statement, change.values)
    # Free pages of the database file still have the deleted rows.
    with database.reading() as connection:
        connection.execute("VACUUM")
    return database.file.stat().st_size


def _changes(connection: sqlite3.Connection, forgotten: Forgotten) -> Iterator[_Change]:
    redactor, of_ids = RecordRedactor(forgotten), _named_by_id(connection, forgotten)
    for table in _NAMED:
        for row in connection.execute(f"SELECT rowid AS number, * FROM {table}").fetchall():
            if not forgotten.has("account", row["subject"]) and (row["site"], row["subject"]) not in of_ids:
                yield from _scrubbed(table, row, redactor)
            elif table == "requests":
                statement = "UPDATE requests SET subject = ?, what = ?, reason = '' WHERE id = ?"
                subject = _anonymous_subject(connection, row["subject"])
                yield _Change(statement, (subject, FORGOTTEN_ID, row["number"]))
            else:
                yield _Change(f"DELETE FROM {table} WHERE rowid = ?", (row["number"],))
    for row in connection.execute("SELECT rowid AS number, * FROM identities").fetchall():
        yield from _scrubbed("identities", row, redactor)
    for row in connection.execute("SELECT rowid AS number, folder FROM output_folders").fetchall():
        if redactor.text(row["folder"]) != row["folder"]:  # its path mentions the name
            yield _Change("DELETE FROM output_folders WHERE rowid = ?", (row["number"],))
    for row in connection.execute("SELECT rowid AS number, page FROM pages").fetchall():
        if (page := _page(bytes(row["page"]), redactor, forgotten)) != bytes(row["page"]):
            yield _Change("UPDATE pages SET page = ? WHERE rowid = ?", (page, row["number"]))


def _anonymous_subject(connection: sqlite3.Connection, subject: str) -> str:
    """Returns the placeholder for an erased account or hashtag in rows of requests; each hashtag has its own."""
    if not subject.startswith("#"):
        return FORGOTTEN_ID
    first = connection.execute("SELECT MIN(id) FROM requests WHERE subject = ?", (subject,)).fetchone()[0]
    return f"#{FORGOTTEN_ID}-{first}"


def _named_by_id(connection: sqlite3.Connection, forgotten: Forgotten) -> frozenset[tuple[str, str]]:
    """Returns the (site, name) pairs of accounts whose numeric id is erased, even if the account has a newer name."""
    rows = connection.execute("SELECT site, subject, profile_id FROM subjects").fetchall()
    return frozenset((row["site"], row["subject"]) for row in rows if forgotten.has("profile_id", row["profile_id"]))


def _scrubbed(table: str, row: sqlite3.Row, redactor: RecordRedactor) -> Iterator[_Change]:
    names = _TEXTS[table]
    before = [row[name] for name in names]
    after = [None if text is None else redactor.text(text) for text in before]
    if after != before:
        columns = ", ".join(f"{name} = ?" for name in names)
        yield _Change(f"UPDATE {table} SET {columns} WHERE rowid = ?", (*after, row["number"]))


def _page(page: bytes, redactor: RecordRedactor, forgotten: Forgotten) -> bytes:
    """Returns a stored page (JSON lines: a header, then one record per line) without the erased posts and records."""
    head, *records = (json.loads(line) for line in page.split(b"\n")[:-1])
    kept = [cleaned for record in records if (cleaned := redactor.record(record)) is not GONE]
    posts = [post for post in head["posts"] if not forgotten.has("shortcode", post[0])]
    if kept == records and posts == head["posts"]:
        return page
    return b"".join(map(json_line, ({**head, "records": len(kept), "posts": posts}, *kept)))
