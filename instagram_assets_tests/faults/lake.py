"""The lake under faults: cells written beside others, a month emptied, and a lake of the first layout rewritten."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from instagram_assets.schemas import IMPRESSIONS
from instagram_assets.storage.atomic import is_temporary
from instagram_assets.storage.lake import files, read_table
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets.storage.migration import migrate
from instagram_assets_tests.faults.campaign import Scenario

# pandas is what pyarrow loads with its first array.
IMPORTS = ("pandas", "pyarrow.compute", "pyarrow.parquet")
ACCOUNTS = ("sea", "sun")
KEPT, REPLACED, EMPTIED = date(2026, 10, 1), date(2026, 10, 2), date(2026, 11, 1)
_BEFORE = [(account, day, "old") for account in ACCOUNTS for day in (KEPT, REPLACED, EMPTIED)]
_AFTER = [(account, KEPT, "old") for account in ACCOUNTS] + [(account, REPLACED, "new") for account in ACCOUNTS]


def write_some_cells(root: str) -> None:
    """Called in the worker: replaces one day of two accounts, and takes away the next month."""
    new = _rows([row for row in _AFTER if row[1] == REPLACED])
    write_cells(UPath(root), "impressions", ACCOUNTS, (REPLACED, EMPTIED), new)


def migrate_lake(root: str) -> None:
    """Called in the worker: rewrites the lake that `write_first_layout` made."""
    migrate(UPath(root))


def write_first_layout(root: Path) -> None:
    """A lake of the first layout: a file per cell, and copies by month."""
    for account, day, post_id in _BEFORE:
        for folder in (root / "impressions" / f"account={account}" / f"day={day}", root / "read" / account):
            folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(_rows([(account, day, post_id)]), folder / "part.parquet", write_page_checksum=True)


def _write_before(root: Path) -> None:
    write_cells(UPath(root), "impressions", ACCOUNTS, (KEPT, EMPTIED), _rows(_BEFORE))


def _rows(posts: Sequence[tuple[str, date, str]]) -> pa.Table:
    return IMPRESSIONS.table([{"account": a, "day": d, "post_id": p, "kind": "post"} for a, d, p in posts])


def _found(root: Path) -> list[tuple[str, date, str]]:
    rows = read_table(UPath(root), "impressions").to_pylist()
    return [(row["account"], row["day"], row["post_id"]) for row in rows]


def _nothing_lost(root: Path) -> str:
    """Each day of the run is as it was or as it is to be, each other day as it was, and every file is whole."""
    found = set(_found(root))
    if lost := {row for row in _BEFORE if row[1] == KEPT} - found:
        return f"rows of days that were not written are lost: {lost}"
    for account in ACCOUNTS:
        ids = [post_id for name, day, post_id in found if (name, day) == (account, REPLACED)]
        if ids not in (["old"], ["new"]):
            return f"a day has {ids}"
    return ""


def _complete(root: Path) -> str:
    if (found := sorted(_found(root))) != sorted(_AFTER):
        return f"the rows are {found}"
    return _leftovers(root)


def _leftovers(root: Path) -> str:
    left = [path.name for path in root.rglob("*") if is_temporary(path.name)]
    return f"left half done: {left}" if left else ""


def _still_readable(root: Path) -> str:
    """A migration that broke off loses no row: each is in an old file or in a new one."""
    new = set(_found(root))
    old = {
        (account, day, "old")
        for account, day, _ in _BEFORE
        if (root / "impressions" / f"account={account}" / f"day={day}" / "part.parquet").exists()
    }
    lost = set(_BEFORE) - new - old
    return f"rows are lost: {lost}" if lost else ""


def _migrated(root: Path) -> str:
    if (found := sorted(_found(root))) != sorted(_BEFORE):
        return f"the rows are {found}"
    names = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    expected = {Path(path.path).relative_to(root).as_posix() for path in files(UPath(root), "impressions")}
    strange = names - expected - {"_layout.json"}
    return f"these files are there: {strange}" if strange else ""


def _arguments(folder: Path) -> Sequence[object]:
    return [str(folder)]


LAKE = Scenario(
    "cells of the lake",
    "instagram_assets_tests.faults.lake:write_some_cells",
    prepare=_write_before,
    arguments=_arguments,
    after_fault=_nothing_lost,
    after_rerun=_complete,
    imports=IMPORTS,
)
MIGRATION = Scenario(
    "a lake of the first layout",
    "instagram_assets_tests.faults.lake:migrate_lake",
    prepare=write_first_layout,
    arguments=_arguments,
    after_fault=_still_readable,
    after_rerun=_migrated,
    imports=IMPORTS,
)
