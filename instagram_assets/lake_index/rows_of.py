"""Rows of a table of the index by their numbers."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from instagram_assets.lake_index.reading import LakeIndex
from instagram_assets.lake_index.selecting import Of

if TYPE_CHECKING:
    import numpy as np


def rows_of(
    index: LakeIndex, of: Of, number: str, columns: Sequence[str], numbers: "np.ndarray | Iterable[int]"
) -> list[dict[str, Any]]:
    """The rows with these numbers, in their order; what is not there is left out."""
    wanted = [int(each) for each in numbers]
    if not wanted:
        return []
    # A join reads only the blocks that have one of them; `IN` with a list reads the whole table.
    of_row = ", ".join(f"t.{name}" for name in columns)
    sql = f"SELECT {of_row} FROM (SELECT unnest($1::INTEGER[]) AS {number}) n JOIN {of} t USING ({number})"
    found = index.rows(sql, sorted(wanted))
    by_number = {row[number]: row for row in finite(found)}
    return [by_number[each] for each in wanted if each in by_number]


def finite(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with null for numbers that are none, which JSON does not have."""
    for row in rows:
        for name, value in row.items():
            if isinstance(value, float) and not math.isfinite(value):
                row[name] = None
    return rows
