"""A table without what is forgotten, and how many of its rows that touches."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.privacy.forgotten import Forgotten
from instagram_assets.privacy.tables import scrub_table

_ROW = "__row"


class Counted(NamedTuple):
    """A table after forgetting, the very same one when it had nothing to forget; rows that went, rows that changed."""

    table: pa.Table
    gone: int = 0
    changed: int = 0

    @property
    def rows(self) -> int:
        return self.gone + self.changed


def scrub_counted(table: pa.Table, forgotten: Forgotten) -> Counted:
    """As `scrub_table`, with the number of rows that went and of those that lost something."""
    after = scrub_table(table.append_column(_ROW, pa.array(np.arange(table.num_rows))), forgotten)
    kept = after[_ROW]
    after = after.drop_columns([_ROW])
    before = table if len(kept) == table.num_rows else table.take(kept)
    changed = np.zeros(len(kept), bool)
    for name in table.column_names:
        if not before[name].equals(after[name]):
            changed |= _differs(before[name], after[name])
    gone, touched = table.num_rows - len(kept), int(changed.sum())
    return Counted(after if gone or touched else table, gone, touched)


def _differs(before: pa.ChunkedArray, after: pa.ChunkedArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    if pa.types.is_nested(before.type):
        pairs = zip(before.to_pylist(), after.to_pylist(), strict=True)
        return np.array([old != new for old, new in pairs], bool)
    return compute.fill_null(compute.not_equal(before, after), False).to_numpy(zero_copy_only=False)
