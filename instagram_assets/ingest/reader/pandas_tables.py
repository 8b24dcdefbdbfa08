"""Converts tables in the JSON layouts that pandas writes (`DataFrame.to_json`, `to_dict`) to records."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeGuard

from instagram_assets.errors import FileError, RecordError
from instagram_assets.ingest.formats import apify, cell_values
from instagram_assets.ingest.post_ids import post_id_of
from instagram_assets.ingest.reader.json_values import BadRecord, Record
from instagram_assets.ingest.reader.unflatten import NAMELESS

OF_TABLES = ("columns", "index", "schema")
"""Keys of a table in pandas' JSON layouts that precede its rows."""

_Item = tuple[Record | BadRecord, int]

_SAMPLE = 100
_LEAST_CELLS = 3
_FROM_PANDAS = "Write it with DataFrame.to_json(orient='records')"


def records_of_tables(items: Iterator[_Item], path: Path) -> Iterator[_Item]:
    """Yield the records of a file; if its only record is a whole table, yield the table's rows instead.

    Raises FileError for rows of values without column names.
    """
    first = list(islice(items, 2))
    if first and all(_is_row_of_values(record) for record, _ in first):
        raise FileError(str(path), "its rows have values but no names of columns (orient='values')", _FROM_PANDAS)
    if len(first) == 1:
        record, length = first[0]
        if isinstance(record, dict) and (rows := rows_in(record)):
            yield from ((row, length // len(rows)) for row in rows)
            return
    yield from first
    yield from items


def rows_in(record: Record) -> list[Record | BadRecord]:
    """Return the rows of the table that a record represents; empty if it is not a table in a known format."""
    for rows in _readings(record):
        if any(cell_values.is_known(row) for row in rows[:_SAMPLE] if isinstance(row, dict)):
            return rows
    return []


def named(items: Iterator[_Item], said: Record) -> Iterator[_Item]:
    """Yield a table's records, with column names and labels from `columns`, `index` or `schema` in `said`.

    `items` are the raw records in the table's member `data`; `said` has the members of the JSON object before it.
    """
    names, keys = said.get("columns"), _keys_of_rows(said.get("schema"))
    index = said.get("index")
    labels: Iterator[object] = iter(index if isinstance(index, list) else [])  # pyright: ignore[reportUnknownArgumentType]
    for record, length in items:
        if isinstance(record, BadRecord) and _are_names(names) and isinstance(record.content, list):
            yield _labelled([_row(names, record.content)], [next(labels, None)])[0], length
        elif keys and isinstance(record, dict):
            yield {key: value for key, value in record.items() if key not in keys}, length
        else:
            yield record, length


def _readings(record: Record) -> Iterator[list[Record | BadRecord]]:
    """Yield the rows that a record has as a table, once for each pandas layout that its structure allows."""
    names, data = record.get("columns"), record.get("data")
    if _are_names(names) and isinstance(data, list):
        rows = [_row(names, row) for row in data]
        index = record.get("index")
        yield _labelled(rows, index) if isinstance(index, list) and len(index) == len(rows) else rows
    values: list[Any] = list(record.values())
    if len(values) > 1 and all(isinstance(column, list) and len(column) == len(values[0]) for column in values):
        yield [_row(list(record), row) for row in zip(*values, strict=True)]
    if not values or not all(isinstance(value, dict) and value.keys() == values[0].keys() for value in values):
        return
    if len(values) > 1:
        yield _labelled(
            [_row(list(record), [column[label] for column in values]) for label in values[0]], list(values[0])
        )
    if len(values) > 1 or next(iter(record)).isdigit():  # else a record in a wrapper
        yield _labelled([_without_nothing(row) for row in values], list(record))


def _labelled(rows: list[Record | BadRecord], labels: Sequence[object]) -> list[Record | BadRecord]:
    """Return the rows, with the index label as shortcode if it matches the row's id (`set_index("shortCode")`)."""
    return [
        {**row, "shortCode": label} if isinstance(row, dict) and _is_code_of(label, row) else row
        for label, row in zip(labels, rows, strict=True)
    ]


def _is_code_of(label: object, row: Record) -> bool:
    if not isinstance(label, str) or "shortCode" in row or not apify.is_scant_post(row):
        return False
    number = post_id_of(label)
    return number is not None and str(row.get("id")) == str(number)


def _row(names: Sequence[str], row: object) -> Record | BadRecord:
    if not isinstance(row, list | tuple):
        return BadRecord(RecordError("", "no row of values"), None)
    if len(row) != len(names):  # pyright: ignore[reportUnknownArgumentType]
        return BadRecord(RecordError("", f"a row of {len(row)} values below {len(names)} columns"), None)  # pyright: ignore[reportUnknownArgumentType]
    return _without_nothing(dict(zip(names, row, strict=True)))  # pyright: ignore[reportUnknownArgumentType]


def _without_nothing(row: Record) -> Record:
    """Return a row without null, NaN and NaT values, since pandas fills in missing columns of every row."""
    return {key: value for key, value in row.items() if value is not None and value == value and value != "NaT"}


def _are_names(names: object) -> TypeGuard[list[str]]:
    return isinstance(names, list) and len(names) > 1 and all(isinstance(name, str) for name in names)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _keys_of_rows(schema: object) -> frozenset[str]:
    """Return the names in a pandas schema's primary key that are only the row index, not data."""
    keys = schema.get("primaryKey") if isinstance(schema, dict) and "fields" in schema else None
    return NAMELESS.intersection(keys) if isinstance(keys, list) else frozenset()


def _is_row_of_values(record: Record | BadRecord) -> bool:
    content = record.content if isinstance(record, BadRecord) else None
    if not isinstance(content, list) or len(content) < _LEAST_CELLS:  # pyright: ignore[reportUnknownArgumentType]
        return False
    return any(isinstance(cell, str | int | float) for cell in content)  # pyright: ignore[reportUnknownVariableType]
