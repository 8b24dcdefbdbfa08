"""Repair of the landing zone: damaged files, and files of older parser versions, are read again from `inbox/done`."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from upath import UPath

from instagram_assets.errors import FileError, InstagramAssetsError, StorageError
from instagram_assets.ingest.folder_scan import DONE
from instagram_assets.ingest.landing import has_all_tables, land_file
from instagram_assets.ingest.manifests import (
    LANDING_TABLES,
    PARSER_VERSION,
    LandedFile,
    manifest_path,
    newest_manifests,
    original_hash,
    read_manifest,
    table_path,
)
from instagram_assets.settings import Settings
from instagram_assets.storage.fingerprints import file_sha256

_NUMBER = re.compile(r"-\d+$")


@dataclass
class RepairReport:
    """Files read `again`, files still stored by an `older` parser version, errors of files beyond repair (`lost`)."""

    again: list[LandedFile] = field(default_factory=list[LandedFile])
    older: list[LandedFile] = field(default_factory=list[LandedFile])
    lost: list[StorageError] = field(default_factory=list[StorageError])


@dataclass(frozen=True)
class _Need:
    """A landed file whose source should be read again; `file` is None when its manifest cannot be read either."""

    name: str
    file: LandedFile | None
    problem: str = ""

    @property
    def sha256(self) -> str:
        return self.name.rpartition("-")[0]


def repair_landing(lake: UPath, settings: Settings, *, also_older: bool = True) -> RepairReport:
    """Read damaged landed files again, and (`also_older`) those of older parser versions, if their source is found.

    Sources are found in `inbox/done` by their hash: for damaged files among all files, for merely older ones among
    files with the same name. Nothing is raised: files that cannot be repaired are in the report.
    """
    result = RepairReport()
    needs = [need for need in _needs(lake) if need.problem or also_older]
    if not needs:
        return result
    sources = _sources(lake, settings.folder("inbox") / DONE, needs)
    for need in needs:
        error: InstagramAssetsError | OSError | None = None
        if path := sources.get(need.sha256):
            try:
                result.again.append(land_file(path, lake, settings=settings))
                continue
            except (InstagramAssetsError, OSError) as caught:
                error = caught
        if need.problem:
            result.lost.append(_lost(lake, need, error))
        elif need.file:
            result.older.append(need.file)
    return result


def _needs(lake: UPath) -> Iterator[_Need]:
    sizes = {table: _sizes(lake / "landing" / table) for table in LANDING_TABLES}
    for name in sorted(newest_manifests(lake)):
        try:
            file = read_manifest(lake, name)
        except StorageError:
            yield _Need(name, None, f"{manifest_path(lake, name)} is damaged")
            continue
        if file is None or file.is_past:
            continue
        broken = next(
            (table for table in LANDING_TABLES if file.rows(table) and not _fits(file, table, sizes[table])), None
        )
        if broken and not has_all_tables(lake, file):
            yield _Need(name, file, f"{table_path(lake, broken, name)} is damaged or gone")
        elif file.parser_version < PARSER_VERSION:
            yield _Need(name, file)


def _fits(file: LandedFile, table: str, sizes: dict[str, int]) -> bool:
    """True if the Parquet file of `table` has the size that the manifest records; False if it records none."""
    return sizes.get(f"{file.name}.parquet", -1) == file.sizes.get(table)


def _sizes(folder: UPath) -> dict[str, int]:
    """Return the sizes in bytes of a folder's files by name, from a single listing request."""
    try:
        listed = folder.fs.ls(folder.path, detail=True)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return {os.path.basename(entry["name"]): entry["size"] for entry in listed}


def _sources(lake: UPath, folder: Path, needs: Iterable[_Need]) -> dict[str, Path]:
    """Return the paths of the needed source files in a folder, by their SHA-256."""
    if not folder.is_dir():
        return {}
    damaged = {need.sha256 for need in needs if need.problem}
    names = {need.sha256: _unnumbered(need.file.file) for need in needs if need.file}
    wanted, found = {need.sha256 for need in needs}, dict[str, Path]()
    entries = {path: _unnumbered(path.relative_to(folder).as_posix()) for path in _files_below(folder)}
    for path in sorted(entries, key=lambda path: entries[path] not in names.values()):
        left = wanted - found.keys()
        of_this_name = any(names.get(sha256) == entries[path] for sha256 in left)
        if not of_this_name and damaged.isdisjoint(left):
            continue
        sha256 = original_hash(lake, file_sha256(path))
        if sha256 in left:
            found[sha256] = path
    return found


def _files_below(folder: Path) -> list[Path]:
    """List the files below a folder recursively, sorted by path; links are not followed."""
    found = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return sorted(path for path in found if path.is_file())


def _unnumbered(name: str) -> str:
    """Return a file's original name in the inbox (or path in a folder), without the number added in `done`."""
    first, inside, rest = os.fsencode(name).decode("utf-8", "replace").partition("/")
    stem, ending = (first, "") if inside else os.path.splitext(first)
    return _NUMBER.sub("", stem) + ending + inside + rest


def _lost(lake: UPath, need: _Need, error: InstagramAssetsError | OSError | None) -> StorageError:
    named = f"{need.file.file} (sha256 {need.sha256})" if need.file else f"the file of sha256 {need.sha256}"
    if isinstance(error, FileError) or error is None:
        why = f"its source {named} is not in inbox/{DONE}" if error is None else f"its source cannot be read: {error}"
        remedy = f"Put that file into the inbox again, or delete {manifest_path(lake, need.name)} to go on without it"
        return StorageError(f"{need.problem}, and {why}. {remedy}.")
    return StorageError(f"{need.problem}, and reading its source {named} again failed: {error}")
