"""Which parts of the lake are others than when the index was made, told by the stamps of their files."""

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from upath import UPath

from instagram_assets.errors import StorageError
from instagram_assets.lake_index.tables import NEEDED
from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage.atomic import is_local
from instagram_assets.storage.file_stamps import stamp, stamps
from instagram_assets.storage.lake import files
from instagram_assets.storage.layout import value_of

_SETTLED_NS = 2_000_000_000
"""Of a file that was written just now a second change might not show in its times, so its rows are looked at again."""


class Part(NamedTuple):
    """What is taken into the index as one: an account's month, an account's profiles, a search, or a whole table.

    `kind` is `cell`, `profiles`, `search`, or the name of the table.
    """

    kind: str
    owner: str = ""
    month: str = ""


@dataclass(frozen=True)
class File:
    """One file of the lake; `seen` tells cheaply that it is the same file, `stamp` that its rows are the same."""

    table: str
    path: UPath
    seen: str
    stamp: str = ""


Parts = dict[Part, dict[str, File]]
"""The files of each part, by the table that they are of."""
Known = Mapping[tuple[str, str, str], tuple[str, str]]
"""What an index remembers: `seen` and `stamp` by table, owner and month."""


def parts_of(root: UPath, known: Known) -> Parts:
    """The lake's files as they are now, in the order in which they are taken in: month by month.

    A file that `known` has seen is not opened. Raises StorageError for damage.
    """
    found: Parts = {}
    for table in NEEDED:
        for file in _files_of(root, table, known):
            part = _part(table, file.path)
            found.setdefault(part, {})[table] = file
    return dict(sorted(found.items(), key=lambda pair: (pair[0].kind, pair[0].month, pair[0].owner)))


def changed_parts(parts: Parts, known: Known) -> tuple[set[Part], set[Part]]:
    """The parts whose rows are others than those that an index remembers, and those that are gone."""
    before: dict[Part, dict[str, str]] = {}
    for (table, owner, month), remembered in known.items():
        before.setdefault(_named(table, owner, month), {})[table] = remembered[1]
    now = {part: {table: file.stamp for table, file in of_part.items()} for part, of_part in parts.items()}
    return {part for part, of_part in now.items() if before.get(part) != of_part}, before.keys() - now.keys()


def fingerprint(root: UPath) -> str:
    """Another text as soon as a file of a lake on a disk was written, without a look at the files themselves.

    Files are replaced by renaming, which their folders tell. Empty for a lake in an object store.
    """
    if not is_local(root):
        return ""
    found = hashlib.sha256()
    for table in NEEDED:
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


def _files_of(root: UPath, table: str, known: Known) -> Iterator[File]:
    if not is_local(root):
        # What the store lists it says the stamps of as well.
        yield from (File(table, path, tag, tag) for path, tag in stamps(root, table).items())
        return
    settled = time.time_ns() - _SETTLED_NS
    for path in files(root, table):
        try:
            stat = os.stat(path.path)
            seen = f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}" if stat.st_mtime_ns < settled else ""
            part = _part(table, path)
            before = known.get((table, part.owner, part.month))
            same = before is not None and bool(seen) and before[0] == seen
            yield File(table, path, seen, before[1] if before and same else stamp(path, table))
        except (FileNotFoundError, StorageError):
            if os.path.exists(path.path):
                raise
            # Removed since it was listed.


def _part(table: str, path: UPath) -> Part:
    partitions = CONTRACTS[table].partitions
    owner = value_of(path.parent.name) if partitions else ""
    return _named(table, owner, path.stem if "day" in partitions else "")


def _named(table: str, owner: str, month: str) -> Part:
    partitions = CONTRACTS[table].partitions
    if "day" in partitions:
        return Part("cell", owner, month)
    if not partitions:
        return Part(table)
    return Part("search" if "search" in partitions else "profiles", owner)


def owners(parts: Iterable[Part]) -> set[tuple[bool, str]]:
    """The accounts and searches that these parts are of; True for searches."""
    return {(part.kind == "search", part.owner) for part in parts if part.owner}
