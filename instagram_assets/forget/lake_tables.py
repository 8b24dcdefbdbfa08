"""The lake's tables forget: folders of the subject go, files of others that hold something of it are rewritten.

A file is rewritten under the lock, or the condition, by which runs write it, and only where a look at its texts found
something: all other files keep their bytes.
"""

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pyarrow as pa
from upath import UPath

from instagram_assets.forget.counted import scrub_counted
from instagram_assets.forget.lake_folders import remove_folder
from instagram_assets.forget.search_names import called, rename
from instagram_assets.forget.search_requests import own_searches
from instagram_assets.forget.steps import Applied, Step, sha256_of
from instagram_assets.privacy.forgotten import Forgotten, is_search_of
from instagram_assets.privacy.tables import may_hold, scrub_table
from instagram_assets.schemas import CONTRACTS
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import is_local
from instagram_assets.storage.lake import alone, files, lake_root, names_in, replace_file
from instagram_assets.storage.layout import value_of
from instagram_assets.storage.parquet_files import footer_counts, read_file

PLACE = "lake"
_AT_ONCE = 256
"""Files that are looked through together: one search over many texts takes a fraction of many searches."""
_LOOKING, _ASKING = 2, 8
"""Threads that read files of a disk, and of an object store."""


def steps(settings: Settings, forgotten: Forgotten) -> Iterator[Step]:
    """What is to be done to the lake's tables. Raises StorageError when a file is damaged, with what to do first."""
    root = lake_root(settings)
    there = names_in(root, hidden=False)
    searches = own_searches(root, forgotten)
    for name in CONTRACTS:
        if name not in there:
            continue
        whose = {path: value_of(path.parent.name) for path in files(root, name)} if _has_folders(name) else {}
        gone = {path.parent for path, value in whose.items() if is_own(name, value, forgotten, searches)}
        folders = _folders(root, name)
        gone |= {root / name / each for each in folders if is_own(name, value_of(each), forgotten, searches)}
        for folder in sorted(gone, key=str):
            yield Step(PLACE, _below(root, folder), "remove", _rows_in(folder, name), partial(remove_folder, folder))
        rest = [path for path in (whose or files(root, name)) if path.parent not in gone]
        for path in suspects(rest, name, forgotten):
            counted = scrub_counted(read_file(path, name), forgotten)
            if counted.rows:
                verb = "rewrite" if counted.table.num_rows else "remove"
                rewrite = partial(_rewrite, path, name, forgotten, counted.rows)
                yield Step(PLACE, _below(root, path), verb, counted.rows, rewrite)
        for folder in folders if _is_by_search(name) else ():
            value, path = value_of(folder), root / name / folder
            if path not in gone and (new := forgotten.scrub(value)) != value:
                act = partial(rename, root, name, value, called(new))
                yield Step(PLACE, _below(root, path), "rewrite", 0, act)


def is_own(name: str, value: str, forgotten: Forgotten, searches: Collection[str] = ()) -> bool:
    """Whether a partition of a table, an account or a search, is the subject's; `searches` are known to be."""
    if _is_by_search(name):
        return value in searches or is_search_of(value, forgotten)
    return forgotten.has("account", value)


def suspects(paths: Sequence[UPath], name: str, forgotten: Forgotten) -> Iterator[UPath]:
    """The files in whose texts something of what is forgotten was found."""
    texts = [field.name for field in CONTRACTS[name].schema if _has_texts(field.type)]
    threads = _LOOKING if not paths or is_local(paths[0]) else _ASKING
    with ThreadPoolExecutor(threads, thread_name_prefix="forget") as pool:
        for start in range(0, len(paths), _AT_ONCE):
            some = paths[start : start + _AT_ONCE]
            tables = list(pool.map(lambda path: read_file(path, name, texts), some))
            yield from (some[place] for place in _found(tables, forgotten))


def _found(tables: Sequence[pa.Table], forgotten: Forgotten, first: int = 0) -> Iterator[int]:
    """The places of the tables that hold something: all are searched as one, then each half of those where it is."""
    if not tables or not may_hold(_joined(tables), forgotten):
        return
    if len(tables) == 1:
        yield first
        return
    middle = len(tables) // 2
    yield from _found(tables[:middle], forgotten, first)
    yield from _found(tables[middle:], forgotten, first + middle)


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    if len(tables) == 1:
        return tables[0]
    # An older file may lack a column that the contract has by now.
    return pa.concat_tables(tables, promote_options="default").combine_chunks()


def _rewrite(path: UPath, name: str, forgotten: Forgotten, found: int) -> Applied:
    with alone(path.parent):
        if path.name not in names_in(path.parent):
            return Applied(removed=0, rewritten=[], rows=0, bytes_written=0)
        replace_file(path, name, lambda old: scrub_table(_rows(old()), forgotten))
        if not path.exists():
            return Applied(removed=1, rewritten=[], rows=found, bytes_written=0)
        return Applied(removed=0, rewritten=[sha256_of(path)], rows=found, bytes_written=path.stat().st_size)


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
