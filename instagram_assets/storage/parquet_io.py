"""One table in, one table out, for one partition or ten thousand: the lake as Dagster's IO manager.

An asset's value is one `pa.Table`, or a `pa.RecordBatchReader` with the rows of one account together. Its `account`
and `day` columns say which cell a row belongs to. An input whose metadata lists `COLUMNS` gets only these.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa
from upath import UPath

from instagram_assets.storage.lake import (
    Cell,
    account_files,
    existing_cells,
    lake,
    read_batches,
    read_files,
    whole_asset,
    write_asset,
    write_cells,
)

COLUMNS = "columns"
"""Key of an input's metadata that lists the columns to read; without it all are read."""
# Which column says the partition, for each dynamic partitions definition.
_COLUMN_OF_DYNAMIC = {"accounts": "account", "searches": "search"}


class ParquetTables(dg.ConfigurableIOManager):
    """Keeps every asset's table below `base_uri`, a folder or any fsspec URL; empty: the lake of the settings."""

    base_uri: str = ""
    storage_options: dict[str, Any] = {}

    @property
    def root(self) -> UPath:
        return UPath(self.base_uri, **self.storage_options) if self.base_uri else lake()

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        name = context.asset_key.path[-1]
        if not context.has_asset_partitions:
            context.add_output_metadata({"dagster/row_count": write_asset(self.root, name, obj)})
            return
        definition = context.asset_partitions_def
        columns = columns_of(definition)
        keys = {_cell(definition, key): key for key in context.asset_partition_keys}
        rows = write_cells(self.root, name, columns, keys, obj)
        counts = {key: {"dagster/partition_row_count": rows.get(cell, 0)} for cell, key in keys.items()}
        _add_partition_metadata(context, counts)
        context.log.info(f"{name}: {sum(rows.values())} rows in {len(rows)} of {len(keys)} partitions")

    def load_input(self, context: dg.InputContext) -> Any:
        name = context.asset_key.path[-1]
        wanted = context.dagster_type.typing_type
        columns = (context.definition_metadata or {}).get(COLUMNS)
        paths = self._paths(context, name)
        if wanted is pa.RecordBatchReader:
            return read_batches(paths, name, columns)
        table = read_files(paths, name, columns)
        if _is_pandas(wanted):
            import pandas as pd

            # Arrow-backed columns keep ids as text, integers whole and lists as lists.
            return table.to_pandas(types_mapper=pd.ArrowDtype)
        return table

    def _paths(self, context: dg.InputContext, name: str) -> list[UPath]:
        if not context.has_asset_partitions:
            return whole_asset(self.root, name, [])
        definition = context.asset_partitions_def
        if not context.step_context.has_partitions:
            return whole_asset(self.root, name, columns_of(definition))
        accounts = _by_account(definition)
        if accounts is not None and accounts == context.step_context.entity_partitions_def:
            # All days of an account: many partitions in few files.
            names = _keys_in_run(context, accounts)
            return account_files(self.root, name, columns_of(definition), names)
        cells = (_cell(definition, key) for key in _keys_of_run(context))
        return existing_cells(self.root, name, columns_of(definition), cells)


def columns_of(definition: dg.PartitionsDefinition) -> list[str]:
    """The columns that say which partition a row belongs to, in the order of the folders."""
    if isinstance(definition, dg.MultiPartitionsDefinition):
        return [part.name for part in definition.partitions_defs]
    if isinstance(definition, dg.TimeWindowPartitionsDefinition):
        return ["day"]
    return [_COLUMN_OF_DYNAMIC[getattr(definition, "name", None) or ""]]


def _cell(definition: dg.PartitionsDefinition, key: str) -> Cell:
    if isinstance(definition, dg.MultiPartitionsDefinition):
        dimensions = definition.get_partition_key_from_str(key).keys_by_dimension
        return tuple(dimensions[part.name] for part in definition.partitions_defs)
    return (key,)


def _keys_of_run(context: dg.InputContext) -> Sequence[str]:
    """The partitions that a step of a partitioned run reads.

    A check has no partitions of its own, since Dagster shows no result of a check over several; it reads its run's.
    """
    if context.step_context.entity_partitions_def is not None:
        return context.asset_partition_keys
    return _keys_in_run(context, context.asset_partitions_def)


def _keys_in_run(context: dg.InputContext, definition: dg.PartitionsDefinition) -> Sequence[str]:
    with dg.partition_loading_context(dynamic_partitions_store=context.instance):
        return definition.get_partition_keys_in_range(context.step_context.partition_key_range)


def _by_account(definition: dg.PartitionsDefinition) -> dg.PartitionsDefinition | None:
    """The accounts of account × day partitions; none of other partitions."""
    if not isinstance(definition, dg.MultiPartitionsDefinition):
        return None
    return next(part.partitions_def for part in definition.partitions_defs if part.name == "account")


def _is_pandas(wanted: Any) -> bool:
    return getattr(wanted, "__module__", "").startswith("pandas") and wanted.__name__ == "DataFrame"


def _add_partition_metadata(context: dg.OutputContext, metadata: Mapping[str, Mapping[str, Any]]) -> None:
    """Give each partition of the run its own metadata.

    `context.add_asset_metadata` lists all partitions on every call, which takes hours for 10,000 of them; so the
    accumulator behind it is set once (dagster 1.13.27).
    """
    from dagster._core.execution.context.metadata_logging import AssetMetadataHandle, OutputMetadataAccumulator

    step = context.step_context
    handles = {
        AssetMetadataHandle(asset_key=context.asset_key, partition_key=key): values for key, values in metadata.items()
    }
    known = step._metadata_accumulator.per_output_metadata  # pyright: ignore[reportPrivateUsage]
    accumulated = OutputMetadataAccumulator(per_output_metadata={**known, **handles})
    step._metadata_accumulator = accumulated  # pyright: ignore[reportPrivateUsage]
