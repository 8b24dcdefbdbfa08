"""One step of an erasure (`Step`): a file, folder or database that is removed or rewritten; planned, then applied.

Also the scrubbing of Arrow tables, with the row counts that a step reports.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.privacy.table_scrub import scrub_table
from instagram_assets.storage.atomic import is_local


class StepResult(NamedTuple):
    """The counts of an applied step: files removed, SHA-256 of each file written, rows affected, bytes written."""

    removed: int
    rewritten: Sequence[str]
    rows: int
    bytes_written: int


@dataclass(frozen=True)
class Step:
    """The removal or rewriting of one file, folder or database; `apply` does it atomically and is idempotent.

    `area` groups steps in previews and reports by data area (`lake`, `media`, `inbox`), `path` is relative to the data
    folder where possible, `rows` is the number of the subject's rows, records or entries. `apply` returns the bytes
    written, or a `StepResult` if the other counts are known only afterwards; `is_certain` is false if the step possibly
    has nothing to do.
    """

    area: str
    path: str
    verb: Literal["remove", "rewrite"]
    rows: int
    apply: Callable[[], int | StepResult]
    is_certain: bool = True


def sha256_of_stored(path: Path | UPath) -> str:
    """Returns the SHA-256 of a file on a disk or in an object store, as hexadecimal digits."""
    if isinstance(path, UPath) and not is_local(path):
        # Not opened: fsspec caches the size that the file had before.
        store: Any = path.fs
        return hashlib.sha256(store.cat_file(path.path)).hexdigest()
    with Path(path.path if isinstance(path, UPath) else path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


_ROW = "__row"


class ScrubbedTable(NamedTuple):
    """A table without erased data (the same object if unchanged), with the number of rows removed and changed."""

    table: pa.Table
    removed: int = 0
    changed: int = 0

    @property
    def rows(self) -> int:
        return self.removed + self.changed


def scrub_with_counts(table: pa.Table, forgotten: Forgotten) -> ScrubbedTable:
    """Removes the subject's rows, replaces its name in others, and counts the removed and the changed rows."""
    after = scrub_table(table.append_column(_ROW, pa.array(np.arange(table.num_rows))), forgotten)
    kept = after[_ROW]
    after = after.drop_columns([_ROW])
    before = table if len(kept) == table.num_rows else table.take(kept)
    changed = np.zeros(len(kept), bool)
    for name in table.column_names:
        if not before[name].equals(after[name]):
            changed |= _differs(before[name], after[name])
    removed, rewritten = table.num_rows - len(kept), int(changed.sum())
    return ScrubbedTable(after if removed or rewritten else table, removed, rewritten)


def _differs(before: pa.ChunkedArray, after: pa.ChunkedArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    if pa.types.is_nested(before.type):
        pairs = zip(before.to_pylist(), after.to_pylist(), strict=True)
        return np.array([old != new for old, new in pairs], bool)
    return compute.fill_null(compute.not_equal(before, after), False).to_numpy(zero_copy_only=False)
