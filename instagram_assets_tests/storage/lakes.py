"""Lakes filled with tables, for tests of what reads them."""

import uuid

import pyarrow as pa
from upath import UPath

from instagram_assets.storage.lake import write_cells

CELL = ("account", "day")


def filled(root: UPath, **tables: pa.Table) -> UPath:
    """The lake at `root` with the rows of these account × day tables."""
    for name, rows in tables.items():
        cells = {(row["account"], str(row["day"])) for row in rows.select(CELL).to_pylist()}
        write_cells(root, name, CELL, cells, rows)
    return root


def in_memory(**tables: pa.Table) -> UPath:
    """A lake of its own on an object store in memory, with the rows of these account × day tables."""
    return filled(UPath(f"memory://{uuid.uuid4()}/lake"), **tables)
