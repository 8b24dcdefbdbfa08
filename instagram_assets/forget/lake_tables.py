"""Erases from the lake's tables: removes partitions of the data subject, rewrites files that mention it.

Incremental: only files that mention the subject are rewritten, under the lock that runs take to write them. Partitions
are also named after image searches and lists of images; those whose name contains the subject's name are renamed. Two
that get the same name, such as the lists `jane` and `Jane`, are merged: the newer keep/drop decision about an image
wins.
"""

import hashlib
import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from upath import UPath

from instagram_assets.datasets.lists import fits, is_list
from instagram_assets.datasets.manual_overrides import TABLE
from instagram_assets.forget.erasure_steps import Step, StepResult, scrub_with_counts, sha256_of_stored
from instagram_assets.forget.file_operations import remove_lake_folder
from instagram_assets.forget.search_requests import searches_for_subject
from instagram_assets.privacy.forgotten_identifiers import Forgotten, is_search_of
from instagram_assets.privacy.table_scrub import may_hold, scrub_table
from instagram_assets.schemas import CONTRACTS, OVERRIDES
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import is_local, sync_folders
from instagram_assets.storage.lake import (
    files,
    lake_root,
    names_in,
    read_table,
)
from instagram_assets.storage.lake_writer import alone, replace_file
from instagram_assets.storage.layout import folder_name, value_of
from instagram_assets.storage.locks import folder_lock
from instagram_assets.storage.parquet_files import footer_counts, read_file

_DECISIONS_FILE = "part.parquet"
_HASH_DIGITS = 8
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def name_after_scrub(scrubbed: str) -> str:
    """Returns the new name of an image search or list, given its name with the erased name replaced (`scrubbed`).

    A list name that the pseudonym made too long is truncated and gets a hash as suffix.
    """
    if not is_list(scrubbed) or fits(scrubbed):
        return scrubbed
    # The hash keeps long names with the same beginning apart.
    end = f"-{hashlib.sha256(scrubbed.encode()).hexdigest()[:_HASH_DIGITS]}"
    cut = scrubbed
    while not fits(cut + end):
        cut = cut[:-1]
    return cut + end


def rename_partition(root: UPath, name: str, value: str, new: str) -> int:
    """Renames the partition of a search in a table; idempotent. Returns the bytes written, which are 0.

    If a partition of the new name exists, the user's keep/drop decisions of both are merged. In all other tables, which
    are recomputed from the search results, the partition with the old name is then removed. Raises StorageError for a
    damaged file, and when writing fails.
    """
    folder, target = root / name / folder_name(value), root / name / folder_name(new)
    if name == TABLE:
        return _merge_decisions(root, value, new) if names_in(folder) else 0
    if not is_local(folder):
        store: Any = folder.fs
        for file in names_in(folder):
            store.cp_file((folder / file).path, (target / file).path)
        return remove_lake_folder(folder)
    path, to = Path(folder.path), Path(target.path)
    if not path.exists():
        return 0
    if to.exists():
        return remove_lake_folder(folder)
    with folder_lock(path):
        os.replace(path, to)
        sync_folders([path.parent])
    return 0


def _merge_decisions(root: UPath, value: str, new: str) -> int:
    # Killed between writing and removing, a repeat finds the same again.
    target = root / TABLE / folder_name(new)
    rows = read_table(root, TABLE, [value])
    with alone(target):
        replace_file(target / _DECISIONS_FILE, TABLE, lambda old: merge_overrides(old(), rows, new))
    remove_lake_folder(root / TABLE / folder_name(value))
    return 0


def merge_overrides(first: pa.Table | None, second: pa.Table, search: str) -> pa.Table:
    """Returns the keep/drop decisions of two lists or searches, merged under one name (`search`).

    Of two decisions about an image the newer one wins, and `keep` if both have the same time.
    """
    newest: dict[str, dict[str, Any]] = {}
    for row in [*(first.to_pylist() if first is not None else ()), *second.to_pylist()]:
        before = newest.get(row["image_id"])
        if before is None or _order(before) < _order(row):
            newest[row["image_id"]] = {**row, "search": search}
    return OVERRIDES.table([newest[image_id] for image_id in sorted(newest)])


def _order(row: dict[str, Any]) -> tuple[datetime, bool]:
    return row["decided_at"] or _LONG_AGO, row["decision"] == "keep"


_AREA = "lake"
_BATCH_FILES = 256
"""Files per search: one search over the texts of many files is faster than one search per file."""
_DISK_THREADS, _STORE_THREADS = 2, 8
"""Threads that read files of a disk, and of an object store."""


def lake_table_steps(settings: Settings, forgotten: Forgotten) -> Iterator[Step]:
    """Yields the steps for the lake's tables. Raises StorageError, with what to do first, for a damaged file."""
    root = lake_root(settings)
    there = names_in(root, hidden=False)
    searches = searches_for_subject(root, forgotten)
    for name in CONTRACTS:
        if name not in there:
            continue
        whose = {path: value_of(path.parent.name) for path in files(root, name)} if _has_folders(name) else {}
        gone = {
            path.parent for path, value in whose.items() if is_partition_of_subject(name, value, forgotten, searches)
        }
        folders = _folders(root, name)
        gone |= {
            root / name / each for each in folders if is_partition_of_subject(name, value_of(each), forgotten, searches)
        }
        for folder in sorted(gone, key=str):
            yield Step(
                _AREA, _below(root, folder), "remove", _rows_in(folder, name), partial(remove_lake_folder, folder)
            )
        rest = [path for path in (whose or files(root, name)) if path.parent not in gone]
        for path in files_that_mention(rest, name, forgotten):
            counted = scrub_with_counts(read_file(path, name), forgotten)
            if counted.rows:
                verb = "rewrite" if counted.table.num_rows else "remove"
                rewrite = partial(_rewrite, path, name, forgotten, counted.rows)
                yield Step(_AREA, _below(root, path), verb, counted.rows, rewrite)
        for folder in folders if _is_by_search(name) else ():
            value, path = value_of(folder), root / name / folder
            if path not in gone and (new := forgotten.scrub(value)) != value:
                act = partial(rename_partition, root, name, value, name_after_scrub(new))
                yield Step(_AREA, _below(root, path), "rewrite", 0, act)


def is_partition_of_subject(name: str, value: str, forgotten: Forgotten, searches: Collection[str] = ()) -> bool:
    """Whether partition `value` (account or search) of table `name` is the subject's; `searches` are its searches."""
    if _is_by_search(name):
        return value in searches or is_search_of(value, forgotten)
    return forgotten.has("account", value)


def files_that_mention(paths: Sequence[UPath], name: str, forgotten: Forgotten) -> Iterator[UPath]:
    """Yields the files of table `name` whose text columns mention an erased identifier."""
    texts = [field.name for field in CONTRACTS[name].schema if _has_texts(field.type)]
    threads = _DISK_THREADS if not paths or is_local(paths[0]) else _STORE_THREADS
    with ThreadPoolExecutor(threads, thread_name_prefix="forget") as pool:
        for start in range(0, len(paths), _BATCH_FILES):
            some = paths[start : start + _BATCH_FILES]
            tables = list(pool.map(lambda path: read_file(path, name, texts), some))
            yield from (some[index] for index in _indices_with(tables, forgotten))


def _indices_with(tables: Sequence[pa.Table], forgotten: Forgotten, first: int = 0) -> Iterator[int]:
    """Yields the indices (counted from `first`) of tables that mention an erased identifier, found by bisection."""
    if not tables or not may_hold(_joined(tables), forgotten):
        return
    if len(tables) == 1:
        yield first
        return
    middle = len(tables) // 2
    yield from _indices_with(tables[:middle], forgotten, first)
    yield from _indices_with(tables[middle:], forgotten, first + middle)


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    if len(tables) == 1:
        return tables[0]
    # An older file may lack a column that was added to the contract.
    return pa.concat_tables(tables, promote_options="default").combine_chunks()


def _rewrite(path: UPath, name: str, forgotten: Forgotten, found: int) -> StepResult:
    with alone(path.parent):
        if path.name not in names_in(path.parent):
            return StepResult(removed=0, rewritten=[], rows=0, bytes_written=0)
        replace_file(path, name, lambda old: scrub_table(_rows(old()), forgotten))
        if not path.exists():
            return StepResult(removed=1, rewritten=[], rows=found, bytes_written=0)
        return StepResult(removed=0, rewritten=[sha256_of_stored(path)], rows=found, bytes_written=path.stat().st_size)


def _rows(table: pa.Table | None) -> pa.Table:
    assert table is not None  # it is there, and its folder is locked
    return table


def _rows_in(folder: UPath, name: str) -> int:
    paths = [folder / file for file in names_in(folder, hidden=False) if file.endswith(".parquet")]
    return sum(footer_counts(path, name)[0] for path in paths)


def _has_folders(name: str) -> bool:
    return bool(CONTRACTS[name].partitions)


def _is_by_search(name: str) -> bool:
    return CONTRACTS[name].partitions == ("search",)


def _folders(root: UPath, name: str) -> set[str]:
    return names_in(root / name, hidden=False) if _has_folders(name) else set()


def _has_texts(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(_has_texts(field.type) for field in kind)
    return _has_texts(kind.value_type) if pa.types.is_list(kind) else pa.types.is_string(kind)


def _below(root: UPath, path: UPath) -> str:
    return f"lake/{path.path.removeprefix(root.path).lstrip('/')}"
