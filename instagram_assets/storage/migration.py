"""Migration of a lake from its first layout to the present one (see `layout`): one file per account and month.

The first layout had one file per partition, `<asset>/account=…/day=…/part.parquet`, and copies by month below `read/`.
An account's old files are deleted once all their rows are in new files, so a killed migration can be continued.
"""

import logging
import re
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from itertools import groupby
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.errors import StorageError
from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage import atomic
from instagram_assets.storage.lake import names_in, read_table
from instagram_assets.storage.lake_writer import replace_cells, write_asset
from instagram_assets.storage.layout import VERSION, Layout, read_layout, write_layout
from instagram_assets.storage.locks import folder_lock
from instagram_assets.storage.parquet_files import from_bytes

_logger = logging.getLogger(__name__)

_OLD = re.compile(r"(account|search)=(?P<value>.+)")
_DAY = "day="
_PART = "part.parquet"
# Folders of copies, and of tables that are SQL views now.
_DROPPED = ("read", "token_counts", "post_metrics")


def migrate(root: UPath, on_progress: Callable[[int, int], None] | None = None) -> bool:
    """Migrate a lake from the first layout; returns whether it had that layout. Does nothing otherwise.

    `on_progress` is called with (migrated tables, all tables). A concurrent call waits for the first. Raises
    StorageError, with a remedy, if an old file is damaged.
    """
    if not _is_due(root):
        return False
    with folder_lock(Path(root.path)) if atomic.is_local(root) else nullcontext():
        if not _is_due(root):
            return False
        layout = read_layout(root) or _layout_of_old(root)
        write_layout(root, layout)
        _logger.warning("%s: of an older layout, rewritten now into one file per account and month", root)
        names = sorted(names_in(root) & CONTRACTS.keys() - set(_DROPPED))
        for done, name in enumerate(names):
            if on_progress:
                on_progress(done, len(names))
            _rewrite(root, name)
        if on_progress:
            on_progress(len(names), len(names))
        for name in _DROPPED:
            _remove(root / name)
        write_layout(root, replace(layout, version=VERSION))
    return True


def first_year(root: UPath) -> int:
    """Returns the earliest year of the lake's daily partitions, in the old or the new layout; 0 if it has none yet."""
    layout = read_layout(root) or _layout_of_old(root)
    return layout.first_year


def refuse_older(root: UPath) -> None:
    """Raise StorageError if a lake has the first layout; for callers that only read, and so cannot migrate it."""
    if _is_due(root):
        raise StorageError(f"{root}: of an older layout. Run instagram-assets migrate, which rewrites it.")


def _is_due(root: UPath) -> bool:
    """Whether a lake must be migrated: it has files of the first layout, or its migration was interrupted."""
    layout = read_layout(root)
    if layout:
        return layout.version < VERSION
    names = names_in(root)
    return "read" in names or any(True for name in names & CONTRACTS.keys() for _ in _old_folders(root / name))


def _layout_of_old(root: UPath) -> Layout:
    """Returns the layout record for a lake of the first layout, with the year of its earliest partition."""
    days = [
        day
        for name in ("raw_posts", "raw_reels", "posts")
        for folder in _old_folders(root / name).values()
        for day in _days(folder)
    ]
    return Layout(version=1, first_year=min(days).year if days else 0)


def _rewrite(root: UPath, name: str) -> None:
    folders = _old_folders(root / name)
    if (root / name / _PART).exists():
        write_asset(root, name, _read(root / name / _PART, name))  # at the same path, to add the footer's checksum
    for value, folder in folders.items():
        for _, group in groupby(_days(folder), key=lambda day: (day.year, day.month)):
            _rewrite_days(root, name, value, folder, list(group))
        if (folder / _PART).exists():
            replace_cells(root, name, [value], None, _read(folder / _PART, name))
        _remove(folder)


def _rewrite_days(root: UPath, name: str, account: str, folder: UPath, days: list[date]) -> None:
    """Migrate an account's partitions of one month; rows already written by an interrupted migration are replaced."""
    stretch = days[0], days[-1]
    there = read_table(root, name, [account], stretch)
    taken = compute.is_in(there["day"], value_set=pa.array(days, pa.date32()))
    old = [_read(folder / f"{_DAY}{day}" / _PART, name) for day in days]
    replace_cells(root, name, [account], stretch, pa.concat_tables([there.filter(compute.invert(taken)), *old]))


def _old_folders(asset: UPath) -> dict[str, UPath]:
    """Returns an asset's folders of the first layout, by account or search."""
    matches = filter(None, map(_OLD.fullmatch, sorted(names_in(asset))))
    return {unquote(match["value"]): asset / match[0] for match in matches}


def _days(folder: UPath) -> list[date]:
    names = (name.removeprefix(_DAY) for name in names_in(folder) if name.startswith(_DAY))
    return sorted(date.fromisoformat(name) for name in names if (folder / f"{_DAY}{name}" / _PART).exists())


def _read(path: UPath, name: str) -> pa.Table:
    try:
        return CONTRACTS[name].conform(from_bytes(path.read_bytes(), sealed=False), f"{name} ({path})")
    except (pa.ArrowException, OSError) as error:
        raise StorageError(
            f"{path}: damaged or unreadable ({error}). Delete this file, run `instagram-assets migrate`, then make it "
            f"again: instagram-assets materialize {name}."
        ) from error


def _remove(folder: UPath) -> None:
    if not folder.exists():
        return
    if atomic.is_local(folder):
        shutil.rmtree(folder.path)
        atomic.sync_folders([Path(folder.path).parent])
    else:
        folder.fs.rm(folder.path, recursive=True)
