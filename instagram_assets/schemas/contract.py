"""What a contract is: a table's columns with their types and meanings; and a table that is a view."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from instagram_assets.errors import ContractError


@dataclass(frozen=True)
class Column:
    """One column: its name, Arrow type and meaning."""

    name: str
    type: pa.DataType
    meaning: str


@dataclass(frozen=True)
class Contract:
    """One table: what a row is, the columns, those that together name a row, and those that name its partition."""

    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partitions: tuple[str, ...] = ()

    @cached_property
    def schema(self) -> pa.Schema:
        return pa.schema([pa.field(column.name, column.type) for column in self.columns])

    def empty(self) -> pa.Table:
        """The table with no rows."""
        return self.schema.empty_table()

    def table(self, rows: list[dict[str, object]]) -> pa.Table:
        """Rows as a table of this contract; a missing key is null, an unknown key is an error."""
        known = {column.name for column in self.columns}
        for row in rows:
            if unknown := row.keys() - known:
                raise ContractError(f"{self.row}: no column is called {sorted(unknown)}")
        return pa.Table.from_pylist(rows, schema=self.schema)

    def conform(self, table: pa.Table, name: str) -> pa.Table:
        """The same rows in the contract's column order and types.

        Raises ContractError when a column is missing, unknown, or holds what its type cannot.
        """
        if table.schema.equals(self.schema):
            # What was read from a file brings that file's own marks in its fields.
            return pa.Table.from_arrays(table.columns, schema=self.schema)
        missing = [c.name for c in self.columns if c.name not in table.column_names]
        unknown = [n for n in table.column_names if n not in self.schema.names]
        if missing or unknown:
            raise ContractError(f"{name}: columns missing {missing}, unknown {unknown}")
        try:
            return table.select(self.schema.names).cast(self.schema)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ContractError(f"{name}: {error}") from error


@dataclass(frozen=True)
class View:
    """A table that is not stored: SQL over other tables, run when it is read.

    `sql` gives the contract's columns, in any order of rows; `order` sorts them. `reads` says which columns of which
    tables it needs. Its rows of one account are made of that account's rows alone; `by_day` says the same of a day.
    """

    contract: Contract
    reads: Mapping[str, tuple[str, ...]]
    sql: str
    order: str
    by_day: bool
