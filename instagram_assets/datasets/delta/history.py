"""A Delta table without its past: older versions hold what the newest has not."""

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
    """Take away all files and log entries of older versions, and what was set aside; the version that is left.

    Whoever reads an older version meanwhile fails. The caller is alone in the table's folder, and its log is whole.
    When stopped, the next call goes on from there: each step leaves a table that can be read. Raises StorageError.
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
    """All files of these tables below `target`, of their logs as well, and empty folders where there are folders."""
    for asked in tables:
        place = place_of(target, asked.name, options, root.storage_options)
        if isinstance(place, Folder):
            yield from named_files([place.path])
            continue
        for name in place.names():
            yield named_file(place, asked.name, name)


def named_file(place: Place, table: str, name: str) -> NamedFile:
    """A file of a table, as a check of what goes out takes it."""
    return NamedFile(f"{table}/{name}", partial(_open, place, name))


def files_beside_tables(target: str, tables: Iterable[Asked]) -> Iterator[NamedFile]:
    """What else lies in a folder `target` than these tables; nothing of an address."""
    if folder := folder_of(target):
        yield from foreign_files(folder, [asked.name for asked in tables])


def _open(place: Place, name: str) -> io.BytesIO:
    return io.BytesIO(place.read(name))


def _drop_log(place: Place, table: "DeltaTable") -> None:
    """Sum the log up in a checkpoint of the newest version, then take what is older."""
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
