"""Lazy, untyped access to `pyarrow.compute`, group boundaries in sorted tables, and Arrow columns as NumPy arrays.

pyarrow ships no type stubs.
"""

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Integers = npt.NDArray[np.int64]
    Booleans = npt.NDArray[np.bool_]


class _Functions:
    """Lazy proxy of `pyarrow.compute`, which is slow to import: a function is imported when it is first used."""

    def __getattr__(self, name: str) -> Any:
        function = getattr(importlib.import_module("pyarrow.compute"), name)
        setattr(self, name, function)
        return function


compute: Any = _Functions()


def group_starts(table: "pa.Table", columns: Sequence[str]) -> "Booleans":
    """Returns a mask that is True at row 0 and at each row that differs from the row before it in any of `columns`.

    The columns must not contain nulls.
    """
    import numpy as np

    starts = np.ones(table.num_rows, dtype=np.bool_)
    if table.num_rows > 1:
        parts = [table[name].combine_chunks() for name in columns]
        differs = [as_booleans(compute.not_equal(part[1:], part[:-1])) for part in parts]
        starts[1:] = np.logical_or.reduce(differs)
    return starts


def as_integers(values: Any) -> "Integers":
    """Returns an Arrow array without nulls as a NumPy array of int64."""
    import numpy as np
    import pyarrow as pa

    return np.asarray(values.to_numpy() if isinstance(values, pa.ChunkedArray) else values.to_numpy(False), np.int64)


def as_booleans(values: Any) -> "Booleans":
    """Returns a boolean Arrow array without nulls as a NumPy array."""
    import numpy as np
    import pyarrow as pa

    return np.asarray(values.to_numpy() if isinstance(values, pa.ChunkedArray) else values.to_numpy(False), np.bool_)
