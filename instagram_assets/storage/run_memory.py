"""Memory of runs in one process: tables passed from step to step, and Dagster objects that would keep large values."""

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

MOST_BYTES = 256 << 20


@dataclass
class _Kept:
    """A table, the cells whose rows it has, and the steps that may still ask for it."""

    cells: Hashable
    table: pa.Table
    waiting: set[str]


class HandOver:
    """The newest tables of one run, of at most `most_bytes` together; whoever finds nothing here reads the lake.

    A table is let go as soon as no step is left that may read it; a step that is tried again reads the lake.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._run = ""
        self._tables: dict[str, _Kept] = {}

    def keep(self, run: str, name: str, cells: Hashable, table: pa.Table, readers: Collection[str]) -> None:
        """Hand over to these steps what now lies in the lake as the rows of these cells, exactly as reading gives it.

        Tables of earlier runs go, and the oldest of this one when there is no room; one that is too large is not kept,
        nor one that no step reads.
        """
        if run != self._run:
            self._run, self._tables = run, {}
        self._tables.pop(name, None)
        if readers:
            self._tables[name] = _Kept(cells, table, set(readers))
        while sum(kept.table.nbytes for kept in self._tables.values()) > self._most_bytes:
            del self._tables[next(iter(self._tables))]

    def drop(self, name: str) -> None:
        """Forget a table that is being written: should that fail, what lies in the lake is not known."""
        self._tables.pop(name, None)

    def take(self, run: str, name: str, cells: Hashable, reader: str) -> pa.Table | None:
        """The rows of these cells, if this run wrote just them; the step that reads them does not ask again."""
        kept = self._tables.get(name)
        if not kept or run != self._run:
            return None
        kept.waiting.discard(reader)
        if not kept.waiting:
            del self._tables[name]
        return kept.table if kept.cells == cells else None

    def ended(self, steps: Collection[str]) -> None:
        """Say that steps have ended: they will ask for nothing."""
        for kept in self._tables.values():
            kept.waiting.difference_update(steps)
        self._tables = {name: kept for name, kept in self._tables.items() if kept.waiting}
        # Arrow keeps for later what its tables no longer take.
        pa.default_memory_pool().release_unused()

    def clear(self) -> None:
        """Let go of everything, at the end of a run."""
        self._run, self._tables = "", {}


def make_first_objects() -> None:
    """Make the first object of each class whose first object is made beside much that it would keep."""
    none = dg.DynamicPartitionsDefinition(name="none").empty_subset()
    UpstreamPartitionsResult(partitions_subset=none, required_but_nonexistent_subset=none)
    StepInputData(input_name="input", type_check_data=TypeCheckData(success=True, label="type"))
    AssetCheckEvaluationPlanned(asset_key=dg.AssetKey("asset"), check_name="check", partitions_subset=None)
    AssetCheckEvaluation(dg.AssetKey("asset"), "check", passed=True, metadata={})
