"""What datasets are made of: tables in parts, one after another, so that a lake need not fit into memory."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from instagram_assets.schemas import CONTRACTS


class Parts(Protocol):
    """Gives the named tables part by part; of a table in `columns` only these are needed.

    A post's images, captions and impression are in its part. The parts follow each other by account and time, and no
    post of a later part is before one of an earlier part. `partial(months, root)` gives those of a lake. It is called
    more than once, since some things show only when all parts were seen.
    """

    def __call__(
        self, names: Sequence[str], columns: Mapping[str, Sequence[str]] | None = None, /
    ) -> Iterator[Mapping[str, pa.Table]]: ...


def one_part(**tables: pa.Table) -> Parts:
    """Tables in memory, by the names of `schemas.CONTRACTS`, as the only part; those not given have no rows."""
    return parts_of([tables])


def parts_of(parts: Sequence[Mapping[str, pa.Table]]) -> Parts:
    """Tables in memory as parts, in their order."""

    def give(
        names: Sequence[str], columns: Mapping[str, Sequence[str]] | None = None, /
    ) -> Iterator[Mapping[str, pa.Table]]:
        chosen = columns or {}
        for tables in parts:
            given = {name: tables.get(name, CONTRACTS[name].empty()) for name in names}
            yield {name: table.select(chosen.get(name, table.column_names)) for name, table in given.items()}

    return give


def has_rows(parts: Parts, name: str) -> bool:
    """Whether a table has a row in any part."""
    return any(part[name].num_rows for part in parts([name], {name: ["account"]}))
