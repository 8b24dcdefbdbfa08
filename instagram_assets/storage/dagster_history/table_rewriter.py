"""Rewrites all text values in the tables of a database; the tables are found by reflection.

So tables that a new version of Dagster adds are rewritten, too.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from instagram_assets.storage.dagster_history.value_rewriter import ValueRewriter

Tables = Mapping[str, sa.Table]
_ROWS_AT_ONCE = 2_000
_VALUES_AT_ONCE = 500
# These tables have many rows: a row is parsed only if a fast check finds that a name may be in it.
_LARGE = ("event_logs", "asset_event_tags")
_seen: dict[str, Mapping[str, sa.Table]] = {}
_NO_TEXT = (sa.Integer, sa.Numeric, sa.Boolean, sa.Date, sa.DateTime, sa.Time, sa.Interval)


@dataclass
class ChangeCounts:
    """Deleted and rewritten rows by table, and the runs whose rows were rewritten."""

    deleted: Counter[str] = field(default_factory=Counter[str])
    rewritten: Counter[str] = field(default_factory=Counter[str])
    runs: set[str] = field(default_factory=set[str])

    @property
    def rows(self) -> int:
        """The total number of rows."""
        return self.deleted.total() + self.rewritten.total()


def tables_of(connection: sa.Connection) -> dict[str, sa.Table]:
    """Returns the tables of a database by reflection, cached by schema: thousands of run logs have the same one."""
    made_by = ""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql("SELECT sql FROM sqlite_master ORDER BY name").scalars()
        made_by = "\n".join(str(text) for text in found)
    if not made_by or made_by not in _seen:
        metadata = sa.MetaData()
        metadata.reflect(connection)
        _seen[made_by] = metadata.tables
    return dict(_seen[made_by])


def rewrite_table(connection: sa.Connection, table: sa.Table, rewriter: ValueRewriter, changed: ChangeCounts) -> None:
    """Rewrite each row of a table that contains a name, identifier or image to erase."""
    texts = [column for column in table.columns if not isinstance(column.type, _NO_TEXT)]
    for row in _rows(connection, table, rewriter) if texts else ():
        # In key-value tables the key tells what the value is.
        fields = {"value": str(row["key"])} if "key" in row else {}
        values = {
            column.name: new
            for column in texts
            if (new := _rewritten(rewriter, row[column.name], fields.get(column.name, column.name))) is not None
        }
        if values:
            connection.execute(sa.update(table).where(_is(table, row)).values(values))
            changed.rewritten[table.name] += 1
            if run := row.get("run_id"):
                changed.runs.add(str(run))


def columns_with_mentions(connection: sa.Connection, table: sa.Table, rewriter: ValueRewriter) -> list[str]:
    """Returns the names of the columns of a table that contain a name, identifier or image to erase."""
    texts = [column.name for column in table.columns if not isinstance(column.type, _NO_TEXT)]
    rows = _rows(connection, table, rewriter) if texts else ()
    return sorted({name for row in rows for name in texts if _rewritten(rewriter, row[name], name) is not None})


def delete_rows(
    connection: sa.Connection, table: sa.Table, condition: sa.ColumnElement[bool], changed: ChangeCounts
) -> None:
    """Delete the rows that match a condition, and add their number to `changed`."""
    if gone := connection.execute(sa.delete(table).where(condition)).rowcount:
        changed.deleted[table.name] += gone


def in_batches(values: Iterable[str]) -> Iterator[Sequence[str]]:
    """Yields the sorted values in batches small enough for one SQL statement."""
    listed = sorted(values)
    for start in range(0, len(listed), _VALUES_AT_ONCE):
        yield listed[start : start + _VALUES_AT_ONCE]


def _rewritten(rewriter: ValueRewriter, value: Any, name: str) -> Any:
    """Returns a column's value with erased names replaced; None if it contains none. `name` is the column or field."""
    if isinstance(value, str):
        new: Any = rewriter.text(value, name)
    elif isinstance(value, bytes | memoryview):
        value = bytes(value)
        new = rewriter.data(value)
    else:
        new = rewriter.value(value, name)
    return None if new == value else new


def _rows(connection: sa.Connection, table: sa.Table, rewriter: ValueRewriter) -> Iterator[dict[str, Any]]:
    """Yields the rows of a table to check; of large tables only rows that may contain an erased name (fast check)."""
    for row in all_rows(connection, table):
        texts = "\0".join(value for value in row.values() if isinstance(value, str)) if table.name in _LARGE else ""
        if table.name not in _LARGE or rewriter.may_change(texts):
            yield row


def all_rows(connection: sa.Connection, table: sa.Table) -> Iterator[dict[str, Any]]:
    """Yields the rows of a table, in batches if it has an integer primary key."""
    key = _number(table)
    last = None
    while True:
        query = sa.select(table)
        if key is not None:
            query = query.order_by(key).limit(_ROWS_AT_ONCE)
        if key is not None and last is not None:
            query = query.where(key > last)
        rows = connection.execute(query).all()
        for row in rows:
            yield dict(row._mapping)  # pyright: ignore[reportPrivateUsage]
        if key is None or not rows:
            return
        last = getattr(rows[-1], key.name)


def _number(table: sa.Table) -> sa.Column[Any] | None:
    keys = list(table.primary_key.columns)
    return keys[0] if len(keys) == 1 and isinstance(keys[0].type, sa.Integer) else None


def _is(table: sa.Table, row: Mapping[str, Any]) -> sa.ColumnElement[bool]:
    keys = list(table.primary_key.columns) or list(table.columns)
    return sa.and_(*(key.is_not_distinct_from(row[key.name]) for key in keys))
