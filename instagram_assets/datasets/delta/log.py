"""The transaction log of a Delta table: damage detection, repair, durable commits, and removal of old versions.

delta-rs reads an empty commit file as a commit without changes, so a commit that a power cut left empty would give a
table with missing or duplicate rows. So every table is checked by `first_damage` before it is opened.
"""

import io
import json
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from instagram_assets.datasets.delta.locations import TableLocation
from instagram_assets.errors import DamagedError, StorageError

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

LOG, ASIDE = "_delta_log", "_damaged"
COMMITS_OF_CHECKPOINT = 20
"""The number of commits after which a checkpoint is written."""
MADE_BY = "Made by instagram_assets from its lake; its next run replaces what differs from it."

_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\.(?:.*\.)?(parquet|json)")
_VERSION_FILE = re.compile(r"(\d{20})\.(?:checkpoint\.)?.*(?:json|parquet|crc)")
_HINT = "_last_checkpoint"


class Damage(NamedTuple):
    """Damage in a version's log file; `files` are the log files to remove so that the rest of the log is intact."""

    version: int
    file: str
    problem: str
    files: tuple[str, ...]


def first_damage(location: TableLocation) -> Damage | None:
    """Returns the first damage in a table's log; None if the log is intact or there is no table."""
    names = location.sizes(LOG)
    commits = {int(found[1]): name for name in names if (found := _COMMIT.fullmatch(name))}
    checkpoints = sorted((int(found[1]), name) for name in names if (found := _CHECKPOINT.fullmatch(name)))
    newest = checkpoints[-1][0] if checkpoints else -1
    whole = tuple(names)
    for version, name in checkpoints:
        if version == newest and (problem := _problem_of_checkpoint(location, name)):
            others = tuple(each for each in (name, _HINT) if each in names)
            # The checkpoint can be dropped if all commits that it covers are still in the log.
            return Damage(version, name, problem, others if set(range(version + 1)) <= commits.keys() else whole)
    if _HINT in names and (problem := _problem_of_hint(location.read(f"{LOG}/{_HINT}"), {v for v, _ in checkpoints})):
        return Damage(max(newest, 0), _HINT, problem, (_HINT,))
    last = max(commits, default=-1)
    for version in range(newest + 1, last + 1):
        if version not in commits:
            return Damage(version, f"{version:020}.json", "missing, though later versions are there", whole)
        if problem := _problem_of_commit(location, commits[version]):
            # Dropping the newest version restores the one before; dropping an older one would break those built on it.
            only_it = version == last and version > 0
            return Damage(version, commits[version], problem, (commits[version],) if only_it else whole)
    return None


def check(location: TableLocation) -> None:
    """Raise DamagedError, which names the damaged version, if the log of a table is damaged."""
    if damage := first_damage(location):
        raise DamagedError(
            f"{location.uri}/{LOG}/{damage.file}: version {damage.version} of this Delta table is damaged "
            f"({damage.problem}). Mend it from the lake: instagram-assets export delta."
        )


def repair(location: TableLocation) -> Iterator[str]:
    """Move damaged files out of a table's log until the rest is intact or the log is empty; yields a message for each.

    Nothing is deleted: the files are moved to the table's folder `_damaged`, which readers and `vacuum` ignore. Raises
    StorageError for a table that this program did not create.
    """
    while damage := first_damage(location):
        _refuse_unexpected(location)
        aside = _set_aside(location, damage.files)
        yield (
            f"{location.uri}: version {damage.version} was damaged ({damage.file}: {damage.problem}). "
            f"{_outcome(damage)}; what was damaged is in {aside}."
        )


def _refuse_unexpected(location: TableLocation) -> None:
    """Raise StorageError if the readable commits of a damaged log show that another program created the table."""
    for name in location.sizes(LOG):
        for line in location.read(f"{LOG}/{name}").splitlines() if _COMMIT.fullmatch(name) else ():
            try:
                told = json.loads(line)["metaData"]["description"] if b'"metaData"' in line else MADE_BY
            except (ValueError, KeyError, TypeError):
                continue
            if told != MADE_BY:
                raise _not_ours(location)


def _not_ours(location: TableLocation) -> StorageError:
    return StorageError(
        f"{location.uri}: a Delta table that this program did not make. Set INSTAGRAM_ASSETS_DELTA__TARGET to another "
        "folder, or move this one away."
    )


def _outcome(damage: Damage) -> str:
    if not any(_COMMIT.fullmatch(name) for name in damage.files):
        return "Nothing is lost"
    return f"{'The table' if len(damage.files) > 1 else 'That version'} is made again from the lake"


def _set_aside(location: TableLocation, names: Sequence[str]) -> str:
    number = next(number for number in range(1, 10_000) if not location.sizes(f"{ASIDE}/{number}"))
    # Newest first: an interruption then leaves a shorter log, and no gap.
    for name in sorted(names, reverse=True):
        location.move(f"{LOG}/{name}", f"{ASIDE}/{number}/{name}")
    return f"{ASIDE}/{number}"


def _problem_of_commit(location: TableLocation, name: str) -> str:
    data = location.read(f"{LOG}/{name}")
    if not data:
        return "it has no bytes"
    try:
        entries = [json.loads(line) for line in data.splitlines() if line.strip()]
    except ValueError:
        return "it is cut off or overwritten"
    return "" if entries and all(isinstance(entry, dict) for entry in entries) else "it has no entries"


def _problem_of_checkpoint(location: TableLocation, name: str) -> str:
    import pyarrow.parquet as pq

    data = location.read(f"{LOG}/{name}")
    if not data:
        return "it has no bytes"
    if name.endswith(".json"):
        return ""
    try:
        pq.ParquetFile(io.BytesIO(data)).read()
    except (pa.ArrowException, OSError) as error:
        return f"it cannot be read: {error}"
    return ""


def _problem_of_hint(data: bytes, versions: set[int]) -> str:
    try:
        named = int(json.loads(data)["version"])
    except (ValueError, KeyError, TypeError):
        return "it cannot be read"
    return "" if named in versions else f"it names a checkpoint {named} that is missing"


def open_table(location: TableLocation) -> "DeltaTable | None":
    """Returns the newest version of a table that this program created; None if there is no table.

    The caller has checked the table's log. Raises StorageError if the log is unreadable or another program created the
    table.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, DeltaProtocolError, TableNotFoundError

    if not any(_COMMIT.fullmatch(name) or _CHECKPOINT.fullmatch(name) for name in location.sizes(LOG)):
        return None
    try:
        table = DeltaTable(location.uri, storage_options=location.options or None)
        described = table.metadata().description
    except TableNotFoundError:
        return None
    except DeltaProtocolError as error:
        raise StorageError(
            f"{location.uri}: this Delta table asks more of its writers than this program knows ({error}). Somebody "
            "switched on a feature of it; move the folder away, and it is made again from the lake."
        ) from error
    except DeltaError as error:
        raise DamagedError(
            f"{location.uri}: its log cannot be read ({str(error).splitlines()[0]}). Move the folder {LOG} away, and "
            "the table is made again from the lake: instagram-assets export delta."
        ) from error
    if described != MADE_BY:
        raise _not_ours(location)
    return table


def commit(
    location: TableLocation,
    table: "DeltaTable | None",
    schema: pa.Schema,
    partition_by: list[str],
    bounded: Sequence[str],
    added: "Sequence[AddAction]",
    removed: "Sequence[RemoveAction]",
    told: dict[str, Any],
) -> bool:
    """Commit the next version of a table (its first if `table` is None); returns false if another writer was first.

    `added` and `removed` are the log actions for new and outdated data files. `bounded` are the columns of which every
    file has min/max statistics in the log. `told` is key-value metadata that is stored in the commit. The data files
    are durable before the commit, and the commit is durable on return. A table whose columns are not `schema` is
    replaced completely.
    """
    from deltalake import CommitProperties, PostCommitHookProperties, Schema
    from deltalake.exceptions import CommitFailedError, DeltaError
    from deltalake.transaction import create_table_with_add_actions

    location.sync({action.path for action in added} if added else {LOG})
    columns = Schema.from_arrow(schema)
    # Without retries: another writer's version can have the same rows, so the table is compared again.
    properties = CommitProperties(max_commit_retries=0, custom_metadata={"instagram_assets": told})
    # delta-rs does not fsync its checkpoints, and would delete old commits before they are durable.
    hooks = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
    try:
        if table is not None and same_columns(table, schema):
            version = table.version() + 1
            table.create_write_transaction(
                [*removed, *added],
                "append",
                columns,
                partition_by,
                commit_properties=properties,
                post_commithook_properties=hooks,
            )
        else:
            version = 0 if table is None else table.version() + 1
            create_table_with_add_actions(
                location.uri,
                columns,
                list(added),
                mode="error" if table is None else "overwrite",
                partition_by=partition_by,
                name=location.uri.rstrip("/").rpartition("/")[2],
                description=MADE_BY,
                configuration=_told_bounds(bounded),
                storage_options=location.options or None,
                commit_properties=properties,
                post_commithook_properties=hooks,
            )
    except CommitFailedError:
        return False
    except DeltaError as error:
        if table is None and "already exists" in str(error):
            return False
        raise _refused(location, error) from error
    location.sync({f"{LOG}/{version:020}.json"})
    return True


def _told_bounds(columns: Sequence[str]) -> dict[str, str | None]:
    """Returns the table property that lists the columns with min/max statistics in the Delta log.

    Without it delta-rs reports columns without statistics as null only, so filters on them in pyarrow and DuckDB drop
    all rows.
    """
    if columns:
        return {"delta.dataSkippingStatsColumns": ",".join(columns)}
    return {"delta.dataSkippingNumIndexedCols": "0"}


def same_columns(table: "DeltaTable", schema: pa.Schema) -> bool:
    """Whether a table has exactly the columns of a schema, in order and with their types."""
    from deltalake import Schema

    wanted = Schema.from_arrow(schema)
    return [(f.name, f.type) for f in table.schema().fields] == [(f.name, f.type) for f in wanted.fields]


@contextmanager
def storage_errors(location: TableLocation) -> Generator[None]:
    """Context manager that turns errors of delta-rs into StorageError."""
    from deltalake.exceptions import DeltaError

    try:
        yield
    except DeltaError as error:
        raise _refused(location, error) from error


def _refused(location: TableLocation, error: Exception) -> StorageError:
    reason = str(error).partition("\n")[0]
    return StorageError(f"{location.uri}: cannot be written ({reason}). Free space or fix access, then run again.")


def checkpoint(location: TableLocation, table: "DeltaTable", *, after: int = COMMITS_OF_CHECKPOINT) -> None:
    """Write a checkpoint of the log if more than `after` versions have been committed since the last one."""
    found = (int(match[1]) for name in location.sizes(LOG) if (match := _CHECKPOINT.fullmatch(name)))
    if table.version() - max(found, default=-1) <= after:
        return
    with storage_errors(location):
        table.create_checkpoint()
    sync_log(location)


def sync_log(location: TableLocation) -> None:
    """Fsync all files of a table's log, so that they survive a power cut."""
    location.sync({f"{LOG}/{name}" for name in location.sizes(LOG)})


def drop_history(location: TableLocation) -> int:
    """Delete all files and log entries of older versions, and damaged files set aside; returns the remaining version.

    -1 if there is no table. Readers of an older version fail from then on. The caller holds the table's lock, and the
    log is intact. Can be repeated after an interruption: each step leaves a readable table. Raises StorageError.
    """
    table = open_table(location)
    if table is None:
        return -1
    _drop_log(location, table)
    # Not by a vacuum, which writes two versions of its own each time.
    needed = set(pa.table(table.get_add_actions())["path"].to_pylist())
    for name in location.names():
        is_old = name.endswith(".parquet") and not name.startswith(f"{LOG}/") and name not in needed
        if is_old or name.startswith(f"{ASIDE}/"):
            location.remove(name)
    return table.version()


def _drop_log(location: TableLocation, table: "DeltaTable") -> None:
    """Write a checkpoint of the newest version, then delete the older log entries."""
    if not _older(location, table.version()):
        return
    checkpoint(location, table, after=0)
    sync_log(location)
    for name in _older(location, table.version()):
        location.remove(f"{LOG}/{name}")
    sync_log(location)


def _older(location: TableLocation, version: int) -> list[str]:
    return sorted(
        name for name in location.sizes(LOG) if (found := _VERSION_FILE.fullmatch(name)) and int(found[1]) < version
    )
