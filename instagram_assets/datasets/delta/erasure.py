"""Changes rows of a Delta table, for erasure: rewrites the affected files and deletes all older versions."""

import io
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

import pyarrow as pa

from instagram_assets.datasets.delta import log
from instagram_assets.datasets.delta.files import MONTH, TableSpec, write_rows
from instagram_assets.datasets.delta.locations import TableLocation
from instagram_assets.datasets.delta.write import files_of_version, removal
from instagram_assets.errors import StorageError

if TYPE_CHECKING:
    from deltalake.transaction import AddAction, RemoveAction

_TRIES = 5

Change = Callable[[pa.Table], pa.Table]
"""Type of a function that returns the changed rows of a table, or the same object if no row changes."""


def rewrite_rows(location: TableLocation, spec: TableSpec, change: Change) -> int:
    """Apply `change` to the rows of each file of a table, then delete all older versions; returns bytes written.

    Files for which `change` returns the same table object are not rewritten; a damaged file is deleted, since its
    content is unknown. `change` is a function from a file's rows to its new rows. A table whose columns differ from
    those of `spec`, or whose log cannot be repaired, is deleted completely: `export delta` recreates it from the lake.
    Can be repeated after an interruption. Raises StorageError on an I/O error.
    """
    with location.locked():
        for _ in log.repair(location):
            pass
        for _ in range(_TRIES):
            table = log.open_table(location)
            if table is None or not log.same_columns(table, spec.schema):
                _remove(location)
                return 0
            added: list[AddAction] = []
            removed: list[RemoveAction] = []
            for file in files_of_version(table):
                before = rows_of_file(location, file.path)
                after = None if before is None else change(before)
                if after is not None and after is before:
                    continue
                removed.append(removal(file))
                if after is not None and after.num_rows:
                    # A random stamp matches no lake file, so the next export compares these rows with the lake.
                    added.append(write_rows(location, spec, after, file.partition.get(MONTH), uuid.uuid4().hex[:16]))
            if not removed or _commit(location, spec, added, removed):
                log.drop_history(location)
                return sum(action.size for action in added)
    raise StorageError(f"{location.uri}: was written by others meanwhile. Run again when they are done.")


def rows_of_file(location: TableLocation, name: str) -> pa.Table | None:
    """Returns the rows of a Parquet file in a table's folder, even of an old version; None for a damaged file.

    A killed run can leave a half-written file to which no version refers.
    """
    import pyarrow.parquet as pq

    data = location.read(name)
    try:
        return pq.ParquetFile(io.BytesIO(data)).read()
    except (pa.ArrowException, OSError):
        return None


def _commit(location: TableLocation, spec: TableSpec, added: "list[AddAction]", removed: "list[RemoveAction]") -> bool:
    partition_by = [MONTH] if spec.by_month else []
    table = log.open_table(location)
    return log.commit(location, table, spec.schema, partition_by, spec.bounded, added, removed, {"empty": []})


def _remove(location: TableLocation) -> None:
    """Delete all files of a table: first the log entries, from newest to oldest, so that the log never has a gap."""
    for name in sorted(location.names(), key=lambda name: (name.startswith(f"{log.LOG}/"), name), reverse=True):
        location.remove(name)
