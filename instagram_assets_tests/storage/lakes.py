"""Lakes filled with tables, for tests of what reads them."""

import tempfile
import uuid
from datetime import date

import pyarrow as pa
from upath import UPath

from instagram_assets.storage.lake_writer import write_cells

# Gone when the tests end.
_FOLDER = tempfile.TemporaryDirectory(prefix="lakes-")


def filled(root: UPath, **tables: pa.Table) -> UPath:
    """The lake at `root` with the rows of these account × day tables."""
    for name, rows in tables.items():
        days: list[date] = rows["day"].to_pylist()
        if days:
            write_cells(root, name, rows["account"].unique().to_pylist(), (min(days), max(days)), rows)
    return root


def lake_of(**tables: pa.Table) -> UPath:
    """A lake of its own with the rows of these account × day tables."""
    return filled(UPath(_FOLDER.name) / uuid.uuid4().hex, **tables)
