"""Removal of a Delta table's history: older versions, whose files may hold rows that the newest version has not."""

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
from upath import UPath

from instagram_assets.datasets.delta import log
from instagram_assets.datasets.delta.files import Asked
from instagram_assets.datasets.delta.places import Folder, Place, folder_of, place_of
from instagram_assets.privacy.identifier_leaks import NamedFile, foreign_files, named_files

if TYPE_CHECKING:
    from deltalake import DeltaTable

_VERSION = re.compile(r"(\d{20})\.(?:checkpoint\.)?.*(?:json|parquet|crc)")


def drop_history(place: Place) -> int:
    """Delete all files and log entries of older versions, and damaged files set aside; returns the remaining version.

    Readers of an older version fail meanwhile. The caller holds the table's lock, and its log is intact. After an
    interruption the next call continues: each step leaves a readable table. Raises StorageError.
    """
    table = log.open_table(place)
    if table is None:
        return -1
    _drop_log(place, table)
    # Not by a vacuum, which writes two versions of its own each time.
    needed = set(pa.table(table.get_add_actions())["path"].to_pylist())
    for name in place.names():
        is_old = name.endswith(".parquet") and not name.startswith(f"{log.LOG}/") and name not in needed
        if is_old or name.startswith(f"{log.ASIDE}/"):
            place.remove(name)
    return table.version()


def files_of_tables(
    root: UPath, target: str, options: Mapping[str, str], tables: Iterable[Asked]
) -> Iterator[NamedFile]:
    """Yields all files of these tables below `target`, including their logs, and empty folders on a file system."""
    for asked in tables:
        place = place_of(target, asked.name, options, root.storage_options)
        if isinstance(place, Folder):
            yield from named_files([place.path])
            continue
        for name in place.names():
            yield named_file(place, asked.name, name)


def named_file(place: Place, table: str, name: str) -> NamedFile:
    """Returns a file of a table in the form that checks of outgoing files take."""
    return NamedFile(f"{table}/{name}", partial(_open, place, name))


def files_beside_tables(target: str, tables: Iterable[Asked]) -> Iterator[NamedFile]:
    """Yields the files in a local folder `target` that do not belong to these tables; nothing for a store's address."""
    if folder := folder_of(target):
        yield from foreign_files(folder, [asked.name for asked in tables])


def _open(place: Place, name: str) -> io.BytesIO:
    return io.BytesIO(place.read(name))


def _drop_log(place: Place, table: "DeltaTable") -> None:
    """Write a checkpoint of the newest version, then delete the older log entries."""
    if not _older(place, table.version()):
        return
    log.checkpoint(place, table, after=0)
    log.sync_log(place)
    for name in _older(place, table.version()):
        place.remove(f"{log.LOG}/{name}")
    log.sync_log(place)


def _older(place: Place, version: int) -> list[str]:
    return sorted(
        name for name in place.sizes(log.LOG) if (found := _VERSION.fullmatch(name)) and int(found[1]) < version
    )
