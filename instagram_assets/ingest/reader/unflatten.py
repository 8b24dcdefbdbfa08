"""Unflattening of table rows into the nested records they were made from: `images/0`, `childPosts/0/displayUrl`."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from instagram_assets.ingest.reader.json_values import MAX_DEPTH, Record

SEPARATOR = "/"
NAMELESS = frozenset(("", "Unnamed: 0", "index", "level_0"))
"""Names that pandas gives to the column of the row index."""

# A flattened record with a non-empty list has one of these in its column names.
_FLAT = frozenset(
    {
        *("images/0", "childPosts/0/id", "childPosts/0/displayUrl", "hashtags/0", "mentions/0", "latestPosts/0/id"),
        *("taggedUsers/0/username", "coauthorProducers/0/username"),
    }
)

Convert = Callable[[object], object]
_Step = str | int


class Unflattener:
    """Converts rows of a table to nested records, by a plan built once from the table's column names.

    The parts of a name are keys of objects; numbers among them are list indices: a key with only numbers below it is a
    list. Empty cells are left out, and list gaps are closed. `convert` returns the cell converter, given the last key
    of the column's name and whether the cell is one item of a list there.
    """

    def __init__(self, names: Sequence[str], convert: Callable[[str, bool], Convert]) -> None:
        paths = [_path(name) for name in names]
        beside = _children(paths)
        self._columns: list[tuple[int, tuple[_Step, ...], Convert]] = [
            (place, _with_places(path, beside), convert(_last_key(path), _is_place(path[-1])))
            for place, path in enumerate(paths)
            if names[place] not in NAMELESS
        ]

    def record(self, cells: Sequence[object]) -> Record:
        """Return the nested record of a row's cells; a row may have fewer cells than the table has columns."""
        record: dict[Any, Any] = {}
        has_lists = False
        for place, path, convert in self._columns:
            if place >= len(cells) or (cell := cells[place]) is None or cell == "":
                continue
            value = convert(cell)
            if len(path) == 1:
                record.setdefault(path[0], value)
                continue
            has_lists = True
            _put(record, path, value)
        return _with_lists(record) if has_lists else record


def nested(record: Record) -> Record:
    """Return a JSON record with flattened keys such as `images/0` (as pandas writes them) nested; others unchanged."""
    if record.keys().isdisjoint(_FLAT):
        return record
    cells = [None if isinstance(cell, float) and math.isnan(cell) else cell for cell in record.values()]
    return Unflattener(list(record), lambda *_: lambda cell: cell).record(cells)


def _path(name: str) -> tuple[str, ...]:
    """Return the keys in a column's name; a name that is not from a flattened record is a single key."""
    parts = tuple(name.split(SEPARATOR, MAX_DEPTH))
    whole = len(parts) < MAX_DEPTH and all(parts) and not _is_place(parts[0])
    return parts if whole else (name,)


def _is_place(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) <= 9


def _children(paths: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], bool]:
    """Return for each key path that has children whether all of these are list indices."""
    beside: dict[tuple[str, ...], bool] = {}
    for path in paths:
        for depth in range(1, len(path)):
            beside[path[:depth]] = beside.get(path[:depth], True) and _is_place(path[depth])
    return beside


def _with_places(path: tuple[str, ...], beside: dict[tuple[str, ...], bool]) -> tuple[_Step, ...]:
    return tuple(int(part) if depth and beside[path[:depth]] else part for depth, part in enumerate(path))


def _last_key(path: tuple[str, ...]) -> str:
    """Return the last key in a path that is not a list index."""
    return next((part for part in reversed(path) if not _is_place(part)), path[-1])


def _put(record: dict[Any, Any], path: tuple[_Step, ...], value: object) -> None:
    inside: Any = record
    for step in path[:-1]:
        inner = inside.get(step)
        if not isinstance(inner, dict):  # a cell of the key itself beside nested ones, which have more data
            inner = inside[step] = {}
        inside = inner
    inside[path[-1]] = value


def _with_lists(value: Any) -> Any:
    """Return the value with objects whose keys are all numbers converted to lists."""
    if not isinstance(value, dict):
        return value
    if value and all(isinstance(key, int) for key in value):
        return [_with_lists(value[key]) for key in sorted(value)]
    return {key: _with_lists(inner) for key, inner in value.items()}
