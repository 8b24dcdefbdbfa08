"""Updates the index from the lake: writes the next version to a new file and publishes it by renaming."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from upath import UPath

from instagram_assets.errors import DiskFullError, StorageError
from instagram_assets.lake_index.embedding_file import are_whole, write_vectors
from instagram_assets.lake_index.index_builder import IndexBuilder, ProgressReport, read_lake_file
from instagram_assets.lake_index.index_files import (
    LAKE_FINGERPRINT_FILE,
    WORK_FOLDER,
    index_file,
    next_file,
    remove_old_versions,
    remove_path,
)
from instagram_assets.lake_index.index_reader import open_read_only
from instagram_assets.lake_index.index_tables import EMBEDDING_TABLES, SCHEMA, VERSION
from instagram_assets.lake_index.lake_changes import (
    IndexedStamps,
    LakePart,
    LakeParts,
    changed_parts,
    fingerprint,
    owners,
    parts_of,
)
from instagram_assets.storage.atomic import make_folder, refusal, sync_folders, write_atomic
from instagram_assets.storage.locks import folder_lock

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MEMORY, _THREADS = "700MB", 2
_MOST_APPENDED = 0.2
"""Fraction of appended, unsorted posts and images above which the index is rebuilt, which sorts them."""
Why = str
"""Why an index was rebuilt: `first`, `version`, `damaged`, `time_zone`, `asked`, `grown`, or `left` (an account or a
search was removed from the lake, and its data must not stay in the file); empty for an incremental update.
"""


@dataclass(frozen=True)
class Updated:
    """Result of an update: row counts of the index, number of changed units of the lake, and why it was rebuilt.

    `why` is one of the reasons listed at `Why`, empty if the index was updated incrementally.
    """

    posts: int
    images: int
    changed: int
    is_new: bool
    why: Why
    seconds: float


@dataclass(frozen=True)
class _PreviousIndex:
    """The previous version of the index: its path, the stamps of the lake files in it, and its metadata.

    `why` is the reason why it has to be rebuilt; empty, with `path` set, if it can be updated incrementally.
    """

    path: Path | None
    known: IndexedStamps
    facts: dict[str, str]
    why: Why = ""


def update_index(
    root: UPath, folder: Path, zone: str, *, rebuild: bool = False, report: ProgressReport = lambda *_: None
) -> Updated:
    """Bring the index up to date with the lake, incrementally if possible; with `rebuild`, always from scratch.

    Readers continue to use the old version meanwhile. Concurrent updates wait for each other. Raises StorageError for a
    damaged table of the lake or if a file cannot be written, and DiskFullError if the disk is full; the old index is
    kept then.
    """
    import duckdb

    began = monotonic()
    try:
        make_folder(folder)
        with folder_lock(folder, "Put the data folder on a local disk: INSTAGRAM_ASSETS_DATA_DIR"):
            seen = fingerprint(root)
            old = _read_previous(index_file(folder), zone, rebuild=rebuild)
            remove_old_versions(folder, old.facts.get("vectors", ""))
            parts = parts_of(root, old.known)
            done = _update(root, folder, zone, old, parts, began, report)
            write_atomic(folder / LAKE_FINGERPRINT_FILE, lambda stream: stream.write(seen.encode()))
            return done
    except duckdb.Error as error:
        raise _refused(folder, error) from error
    except OSError as error:
        raise refusal(folder, error) from error


def _update(
    root: UPath, folder: Path, zone: str, old: _PreviousIndex, parts: LakeParts, began: float, report: ProgressReport
) -> Updated:
    import duckdb

    changed, gone = changed_parts(parts, old.known)
    why = old.why or _rebuild_reason(old, parts, changed, gone)
    if not why and not changed and not gone:
        return Updated(int(old.facts["posts"]), int(old.facts["images"]), 0, False, "", monotonic() - began)
    next_version = _NextVersion(root, folder, zone, parts, report)
    try:
        facts = next_version.rebuild() if why else next_version.updated_copy(old, changed, gone)
    except (duckdb.OutOfMemoryException, duckdb.InterruptException):
        raise
    except (
        duckdb.IOException,
        duckdb.FatalException,
        duckdb.InternalException,
        duckdb.SerializationException,
    ) as error:
        if why or _is_full(error):
            raise
        why = "damaged"
        facts = next_version.rebuild()
    next_version.publish(facts["vectors"])
    posts, images = int(facts["posts"]), int(facts["images"])
    return Updated(posts, images, len(changed) + len(gone), bool(why), why, monotonic() - began)


def _rebuild_reason(old: _PreviousIndex, parts: LakeParts, changed: set[LakePart], gone: set[LakePart]) -> Why:
    if owners(gone) - owners(parts):
        return "left"
    cells = sum(part.kind == "cell" for part in parts)
    of_old = sum(part.kind == "cell" for part in changed)
    rows = int(old.facts["posts"]) + int(old.facts["images"])
    if of_old > 10 and of_old > cells * _MOST_APPENDED:
        return "grown"
    return "grown" if rows > 10_000 and int(old.facts["appended"]) > rows * _MOST_APPENDED else ""


def _read_previous(path: Path, zone: str, *, rebuild: bool) -> _PreviousIndex:
    """Reads the metadata of the existing index, and determines whether it has to be rebuilt and why."""
    import duckdb

    if not path.exists():
        return _PreviousIndex(None, {}, {}, "first")
    try:
        with open_read_only(path) as connection:
            facts = dict(connection.execute("SELECT name, value FROM facts").fetchall())
            if facts.get("version") != str(VERSION):
                return _PreviousIndex(None, {}, facts, "version")
            if not are_whole(connection, path.parent):
                return _PreviousIndex(None, {}, {}, "damaged")
            rows = connection.execute("SELECT name, owner, month, seen, stamp FROM files").fetchall()
    except duckdb.Error:
        return _PreviousIndex(None, {}, {}, "damaged")
    known = {(name, owner, month): (seen, stamp) for name, owner, month, seen, stamp in rows}
    if rebuild:
        return _PreviousIndex(None, {}, facts, "asked")
    if facts.get("time_zone") != zone:
        return _PreviousIndex(None, {}, facts, "time_zone")
    return _PreviousIndex(path, known, facts)


class _NextVersion:
    """Builds the next version of the index in a temporary subfolder of the index folder."""

    def __init__(self, root: UPath, folder: Path, zone: str, parts: LakeParts, report: ProgressReport) -> None:
        self._root, self._folder, self._zone, self._parts, self._report = root, folder, zone, parts, report
        self._work = folder / WORK_FOLDER
        self._file = self._work / "index.duckdb"

    def rebuild(self) -> dict[str, str]:
        """Build the whole index from scratch; returns its metadata."""
        self._begin()
        with self._connected() as connection:
            connection.execute(SCHEMA)
            builder = IndexBuilder(connection, self._root, self._parts, self._zone, self._report)
            builder.build(self._work / "scratch.duckdb")
            vectors = write_vectors(connection, self._folder, self._embeddings)
            facts = self._facts(connection, vectors, 0)
            connection.execute("CHECKPOINT")
        return facts

    def updated_copy(self, old: _PreviousIndex, changed: set[LakePart], gone: set[LakePart]) -> dict[str, str]:
        """Copy the old index and replace the rows of changed and removed units of the lake; returns its metadata."""
        assert old.path
        self._begin()
        shutil.copyfile(old.path, self._file)
        with self._connected() as connection:
            builder = IndexBuilder(connection, self._root, self._parts, self._zone, self._report)
            appended = builder.update(changed, gone)
            others = [
                files[table]
                for part, files in self._parts.items()
                if part in changed
                for table in EMBEDDING_TABLES
                if table in files and files[table].stamp != old.known.get((table, part.owner, part.month), ("", ""))[1]
            ]
            vectors = write_vectors(connection, self._folder, self._embeddings, lambda: map(read_lake_file, others))
            facts = self._facts(connection, vectors, int(old.facts["appended"]) + appended)
            connection.execute("CHECKPOINT")
        return facts

    def publish(self, vectors: str) -> None:
        """Rename the new index file to its final name, and delete old versions; `vectors` is its embedding file."""
        with open(self._file, "rb") as stream:
            os.fsync(stream.fileno())
        os.rename(self._file, next_file(self._folder))
        sync_folders([self._folder])
        remove_old_versions(self._folder, vectors)

    def _begin(self) -> None:
        remove_path(self._work)
        make_folder(self._work)

    def _connected(self) -> "DuckDBPyConnection":
        import duckdb

        connection = duckdb.connect(
            str(self._file),
            config={
                "memory_limit": _MEMORY,
                "threads": _THREADS,
                "temp_directory": str(self._work / "spilled"),
                "preserve_insertion_order": True,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET python_enable_replacements = false")
        return connection

    def _embeddings(self) -> Iterable[pa.Table]:
        return (
            read_lake_file(files[table])
            for files in self._parts.values()
            for table in EMBEDDING_TABLES
            if table in files
        )

    def _facts(self, connection: "DuckDBPyConnection", vectors: str, appended: int) -> dict[str, str]:
        """Write the metadata of the new version into its table `facts`; returns the metadata.

        `appended` counts the posts and images that were added since the last rebuild.
        """
        posts, images = (
            connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in ("posts", "images")
        )
        facts: dict[str, Any] = {
            "version": VERSION,
            "time_zone": self._zone,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "vectors": vectors,
            "posts": posts,
            "images": images,
            "appended": appended,
        }
        texts = {name: str(value) for name, value in facts.items()}
        connection.execute("DELETE FROM facts")
        connection.executemany("INSERT INTO facts VALUES ($1, $2)", [list(pair) for pair in texts.items()])
        return texts


def _is_full(error: Exception) -> bool:
    return "No space left" in str(error) or "Disk quota" in str(error)


def _refused(folder: Path, error: Exception) -> StorageError:
    reason = str(error).partition("\n")[0]
    if _is_full(error):
        return DiskFullError(
            f"{folder}: no room for the new index ({reason}). Free space on that disk, then run again."
        )
    return StorageError(
        f"{folder}: the index could not be made ({reason}). Free memory and space on that disk, then run "
        "`instagram-assets index --rebuild`."
    )
