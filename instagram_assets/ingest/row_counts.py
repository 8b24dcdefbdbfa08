"""Row counts of a file's temporary Parquet files, computed by row group, so that memory hardly grows with the file."""

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from instagram_assets.arrow import compute

SORTED_AT_ONCE = 1 << 18

KeyHashes = npt.NDArray[np.int64]


@dataclass
class RowCounts:
    """Numbers of rows, of rows with warnings, of duplicate observations (`doubled`), of posts by day; and accounts."""

    rows: int = 0
    warned: int = 0
    doubled: int = 0
    accounts: set[str] = field(default_factory=set[str])
    days: Counter[date] = field(default_factory=Counter[date])


def count_rows(paths: list[Path]) -> RowCounts:
    """Count the rows in Parquet files of one kind of record, such as posts or profiles.

    A repeated observation of a post (account, id and observation time) is a duplicate, also if it is in another file.
    """
    total = RowCounts()
    seen = array("q")
    for rows in _row_groups(paths, ["account", "day", "post_id", "observed_at", "warnings"]):
        total.rows += rows.num_rows
        total.warned += compute.sum(compute.greater(compute.list_value_length(rows["warnings"]), 0)).as_py() or 0
        total.accounts.update(rows["account"].unique().to_pylist())
        if "day" in rows.column_names:
            total.days.update(
                {pair["values"]: pair["counts"] for pair in compute.value_counts(rows["day"]).to_pylist()}
            )
            moments = compute.cast(rows["observed_at"], pa.int64()).to_pylist()
            keys = zip(rows["account"].to_pylist(), rows["post_id"].to_pylist(), moments, strict=True)
            seen.extend(map(hash, keys))
    hashes = _numbers(seen)
    total.doubled = len(hashes) - sum(len(np.unique(hashes[part])) for part in _parts(hashes))
    return total


def _row_groups(paths: list[Path], columns: list[str] | None = None) -> Iterator[Any]:
    """Return the rows of Parquet files as tables, one for each row group; columns missing in a file are left out."""
    import pyarrow.parquet as pq

    for path in paths:
        with pq.ParquetFile(path) as file:
            names = [name for name in columns or file.schema_arrow.names if name in file.schema_arrow.names]
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=names, use_threads=False)


def _parts(keys: KeyHashes) -> Iterator[npt.NDArray[np.bool_]]:
    """Yield masks that split the key hashes into parts small enough to sort in memory; equal hashes are in one part."""
    number = len(keys) // SORTED_AT_ONCE + 1
    for part in range(number):
        chosen = keys % number == part
        if chosen.any():
            yield chosen


def _numbers(hashes: "array[int]") -> KeyHashes:
    return np.frombuffer(hashes, dtype=np.int64)
