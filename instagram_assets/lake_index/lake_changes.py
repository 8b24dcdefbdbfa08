"""Detects whether and where the lake changed since the index was built, by comparing the stamps of its files."""

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from upath import UPath

from instagram_assets.errors import StorageError
from instagram_assets.lake_index.index_files import index_file, indexed_fingerprint
from instagram_assets.lake_index.index_tables import LAKE_COLUMNS
from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage.atomic import is_local
from instagram_assets.storage.fingerprints import stamp, stamps
from instagram_assets.storage.lake import files, names_in
from instagram_assets.storage.layout import value_of

IndexCondition = Literal["none", "missing", "behind", "current"]
_REMEDY = "instagram-assets index, or the web app by itself"
_SETTLED_NS = 2_000_000_000
"""Age in nanoseconds below which a file is always re-read: a second write within it may not change its mtime."""


@dataclass(frozen=True)
class IndexFound:
    """The state of the index in field `how`: `none`, `missing`, `behind` or `current`.

    `none`: the lake has no data to index. `missing`: the index was not built yet. `behind`: the lake was written since
    the last update, which is not detected for a lake in an object store.
    """

    how: IndexCondition

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | ({"remedy": _REMEDY} if self.line else {})

    @property
    def line(self) -> str:
        """Message that tells the user how to update the index; empty if nothing is to be done."""
        match self.how:
            case "missing":
                return f"The gallery and the insights have no index of the lake yet; made by {_REMEDY}"
            case "behind":
                return f"The index of the gallery and the insights is behind the lake; brought up to date by {_REMEDY}"
            case _:
                return ""


def find_index(root: UPath, folder: Path) -> IndexFound:
    """Returns the state of the index in a folder, from the lake's folder mtimes. Raises StorageError and OSError."""
    if not index_file(folder).exists():
        return IndexFound("missing" if names_in(root) & set(LAKE_COLUMNS) else "none")
    return IndexFound("current" if fingerprint(root) == indexed_fingerprint(folder) else "behind")


class LakePart(NamedTuple):
    """A unit of the lake that is indexed together: an account's month, an account's profiles, a search, or a table.

    `kind` is `cell` (an account's month), `profiles`, `search`, or the name of the table if it is indexed as a whole.
    `owner` is the account or search, `month` is such as `2026-01`; both are empty if they do not apply.
    """

    kind: str
    owner: str = ""
    month: str = ""


@dataclass(frozen=True)
class LakeFile:
    """One file of the lake. If `seen` is equal, it was not replaced; if `stamp` is equal, its rows are equal.

    `seen` consists of inode, mtime and size, or is the object store's ETag, so that it is known without opening the
    file.
    """

    table: str
    path: UPath
    seen: str
    stamp: str = ""


LakeParts = dict[LakePart, dict[str, LakeFile]]
"""The files of each part, by table name."""
IndexedStamps = Mapping[tuple[str, str, str], tuple[str, str]]
"""The `seen` and `stamp` values stored in an index, by (table, owner, month)."""


def parts_of(root: UPath, known: IndexedStamps) -> LakeParts:
    """Returns the lake's current files grouped by unit (`LakePart`), in the order of indexing: month by month.

    A file is only opened if its `seen` value differs from that in `known`. Raises StorageError for a damaged file.
    """
    found: LakeParts = {}
    for table in LAKE_COLUMNS:
        for file in _files_of(root, table, known):
            part = _part_of_file(table, file.path)
            found.setdefault(part, {})[table] = file
    return dict(sorted(found.items(), key=lambda pair: (pair[0].kind, pair[0].month, pair[0].owner)))


def changed_parts(parts: LakeParts, known: IndexedStamps) -> tuple[set[LakePart], set[LakePart]]:
    """Returns the units of the lake that are new or changed, and those that were removed, compared with an index."""
    before: dict[LakePart, dict[str, str]] = {}
    for (table, owner, month), (_, indexed_stamp) in known.items():
        before.setdefault(_part_of_name(table, owner, month), {})[table] = indexed_stamp
    now = {part: {table: file.stamp for table, file in of_part.items()} for part, of_part in parts.items()}
    return {part for part, of_part in now.items() if before.get(part) != of_part}, before.keys() - now.keys()


def fingerprint(root: UPath) -> str:
    """Returns a SHA-256 hex digest of the lake's folder mtimes, which changes whenever a file of the lake is written.

    Files are replaced by renaming, which changes the mtime of their folder, so no file has to be read. Empty for a lake
    in an object store.
    """
    if not is_local(root):
        return ""
    found = hashlib.sha256()
    for table in LAKE_COLUMNS:
        for path in _folders(os.path.join(root.path, table), deep=bool(CONTRACTS[table].partitions)):
            with suppress(FileNotFoundError, NotADirectoryError):
                found.update(f"{path}\0{os.stat(path).st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
    return found.hexdigest()


def _folders(folder: str, *, deep: bool) -> Iterable[str]:
    if not deep:
        return [folder]
    with suppress(FileNotFoundError, NotADirectoryError):
        return [folder, *sorted(os.path.join(folder, name) for name in os.listdir(folder))]
    return [folder]


def _files_of(root: UPath, table: str, known: IndexedStamps) -> Iterator[LakeFile]:
    if not is_local(root):
        # A listing of the object store already contains the ETags.
        yield from (LakeFile(table, path, tag, tag) for path, tag in stamps(root, table).items())
        return
    settled = time.time_ns() - _SETTLED_NS
    for path in files(root, table):
        try:
            stat = os.stat(path.path)
            seen = f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}" if stat.st_mtime_ns < settled else ""
            part = _part_of_file(table, path)
            before = known.get((table, part.owner, part.month))
            same = before is not None and bool(seen) and before[0] == seen
            yield LakeFile(table, path, seen, before[1] if before and same else stamp(path, table))
        except (FileNotFoundError, StorageError):
            if os.path.exists(path.path):
                raise
            # Removed since it was listed.


def _part_of_file(table: str, path: UPath) -> LakePart:
    partitions = CONTRACTS[table].partitions
    owner = value_of(path.parent.name) if partitions else ""
    return _part_of_name(table, owner, path.stem if "day" in partitions else "")


def _part_of_name(table: str, owner: str, month: str) -> LakePart:
    partitions = CONTRACTS[table].partitions
    if "day" in partitions:
        return LakePart("cell", owner, month)
    if not partitions:
        return LakePart(table)
    return LakePart("search" if "search" in partitions else "profiles", owner)


def owners(parts: Iterable[LakePart]) -> set[tuple[bool, str]]:
    """Returns the accounts and searches that own these units, as pairs (is it a search?, name)."""
    return {(part.kind == "search", part.owner) for part in parts if part.owner}
