"""In-memory cache of tables passed between a run's steps, and a workaround for a memory leak in Dagster."""

from collections.abc import Collection, Hashable
from dataclasses import dataclass

import dagster as dg
import pyarrow as pa
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation,
    AssetCheckEvaluationPlanned,
)
from dagster._core.definitions.partitions.mapping.partition_mapping import UpstreamPartitionsResult
from dagster._core.execution.plan.inputs import StepInputData
from dagster._core.execution.plan.objects import TypeCheckData

_MOST_BYTES = 256 << 20


@dataclass
class _Kept:
    """A cached table, the partitions that it contains, and the steps that have yet to read it."""

    cells: Hashable
    table: pa.Table
    waiting: set[str]


class HandOver:
    """Cache of the newest tables of one run, up to `most_bytes` in total; on a miss the caller reads the lake.

    A table is released as soon as all steps that read it are done; a retried step reads the lake.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._run = ""
        self._tables: dict[str, _Kept] = {}

    def keep(self, run: str, name: str, cells: Hashable, table: pa.Table, readers: Collection[str]) -> None:
        """Cache a table that the run has written to the lake as these partitions (`cells`), for the steps `readers`.

        Tables of earlier runs are evicted, and the oldest of this run if the cache would exceed its maximum size. A
        table that is too large or that no step reads is not cached.
        """
        if run != self._run:
            self._run, self._tables = run, {}
        self._tables.pop(name, None)
        if readers:
            self._tables[name] = _Kept(cells, table, set(readers))
        while sum(kept.table.nbytes for kept in self._tables.values()) > self._most_bytes:
            del self._tables[next(iter(self._tables))]

    def drop(self, name: str) -> None:
        """Remove the table of an asset that is about to be rewritten; if that fails, lake and cache could differ."""
        self._tables.pop(name, None)

    def take(self, run: str, name: str, cells: Hashable, reader: str) -> pa.Table | None:
        """Returns a table if this run wrote exactly these partitions, otherwise None; each step gets a table once."""
        kept = self._tables.get(name)
        if not kept or run != self._run:
            return None
        kept.waiting.discard(reader)
        if not kept.waiting:
            del self._tables[name]
        return kept.table if kept.cells == cells else None

    def ended(self, steps: Collection[str]) -> None:
        """Mark steps as ended, and release the tables that no other step reads."""
        for kept in self._tables.values():
            kept.waiting.difference_update(steps)
        self._tables = {name: kept for name, kept in self._tables.items() if kept.waiting}
        # Arrow keeps released memory for later use.
        pa.default_memory_pool().release_unused()

    def clear(self) -> None:
        """Release all tables, at the end of a run."""
        self._run, self._tables = "", {}


def make_first_objects() -> None:
    """Create small instances of those Dagster classes that hold a reference to their first instance for ever.

    Otherwise the first real instances would keep large objects in memory.
    """
    none = dg.DynamicPartitionsDefinition(name="none").empty_subset()
    UpstreamPartitionsResult(partitions_subset=none, required_but_nonexistent_subset=none)
    StepInputData(input_name="input", type_check_data=TypeCheckData(success=True, label="type"))
    AssetCheckEvaluationPlanned(asset_key=dg.AssetKey("asset"), check_name="check", partitions_subset=None)
    AssetCheckEvaluation(dg.AssetKey("asset"), "check", passed=True, metadata={})
