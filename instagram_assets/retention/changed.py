"""One file of a table, changed as its writers do it."""

from collections.abc import Callable

import pyarrow as pa
from upath import UPath

from instagram_assets.storage.lake import contract_of
from instagram_assets.storage.lake_writer import alone, replace_file

Change = Callable[[pa.Table], pa.Table]


def change_rows(path: UPath, name: str, change: Change) -> None:
    """Replace the rows of one file of an asset by what `change` makes of them; one that is not there stays so.

    On an object store `change` may be called again. Raises StorageError for damage, or when the disk refuses.
    """
    nothing = contract_of(name).empty()
    with alone(path.parent):
        if path.exists():
            replace_file(path, name, lambda old: change(nothing if (rows := old()) is None else rows))
