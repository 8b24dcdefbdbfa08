"""Rows of the events of many cells, made from one of them: their texts differ in a partition, its tags and its rows.

Packing an event as Dagster does takes most of the time that a cell costs. Written against dagster 1.13.27.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from dagster import AssetMaterialization, EventLogEntry, IntMetadataValue

from instagram_assets.storage.event_log_entries import ROWS, kept_tags, lightened, materialization_of

Row = dict[str, Any]


def rows_of_many(events: Sequence[EventLogEntry], row_of: Callable[[EventLogEntry], Row]) -> Iterator[Row]:
    """The rows of materializations of many cells of one asset by one step, as `row_of` makes each of the lightened.

    `row_of` is the storage's own function from an event to its row.
    """
    pattern: Row = {}
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
