"""The transaction log of a Delta table: damage detection, repair and durable commits.

delta-rs reads a commit file without bytes as one that changed nothing, so a commit that a power cut left empty would
give a table with missing or duplicate rows. So every table here is checked by `look` before it is opened.
"""

import io
import json
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from instagram_assets.datasets.delta.places import Place
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
_HINT = "_last_checkpoint"


class Damage(NamedTuple):
    """Damage in a version's log file; `files` are the log files whose removal makes the rest of the log intact."""

    version: int
    file: str
    problem: str
    files: tuple[str, ...]


def look(place: Place) -> Damage | None:
    """Returns the first damage in a table's log; null when there is none, or no table."""
    names = place.sizes(LOG)
    commits = {int(found[1]): name for name in names if (found := _COMMIT.fullmatch(name))}
    checkpoints = sorted((int(found[1]), name) for name in names if (found := _CHECKPOINT.fullmatch(name)))
    newest = checkpoints[-1][0] if checkpoints else -1
    whole = tuple(names)
    for version, name in checkpoints:
        if version == newest and (problem := _problem_of_checkpoint(place, name)):
            others = tuple(each for each in (name, _HINT) if each in names)
            # Commits that a checkpoint covers are still in the log until they are old.
            return Damage(version, name, problem, others if set(range(version + 1)) <= commits.keys() else whole)
    if _HINT in names and (problem := _problem_of_hint(place.read(f"{LOG}/{_HINT}"), {v for v, _ in checkpoints})):
        return Damage(max(newest, 0), _HINT, problem, (_HINT,))
    last = max(commits, default=-1)
    for version in range(newest + 1, last + 1):
        if version not in commits:
            return Damage(version, f"{version:020}.json", "missing, though later versions are there", whole)
        if problem := _problem_of_commit(place, commits[version]):
            # Dropping the newest version restores the one before; dropping an older one would break those built on it.
            only_it = version == last and version > 0
            return Damage(version, commits[version], problem, (commits[version],) if only_it else whole)
    return None


def check(place: Place) -> None:
    """Raises DamagedError, naming the version, when the log of a table is damaged."""
    if damage := look(place):
        raise DamagedError(
            f"{place.uri}/{LOG}/{damage.file}: version {damage.version} of this Delta table is damaged "
            f"({damage.problem}). Mend it from the lake: instagram-assets export delta."
        )


def mend(place: Place) -> Iterator[str]:
    """Move damaged files out of a table's log until the rest is intact or nothing is left; yields a message for each.

    Nothing is deleted: the files go to the folder `_damaged` of the table, which readers and `vacuum` ignore. Raises
    StorageError for a table that this program did not create.
    """
    while damage := look(place):
        _refuse_unexpected(place)
        aside = _set_aside(place, damage.files)
        yield (
            f"{place.uri}: version {damage.version} was damaged ({damage.file}: {damage.problem}). {_outcome(damage)}; "
            f"what was damaged is in {aside}."
        )


def _refuse_unexpected(place: Place) -> None:
    """Raises StorageError when the readable part of a damaged log shows that another program created the table."""
    for name in place.sizes(LOG):
        for line in place.read(f"{LOG}/{name}").splitlines() if _COMMIT.fullmatch(name) else ():
            try:
                told = json.loads(line)["metaData"]["description"] if b'"metaData"' in line else MADE_BY
            except (ValueError, KeyError, TypeError):
                continue
            if told != MADE_BY:
                raise _not_ours(place)


def _not_ours(place: Place) -> StorageError:
    return StorageError(
        f"{place.uri}: a Delta table that this program did not make. Set INSTAGRAM_ASSETS_DELTA__TARGET to another "
        "folder, or move this one away."
    )


def _outcome(damage: Damage) -> str:
    if not any(_COMMIT.fullmatch(name) for name in damage.files):
        return "Nothing is lost"
    return f"{'The table' if len(damage.files) > 1 else 'That version'} is made again from the lake"


def _set_aside(place: Place, names: Sequence[str]) -> str:
    number = next(number for number in range(1, 10_000) if not place.sizes(f"{ASIDE}/{number}"))
    # Newest first: an interruption then leaves a shorter log, and no gap.
    for name in sorted(names, reverse=True):
        place.move(f"{LOG}/{name}", f"{ASIDE}/{number}/{name}")
    return f"{ASIDE}/{number}"


def _problem_of_commit(place: Place, name: str) -> str:
    data = place.read(f"{LOG}/{name}")
    if not data:
        return "it has no bytes"
    try:
        entries = [json.loads(line) for line in data.splitlines() if line.strip()]
    except ValueError:
        return "it is cut off or overwritten"
    return "" if entries and all(isinstance(entry, dict) for entry in entries) else "it has no entries"


def _problem_of_checkpoint(place: Place, name: str) -> str:
    import pyarrow.parquet as pq

    data = place.read(f"{LOG}/{name}")
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


def open_table(place: Place) -> "DeltaTable | None":
    """Returns the newest version of a table that this program created; null where there is none. Raises StorageError.

    The caller has checked its log before.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, DeltaProtocolError, TableNotFoundError

    if not any(_COMMIT.fullmatch(name) or _CHECKPOINT.fullmatch(name) for name in place.sizes(LOG)):
        return None
    try:
        table = DeltaTable(place.uri, storage_options=place.options or None)
        described = table.metadata().description
    except TableNotFoundError:
        return None
    except DeltaProtocolError as error:
        raise StorageError(
            f"{place.uri}: this Delta table asks more of its writers than this program knows ({error}). Somebody "
            "switched on a feature of it; move the folder away, and it is made again from the lake."
        ) from error
    except DeltaError as error:
        raise DamagedError(
            f"{place.uri}: its log cannot be read ({str(error).splitlines()[0]}). Move the folder {LOG} away, and the "
            "table is made again from the lake: instagram-assets export delta."
        ) from error
    if described != MADE_BY:
        raise _not_ours(place)
    return table


def commit(
    place: Place,
    table: "DeltaTable | None",
    schema: pa.Schema,
    partition_by: list[str],
    bounded: Sequence[str],
    added: "Sequence[AddAction]",
    removed: "Sequence[RemoveAction]",
    told: dict[str, Any],
) -> bool:
    """Commit the next version of a table, its first if `table` is null; False when another writer committed first.

    `bounded` are the columns with min/max statistics in the log, each without nulls. The data files are durable before
    the commit, and the commit is when this returns. A table with other columns is replaced completely.
    """
    from deltalake import CommitProperties, PostCommitHookProperties, Schema
    from deltalake.exceptions import CommitFailedError, DeltaError
    from deltalake.transaction import create_table_with_add_actions

    place.sync({action.path for action in added} if added else {LOG})
    columns = Schema.from_arrow(schema)
    # Without retries: a version that another writer made may hold the same rows, so all is compared again.
    properties = CommitProperties(max_commit_retries=0, custom_metadata={"instagram_assets": told})
    # Its own checkpoints are not synced, and old commits would go before they are.
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
                place.uri,
                columns,
                list(added),
                mode="error" if table is None else "overwrite",
                partition_by=partition_by,
                name=place.uri.rstrip("/").rpartition("/")[2],
                description=MADE_BY,
                configuration=_told_bounds(bounded),
                storage_options=place.options or None,
                commit_properties=properties,
                post_commithook_properties=hooks,
            )
    except CommitFailedError:
        return False
    except DeltaError as error:
        if table is None and "already exists" in str(error):
            return False
        raise _refused(place, error) from error
    place.sync({f"{LOG}/{version:020}.json"})
    return True


def _told_bounds(columns: Sequence[str]) -> dict[str, str | None]:
    """Returns the table property that names the columns with min/max statistics in the log.

    Without it delta-rs gives pyarrow and DuckDB "at least null" for the others, and they leave all rows out.
    """
    if columns:
        return {"delta.dataSkippingStatsColumns": ",".join(columns)}
    return {"delta.dataSkippingNumIndexedCols": "0"}


def same_columns(table: "DeltaTable", schema: pa.Schema) -> bool:
    """Whether a table has the columns of a schema, in their order and types."""
    from deltalake import Schema

    wanted = Schema.from_arrow(schema)
    return [(f.name, f.type) for f in table.schema().fields] == [(f.name, f.type) for f in wanted.fields]


@contextmanager
def clearly(place: Place) -> Generator[None]:
    """Context manager that turns errors of delta-rs into StorageError."""
    from deltalake.exceptions import DeltaError

    try:
        yield
    except DeltaError as error:
        raise _refused(place, error) from error


def _refused(place: Place, error: Exception) -> StorageError:
    reason = str(error).partition("\n")[0]
    return StorageError(f"{place.uri}: cannot be written ({reason}). Free space or fix access, then run again.")


def checkpoint(place: Place, table: "DeltaTable", *, after: int = COMMITS_OF_CHECKPOINT) -> None:
    """Write a checkpoint of the log when at least `after` commits have been made since the last one."""
    found = (int(match[1]) for name in place.sizes(LOG) if (match := _CHECKPOINT.fullmatch(name)))
    if table.version() - max(found, default=-1) <= after:
        return
    with clearly(place):
        table.create_checkpoint()
    sync_log(place)


def sync_log(place: Place) -> None:
    """Sync all files of a table's log to disk, so that they survive a power cut."""
    place.sync({f"{LOG}/{name}" for name in place.sizes(LOG)})
