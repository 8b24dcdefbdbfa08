"""Folders of searches and lists in the lake's tables are called as their rows call them once a name was taken out.

Two that are called alike then, such as the lists `jane` and `Jane`, become one. What people decided by hand in either
stays: of two decisions about one image the newer one.
"""

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from upath import UPath

from instagram_assets.datasets.lists import fits, is_list
from instagram_assets.datasets.overrides import TABLE
from instagram_assets.forget.lake_folders import remove_folder
from instagram_assets.schemas import OVERRIDES
from instagram_assets.storage.atomic import is_local, sync_folders
from instagram_assets.storage.lake import alone, names_in, read_table, replace_file
from instagram_assets.storage.layout import folder_name
from instagram_assets.storage.locks import alone_in

_FILE = "part.parquet"
_DIGITS = 8
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def called(scrubbed: str) -> str:
    """What a search or a list is called from now on: a list whose name a pseudonym made too long has a shorter one."""
    if not is_list(scrubbed) or fits(scrubbed):
        return scrubbed
    # Two long names that begin alike stay two.
    end = f"-{hashlib.sha256(scrubbed.encode()).hexdigest()[:_DIGITS]}"
    cut = scrubbed
    while not fits(cut + end):
        cut = cut[:-1]
    return cut + end


def rename(root: UPath, name: str, value: str, new: str) -> int:
    """Call what a table has of a search otherwise; done again it finds nothing to do. Rows stay: 0 bytes written.

    Decisions of both are united where there is one of that name; of all other tables, which are made anew from what
    was found, the second goes. Raises StorageError for damage, and when the disk refuses.
    """
    folder, target = root / name / folder_name(value), root / name / folder_name(new)
    if name == TABLE:
        return _unite(root, value, new) if names_in(folder) else 0
    if not is_local(folder):
        store: Any = folder.fs
        for file in names_in(folder):
            store.cp_file((folder / file).path, (target / file).path)
        return remove_folder(folder)
    path, to = Path(folder.path), Path(target.path)
    if not path.exists():
        return 0
    if to.exists():
        return remove_folder(folder)
    with alone_in(path):
        os.replace(path, to)
        sync_folders([path.parent])
    return 0


def _unite(root: UPath, value: str, new: str) -> int:
    # Killed between writing and removing, the next time finds the same again.
    target = root / TABLE / folder_name(new)
    rows = read_table(root, TABLE, [value])
    with alone(target):
        replace_file(target / _FILE, TABLE, lambda old: united(old(), rows, new))
    remove_folder(root / TABLE / folder_name(value))
    return 0


def united(first: pa.Table | None, second: pa.Table, search: str) -> pa.Table:
    """The decisions of both, under one name: the newer one about an image, and of two at the same moment `keep`."""
    newest: dict[str, dict[str, Any]] = {}
    for row in [*(first.to_pylist() if first is not None else ()), *second.to_pylist()]:
        before = newest.get(row["image_id"])
        if before is None or _order(before) < _order(row):
            newest[row["image_id"]] = {**row, "search": search}
    return OVERRIDES.table([newest[image_id] for image_id in sorted(newest)])


def _order(row: dict[str, Any]) -> tuple[datetime, bool]:
    return row["decided_at"] or _LONG_AGO, row["decision"] == "keep"
