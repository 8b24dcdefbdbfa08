"""Rows in the order of the lake's files, and in slices of which each is one file's or one account's."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.errors import ContractError
from instagram_assets.schemas import Contract
from instagram_assets.storage.parquet_files import as_table


def by_account(obj: Any, name: str, contract: Contract) -> Iterator[tuple[str, pa.Table]]:
    """The rows of one account after another, sorted as they lie in files."""
    column = contract.partitions[0]
    if not isinstance(obj, pa.RecordBatchReader):
        yield from split(in_order(as_table(obj, name), contract), column, str)
        return
    seen: set[str] = set()
    held: list[pa.Table] = []
    current: str | None = None
    for batch in obj:
        for account, rows in split(as_table(pa.Table.from_batches([batch]), name), column, str):
            if account != current:
                if account in seen:
                    raise ContractError(f"{name}: the rows of {column} {account} do not stand together")
                if current is not None:
                    yield current, in_order(pa.concat_tables(held), contract)
                current, held = account, []
                seen.add(account)
            held.append(rows)
    if current is not None:
        yield current, in_order(pa.concat_tables(held), contract)


def in_order(table: pa.Table, contract: Contract) -> pa.Table:
    """By account and day, then by key; tables without days keep the order of each account's rows.

    A table that is in order is not copied.
    """
    keys = [*contract.partitions, *contract.key] if "day" in contract.partitions else contract.partitions
    order = compute.sort_indices(table, sort_keys=[(name, "ascending") for name in dict.fromkeys(keys)])
    return table if np.array_equal(order.to_numpy(), np.arange(len(order))) else table.take(order)


def split(table: pa.Table, column: str, key: Callable[[Any], str]) -> Iterator[tuple[str, pa.Table]]:
    """Slices of rows that stand together and whose value in a column has the same key."""
    if not table.num_rows:
        return
    runs = compute.run_end_encode(table[column].combine_chunks())
    start, current = 0, key(runs.values[0].as_py())
    ends = runs.run_ends.to_pylist()
    for value, end in zip(runs.values.to_pylist()[1:], ends[:-1], strict=True):
        if (following := key(value)) != current:
            yield current, table.slice(start, end - start)
            start, current = end, following
    yield current, table.slice(start)
