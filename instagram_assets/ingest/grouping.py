"""Rows that belong together, and Arrow's columns as numpy's."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from instagram_assets.arrow import compute

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def group_starts(table: pa.Table, columns: list[str]) -> Flags:
    """True at each row that differs from the row before it in one of `columns`, which hold no nulls."""
    starts = np.ones(table.num_rows, dtype=np.bool_)
    if table.num_rows > 1:
        parts = [table[name].combine_chunks() for name in columns]
        differs = [to_flags(compute.not_equal(part[1:], part[:-1])) for part in parts]
        starts[1:] = np.logical_or.reduce(differs)
    return starts


def to_numbers(values: Any) -> Numbers:
    """An Arrow column without nulls as int64."""
    return np.asarray(values.to_numpy() if isinstance(values, pa.ChunkedArray) else values.to_numpy(False), np.int64)


def to_flags(values: Any) -> Flags:
    """An Arrow column of true and false without nulls as numpy."""
    return np.asarray(values.to_numpy() if isinstance(values, pa.ChunkedArray) else values.to_numpy(False), np.bool_)
