"""Stored forms of partition events: a small row per partition in the index, a summary per asset in the run's log."""

import json
from collections.abc import Callable, Iterator, Sequence, Set
from datetime import UTC, datetime
from typing import Any, NamedTuple

import dagster as dg
from dagster import AssetMaterialization, DagsterEventType, EventLogEntry, IntMetadataValue
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    INPUT_DATA_VERSION_TAG_PREFIX,
    INPUT_EVENT_POINTER_TAG_PREFIX,
)
from dagster._core.events import AssetMaterializationPlannedData, AssetObservationData, StepMaterializationData

UNTOUCHED = "instagram_assets/untouched"
"""Metadata flag of a partition without rows before and after the run: its materialization is not stored."""
HANDFUL = 10
"""The maximum number of partitions of an asset whose events are stored one by one, as in stock Dagster."""
PLANNED = DagsterEventType.ASSET_MATERIALIZATION_PLANNED
MADE = DagsterEventType.ASSET_MATERIALIZATION
OBSERVED = DagsterEventType.ASSET_OBSERVATION
OF_CELLS = frozenset({PLANNED, MADE, OBSERVED})
ROWS = "dagster/partition_row_count"


class CellCounts(NamedTuple):
    """The number of partitions of an asset that a step has reported so far, and their total rows (None: unknown)."""

    cells: int = 0
    rows: int | None = None

    def and_also(self, entries: Sequence[EventLogEntry]) -> "CellCounts":
        """Returns these counts plus those of more events of the same asset and event type."""
        rows = [count for entry in entries if (count := _rows(entry)) is not None]
        total = (self.rows or 0) + sum(rows) if rows or self.rows is not None else None
        return CellCounts(self.cells + sum(len(cells_of(entry)) for entry in entries), total)


def is_of_cells(entry: EventLogEntry) -> bool:
    """Returns whether an event of a run is about one partition or a set of partitions."""
    if not entry.run_id:
        return False
    if made := materialization_of(entry):
        return made.partition is not None
    if entry.dagster_event_type not in OF_CELLS:
        return False
    event = entry.get_dagster_event()
    return event.asset_key is not None and (event.partition is not None or event.partitions_subset is not None)


def is_untouched(entry: EventLogEntry) -> bool:
    """Whether an event is the materialization of a partition that had no rows before and has none now."""
    made = materialization_of(entry)
    return made is not None and UNTOUCHED in made.metadata


def materialization_of(entry: EventLogEntry) -> dg.AssetMaterialization | None:
    """Returns an event's materialization, or None; faster than Dagster's properties, which check the type."""
    data = entry.dagster_event.event_specific_data if entry.dagster_event else None
    return data.materialization if isinstance(data, StepMaterializationData) else None


def cells_of(entry: EventLogEntry) -> Set[str]:
    """Returns the keys of the partitions that an event is about; empty if it is about none."""
    if made := materialization_of(entry):
        return {made.partition} if made.partition is not None else set()
    event = entry.get_dagster_event()
    if event.partitions_subset is not None:
        return {str(key) for key in event.partitions_subset.get_partition_keys()}
    return {event.partition} if event.partition is not None else set()


def of_each_cell(entry: EventLogEntry) -> list[EventLogEntry]:
    """Returns a planned event of at most HANDFUL partitions as one event per partition; any other event unchanged."""
    if entry.get_dagster_event().partitions_subset is None or len(cells := cells_of(entry)) > HANDFUL:
        return [entry]
    return [planned(entry, cell) for cell in sorted(cells)]


def planned(entry: EventLogEntry, cell: str | None) -> EventLogEntry:
    """Returns a copy of a planned event with the partition key `cell`; without a partition if `cell` is None."""
    event = entry.get_dagster_event()
    data = AssetMaterializationPlannedData(event.asset_materialization_planned_data.asset_key, partition=cell)
    return entry._replace(dagster_event=event._replace(event_specific_data=data))


def lightened(entry: EventLogEntry) -> EventLogEntry:
    """Returns a materialization event without the fields that are equal in its whole run and never read.

    The tags with input versions are removed too, unless the asset has its own code version. In a run of 100 partitions
    or more, Dagster sets them to the newest version of any partition of the input. Without them the UI compares
    timestamps to find out-of-date partitions, which is correct for each partition.
    """
    event = entry.get_dagster_event()
    data = event.step_materialization_data
    tags = kept_tags(data.materialization, entry.run_id)
    small = event._replace(
        step_handle=None,
        logging_tags={},
        event_specific_data=data._replace(materialization=data.materialization._replace(tags=tags)),
    )
    return entry._replace(dagster_event=small, user_message="")


def kept_tags(made: dg.AssetMaterialization, run_id: str) -> dict[str, str]:
    """Returns the tags that `lightened` keeps: all, or without input versions if the asset has no own code version."""
    tags = made.tags or {}
    if tags.get(CODE_VERSION_TAG) != run_id:
        return dict(tags)
    return {name: value for name, value in tags.items() if not _is_version_of_input(name)}


def summary(newest: EventLogEntry, counted: CellCounts) -> EventLogEntry:
    """Returns an asset's entry in the run's log: the event of a single partition unchanged, otherwise a summary.

    `newest` is the asset's last event of one type; `counted` are the counts of all of them so far.
    """
    event = newest.get_dagster_event()
    key = event.asset_key
    if newest.dagster_event_type == PLANNED:
        return planned(newest, next(iter(cells_of(newest))) if counted.cells == 1 else None)
    if counted.cells == 1 or key is None:
        return newest
    metadata = {"partitions": counted.cells} | ({} if counted.rows is None else {"rows": counted.rows})
    if newest.dagster_event_type == MADE:
        message = f"Materialized {counted.cells:,} partitions of {key.to_user_string()}."
        data = StepMaterializationData(dg.AssetMaterialization(key, metadata=metadata))
    else:
        message = f"Observed {counted.cells:,} partitions of {key.to_user_string()}."
        data = AssetObservationData(dg.AssetObservation(key, metadata=metadata))
    return newest._replace(
        user_message=message, dagster_event=event._replace(message=message, event_specific_data=data)
    )


def _rows(entry: EventLogEntry) -> int | None:
    made = materialization_of(entry)
    rows = made.metadata.get(ROWS) if made else None
    return rows.value if isinstance(rows, dg.IntMetadataValue) else None


def _is_version_of_input(tag: str) -> bool:
    return tag == CODE_VERSION_TAG or tag.startswith((INPUT_DATA_VERSION_TAG_PREFIX, INPUT_EVENT_POINTER_TAG_PREFIX))


_Row = dict[str, Any]


def rows_of_many(events: Sequence[EventLogEntry], row_of: Callable[[EventLogEntry], _Row]) -> Iterator[_Row]:
    """Yields the database rows of many materializations of one asset by one step, each shortened by `lightened`.

    `row_of` is the storage's method that converts an event to a database row. It is slow, so rows whose only metadata
    is the row count are made by changing a copy of the first one.
    """
    pattern: _Row = {}
    entry: Any = None
    for event in events:
        made = materialization_of(event)
        if made is None or not _has_rows_alone(made):
            yield row_of(lightened(event))
            continue
        if not pattern:
            pattern = row_of(lightened(event))
            entry = json.loads(pattern["event"])
        told = entry["dagster_event"]
        packed = told["event_specific_data"]["materialization"]
        entry["timestamp"], told["message"] = event.timestamp, event.get_dagster_event().message
        packed["partition"], packed["tags"] = made.partition, kept_tags(made, event.run_id)
        packed["metadata_entries"][0]["entry_data"]["value"] = made.metadata[ROWS].value
        yield pattern | {
            "event": json.dumps(entry, sort_keys=True),
            "timestamp": datetime.fromtimestamp(event.timestamp, UTC).replace(tzinfo=None),
            "partition": made.partition,
        }


def _has_rows_alone(made: AssetMaterialization) -> bool:
    return (
        made.description is None and len(made.metadata) == 1 and isinstance(made.metadata.get(ROWS), IntMetadataValue)
    )
