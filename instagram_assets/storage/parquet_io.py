"""Dagster's IO manager for the lake: a step passes one table per asset, whether for one partition or ten thousand.

An asset's value is one `pa.Table`, or a `pa.RecordBatchReader` in which each account's rows are adjacent. The `account`
and `day` columns identify a row's partition. An input whose metadata has `COLUMNS_KEY` gets only these columns. A
step's output is also passed to the next steps of its run in memory.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import dagster as dg
import pyarrow as pa

# The type of `step_context`, private in dagster 1.13.27.
from dagster._core.execution.context.system import StepExecutionContext
from upath import UPath

from instagram_assets.errors import ContractError, DamagedError
from instagram_assets.partitions import PLAN, known_accounts, selection
from instagram_assets.storage.event_log import UNTOUCHED
from instagram_assets.storage.lake import (
    Days,
    read_batches,
    read_table,
)
from instagram_assets.storage.lake_writer import Written, as_stored, write_asset, write_cells
from instagram_assets.storage.parquet_files import as_table
from instagram_assets.storage.run_table_cache import HandOver

COLUMNS_KEY = "columns"
"""Key in an input's metadata whose value is the list of columns to read; without it all columns are read."""

_NEWEST = "instagram_assets/newest"


class PartitionSelection(NamedTuple):
    """The accounts (or searches) and the days that a run or an input selects; None selects all."""

    names: tuple[str, ...] | None = None
    days: Days | None = None


class ParquetTables(dg.IOManager):
    """IO manager that stores every asset's table in the lake at `root`.

    It has no run config, since everybody who can start a run could then set another path.
    """

    def __init__(self, root: UPath) -> None:
        self.root = root
        self._handed = HandOver()

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        with not_tried_again():
            self._write(context, obj)

    def load_input(self, context: dg.InputContext) -> Any:
        with not_tried_again():
            return self._read(context)

    def _write(self, context: dg.OutputContext, obj: Any) -> None:
        name = context.asset_key.path[-1]
        if not context.has_asset_partitions:
            context.add_output_metadata({"dagster/row_count": write_asset(self.root, name, obj)})
            return
        step = context.step_context
        chosen = _chosen(context.asset_partitions_def, step.partition_key_range, context.step_context.instance)
        names = chosen.names or ()
        self._handed.drop(name)
        before, after = _steps_around(step)
        self._handed.ended(before)
        table = obj if isinstance(obj, pa.RecordBatchReader) else as_table(obj, name)
        written = write_cells(self.root, name, names, chosen.days, table)
        if after and isinstance(table, pa.Table):
            self._handed.keep(context.run_id, name, chosen, as_stored(name, names, table), after)
        _add_partition_metadata(context, _of_each_partition(context, written))
        context.log.info(f"{name}: {sum(written.rows.values())} rows in {len(written.rows)} partitions")

    def _read(self, context: dg.InputContext) -> Any:
        name = context.asset_key.path[-1]
        wanted = context.dagster_type.typing_type
        columns = (context.definition_metadata or {}).get(COLUMNS_KEY)
        chosen = _selection_of(context)
        if wanted is pa.RecordBatchReader:
            return read_batches(self.root, name, *chosen, columns)
        step = context.step_context
        found = self.rows(step.run_id, name, chosen, columns, step=step.step.key)
        if _is_pandas(wanted):
            import pandas as pd

            # Arrow-backed columns keep ids as strings, integers with nulls as integers, and lists as lists.
            return found.to_pandas(types_mapper=pd.ArrowDtype)
        return found

    def rows(
        self, run: str, name: str, chosen: PartitionSelection, columns: Sequence[str] | None = None, *, step: str
    ) -> pa.Table:
        """Returns an asset's rows, with all columns or `columns`: from memory if this run wrote exactly this selection.

        `run` is the run id. `step` is the key of the step that reads the rows; it gets them from memory only once.
        """
        found = self._handed.take(run, name, chosen, step)
        if found is None:
            return read_table(self.root, name, *chosen, columns)
        return found if columns is None else found.select(list(columns))

    def let_go(self) -> None:
        """Release the tables cached in memory; called at the end of a run."""
        self._handed.clear()


@contextmanager
def not_tried_again() -> Generator[None]:
    """Context manager that disables retries for permanent errors: damaged files and wrong columns."""
    try:
        yield
    except (DamagedError, ContractError) as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def tables_of_run(root: UPath) -> Generator[ParquetTables]:
    """Yields the IO manager of one run, and releases its cached tables at the end of the run."""
    tables = ParquetTables(root)
    try:
        yield tables
    finally:
        tables.let_go()


def _steps_around(step: StepExecutionContext) -> tuple[set[str], set[str]]:
    """Returns two sets of step keys: the step and all its upstream steps, and the steps that read its output."""
    needs = step.execution_plan.get_executable_step_deps()
    before, found = set[str](), {step.step.key}
    while found:
        before |= found
        found = set[str]().union(*(needs.get(key, ()) for key in found)) - before
    return before, {key for key, needed in needs.items() if step.step.key in needed}


def _selection_of(context: dg.InputContext) -> PartitionSelection:
    """Returns the accounts and days whose rows an input gets."""
    step = context.step_context
    of_step = step.entity_partitions_def
    if not context.has_asset_partitions or of_step is None:
        return PartitionSelection()
    definition = context.asset_partitions_def
    if of_step == definition or _by_account(definition) == of_step:
        chosen = _chosen(of_step, step.partition_key_range, context.instance)
        return chosen if of_step == definition else PartitionSelection(chosen.names)
    return PartitionSelection(tuple(context.asset_partition_keys))


def _chosen(
    definition: dg.PartitionsDefinition, keys: dg.PartitionKeyRange, instance: dg.DagsterInstance
) -> PartitionSelection:
    if isinstance(definition, dg.MultiPartitionsDefinition):
        names, first, last = selection(keys, known_accounts(instance))
        return PartitionSelection(tuple(names), (first, last))
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        return PartitionSelection(tuple(definition.get_partition_keys_in_range(keys)))


def _by_account(definition: dg.PartitionsDefinition) -> dg.PartitionsDefinition | None:
    """Returns the account dimension of a partitions definition by account × day; None for other definitions."""
    if not isinstance(definition, dg.MultiPartitionsDefinition):
        return None
    return next(part.partitions_def for part in definition.partitions_defs if part.name == "account")


def _is_pandas(wanted: Any) -> bool:
    return getattr(wanted, "__module__", "").startswith("pandas") and wanted.__name__ == "DataFrame"


def _of_each_partition(context: dg.OutputContext, written: Written) -> dict[str, dict[str, Any]]:
    """Returns partition key → metadata: its row count, or the flag UNTOUCHED if it was empty before and still is."""
    counts = {"|".join(cell): rows for cell, rows in written.rows.items()}
    counts |= {"|".join(cell): 0 for cell in written.emptied}
    metadata: dict[str, dict[str, Any]] = {key: {"dagster/partition_row_count": rows} for key, rows in counts.items()}
    nothing = {UNTOUCHED: True} if PLAN in context.step_context.run_tags else {"dagster/partition_row_count": 0}
    of_each = {key: metadata.get(key, nothing) for key in map(str, context.asset_partition_keys)}
    shown_once = context.step_context.get_asset_metadata(context.asset_key, _NEWEST)
    last = next((key for key in reversed(of_each) if UNTOUCHED not in of_each[key]), None)
    return of_each | {last: {**of_each[last], **shown_once}} if last and shown_once else of_each


def _add_partition_metadata(context: dg.OutputContext, metadata: Mapping[str, Mapping[str, Any]]) -> None:
    """Attach metadata to each partition of the run.

    `context.add_asset_metadata` lists all partitions on every call, which takes hours for 10,000 of them. So Dagster's
    private metadata accumulator is replaced once (dagster 1.13.27).
    """
    from dagster._core.execution.context.metadata_logging import AssetMetadataHandle, OutputMetadataAccumulator

    step = context.step_context
    handles = {
        AssetMetadataHandle(asset_key=context.asset_key, partition_key=key): values for key, values in metadata.items()
    }
    known = step._metadata_accumulator.per_output_metadata  # pyright: ignore[reportPrivateUsage]
    accumulated = OutputMetadataAccumulator(per_output_metadata={**known, **handles})
    step._metadata_accumulator = accumulated  # pyright: ignore[reportPrivateUsage]


def add_to_newest_event(context: dg.AssetExecutionContext, metadata: Mapping[str, Any]) -> None:
    """Attach metadata to the last event that this step stores for its asset, instead of the event of each partition.

    The asset's page in the UI shows its newest event. The last partition is known only when the output is handled;
    until then the metadata is stored under a placeholder for the partition key.
    """
    step = context.get_step_execution_context()
    accumulated = step._metadata_accumulator.with_additional_asset_metadata(  # pyright: ignore[reportPrivateUsage]
        context.asset_key, _NEWEST, metadata
    )
    step._metadata_accumulator = accumulated  # pyright: ignore[reportPrivateUsage]
