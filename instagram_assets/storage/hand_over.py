"""Tables that a step of a run wrote, for the next steps of the same run and process: nothing is read that is known."""

from collections.abc import Hashable

import pyarrow as pa

MOST_BYTES = 256 << 20


class HandOver:
    """The newest tables of one run, of at most `most_bytes` together; whoever finds nothing here reads the lake."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._run = ""
        self._tables: dict[str, tuple[Hashable, pa.Table, int]] = {}

    def keep(self, run: str, name: str, cells: Hashable, table: pa.Table) -> None:
        """Hand over what now lies in the lake as the rows of these cells, exactly as reading would give it.

        Tables of earlier runs go, and the oldest of this one when there is no room; one that is too large is not kept.
        """
        if run != self._run:
            self._run, self._tables = run, {}
        self._tables.pop(name, None)
        self._tables[name] = cells, table, table.nbytes
        while sum(size for *_, size in self._tables.values()) > self._most_bytes:
            del self._tables[next(iter(self._tables))]

    def drop(self, name: str) -> None:
        """Forget a table that is being written: should that fail, what lies in the lake is not known."""
        self._tables.pop(name, None)

    def find(self, run: str, name: str, cells: Hashable) -> pa.Table | None:
        """The rows of these cells, if this run wrote just them."""
        kept = self._tables.get(name)
        return kept[1] if kept and run == self._run and kept[0] == cells else None
