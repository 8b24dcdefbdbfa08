"""Incremental export of the lake to Delta tables: only changed files are written, in one atomic commit per table.

Each data file's name contains the stamp (fingerprint) of the lake files that it was built from, so the Delta log alone
shows which files are up to date: the expected names are compared with the existing ones. Missing files are written, and
committed together with the removal of outdated ones. Without a difference there is no new version. A killed run leaves
the table unchanged, and rows are never duplicated.
"""

import json
import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
from upath import UPath

from instagram_assets.datasets.delta import log
from instagram_assets.datasets.delta.files import (
    ACCOUNTS_OF_FILE,
    ACCOUNTS_OF_LARGE_FILE,
    MONTH,
    FileGroup,
    LakeChangedError,
    SourceFile,
    TableSpec,
    groups,
    named_file,
    stamp_in,
    write_group,
)
from instagram_assets.datasets.delta.locations import TableLocation, table_location
from instagram_assets.datasets.pseudonymous import Check
from instagram_assets.errors import StorageError
from instagram_assets.privacy.pseudonyms import Pseudonymizer
from instagram_assets.storage.fingerprints import stamps
from instagram_assets.storage.lake import files

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

TABLES = (
    TableSpec("posts", "posts"),
    TableSpec("reels", "posts", "reel"),
    TableSpec("viral_labels", "viral_labels"),
    TableSpec("reel_analyses", "reel_analyses"),
    TableSpec("ads", "raw_ads"),
    TableSpec("viral_hypotheses", "viral_hypotheses"),
)
_TRIES = 20
_LOOK_BACK = 10


class ExportedTable(NamedTuple):
    """A Delta table after an export: URI, version, and the numbers of rows, files, added files and removed files."""

    table: str
    uri: str
    version: int
    rows: int
    files: int
    written: int
    removed: int


class TableFile(NamedTuple):
    """A data file of a table version: its name, size in bytes, number of rows and partition."""

    path: str
    size: int
    rows: int
    partition: Mapping[str, str | None]


def write_delta(
    root: UPath,
    target: str,
    options: Mapping[str, str] | None = None,
    *,
    pseudonyms: Pseudonymizer | None = None,
    check: Check | None = None,
    warn: Callable[[str], object] = print,
) -> list[ExportedTable]:
    """Bring the Delta tables below `target` up to date with the lake at `root`; returns the existing tables.

    `target` is a folder or an object store's URL (s3://…), `options` are delta-rs's storage options for it. A damaged
    log is set aside and reported to `warn`; the table is then recreated. Memory holds one month of a few accounts. Of
    two concurrent runs one waits for the other if `target` is on a disk; on an object store the later one starts again.
    With `pseudonyms` the tables contain no names, and older versions, which can contain names, are deleted. If `check`
    raises an error for the new files of a table, they are deleted and the table is unchanged. Raises StorageError.
    """
    made: list[ExportedTable] = []
    for spec in (each._replace(pseudonyms=pseudonyms, check=check) for each in TABLES):
        location = table_location(target, spec.name, options or {}, root.storage_options)
        if (table := _bring_up_to_date(root, location, spec, warn, large=False)) is not None:
            made.append(table)
    return made


def merge_files(
    root: UPath, location: TableLocation, spec: TableSpec, warn: Callable[[str], object]
) -> ExportedTable | None:
    """Bring one table up to date with the lake, with large files for all months but the newest; None if it has no rows.

    A large file has on average 256 accounts. A damaged log is set aside and reported to `warn`.
    """
    return _bring_up_to_date(root, location, spec, warn, large=True)


def _bring_up_to_date(
    root: UPath, location: TableLocation, spec: TableSpec, warn: Callable[[str], object], *, large: bool
) -> ExportedTable | None:
    if not files(root, spec.asset) and not location.sizes(log.LOG):
        return None
    with location.locked():
        for told in log.repair(location):
            warn(told)
        for trial in range(_TRIES):
            if trial:
                time.sleep(random.uniform(0, 0.05 * 2 ** min(trial, 6)))
            # Checked under the lock: an older view of the lake must not follow a newer one.
            sources = [spec.source(path, stamp) for path, stamp in stamps(root, spec.asset).items()]
            with suppress(LakeChangedError):
                made = _next_version(location, spec, log.open_table(location), sources, large=large)
                if made is not None and made.version >= 0 and spec.pseudonyms:
                    return made._replace(version=log.drop_history(location))
                if made is not None:
                    return made if made.version >= 0 else None
    raise StorageError(
        f"{location.uri}: it, or {spec.asset} in the lake, was written by others {_TRIES} times while this run "
        "compared them. Run again when they are done."
    )


def _next_version(
    location: TableLocation, spec: TableSpec, table: "DeltaTable | None", sources: Sequence[SourceFile], *, large: bool
) -> ExportedTable | None:
    """Commit the table's next version if the table differs from the lake; None if another writer committed first.

    Without a difference the current version is returned; its number is -1 if there is no table and the lake has no
    rows.
    """
    schema = spec.schema
    same = table is not None and log.same_columns(table, schema)
    here = files_of_version(table) if table is not None and same else []
    empty = _known_empty(table) if table is not None and same else set()
    standing = {stamp_in(file.path): file for file in here if location.size(file.path) in (None, file.size)}
    wanted = list(_choose(spec, sources, standing.keys() | empty, large=large))
    new = [group for group in wanted if group.stamp not in standing]
    added, still_empty = _written(location, spec, new, empty)
    stamps_wanted = {group.stamp for group in wanted}
    kept = {file.path: file for stamp, file in standing.items() if stamp in stamps_wanted}
    gone = [file for file in here if file.path not in kept]
    rows = sum(file.rows for file in kept.values()) + sum(_rows_of(action) for action in added)
    if table is None and not added:
        return ExportedTable(spec.name, location.uri, -1, 0, 0, 0, 0)
    if table is not None and same and not added and not gone:
        return ExportedTable(spec.name, location.uri, table.version(), rows, len(kept), 0, 0)
    partition_by = [MONTH] if spec.by_month else []
    removed = [removal(file) for file in gone]
    told = {"empty": still_empty}
    if not log.commit(location, table, schema, partition_by, spec.bounded, added, removed, told):
        _drop(location, added)
        return None
    after = log.open_table(location)
    if after is None:
        return None
    log.checkpoint(location, after)
    return ExportedTable(spec.name, location.uri, after.version(), rows, len(kept) + len(added), len(added), len(gone))


def _choose(
    spec: TableSpec, sources: Sequence[SourceFile], known: Collection[str], *, large: bool
) -> Iterator[FileGroup]:
    """Yields the group of lake files for each data file: small groups, or large ones if requested or already written.

    `large` requests large groups for all months but the newest. `known` are the stamps of the table's data files and of
    groups without rows.
    """
    newest = max((each.month for each in sources), default="")
    for group in groups(spec, sources, ACCOUNTS_OF_LARGE_FILE):
        # The newest month changes every day, and would have to be rewritten each time.
        if group.stamp in known or (large and group.month != newest):
            yield group
        else:
            yield from groups(spec, group.sources, ACCOUNTS_OF_FILE)


def _written(
    location: TableLocation, spec: TableSpec, new: Iterable[FileGroup], empty: Collection[str]
) -> "tuple[list[AddAction], list[str]]":
    """Write the data files of new groups; returns their `add` actions, and the stamps of groups without rows.

    `empty` are the stamps of groups that an earlier run found to have no rows: they are skipped. Later runs skip the
    groups whose stamps are returned.
    """
    added: list[AddAction] = []
    without: list[str] = []
    try:
        for group in new:
            action = None if group.stamp in empty else write_group(location, spec, group)
            if action:
                added.append(action)
            else:
                without.append(group.stamp)
        if spec.check:
            spec.check(named_file(location, spec.name, action.path) for action in added)
    except BaseException:
        _drop(location, added)
        raise
    return added, without


def _drop(location: TableLocation, added: "Iterable[AddAction]") -> None:
    """Delete the data files of these `add` actions, which were never committed."""
    for action in added:
        with suppress(OSError, StorageError):
            location.remove(action.path)


def removal(file: TableFile) -> "RemoveAction":
    """Returns the log's `remove` action for a data file."""
    from deltalake.transaction import RemoveAction

    return RemoveAction(file.path, True, int(time.time() * 1000), file.size, dict(file.partition))


def files_of_version(table: "DeltaTable") -> list[TableFile]:
    """Returns the data files of the opened version of a table."""
    found = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return [
        TableFile(
            each["path"],
            each["size_bytes"],
            each["num_records"] or 0,
            {name.removeprefix("partition."): value for name, value in each.items() if name.startswith("partition.")},
        )
        for each in found
    ]


def _known_empty(table: "DeltaTable") -> set[str]:
    """Returns the stamps of file groups that an earlier run found to have no rows, from the metadata of its commit."""
    told = next((each["instagram_assets"] for each in table.history(_LOOK_BACK) if "instagram_assets" in each), {})
    return set(told.get("empty", ()))


def _rows_of(action: "AddAction") -> int:
    return json.loads(action.stats)["numRecords"]
